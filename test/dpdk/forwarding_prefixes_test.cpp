// Mobile network prefixes: keys of the hash inside the pools, routes outside; they follow their
// owner.
#include <catch2/catch.hpp>
#include <map>

#include "test/dpdk/tables_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using forwarding::Refusal;
using forwarding::RemoveBinding;
using forwarding::RemovePrefix;
using forwarding::SetPrefix;

namespace {

const Prefix kPooled = Prefix::parse("2001:db8:107::/64").value();
const Prefix kOther = Prefix::parse("2001:db8:900::/48").value();
const Ipv6Address kInOther = Ipv6Address::parse("2001:db8:900::1").value();

std::optional<Refusal> refusal_of(const std::expected<void, Refusal>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

// What a worker finds behind an LPM prefix.
const Entry* routed_entry(const ReaderView& view, const Ipv6Address& address) {
  const LeafValue value = find_value(view, address);
  return value.kind() == LeafKind::Binding
             ? view.prefix_entries[value.index()].load(std::memory_order_acquire)
             : nullptr;
}

std::uint32_t outside(const ReaderView& view) { return view.prefixes_outside_pools->load(); }

}  // namespace

TEST_CASE("prefixes point at their owner's entry and follow it", "[prefixes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  const std::vector<std::uint64_t> empty = usage(*tables);
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  REQUIRE(tables->apply(SetPrefix{kPooled, home(1)}));
  REQUIRE(tables->apply(SetPrefix{kOther, home(1)}));
  CHECK(outside(view) == 1);
  settle(*tables);

  const Entry* entry = find_entry(view, home(1).address());
  CHECK(follows(view, kPooled.address(), entry));
  CHECK(routed_entry(view, kInOther) == entry);
  CHECK(find_entry(view, kOther.address()) == nullptr);
  CHECK(find_leaf(view, kPooled.address()) == kNoRouteLeaf);

  REQUIRE(tables->apply(bound(1, "2001:db8:c::2")));
  const Entry* moved = find_entry(view, home(1).address());
  CHECK(moved != entry);
  CHECK(follows(view, kPooled.address(), moved));
  CHECK(routed_entry(view, kInOther) == moved);

  REQUIRE(tables->apply(RemoveBinding{home(1)}));
  CHECK(find_entry(view, home(1).address()) == nullptr);
  CHECK(find_entry(view, kPooled.address()) == nullptr);
  CHECK(routed_entry(view, kInOther) == nullptr);
  CHECK(outside(view) == 0);
  settle(*tables);
  CHECK(usage(*tables) == empty);
}

TEST_CASE("only a prefix of its pool's length is a key", "[prefixes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  const Entry* entry = find_entry(view, home(1).address());
  for (const char* inside : {"2001:db8:107::/56", "2001:db8:107::/80", "2001:db8:100::/40"}) {
    REQUIRE(tables->apply(SetPrefix{prefix(inside), home(1)}));
  }
  settle(*tables);
  CHECK(find_entry(view, ip6("2001:db8:107::")) == nullptr);
  CHECK(routed_entry(view, ip6("2001:db8:107::1")) == entry);
  CHECK(outside(view) == 3);
  // The same first address as a key of the hash: no contradiction.
  REQUIRE(tables->apply(SetPrefix{kPooled, home(1)}));
  CHECK(follows(view, ip6("2001:db8:107::"), entry));
  CHECK(fill_of(*tables, "prefixes").used == 4);
}

TEST_CASE("a prefix goes to another claimant in place", "[prefixes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  REQUIRE(tables->apply(bound(2, "2001:db8:c::2")));
  for (const Prefix& given : {kPooled, kOther}) {
    REQUIRE(tables->apply(SetPrefix{given, home(1)}));
    REQUIRE(tables->apply(SetPrefix{given, home(2)}));
  }
  settle(*tables);
  const Entry* second = find_entry(view, home(2).address());
  CHECK(follows(view, kPooled.address(), second));
  CHECK(routed_entry(view, kInOther) == second);
  CHECK(fill_of(*tables, "prefixes").used == 2);
  CHECK(outside(view) == 1);

  // The former owner's changes and end are no longer theirs.
  REQUIRE(tables->apply(bound(1, "2001:db8:c::3")));
  REQUIRE(tables->apply(RemoveBinding{home(1)}));
  settle(*tables);
  CHECK(follows(view, kPooled.address(), second));
  CHECK(routed_entry(view, kInOther) == second);
  std::map<Prefix, Ipv6Address> listed;
  CHECK_FALSE(tables->visit_prefixes(
      0, 100, [&](const Prefix& given, const Ipv6Address& owner) { listed[given] = owner; }));
  CHECK(listed ==
        std::map<Prefix, Ipv6Address>{{kPooled, home(2).address()}, {kOther, home(2).address()}});
  REQUIRE(tables->apply(RemoveBinding{home(2)}));
  settle(*tables);
  CHECK(find_entry(view, kPooled.address()) == nullptr);
  CHECK(routed_entry(view, kInOther) == nullptr);
}

TEST_CASE("prefixes are removed one by one", "[prefixes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  const std::vector<std::uint64_t> without = usage(*tables);
  const std::vector<Prefix> given = {prefix("2001:db8:101::/64"), prefix("2001:db8:102::/64"),
                                     prefix("2001:db8:103::/64"), kOther};
  for (const Prefix& each : given) {
    REQUIRE(tables->apply(SetPrefix{each, home(1)}));
    REQUIRE(tables->apply(SetPrefix{each, home(1)}));  // again: nothing to do
  }
  CHECK(fill_of(*tables, "prefixes").used == 4);
  for (const std::size_t i : {1U, 3U, 0U, 2U}) {  // from the middle and both ends of the list
    REQUIRE(tables->apply(RemovePrefix{given[i]}));
    REQUIRE(tables->apply(RemovePrefix{given[i]}));
    settle(*tables);
    CHECK(find_entry(view, given[i].address()) == nullptr);
    CHECK(routed_entry(view, given[i].address()) == nullptr);
  }
  CHECK(find_entry(view, home(1).address()) != nullptr);
  CHECK(usage(*tables) == without);
}

TEST_CASE("a reader on its way keeps the entry of a removed prefix", "[prefixes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  Worker worker(qsbr, 0);
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  REQUIRE(tables->apply(SetPrefix{kOther, home(1)}));
  tables->maintain(64);
  const LeafValue value = find_value(view, kInOther);  // the worker has got this far
  REQUIRE(value.kind() == LeafKind::Binding);
  const Entry* entry = find_entry(view, home(1).address());
  REQUIRE(tables->apply(RemoveBinding{home(1)}));
  for (unsigned i = 0; i < 5; ++i) {
    tables->maintain(64);
    REQUIRE(tables->apply(bound(2 + i, "2001:db8:c::2")));
    REQUIRE(tables->apply(SetPrefix{Prefix(home(2 + i).address(), 120 + i), home(2 + i)}));
  }
  CHECK(view.prefix_entries[value.index()].load() == entry);
  CHECK(entry->destination == ip6("2001:db8:c::1"));
  worker.quiescent();
  tables->maintain(64);
  CHECK(view.prefix_entries[value.index()].load() == nullptr);
}

TEST_CASE("a mobile network prefix precedes a route to the same prefix", "[prefixes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  const std::vector<NextHop> gateway = {{0, ip6("fe80::1")}};
  REQUIRE(tables->set_route(kOther, gateway));
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  REQUIRE(tables->apply(SetPrefix{kOther, home(1)}));
  settle(*tables);
  CHECK(routed_entry(view, kInOther) == find_entry(view, home(1).address()));
  REQUIRE(tables->set_neighbor(0, ip6("fe80::1"), mac(1)));  // the route changes beneath
  CHECK(routed_entry(view, kInOther) == find_entry(view, home(1).address()));
  REQUIRE(tables->apply(RemovePrefix{kOther}));
  // At once, by the leaf; the match did not change at all.
  CHECK(find_adjacency(view, kInOther).next_hop == ip6("fe80::1"));
  CHECK(find_adjacency(view, kInOther).state == AdjacencyState::Forward);
}

TEST_CASE("prefixes are refused by name, and nothing has changed", "[prefixes][refusal]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.max_prefixes = 6;
  sizes.max_prefixes_outside_pools = 2;
  sizes.tbl8_groups = 4;
  const auto tables = make_tables(small_setup(qsbr, sizes));
  REQUIRE(tables->set_local(ip6("2001:db8:0:1::a"), LocalRole::HomeAgent));
  CHECK(refusal_of(tables->apply(SetPrefix{kPooled, home(1)})) == Refusal::UnknownOwner);
  CHECK(refusal_of(tables->apply(SetPrefix{kPooled, HomeAddress(ip6("2001:db8:0:1::a"))})) ==
        Refusal::UnknownOwner);
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  REQUIRE(tables->apply(SetPrefix{kPooled, home(1)}));
  // The key of a prefix is no home address.
  CHECK(refusal_of(tables->apply(
            SetPrefix{prefix("2001:db8:108::/64"), HomeAddress(kPooled.address())})) ==
        Refusal::UnknownOwner);

  const std::vector<std::uint64_t> before = usage(*tables);
  // 24..56 in steps of 8 are five second-level tables, of four.
  CHECK(refusal_of(tables->apply(SetPrefix{prefix("2001:db8:900::/64"), home(1)})) ==
        Refusal::TableFull);
  CHECK(usage(*tables) == before);
  CHECK(outside(tables->readers()) == 0);
  REQUIRE(tables->apply(SetPrefix{prefix("2001:db8:900::/48"), home(1)}));
  REQUIRE(tables->apply(SetPrefix{prefix("2001:db8:901::/48"), home(1)}));
  CHECK(refusal_of(tables->apply(SetPrefix{prefix("2001:db8:902::/48"), home(1)})) ==
        Refusal::TableFull);
  CHECK(outside(tables->readers()) == 2);
  for (unsigned i = 1; i <= 3; ++i) {
    Ipv6Address base = ip6("2001:db8:108::");
    base.octets[7] = static_cast<std::uint8_t>(i);
    REQUIRE(tables->apply(SetPrefix{Prefix(base, 64), home(1)}));
  }
  CHECK(fill_of(*tables, "prefixes").used == 6);
  CHECK(refusal_of(tables->apply(SetPrefix{prefix("2001:db8:109::/64"), home(1)})) ==
        Refusal::TableFull);
  CHECK(find_entry(tables->readers(), ip6("2001:db8:109::")) == nullptr);
}

TEST_CASE("a binding goes with all of its prefixes or not at all", "[prefixes][refusal]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.reclaim_backlog = 64;  // 34 of it are the routes'
  const auto tables = make_tables(small_setup(qsbr, sizes));
  Worker worker(qsbr, 0);
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  for (unsigned i = 1; i <= 4; ++i) {
    Ipv6Address base = ip6("2001:db8:107::");
    base.octets[7] = static_cast<std::uint8_t>(i);
    REQUIRE(tables->apply(SetPrefix{Prefix(base, 64), home(1)}));
  }
  REQUIRE(tables->apply(SetPrefix{kOther, home(1)}));
  REQUIRE(tables->apply(bound(2, "2001:db8:c::1")));
  for (unsigned i = 0; i < 64 - 34 - 5; ++i) {
    REQUIRE(tables->apply(bound(2, i % 2 == 0 ? "2001:db8:c::2" : "2001:db8:c::3")));
  }
  // Its entry and five prefixes are six; there is room for five.
  const std::vector<std::uint64_t> before = usage(*tables);
  CHECK(refusal_of(tables->apply(RemoveBinding{home(1)})) == Refusal::ReclaimBacklog);
  CHECK(usage(*tables) == before);
  CHECK(find_entry(tables->readers(), ip6("2001:db8:107:1::")) != nullptr);
  REQUIRE(tables->apply(RemovePrefix{prefix("2001:db8:107:1::/64")}));
  CHECK(refusal_of(tables->apply(RemoveBinding{home(1)})) == Refusal::ReclaimBacklog);
  tables->maintain(64);
  worker.quiescent();
  tables->maintain(64);
  CHECK(tables->apply(RemoveBinding{home(1)}));
  CHECK(fill_of(*tables, "prefixes").used == 0);
}

TEST_CASE("what is due is freed in passing, so that nothing is refused for want of background work",
          "[tables][refusal]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  for (unsigned i = 0; i < 5000; ++i) {
    REQUIRE(tables->apply(bound(1, i % 2 == 0 ? "2001:db8:c::1" : "2001:db8:c::2")));
    REQUIRE(tables->apply(SetPrefix{kOther, home(1)}));
    REQUIRE(tables->apply(SetPrefix{kPooled, home(1)}));
    REQUIRE(tables->apply(RemovePrefix{kOther}));
    REQUIRE(tables->apply(RemovePrefix{kPooled}));
  }
  for (unsigned i = 0; i < 5000; ++i) {
    REQUIRE(tables->set_neighbor(0, ip6("fe80::1"), mac(static_cast<std::uint8_t>(i % 2))));
  }
}

TEST_CASE("a binding's own entries change together or not at all", "[prefixes][refusal]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.max_bindings = 2;
  sizes.max_agent_addresses = 1;
  sizes.max_prefixes = 3;
  sizes.max_prefixes_outside_pools = 1;
  sizes.spare_entries = 3;  // of 9 entries
  const auto tables = make_tables(small_setup(qsbr, sizes));
  const ReaderView& view = tables->readers();
  Worker worker(qsbr, 0);
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  REQUIRE(tables->apply(bound(2, "2001:db8:c::9")));
  for (const char* given : {"2001:db8:107:1::/64", "2001:db8:107:2::/64"}) {
    REQUIRE(tables->apply(SetPrefix{prefix(given), home(1)}));
  }
  REQUIRE(tables->apply(bound(1, "2001:db8:c::2")));  // three more: seven
  const std::vector<std::uint64_t> before = usage(*tables);
  const Entry* const entry = find_entry(view, home(1).address());
  CHECK(refusal_of(tables->apply(bound(1, "2001:db8:c::3"))) == Refusal::EntriesExhausted);
  CHECK(usage(*tables) == before);
  CHECK(find_entry(view, home(1).address()) == entry);
  CHECK(follows(view, ip6("2001:db8:107:1::"), entry));
  // A claimant's prefix needs one, and a new prefix as well.
  REQUIRE(tables->apply(bound(2, "2001:db8:c::7")));
  REQUIRE(tables->apply(bound(2, "2001:db8:c::8")));
  CHECK(refusal_of(tables->apply(SetPrefix{prefix("2001:db8:107:1::/64"), home(2)})) ==
        Refusal::EntriesExhausted);
  CHECK(follows(view, ip6("2001:db8:107:1::"), entry));
  CHECK(refusal_of(tables->apply(SetPrefix{prefix("2001:db8:107:3::/64"), home(2)})) ==
        Refusal::EntriesExhausted);
  CHECK(find_entry(view, ip6("2001:db8:107:3::")) == nullptr);
  worker.quiescent();
  CHECK(tables->apply(bound(1, "2001:db8:c::3")));
  CHECK(tables->apply(SetPrefix{prefix("2001:db8:107:1::/64"), home(2)}));
  CHECK(follows(view, ip6("2001:db8:107:1::"), find_entry(view, home(2).address())));
}
