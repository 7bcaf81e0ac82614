// Bindings and home agents' addresses: what workers see after each operation, and each refusal.
#include <catch2/catch.hpp>
#include <set>

#include "common/forwarding/punt.h"
#include "test/dpdk/tables_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using forwarding::BindingKind;
using forwarding::Refusal;

namespace {

std::optional<Refusal> refusal_of(const std::expected<void, Refusal>& result) {
  return result ? std::nullopt : std::optional(result.error());
}
std::optional<TableRefusal> refusal_of(const std::expected<void, TableRefusal>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

const Ipv6Address kHomeAgent = Ipv6Address::parse("2001:db8:0:1::a").value();

}  // namespace

TEST_CASE("a binding is an outer header, a leaf and an MTU", "[bindings]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  const std::vector<NextHop> gateway = {{0, ip6("fe80::1")}};
  REQUIRE(tables->set_route(prefix("2001:db8:c::/48"), gateway));
  settle(*tables);
  CHECK(find_entry(view, home(1).address()) == nullptr);

  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  const Entry* entry = find_entry(view, home(1).address());
  REQUIRE(entry != nullptr);
  CHECK(entry->key == home(1).address());
  CHECK(entry->source == kHomeAgent);
  CHECK(entry->destination == ip6("2001:db8:c::1"));
  CHECK(entry->hop_limit == 64);
  CHECK(entry->kind == EntryKind::Bound);
  CHECK(entry->path_mtu == 1400);
  CHECK(entry->peer == forwarding::kNoPeer);
  CHECK(entry->leaf == find_leaf(view, ip6("2001:db8:c::1")));
  CHECK(entry->leaf != kNoRouteLeaf);
  CHECK(fill_of(*tables, "bindings").used == 1);

  // No route to the care-of address: still a binding, and its leaf says so.
  REQUIRE(tables->apply(bound(2, "2001:db8:dead::1")));
  REQUIRE(find_entry(view, home(2).address()) != nullptr);
  CHECK(find_entry(view, home(2).address())->leaf == kNoRouteLeaf);
  CHECK(load_leaf(view.leaves[kNoRouteLeaf]).kind() == LeafKind::NoRoute);
}

TEST_CASE("an update in place is another entry behind the same key", "[bindings]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  Worker worker(qsbr, 0);
  const ReaderView& view = tables->readers();
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  const Entry* before = find_entry(view, home(1).address());
  const Entry copy = *before;

  REQUIRE(tables->apply(bound(1, "2001:db8:c::2")));
  const Entry* after = find_entry(view, home(1).address());
  REQUIRE(after != before);
  CHECK(after->destination == ip6("2001:db8:c::2"));
  // The reader still has the old one, untouched, for as long as it is not quiescent.
  CHECK(fill_of(*tables, "entries").used == 2);
  for (unsigned i = 0; i < 10; ++i) {
    CHECK(tables->maintain(64));
    REQUIRE(tables->apply(bound(2 + i, "2001:db8:c::3")));
  }
  CHECK(std::memcmp(before, &copy, sizeof(Entry)) == 0);
  worker.quiescent();
  CHECK_FALSE(tables->maintain(64));
  CHECK(fill_of(*tables, "entries").used == 11);
  CHECK(fill_of(*tables, "bindings").used == 11);
}

TEST_CASE("a binding that stays as it is costs nothing", "[bindings]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  const Entry* before = find_entry(tables->readers(), home(1).address());
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  CHECK(find_entry(tables->readers(), home(1).address()) == before);
  CHECK_FALSE(tables->has_work());
}

TEST_CASE("a global binding goes to its primary over the link", "[bindings][R90a]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  const Locator peer(ip6("2001:db8:b::1"));
  const Locator own(ip6("2001:db8:a::1"));
  REQUIRE(tables->set_peer(HomeAgentAddress(ip6("2001:db8:0:1::b")), peer, own, 5));

  const Entry* relay = find_entry(view, ip6("2001:db8:0:1::b"));
  REQUIRE(relay != nullptr);
  CHECK(relay->kind == EntryKind::Peer);
  CHECK(relay->peer == 5);
  CHECK(relay->source == own.address());
  CHECK(relay->destination == peer.address());
  CHECK(relay->hop_limit == 255);

  REQUIRE(tables->apply(
      forwarding::SetBinding{home(1), BindingKind::Global, own.address(), peer.address(), 1420}));
  const Entry* entry = find_entry(view, home(1).address());
  REQUIRE(entry != nullptr);
  CHECK(entry->kind == EntryKind::Global);
  CHECK(entry->peer == 5);
  CHECK(entry->path_mtu == 1420);
  CHECK(entry->hop_limit == 255);

  // The mobile node comes here: the same key, another kind.
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  entry = find_entry(view, home(1).address());
  CHECK(entry->kind == EntryKind::Bound);
  CHECK(entry->peer == forwarding::kNoPeer);
  CHECK(entry->hop_limit == 64);
  CHECK(fill_of(*tables, "bindings").used == 1);

  // The peer moves: what still names its former locator is no longer known to be its.
  const Locator moved(ip6("2001:db8:b::2"));
  REQUIRE(tables->set_peer(HomeAgentAddress(ip6("2001:db8:0:1::b")), moved, own, 6));
  CHECK(find_entry(view, ip6("2001:db8:0:1::b"))->destination == moved.address());
  for (const auto& [locator, index] : {std::pair{peer, forwarding::kNoPeer}, {moved, 6}}) {
    REQUIRE(tables->apply(forwarding::SetBinding{home(3), BindingKind::Global, own.address(),
                                                 locator.address(), 1420}));
    CHECK(find_entry(view, home(3).address())->peer == index);
  }
  REQUIRE(tables->set_peer(HomeAgentAddress(ip6("2001:db8:0:1::b")), peer, own, 5));

  REQUIRE(tables->remove_peer(HomeAgentAddress(ip6("2001:db8:0:1::b"))));
  CHECK(find_entry(view, ip6("2001:db8:0:1::b")) == nullptr);
  REQUIRE(tables->apply(
      forwarding::SetBinding{home(2), BindingKind::Global, own.address(), peer.address(), 1420}));
  CHECK(find_entry(view, home(2).address())->peer == forwarding::kNoPeer);
}

TEST_CASE("a former care-of address is kept with its binding, and no longer", "[bindings][haha]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.max_former = 2;
  const auto tables = make_tables(small_setup(qsbr, sizes));
  Worker worker(qsbr, 0);
  const ReaderView& view = tables->readers();
  const Locator own(ip6("2001:db8:a::1"));
  const Locator peer(ip6("2001:db8:b::1"));
  REQUIRE(tables->set_peer(HomeAgentAddress(ip6("2001:db8:0:1::b")), peer, own, 5));
  const auto former = [&](unsigned number, const char* care_of, std::uint16_t mtu = 1500) {
    return forwarding::SetBinding{home(number),  BindingKind::Global,
                                  own.address(), peer.address(),
                                  mtu,           CareOfAddress(ip6(care_of))};
  };
  const auto entry = [&](unsigned number) { return find_entry(view, home(number).address()); };
  // Everybody moves on, until nothing is left to do.
  const auto move_on = [&] {
    unsigned steps = 0;
    do {
      worker.quiescent();
      REQUIRE(++steps < 1000);
    } while (tables->maintain(64));
  };
  const auto used = [&] { return fill_of(*tables, "former-care-of-addresses").used; };
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  REQUIRE(tables->apply(forwarding::SetPrefix{prefix("2001:db8:100:7::/64"), home(1)}));
  REQUIRE(tables->apply(forwarding::SetPrefix{prefix("2001:db8:200::/48"), home(1)}));
  CHECK(entry(1)->former == 0);
  REQUIRE(tables->apply(former(1, "2001:db8:c::1")));
  const std::uint32_t index = entry(1)->former;
  REQUIRE(index != 0);
  CHECK(view.former_care_of_addresses[index] == ip6("2001:db8:c::1"));
  CHECK(used() == 1);
  // All its keys lead there.
  CHECK(follows(view, ip6("2001:db8:100:7::"), entry(1)));
  move_on();
  CHECK(view.prefix_entries[find_value(view, ip6("2001:db8:200::1")).index()].load() == entry(1));
  SECTION("said again, it costs nothing; with another path MTU it stays where it is") {
    const Entry* before = entry(1);
    REQUIRE(tables->apply(former(1, "2001:db8:c::1")));
    CHECK(entry(1) == before);
    REQUIRE(tables->apply(former(1, "2001:db8:c::1", 1400)));
    CHECK(entry(1) != before);
    CHECK(entry(1)->former == index);
    move_on();
    CHECK(used() == 1);
  }
  SECTION("another one has another place until no reader sees the first") {
    REQUIRE(tables->apply(former(1, "2001:db8:c::2")));
    CHECK(entry(1)->former != index);
    CHECK(view.former_care_of_addresses[index] == ip6("2001:db8:c::1"));
    CHECK(used() == 2);
    tables->maintain(64);
    CHECK(used() == 2);
    move_on();
    CHECK(used() == 1);
  }
  SECTION("a route that comes moves the binding and leaves it that") {
    const std::vector<NextHop> gateway = {{0, ip6("fe80::1")}};
    REQUIRE(tables->set_route(prefix("2001:db8:b::/48"), gateway));
    move_on();
    CHECK(entry(1)->leaf != kNoRouteLeaf);
    CHECK(entry(1)->former == index);
    CHECK(used() == 1);
  }
  SECTION("without room a binding goes without it") {
    REQUIRE(tables->apply(former(2, "2001:db8:c::2")));
    REQUIRE(tables->apply(former(3, "2001:db8:c::3")));
    CHECK(entry(3)->former == 0);
    CHECK(entry(3)->kind == EntryKind::Global);
    CHECK(tables->former_refused() == 1);
    CHECK(used() == 2);
    REQUIRE(tables->apply(forwarding::RemoveBinding{home(2)}));
    move_on();
    REQUIRE(tables->apply(former(3, "2001:db8:c::3")));
    CHECK(entry(3)->former != 0);
    REQUIRE(tables->apply(forwarding::RemoveBinding{home(3)}));
  }
  SECTION("a refused update takes no place") {
    CHECK(refusal_of(tables->apply(forwarding::SetBinding{
              HomeAddress(ip6("2001:db8:0:1::b")), BindingKind::Global, own.address(),
              peer.address(), 1500, CareOfAddress(ip6("2001:db8:c::9"))})) ==
          Refusal::AddressReserved);
    CHECK(used() == 1);
  }
  SECTION("back again, it is forgotten") {
    REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
    CHECK(entry(1)->former == 0);
  }
  REQUIRE(tables->apply(forwarding::RemoveBinding{home(1)}));
  move_on();
  CHECK(used() == 0);
}

TEST_CASE("a dead home agent is one store away, for all its bindings, and back",
          "[bindings][haha]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  const Locator own(ip6("2001:db8:a::1"));
  using forwarding::PeerReach;
  const auto peer = [&](std::uint16_t index, PeerReach reach) {
    Ipv6Address address = ip6("2001:db8:0:1::b0");
    Ipv6Address locator = ip6("2001:db8:b::1");
    address.octets[15] = static_cast<std::uint8_t>(address.octets[15] + index);
    locator.octets[15] = static_cast<std::uint8_t>(locator.octets[15] + index);
    return forwarding::SetPeer{index, HomeAgentAddress(address), Locator(locator), own, reach};
  };
  REQUIRE(tables->apply(peer(0, PeerReach::Relayed)));
  REQUIRE(tables->apply(peer(1, PeerReach::Relayed)));
  for (unsigned i = 0; i < 20; ++i) {
    REQUIRE(tables->apply(forwarding::SetBinding{home(i), BindingKind::Global, own.address(),
                                                 peer(i % 2, {}).locator.address(), 1500}));
  }
  const auto dead = [&](unsigned binding) {
    return view.peers->is_dead(find_entry(view, home(binding).address())->peer);
  };
  const std::vector<std::uint64_t> before = usage(*tables);
  const Entry* const entry = find_entry(view, home(1).address());
  CHECK_FALSE(dead(0));
  CHECK_FALSE(dead(1));
  REQUIRE(tables->apply(peer(1, PeerReach::Dead)));
  for (unsigned i = 0; i < 20; ++i) {
    CHECK(dead(i) == (i % 2 == 1));
  }
  // One that comes while its primary is dead is dead, too; a binding of ours never is.
  REQUIRE(tables->apply(forwarding::SetBinding{home(30), BindingKind::Global, own.address(),
                                               peer(1, {}).locator.address(), 1500}));
  CHECK(dead(30));
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  CHECK_FALSE(dead(1));
  REQUIRE(tables->apply(peer(1, PeerReach::Relayed)));
  CHECK_FALSE(dead(3));
  // It cost no entry and no grace period.
  REQUIRE(tables->apply(forwarding::RemoveBinding{home(30)}));
  REQUIRE(tables->apply(forwarding::SetBinding{home(1), BindingKind::Global, own.address(),
                                               peer(1, {}).locator.address(), 1500}));
  settle(*tables);
  CHECK(usage(*tables) == before);
  CHECK(find_entry(view, home(1).address()) != entry);
  REQUIRE(tables->apply(peer(0, PeerReach::Dead)));
  // Removed and set anew, it is alive.
  REQUIRE(tables->remove_peer(peer(0, {}).address));
  REQUIRE(tables->apply(peer(0, PeerReach::Relayed)));
  CHECK_FALSE(dead(0));
  CHECK(refusal_of(tables->apply(peer(kMaxPeers, PeerReach::Relayed))) == Refusal::TableFull);
  CHECK_FALSE(view.peers->is_dead(forwarding::kNoPeer));
}

TEST_CASE("a removed binding is gone, and its room comes back with the grace period",
          "[bindings]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const std::vector<std::uint64_t> empty = usage(*tables);
  {
    Worker worker(qsbr, 0);
    REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
    REQUIRE(tables->apply(forwarding::RemoveBinding{home(1)}));
    CHECK(find_entry(tables->readers(), home(1).address()) == nullptr);
    CHECK(tables->maintain(64));
    CHECK(fill_of(*tables, "entries").used == 1);
    CHECK(fill_of(*tables, "keys").used == 0);
    worker.quiescent();
    CHECK_FALSE(tables->maintain(64));
  }
  CHECK(usage(*tables) == empty);
  CHECK(tables->apply(forwarding::RemoveBinding{home(1)}));  // not there: nothing to do
  CHECK(usage(*tables) == empty);
}

TEST_CASE("addresses of ours: keys inside the home prefixes, routes outside", "[bindings]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  const std::vector<std::uint64_t> empty = usage(*tables);

  REQUIRE(tables->set_local(kHomeAgent, LocalRole::HomeAgent));
  REQUIRE(tables->set_local(ip6("2001:db8:a::1"), LocalRole::Locator));
  settle(*tables);
  const Entry* entry = find_entry(view, kHomeAgent);
  REQUIRE(entry != nullptr);
  CHECK(entry->kind == EntryKind::Local);
  CHECK(entry->role == LocalRole::HomeAgent);
  CHECK(find_leaf(view, kHomeAgent) == kNoRouteLeaf);
  CHECK(find_entry(view, ip6("2001:db8:a::1")) == nullptr);
  CHECK(find_value(view, ip6("2001:db8:a::1")) ==
        LeafValue::of(LeafKind::Local, static_cast<std::uint32_t>(LocalRole::Locator)));
  CHECK(fill_of(*tables, "agent-addresses").used == 2);

  REQUIRE(tables->set_local(kHomeAgent, LocalRole::Host));
  CHECK(find_entry(view, kHomeAgent)->role == LocalRole::Host);
  REQUIRE(tables->set_local(ip6("2001:db8:a::1"), LocalRole::Host));
  CHECK(find_value(view, ip6("2001:db8:a::1")) == LeafValue::of(LeafKind::Local, 0));
  CHECK(fill_of(*tables, "agent-addresses").used == 2);

  REQUIRE(tables->remove_local(kHomeAgent));
  REQUIRE(tables->remove_local(ip6("2001:db8:a::1")));
  REQUIRE(tables->remove_local(ip6("2001:db8:a::1")));
  settle(*tables);
  CHECK(find_entry(view, kHomeAgent) == nullptr);
  CHECK(find_value(view, ip6("2001:db8:a::1")).kind() == LeafKind::NoRoute);
  CHECK(usage(*tables) == empty);
}

TEST_CASE("addresses that a mobile node may not have", "[bindings]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  REQUIRE(tables->set_local(kHomeAgent, LocalRole::HomeAgent));
  REQUIRE(tables->set_peer(HomeAgentAddress(ip6("2001:db8:0:1::b")), Locator(ip6("2001:db8:b::1")),
                           Locator(ip6("2001:db8:a::1")), 0));
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  const std::vector<std::uint64_t> before = usage(*tables);
  for (const char* taken :
       {"2001:db8:0:1::a", "2001:db8:0:1::b", "2001:db8:100:7::", "2001:db8:100::", "::"}) {
    INFO(taken);
    CHECK(refusal_of(tables->apply(forwarding::SetBinding{
              HomeAddress(ip6(taken)), BindingKind::Bound, kHomeAgent, ip6("2001:db8:c::1")})) ==
          Refusal::AddressReserved);
    // Nor does a de-registration take it away from its owner.
    CHECK(tables->apply(forwarding::RemoveBinding{HomeAddress(ip6(taken))}));
  }
  CHECK(find_entry(tables->readers(), kHomeAgent)->kind == EntryKind::Local);
  // And the other way round.
  CHECK(refusal_of(tables->set_local(home(1).address(), LocalRole::Host)) ==
        TableRefusal::AddressReserved);
  CHECK(refusal_of(tables->set_local(ip6("2001:db8:100:7::"), LocalRole::Host)) ==
        TableRefusal::AddressReserved);
  CHECK(tables->remove_local(home(1).address()));
  CHECK(find_entry(tables->readers(), home(1).address()) != nullptr);
  CHECK(usage(*tables) == before);
  // A host inside of a pool, beyond the first address of a prefix, is fine.
  CHECK(
      tables->apply(forwarding::SetBinding{HomeAddress(ip6("2001:db8:100:7::1")),
                                           BindingKind::Bound, kHomeAgent, ip6("2001:db8:c::1")}));
}

TEST_CASE("the configured numbers are the limits, and a full table changes nothing",
          "[bindings][refusal]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  for (unsigned i = 0; i < 64; ++i) {
    REQUIRE(tables->apply(bound(i, "2001:db8:c::1")));
  }
  for (unsigned i = 0; i < 8; ++i) {
    Ipv6Address own = ip6("2001:db8:0:1::a0");
    own.octets[15] = static_cast<std::uint8_t>(own.octets[15] + i);
    REQUIRE(tables->set_local(own, LocalRole::Host));
  }
  const std::vector<std::uint64_t> full = usage(*tables);
  CHECK(refusal_of(tables->apply(bound(64, "2001:db8:c::1"))) == Refusal::TableFull);
  CHECK(refusal_of(tables->set_local(ip6("2001:db8:0:1::b0"), LocalRole::Host)) ==
        TableRefusal::TableFull);
  CHECK(refusal_of(tables->set_local(ip6("2001:db8:a::1"), LocalRole::Host)) ==
        TableRefusal::TableFull);
  CHECK(usage(*tables) == full);
  CHECK(find_entry(tables->readers(), home(64).address()) == nullptr);
  // What is there can still change, and one that goes makes room for one that comes.
  CHECK(tables->apply(bound(3, "2001:db8:c::2")));
  REQUIRE(tables->apply(forwarding::RemoveBinding{home(3)}));
  CHECK(tables->apply(bound(64, "2001:db8:c::1")));
}

TEST_CASE("entries that wait for readers run out by name", "[bindings][refusal]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.spare_entries = 4;
  sizes.max_prefixes = 0;
  sizes.max_prefixes_outside_pools = 0;
  const auto tables = make_tables(small_setup(qsbr, sizes));
  Worker worker(qsbr, 0);
  for (unsigned i = 0; i < 64; ++i) {
    REQUIRE(tables->apply(bound(i, "2001:db8:c::1")));
  }
  for (unsigned i = 0; i < 8; ++i) {
    Ipv6Address own = ip6("2001:db8:0:1::a0");
    own.octets[15] = static_cast<std::uint8_t>(own.octets[15] + i);
    REQUIRE(tables->set_local(own, LocalRole::Host));
  }
  for (unsigned i = 0; i < 4; ++i) {
    REQUIRE(tables->apply(bound(0, i % 2 == 0 ? "2001:db8:c::2" : "2001:db8:c::3")));
  }
  const Entry* last = find_entry(tables->readers(), home(0).address());
  const std::vector<std::uint64_t> exhausted = usage(*tables);
  CHECK(refusal_of(tables->apply(bound(0, "2001:db8:c::4"))) == Refusal::EntriesExhausted);
  CHECK(refusal_of(tables->apply(bound(1, "2001:db8:c::4"))) == Refusal::EntriesExhausted);
  CHECK(find_entry(tables->readers(), home(0).address()) == last);
  CHECK(usage(*tables) == exhausted);
  // The operation itself looks whether the readers have moved on; nobody had to call maintain.
  worker.quiescent();
  CHECK(tables->apply(bound(0, "2001:db8:c::4")));
}

TEST_CASE("the backlog is a bound that bindings meet before routes do", "[bindings][refusal]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.spare_entries = 200;
  sizes.reclaim_backlog = 64;  // 16 groups + 15 next hops + 3 of it are the routes'
  const auto tables = make_tables(small_setup(qsbr, sizes));
  REQUIRE(tables->reclaimer().capacity() == 64);
  Worker worker(qsbr, 0);
  REQUIRE(tables->apply(bound(0, "2001:db8:c::1")));
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  unsigned updates = 0;
  while (tables->apply(bound(0, updates % 2 == 0 ? "2001:db8:c::2" : "2001:db8:c::3"))) {
    REQUIRE(++updates < 64);
  }
  CHECK(updates == 64 - 34);
  const Entry* last = find_entry(tables->readers(), home(0).address());
  CHECK(refusal_of(tables->apply(bound(0, "2001:db8:c::4"))) == Refusal::ReclaimBacklog);
  CHECK(refusal_of(tables->apply(forwarding::RemoveBinding{home(0)})) == Refusal::ReclaimBacklog);
  CHECK(find_entry(tables->readers(), home(0).address()) == last);
  CHECK(tables->reclaimer().backlog() == updates);
  CHECK(tables->apply(bound(2, "2001:db8:c::1")));  // a new one retires nothing
  // A neighbour can still be learnt, change and fail.
  CHECK(tables->set_neighbor(0, ip6("fe80::1"), mac(1)));
  CHECK(tables->set_neighbor(0, ip6("fe80::1"), mac(2)));
  CHECK(tables->neighbor_failed(0, ip6("fe80::1")));
  worker.quiescent();
  tables->maintain(64);
  worker.quiescent();
  tables->maintain(64);
  CHECK(tables->reclaimer().backlog() == 0);
  CHECK(tables->apply(forwarding::RemoveBinding{home(0)}));
}

TEST_CASE("a removed key's slot counts until its grace period is over", "[bindings][refusal]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.spare_entries = 200;
  const auto tables = make_tables(small_setup(qsbr, sizes));
  Worker worker(qsbr, 0);
  // One home address after the other, under a reader that never moves on: entries, keys or backlog
  // run out at some time, by name, and nothing is lost or left behind.
  std::optional<Refusal> refused;
  unsigned round = 0;
  for (; !refused && round < 1000; ++round) {
    refused = refusal_of(tables->apply(bound(round, "2001:db8:c::1")));
    if (!refused) {
      REQUIRE(find_entry(tables->readers(), home(round).address()) != nullptr);
      refused = refusal_of(tables->apply(forwarding::RemoveBinding{home(round)}));
    }
  }
  CHECK(round > 200);
  REQUIRE(refused.has_value());
  CHECK(fill_of(*tables, "bindings").used <= 1);
  worker.quiescent();
  tables->maintain(10000);
  worker.quiescent();
  tables->maintain(10000);
  CHECK(tables->apply(bound(round, "2001:db8:c::1")));
}

TEST_CASE("a listing shows once what is there throughout", "[bindings]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  for (unsigned i = 0; i < 40; ++i) {
    REQUIRE(tables->apply(bound(i, "2001:db8:c::1")));
  }
  std::multiset<Ipv6Address> seen;
  std::optional<std::uint32_t> cursor = 0;
  unsigned pages = 0;
  while (cursor) {
    unsigned rows = 0;
    cursor =
        tables->visit_bindings(*cursor, 7, [&](const Ipv6Address& address, const Entry& entry) {
          CHECK(&entry == find_entry(tables->readers(), address));
          seen.insert(address);
          ++rows;
        });
    CHECK(rows <= 7);
    // Between the pages everything changes, one goes and one comes.
    for (unsigned i = 0; i < 30; ++i) {
      REQUIRE(tables->apply(bound(i, pages % 2 == 0 ? "2001:db8:c::2" : "2001:db8:c::3")));
    }
    REQUIRE(tables->apply(forwarding::RemoveBinding{home(30 + pages)}));
    REQUIRE(tables->apply(bound(40 + pages, "2001:db8:c::1")));
    settle(*tables);
    ++pages;
  }
  CHECK(pages == 6);
  for (unsigned i = 0; i < 30; ++i) {
    INFO("binding " << i);
    CHECK(seen.count(home(i).address()) == 1);
  }
}

TEST_CASE("mistakes at creation are named", "[tables]") {
  const Qsbr qsbr;
  TableSetup setup = small_setup(qsbr);
  setup.pools = {{prefix("2001:db8:100::/40"), 64}, {prefix("2001:db8:100::/48"), 56}};
  CHECK(ForwardingTables::create(setup).error().find("overlap") != std::string::npos);
  setup.pools = {{prefix("2001:db8:100::/40"), 39}};
  CHECK(ForwardingTables::create(setup).error().find("do not fit") != std::string::npos);
  setup = small_setup(qsbr);
  setup.qsbr = nullptr;
  CHECK_FALSE(ForwardingTables::create(setup));
  setup = small_setup(qsbr);
  setup.sizes.max_routes = 1U << 21U;
  CHECK(ForwardingTables::create(setup).error().find("max-routes") != std::string::npos);
  setup = small_setup(qsbr);
  setup.sizes.reclaim_backlog = 16;
  CHECK(ForwardingTables::create(setup).error().find("backlog") != std::string::npos);
  setup = small_setup(qsbr);
  setup.sizes.max_bindings = 200'000'000;  // more than this test's memory
  CHECK_FALSE(ForwardingTables::create(setup));
  // And after all these failures nothing of the name is left behind.
  CHECK(ForwardingTables::create(small_setup(qsbr)).has_value());
}
