#include "dataplane/tables/route_table.h"

#include <catch2/catch.hpp>

#include "test/dpdk/qsbr.h"
#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::dataplane;
using namespace anyhome::test;

namespace {

std::unique_ptr<RouteTable> make_table(std::uint32_t prefixes, std::uint32_t spare,
                                       std::uint32_t groups) {
  auto table = RouteTable::create({"routes", prefixes, spare, groups, -1});
  if (!table) {
    FAIL(table.error());
  }
  return std::move(*table);
}

LeafIndex lookup(const RouteTable& table, const Ipv6Address& address) {
  LeafIndex leaf = 12345;
  table.lookup_bulk(&address, 1, &leaf);
  return leaf;
}

constexpr LeafValue kFirst = LeafValue::of(LeafKind::Adjacency, 1);
constexpr LeafValue kSecond = LeafValue::of(LeafKind::Adjacency, 2);

void settle(RouteTable& table, Reclaimer& reclaimer) {
  while (table.has_work() || reclaimer.backlog() > 0) {
    table.advance(1, reclaimer);
    reclaimer.poll(100, [&](Retired item) {
      item.kind == RetiredKind::RouteCopy ? table.grace_period_over() : table.free_leaf(item.index);
    });
  }
}

}  // namespace

TEST_CASE("claims are shown in their order, whatever order they come in", "[route-table]") {
  const Qsbr qsbr;
  Reclaimer reclaimer(qsbr.get(), 64, GracePeriod::Awaited);
  const auto table = make_table(4, 4, 16);
  const Prefix chosen = prefix("2001:db8::/48");
  const Claim order[] = {Claim::Neighbor, Claim::Local, Claim::Route, Claim::Binding};
  for (const Claim claim : order) {
    REQUIRE(table->set(chosen, claim,
                       LeafValue::of(LeafKind::Adjacency, static_cast<std::uint32_t>(claim))));
  }
  settle(*table, reclaimer);
  CHECK(table->prefixes_used() == 1);
  const LeafIndex leaf = lookup(*table, ip6("2001:db8::1"));
  for (const Claim claim : {Claim::Local, Claim::Binding, Claim::Neighbor, Claim::Route}) {
    CHECK(table->claimed(claim) == 1);
    CHECK(table->find(chosen, claim) == leaf);
    CHECK(table->value(leaf).index() == static_cast<std::uint32_t>(claim));
    CHECK(table->value_of(leaf, Claim::Route).index() == static_cast<std::uint32_t>(Claim::Route));
    table->withdraw(leaf, claim);
    CHECK(table->claimed(claim) == 0);
    CHECK_FALSE(table->find(chosen, claim));
  }
  CHECK(table->value(leaf).kind() == LeafKind::NoRoute);
  settle(*table, reclaimer);
  CHECK(lookup(*table, ip6("2001:db8::1")) == kNoRouteLeaf);
  CHECK(table->leaf_pool().used() == 1);  // the one of no route
}

TEST_CASE("prefixes, leaves and second-level tables are bounds of their own", "[route-table]") {
  const Qsbr qsbr;
  Reclaimer reclaimer(qsbr.get(), 64, GracePeriod::Awaited);
  const auto table = make_table(2, 1, 6);
  const auto refusal = [&](const char* text) -> std::optional<TableRefusal> {
    const auto admitted = table->admits(prefix(text));
    return admitted ? std::nullopt : std::optional(admitted.error());
  };
  REQUIRE(table->set(prefix("2001:db8::/48"), Claim::Route, kFirst));  // 3 tables
  CHECK(refusal("2001:db8:8000::/64") == std::nullopt);                // shares 2 of 5
  CHECK(refusal("3fff::/56") == TableRefusal::Tbl8Exhausted);          // needs 4
  REQUIRE(table->set(prefix("3fff::/48"), Claim::Route, kSecond));
  CHECK(refusal("2000::/16") == TableRefusal::RoutesFull);
  CHECK(refusal("3fff::/48") == std::nullopt);  // it is there

  // One prefix goes, another comes, and again: the first one's leaf is still waiting.
  table->withdraw(*table->find(prefix("3fff::/48"), Claim::Route), Claim::Route);
  REQUIRE(table->set(prefix("3ffe::/48"), Claim::Route, kSecond));
  table->withdraw(*table->find(prefix("3ffe::/48"), Claim::Route), Claim::Route);
  CHECK(refusal("3ffd::/48") == TableRefusal::LeavesExhausted);
  CHECK(refusal("3fff::/48") == std::nullopt);  // it still has one
  settle(*table, reclaimer);
  CHECK(refusal("3ffd::/48") == std::nullopt);
  CHECK(table->match_failures() == 0);
}

TEST_CASE("a full match takes as many prefixes as it gives up, one at a time", "[route-table]") {
  const Qsbr qsbr;
  Reclaimer reclaimer(qsbr.get(), 64, GracePeriod::Awaited);
  const auto table = make_table(4, 8, 12);  // four times three tables
  const char* first[] = {"2001:db8::/48", "2001:1db8::/48", "2002:db8::/48", "2003:db8::/48"};
  const char* second[] = {"3001:db8::/48", "3001:1db8::/48", "3002:db8::/48", "3003:db8::/48"};
  for (const char* text : first) {
    REQUIRE(table->set(prefix(text), Claim::Route, kFirst));
  }
  settle(*table, reclaimer);
  CHECK(table->tbl8().used() == 12);
  for (unsigned i = 0; i < 4; ++i) {
    table->withdraw(*table->find(prefix(first[i]), Claim::Route), Claim::Route);
    REQUIRE(table->set(prefix(second[i]), Claim::Route, kSecond));
  }
  settle(*table, reclaimer);
  CHECK(table->match_failures() == 0);
  for (unsigned i = 0; i < 4; ++i) {
    CHECK(lookup(*table, prefix(first[i]).address()) == kNoRouteLeaf);
    CHECK(table->value(lookup(*table, prefix(second[i]).address())) == kSecond);
  }
}

TEST_CASE("a scan is asked for only where bindings hold the wrong leaf", "[route-table]") {
  const Qsbr qsbr;
  Reclaimer reclaimer(qsbr.get(), 64, GracePeriod::Awaited);
  const auto table = make_table(8, 8, 64);
  const auto advance = [&] {
    const bool scan = table->advance(100, reclaimer);
    settle(*table, reclaimer);
    return scan;
  };
  REQUIRE(table->set(prefix("::/0"), Claim::Route, kFirst));
  CHECK_FALSE(advance());
  const LeafIndex default_leaf = lookup(*table, ip6("2001:db8::1"));
  REQUIRE(table->set(prefix("2001:db8::/32"), Claim::Route, kFirst));
  CHECK_FALSE(advance());  // nobody goes by the default route
  table->hold(default_leaf);
  REQUIRE(table->set(prefix("2001:db8:1::/48"), Claim::Route, kFirst));
  CHECK_FALSE(advance());  // that one is inside of the /32, which nobody holds
  REQUIRE(table->set(prefix("2002::/16"), Claim::Route, kFirst));
  CHECK(advance());
  const LeafIndex held = lookup(*table, ip6("2001:db8::1"));
  table->hold(held);
  table->withdraw(*table->find(prefix("2001:db8:1::/48"), Claim::Route), Claim::Route);
  CHECK_FALSE(advance());
  table->withdraw(held, Claim::Route);
  CHECK(table->advance(100, reclaimer));
  CHECK(table->value(held) == kFirst);
  CHECK(table->leaf_pool().used() > 3);
  table->release(held);
  settle(*table, reclaimer);
  CHECK(table->leaf_pool().used() == 3);  // none, default, 2002::/16
}
