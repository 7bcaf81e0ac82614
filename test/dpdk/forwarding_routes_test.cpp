// Routes, neighbours and ports: which way addresses and bindings go after each operation.
#include <array>
#include <catch2/catch.hpp>
#include <map>

#include "test/dpdk/tables_fixture.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

const Ipv6Address kGateway1 = Ipv6Address::parse("fe80::1").value();
const Ipv6Address kGateway2 = Ipv6Address::parse("fe80::2").value();
const Ipv6Address kFar = Ipv6Address::parse("2001:db8:c::1").value();
const Prefix kFarPrefix = Prefix::parse("2001:db8:c::/48").value();
const Prefix kDefault = Prefix::parse("::/0").value();
const Prefix kLink = Prefix::parse("2001:db8:1a::/64").value();  // connected
const Ipv6Address kHost = Ipv6Address::parse("2001:db8:1a::5").value();

std::vector<NextHop> via(std::uint16_t port, const Ipv6Address& gateway) {
  return {{port, gateway, 1}};
}
std::vector<NextHop> via_both() { return {{0, kGateway1, 1}, {1, kGateway2, 1}}; }
std::vector<NextHop> on_link(std::uint16_t port) { return {{port, std::nullopt, 1}}; }

std::optional<TableRefusal> refusal_of(const std::expected<void, TableRefusal>& result) {
  return result ? std::nullopt : std::optional(result.error());
}

}  // namespace

TEST_CASE("a route leads to its gateway, resolved or not", "[routes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  CHECK(find_value(view, kFar).kind() == LeafKind::NoRoute);
  REQUIRE(tables->set_route(kFarPrefix, via(1, kGateway2)));
  settle(*tables);
  const Adjacency& unresolved = find_adjacency(view, kFar);
  CHECK(unresolved.state == AdjacencyState::Unresolved);
  CHECK(unresolved.next_hop == kGateway2);
  CHECK(unresolved.port == 1);
  CHECK(unresolved.mtu == 9000);

  REQUIRE(tables->set_neighbor(1, kGateway2, mac(2)));
  const Adjacency& resolved = find_adjacency(view, kFar);
  CHECK(resolved.state == AdjacencyState::Forward);
  CHECK(resolved.link_header_size == 18);
  CHECK(ByteView(resolved.link_header).first(18).size() == 18);
  const Bytes header = hex("02 00 00 00 00 02  02 00 00 00 00 a1  81 00 00 07  86 dd");
  CHECK(std::equal(header.begin(), header.end(), resolved.link_header.begin()));

  REQUIRE(tables->neighbor_failed(1, kGateway2));
  CHECK(find_adjacency(view, kFar).state == AdjacencyState::Failed);
  REQUIRE(tables->set_neighbor(1, kGateway2, mac(3)));
  CHECK(find_adjacency(view, kFar).link_header[5] == std::byte{3});
  REQUIRE(tables->remove_neighbor(1, kGateway2));
  CHECK(find_adjacency(view, kFar).state == AdjacencyState::Unresolved);
  CHECK(find_adjacency(view, kFar).next_hop == kGateway2);

  REQUIRE(tables->set_route(prefix("2001:db8:d::/48"), via(0, kGateway1)));
  REQUIRE(tables->set_neighbor(0, kGateway1, mac(1)));
  settle(*tables);
  const Adjacency& untagged = find_adjacency(view, ip6("2001:db8:d::1"));
  CHECK(untagged.link_header_size == 14);
  CHECK(untagged.mtu == 1500);
  const Bytes short_header = hex("02 00 00 00 00 01  02 00 00 00 00 a0  86 dd");
  CHECK(std::equal(short_header.begin(), short_header.end(), untagged.link_header.begin()));
}

TEST_CASE("everything that a route needed goes with it", "[routes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const std::vector<std::uint64_t> empty = usage(*tables);
  REQUIRE(tables->set_route(kFarPrefix, via_both()));
  REQUIRE(tables->set_route(kLink, on_link(0)));
  REQUIRE(tables->set_prohibited_route(prefix("2001:db8:e::/48")));
  settle(*tables);
  CHECK(fill_of(*tables, "routes").used == 3);
  CHECK(fill_of(*tables, "neighbors").used == 3);  // two gateways, one connected link
  REQUIRE(tables->remove_route(kFarPrefix));
  REQUIRE(tables->remove_route(kLink));
  REQUIRE(tables->remove_route(prefix("2001:db8:e::/48")));
  REQUIRE(tables->remove_route(kLink));  // not there: nothing to do
  settle(*tables);
  CHECK(usage(*tables) == empty);
  CHECK(tables->match_failures() == 0);
}

TEST_CASE("a route is replaced in place", "[routes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_route(kFarPrefix, via(0, kGateway1)));
  settle(*tables);
  const LeafIndex leaf = find_leaf(view, kFar);
  REQUIRE(tables->set_route(kFarPrefix, via(1, kGateway2)));
  CHECK(find_leaf(view, kFar) == leaf);
  CHECK(find_adjacency(view, kFar).next_hop == kGateway2);  // at once
  REQUIRE(tables->set_prohibited_route(kFarPrefix));
  CHECK(find_value(view, kFar).kind() == LeafKind::Prohibited);
  REQUIRE(tables->set_route(kFarPrefix, on_link(1)));
  CHECK(find_adjacency(view, kFar).next_hop.is_unspecified());
  settle(*tables);
  CHECK(find_leaf(view, kFar) == leaf);
  CHECK(fill_of(*tables, "routes").used == 1);
  CHECK(fill_of(*tables, "neighbors").used == 1);
}

TEST_CASE("a removed route's bindings go the covering way at once, and are moved", "[routes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_route(kDefault, via(0, kGateway1)));
  REQUIRE(tables->set_route(kFarPrefix, via(1, kGateway2)));
  settle(*tables);
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  REQUIRE(tables->apply(bound(2, "2001:db8:d::1")));
  const Entry* entry = find_entry(view, home(1).address());
  const Entry* bystander = find_entry(view, home(2).address());
  const LeafIndex leaf = entry->leaf;
  const LeafIndex covering = bystander->leaf;
  REQUIRE(leaf != covering);

  Worker worker(qsbr, 0);
  REQUIRE(tables->remove_route(kFarPrefix));
  // Before any background work: the same entry, the same leaf, the covering route's way.
  CHECK(find_entry(view, home(1).address()) == entry);
  CHECK(load_leaf(view.leaves[leaf]) == load_leaf(view.leaves[covering]));
  // While the leaf is still in use it follows what happens to the covering route.
  REQUIRE(tables->set_neighbor(0, kGateway1, mac(1)));
  CHECK(load_leaf(view.leaves[leaf]) == load_leaf(view.leaves[covering]));
  CHECK(view.adjacencies[load_leaf(view.leaves[leaf]).index()].state == AdjacencyState::Forward);

  CHECK(tables->maintain(64));
  CHECK(find_entry(view, home(1).address())->leaf == covering);
  CHECK(find_entry(view, home(2).address()) == bystander);
  CHECK(tables->bindings_moved() == 1);
  // The leaf is not free before the reader has moved on.
  tables->maintain(64);
  CHECK(fill_of(*tables, "route-leaves").used == 3);  // none, default, removed
  worker.quiescent();
  tables->maintain(64);
  worker.quiescent();
  tables->maintain(64);
  CHECK(fill_of(*tables, "route-leaves").used == 2);
  CHECK_FALSE(tables->has_work());
}

TEST_CASE("covering routes may go in any order", "[routes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  Worker worker(qsbr, 0);  // never quiescent until the end: nothing is moved meanwhile
  const std::vector<NextHop> gateways[] = {via(0, ip6("fe80::10")), via(0, ip6("fe80::20")),
                                           via(0, ip6("fe80::30")), via(0, ip6("fe80::40"))};
  const Prefix nested[] = {kDefault, prefix("2001:db8::/32"), kFarPrefix,
                           prefix("2001:db8:c::/64")};
  for (std::size_t i = 0; i < 4; ++i) {
    REQUIRE(tables->set_route(nested[i], gateways[i]));
  }
  tables->maintain(64);
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  const LeafIndex leaf = find_entry(view, home(1).address())->leaf;
  const auto way = [&] { return view.adjacencies[load_leaf(view.leaves[leaf]).index()].next_hop; };
  CHECK(way() == ip6("fe80::40"));
  REQUIRE(tables->remove_route(nested[3]));
  CHECK(way() == ip6("fe80::30"));
  REQUIRE(tables->remove_route(nested[2]));
  CHECK(way() == ip6("fe80::20"));
  REQUIRE(tables->set_route(nested[1], via(1, ip6("fe80::21"))));  // the one it follows changes
  CHECK(way() == ip6("fe80::21"));
  REQUIRE(tables->remove_route(nested[0]));  // not the one it follows
  CHECK(way() == ip6("fe80::21"));
  REQUIRE(tables->remove_route(nested[1]));
  CHECK(load_leaf(view.leaves[leaf]).kind() == LeafKind::NoRoute);
  // It comes back before anything was moved: it has its leaf again, and nothing needs to move.
  REQUIRE(tables->set_route(nested[3], gateways[3]));
  CHECK(way() == ip6("fe80::40"));
  worker.quiescent();
  tables->maintain(64);
  CHECK(find_entry(view, home(1).address())->leaf == leaf);
  CHECK(find_leaf(view, kFar) == leaf);
  CHECK(tables->bindings_moved() == 0);
}

TEST_CASE("a new more specific route takes the bindings that belong to it", "[routes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->apply(bound(0, "2001:db8:c::100")));  // no route at all yet
  REQUIRE(tables->set_route(kDefault, via(0, kGateway1)));
  settle(*tables);
  CHECK(find_entry(view, home(0).address())->leaf == find_leaf(view, kFar));
  CHECK(find_leaf(view, kFar) != kNoRouteLeaf);
  for (unsigned i = 1; i < 40; ++i) {
    REQUIRE(tables->apply(bound(i, i % 2 == 0 ? "2001:db8:c::1" : "2001:db8:d::1")));
  }
  REQUIRE(tables->apply(forwarding::SetPrefix{prefix("2001:db8:107::/64"), home(2)}));
  const std::uint64_t moved = tables->bindings_moved();
  REQUIRE(tables->set_route(kFarPrefix, via(1, kGateway2)));
  unsigned steps = 0;
  while (tables->maintain(4)) {  // small slices
    REQUIRE(++steps < 1000);
  }
  CHECK(steps >= 10);
  CHECK(tables->bindings_moved() == moved + 20);
  for (unsigned i = 0; i < 40; ++i) {
    const bool far = i % 2 == 0;
    INFO("binding " << i);
    CHECK(find_entry(view, home(i).address())->leaf ==
          find_leaf(view, far ? kFar : ip6("2001:db8:d::1")));
  }
  CHECK(follows(view, ip6("2001:db8:107::"), find_entry(view, home(2).address())));
  // A route that covers no binding's destination moves nothing. But they have to be looked at, in
  // slices, for somebody goes by the route that covers it.
  REQUIRE(tables->set_route(prefix("2001:db8:c:5::/64"), via(0, kGateway1)));
  steps = 0;
  while (tables->maintain(4)) {
    REQUIRE(++steps < 1000);
  }
  CHECK(steps >= 9);
  CHECK(tables->bindings_moved() == moved + 20);
}

TEST_CASE("a route that flaps faster than the background keeps its leaf", "[routes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_route(kDefault, via(0, kGateway1)));
  REQUIRE(tables->set_route(kFarPrefix, via(1, kGateway2)));
  settle(*tables);
  REQUIRE(tables->apply(bound(1, "2001:db8:c::1")));
  const LeafIndex leaf = find_entry(view, home(1).address())->leaf;
  const std::uint32_t leaves = static_cast<std::uint32_t>(fill_of(*tables, "route-leaves").used);
  Worker worker(qsbr, 0);
  for (unsigned i = 0; i < 1000; ++i) {
    REQUIRE(tables->remove_route(kFarPrefix));
    if (i % 3 == 0) {
      tables->maintain(64);
    }
    REQUIRE(tables->set_route(kFarPrefix, via(1, kGateway2)));
    CHECK(view.adjacencies[load_leaf(view.leaves[leaf]).index()].next_hop == kGateway2);
    worker.quiescent();
    tables->maintain(64);
  }
  worker.quiescent();
  tables->maintain(64);
  worker.quiescent();
  settle(*tables);
  CHECK(fill_of(*tables, "route-leaves").used == leaves);
  CHECK(find_entry(view, home(1).address())->leaf == find_leaf(view, kFar));
  CHECK(find_adjacency(view, kFar).next_hop == kGateway2);
}

TEST_CASE("many changes are one publication", "[routes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  Worker worker(qsbr, 0);
  REQUIRE(tables->set_route(kDefault, via(0, kGateway1)));
  tables->maintain(64);
  CHECK(find_leaf(view, kFar) != kNoRouteLeaf);
  // The other copy is still being read: these are collected.
  std::vector<Prefix> prefixes;
  for (unsigned i = 0; i < 20; ++i) {
    Ipv6Address address = ip6("2001:db8:c::");
    address.octets[5] = static_cast<std::uint8_t>(i);
    prefixes.emplace_back(address, 48);
    REQUIRE(tables->set_route(prefixes.back(), via(1, kGateway2)));
  }
  tables->maintain(64);
  CHECK(find_adjacency(view, prefixes[0].address()).next_hop == kGateway1);
  worker.quiescent();
  tables->maintain(64);  // replays the first, publishes all others
  for (const Prefix& each : prefixes) {
    CHECK(find_adjacency(view, each.address()).next_hop == kGateway2);
  }
  CHECK(tables->reclaimer().retired() == 2);  // two copies
}

TEST_CASE("a multipath route uses what is usable", "[routes][multipath]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_route(kFarPrefix, via_both()));
  settle(*tables);
  // Nobody is resolved: one of them, so that it gets resolved.
  CHECK(next_hops(view, kFar).size() == 1);
  CHECK(find_adjacency(view, kFar).state == AdjacencyState::Unresolved);
  REQUIRE(tables->neighbor_failed(0, kGateway1));
  CHECK(find_adjacency(view, kFar).next_hop == kGateway2);
  CHECK(find_adjacency(view, kFar).state == AdjacencyState::Unresolved);
  REQUIRE(tables->neighbor_failed(1, kGateway2));
  CHECK(find_adjacency(view, kFar).state == AdjacencyState::Failed);

  REQUIRE(tables->set_neighbor(0, kGateway1, mac(1)));
  CHECK(next_hops(view, kFar) == std::vector{kGateway1});
  CHECK(find_value(view, kFar).kind() == LeafKind::Adjacency);
  REQUIRE(tables->set_neighbor(1, kGateway2, mac(2)));
  CHECK(next_hops(view, kFar) == std::vector{kGateway1, kGateway2});
  CHECK(find_value(view, kFar).kind() == LeafKind::Multipath);

  REQUIRE(tables->set_port_up(0, false));
  CHECK(next_hops(view, kFar) == std::vector{kGateway2});
  REQUIRE(tables->set_port_up(0, false));  // again: nothing to do
  REQUIRE(tables->set_port_up(1, false));
  CHECK(next_hops(view, kFar).size() == 1);
  REQUIRE(tables->set_port_up(0, true));
  CHECK(next_hops(view, kFar) == std::vector{kGateway1});
  REQUIRE(tables->set_port_up(1, true));
  CHECK(next_hops(view, kFar) == std::vector{kGateway1, kGateway2});
  REQUIRE(tables->remove_neighbor(1, kGateway2));
  CHECK(next_hops(view, kFar) == std::vector{kGateway1});
  settle(*tables);
  CHECK(fill_of(*tables, "multipath-groups").used == 0);
}

TEST_CASE("equal next hops are one, and routes with the same ones share a group",
          "[routes][multipath]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_neighbor(0, kGateway1, mac(1)));
  REQUIRE(tables->set_neighbor(1, kGateway2, mac(2)));
  const std::vector<NextHop> weighted = {{0, kGateway1, 1}, {1, kGateway2, 1}, {0, kGateway1, 1}};
  REQUIRE(tables->set_route(kFarPrefix, weighted));
  const std::vector<NextHop> reordered = {{1, kGateway2, 1}, {0, kGateway1, 2}};
  REQUIRE(tables->set_route(prefix("2001:db8:d::/48"), reordered));
  settle(*tables);
  CHECK(find_value(view, kFar) == find_value(view, ip6("2001:db8:d::1")));
  CHECK(fill_of(*tables, "multipath-groups").used == 1);
  unsigned first = 0;
  for (std::uint32_t i = 0; i < 1500; ++i) {
    first += find_adjacency(view, kFar, i * (0xffffffffU / 1500)).next_hop == kGateway1 ? 1U : 0U;
  }
  CHECK(first >= 999);  // two thirds
  CHECK(first <= 1001);
}

TEST_CASE("a lack of groups costs a route its spread, not its way, until one is free",
          "[routes][multipath]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.max_multipath_groups = 1;  // two, with the one for replacements
  const auto tables = make_tables(small_setup(qsbr, sizes));
  const ReaderView& view = tables->readers();
  Worker worker(qsbr, 0);
  REQUIRE(tables->set_neighbor(0, kGateway1, mac(1)));
  REQUIRE(tables->set_neighbor(1, kGateway2, mac(2)));
  REQUIRE(tables->set_neighbor(1, ip6("fe80::3"), mac(3)));
  REQUIRE(tables->set_route(kFarPrefix, via_both()));
  tables->maintain(64);
  // Two changes of a member: the third group would be needed before the first is free.
  REQUIRE(tables->set_neighbor(0, kGateway1, mac(11)));
  REQUIRE(tables->set_neighbor(0, kGateway1, mac(12)));
  CHECK(next_hops(view, kFar).size() == 1);
  CHECK(find_adjacency(view, kFar).state == AdjacencyState::Forward);
  CHECK(find_adjacency(view, kFar).link_header[5] != std::byte{11});  // not the one that changed
  worker.quiescent();
  tables->maintain(64);
  worker.quiescent();
  tables->maintain(64);
  CHECK(next_hops(view, kFar) == std::vector{kGateway1, kGateway2});
}

TEST_CASE("hosts on a connected prefix get routes of their own", "[neighbors]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_route(kLink, on_link(0)));
  settle(*tables);
  // Nobody known yet: every destination is its own next hop.
  CHECK(find_adjacency(view, kHost).state == AdjacencyState::Unresolved);
  CHECK(find_adjacency(view, kHost).next_hop.is_unspecified());
  CHECK(find_adjacency(view, kHost).port == 0);

  REQUIRE(tables->set_neighbor(0, kHost, mac(5)));
  settle(*tables);
  CHECK(find_adjacency(view, kHost).state == AdjacencyState::Forward);
  CHECK(find_adjacency(view, kHost).next_hop == kHost);
  CHECK(find_adjacency(view, ip6("2001:db8:1a::6")).next_hop.is_unspecified());
  REQUIRE(tables->neighbor_failed(0, kHost));
  CHECK(find_adjacency(view, kHost).state == AdjacencyState::Failed);
  REQUIRE(tables->set_neighbor(0, kHost, mac(6)));
  CHECK(find_adjacency(view, kHost).link_header[5] == std::byte{6});

  const std::uint64_t routes = fill_of(*tables, "routes").used;
  CHECK(routes == 1);  // a host is no route of the operator's
  REQUIRE(tables->remove_neighbor(0, kHost));
  CHECK(find_adjacency(view, kHost).next_hop.is_unspecified());  // at once
  settle(*tables);
  CHECK(find_adjacency(view, kHost).next_hop.is_unspecified());
  CHECK(fill_of(*tables, "route-leaves").used == 2);
  CHECK(fill_of(*tables, "neighbors").used == 1);
}

TEST_CASE("a neighbour that is not on the link by the routes gets none", "[neighbors]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_route(kLink, on_link(0)));
  REQUIRE(tables->set_route(kDefault, via(1, kGateway2)));
  REQUIRE(tables->set_neighbor(1, kHost, mac(66)));  // on the wrong port
  REQUIRE(tables->set_neighbor(0, kFar, mac(67)));   // a foreign address
  REQUIRE(tables->set_neighbor(0, kGateway1, mac(1)));
  settle(*tables);
  CHECK(find_adjacency(view, kHost).next_hop.is_unspecified());
  CHECK(find_adjacency(view, kFar).next_hop == kGateway2);
  CHECK(find_value(view, kGateway1).kind() != LeafKind::NoRoute);  // the default route
  CHECK(find_adjacency(view, kGateway1).next_hop == kGateway2);
  CHECK(fill_of(*tables, "route-leaves").used == 3);
}

TEST_CASE("host routes come and go with the connected route", "[neighbors]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_neighbor(0, kHost, mac(5)));  // before its prefix
  settle(*tables);
  CHECK(find_value(view, kHost).kind() == LeafKind::NoRoute);
  REQUIRE(tables->set_route(kLink, on_link(0)));
  settle(*tables);
  CHECK(find_adjacency(view, kHost).next_hop == kHost);
  // A part of the link is behind a gateway: that host is no longer a neighbour to us.
  REQUIRE(tables->set_route(prefix("2001:db8:1a::/80"), via(0, kGateway1)));
  settle(*tables);
  CHECK(find_adjacency(view, kHost).next_hop == kGateway1);
  REQUIRE(tables->remove_route(prefix("2001:db8:1a::/80")));
  settle(*tables);
  CHECK(find_adjacency(view, kHost).next_hop == kHost);
  // The prefix moves to the other port.
  REQUIRE(tables->set_route(kLink, on_link(1)));
  settle(*tables);
  CHECK(find_adjacency(view, kHost).next_hop.is_unspecified());
  CHECK(find_adjacency(view, kHost).port == 1);
  REQUIRE(tables->set_route(kLink, on_link(0)));
  settle(*tables);
  CHECK(find_adjacency(view, kHost).next_hop == kHost);
  REQUIRE(tables->remove_route(kLink));
  settle(*tables);
  CHECK(find_value(view, kHost).kind() == LeafKind::NoRoute);
  // A connected route of 128 bits: the neighbour comes first.
  REQUIRE(tables->set_route(Prefix(kHost, 128), on_link(0)));
  settle(*tables);
  CHECK(find_adjacency(view, kHost).next_hop == kHost);
  REQUIRE(tables->set_route(Prefix(kHost, 128), via(1, kGateway2)));
  settle(*tables);
  CHECK(find_adjacency(view, kHost).next_hop == kGateway2);
  // An address of ours comes before all of them.
  REQUIRE(tables->set_local(kHost, LocalRole::Host));
  CHECK(find_value(view, kHost).kind() == LeafKind::Local);
}

TEST_CASE("a host that is a neighbour on both ports follows its prefix", "[neighbors]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_neighbor(0, kHost, mac(5)));
  REQUIRE(tables->set_neighbor(1, kHost, mac(6)));
  for (const std::uint16_t port : std::array<std::uint16_t, 4>{0, 1, 0, 1}) {
    REQUIRE(tables->set_route(kLink, on_link(port)));
    settle(*tables);
    CHECK(find_adjacency(view, kHost).next_hop == kHost);
    CHECK(find_adjacency(view, kHost).port == port);
  }
}

TEST_CASE("a gateway that is also a host keeps being the one when it stops being the other",
          "[neighbors]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_route(kLink, on_link(0)));
  REQUIRE(tables->set_route(kFarPrefix, via(0, kHost)));
  REQUIRE(tables->set_neighbor(0, kHost, mac(5)));
  settle(*tables);
  CHECK(find_value(view, kHost) == find_value(view, kFar));
  REQUIRE(tables->remove_neighbor(0, kHost));
  CHECK(find_adjacency(view, kFar).state == AdjacencyState::Unresolved);
  CHECK(find_adjacency(view, kFar).next_hop == kHost);
  CHECK(find_adjacency(view, kHost).next_hop.is_unspecified());
  REQUIRE(tables->set_neighbor(0, kHost, mac(7)));
  REQUIRE(tables->remove_route(kFarPrefix));
  settle(*tables);
  CHECK(find_adjacency(view, kHost).link_header[5] == std::byte{7});
}

TEST_CASE("routes are refused by name, and nothing has changed", "[routes][refusal]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.max_routes = 3;
  sizes.max_neighbors = 3;
  sizes.tbl8_groups = 14;
  const auto tables = make_tables(small_setup(qsbr, sizes));
  const auto unchanged = [&](const std::vector<std::uint64_t>& before) {
    return usage(*tables) == before;
  };
  std::vector<std::uint64_t> before = usage(*tables);
  CHECK(refusal_of(tables->set_route(kFarPrefix, via(2, kGateway1))) == TableRefusal::UnknownPort);
  CHECK(refusal_of(tables->set_neighbor(2, kGateway1, mac(1))) == TableRefusal::UnknownPort);
  CHECK(refusal_of(tables->set_port_up(2, false)) == TableRefusal::UnknownPort);
  CHECK(refusal_of(tables->set_route(kFarPrefix, {})) == TableRefusal::NoNextHop);
  const std::vector<NextHop> weightless = {{0, kGateway1, 0}};
  CHECK(refusal_of(tables->set_route(kFarPrefix, weightless)) == TableRefusal::NoNextHop);
  std::vector<NextHop> many;
  for (unsigned i = 0; i < 16; ++i) {
    Ipv6Address gateway = kGateway1;
    gateway.octets[15] = static_cast<std::uint8_t>(i);
    many.push_back({0, gateway, 1});
  }
  CHECK(refusal_of(tables->set_route(kFarPrefix, many)) == TableRefusal::TooManyNextHops);
  // The fourth and fifth of these do not fit (a neighbour per port is extra): none is left behind.
  many.resize(6);
  CHECK(refusal_of(tables->set_route(kFarPrefix, many)) == TableRefusal::NeighborsFull);
  CHECK(refusal_of(tables->set_neighbor(0, ip6("::"), mac(1))) == TableRefusal::AddressReserved);
  CHECK(refusal_of(tables->set_neighbor(0, ip6("ff02::1"), mac(1))) ==
        TableRefusal::AddressReserved);
  CHECK(unchanged(before));

  REQUIRE(tables->set_route(kLink, on_link(0)));    // 5 second-level tables
  REQUIRE(tables->set_neighbor(0, kHost, mac(5)));  // and 8
  before = usage(*tables);
  CHECK(fill_of(*tables, "tbl8-groups").used == 13);
  CHECK(refusal_of(tables->set_route(prefix("2001:db8:d:d::/64"), via(0, kGateway1))) ==
        TableRefusal::Tbl8Exhausted);
  CHECK(refusal_of(tables->set_neighbor(0, ip6("2001:db8:1a::ff:0"), mac(6))) ==
        TableRefusal::Tbl8Exhausted);
  CHECK(unchanged(before));
  // As a gateway it is taken all the same: its routes matter more than its own.
  const std::vector<NextHop> awkward = via(0, ip6("2001:db8:1a::ff:0"));
  REQUIRE(tables->set_route(prefix("2001:d00::/24"), awkward));
  CHECK(tables->set_neighbor(0, ip6("2001:db8:1a::ff:0"), mac(6)));
  CHECK(tables->host_routes_refused() == 1);
  settle(*tables);
  CHECK(find_adjacency(tables->readers(), ip6("2001:dff::1")).state == AdjacencyState::Forward);

  REQUIRE(tables->set_route(kDefault, via(0, kGateway1)));
  before = usage(*tables);
  CHECK(refusal_of(tables->set_route(prefix("3000::/16"), via(0, kGateway1))) ==
        TableRefusal::RoutesFull);
  CHECK(refusal_of(tables->set_prohibited_route(prefix("3000::/16"))) == TableRefusal::RoutesFull);
  CHECK(unchanged(before));
  CHECK(tables->set_route(kDefault, on_link(0)));  // what is there may change
}

TEST_CASE("leaves and adjacencies that wait for readers run out by name", "[routes][refusal]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  Worker worker(qsbr, 0);
  REQUIRE(tables->set_neighbor(0, kGateway1, mac(0)));
  std::optional<TableRefusal> refused;
  unsigned changes = 0;
  for (; !refused; ++changes) {
    REQUIRE(changes < 1000);
    refused = refusal_of(
        tables->set_neighbor(0, kGateway1, mac(static_cast<std::uint8_t>(1 + changes % 2))));
  }
  CHECK(refused == TableRefusal::AdjacenciesExhausted);
  // 32 neighbours, 2 ports, 64 to spare; one was in use.
  CHECK(changes == 32 + 2 + 64);
  CHECK(refusal_of(tables->set_route(kFarPrefix, via(0, kGateway2))) ==
        TableRefusal::AdjacenciesExhausted);
  CHECK(refusal_of(tables->set_neighbor(0, kGateway2, mac(2))) ==
        TableRefusal::AdjacenciesExhausted);
  CHECK(fill_of(*tables, "neighbors").used == 1);
  worker.quiescent();
  tables->maintain(1000);
  worker.quiescent();
  tables->maintain(1000);
  REQUIRE(tables->set_route(kDefault, via(0, kGateway1)));

  // A removed route keeps its leaf as long as readers may find it in a copy of the match.
  tables->maintain(1000);
  refused.reset();
  unsigned routes = 0;
  for (; !refused; ++routes) {
    REQUIRE(routes < 2000);
    Ipv6Address address = ip6("2001:db8:c::");
    address.octets[4] = static_cast<std::uint8_t>(routes >> 8U);
    address.octets[5] = static_cast<std::uint8_t>(routes & 0xffU);
    refused = refusal_of(tables->set_route(Prefix(address, 48), via(0, kGateway1)));
    if (!refused) {
      REQUIRE(tables->remove_route(Prefix(address, 48)));
    }
    tables->maintain(1000);
  }
  CHECK(refused == TableRefusal::LeavesExhausted);
  CHECK(routes > 256);
  for (unsigned i = 0; i < 4; ++i) {
    worker.quiescent();
    tables->maintain(1000);
  }
  CHECK(fill_of(*tables, "route-leaves").used == 2);
}

TEST_CASE("what has no room in the backlog is refused before it has begun", "[routes][refusal]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.max_neighbors = 512;  // more adjacencies than backlog
  sizes.reclaim_backlog = 64;
  const auto tables = make_tables(small_setup(qsbr, sizes));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_neighbor(0, kGateway1, mac(1)));
  REQUIRE(tables->set_neighbor(1, kGateway2, mac(2)));
  REQUIRE(tables->set_route(kFarPrefix, via_both()));
  settle(*tables);
  Worker worker(qsbr, 0);
  REQUIRE(tables->set_neighbor(0, ip6("fe80::99"), mac(0)));
  unsigned changes = 0;
  while (
      tables->set_neighbor(0, ip6("fe80::99"), mac(static_cast<std::uint8_t>(changes % 2 + 1)))) {
    REQUIRE(++changes < 100);
  }
  CHECK(changes == 64);
  const LeafValue before = find_value(view, kFar);
  for (const auto& refused :
       {tables->set_neighbor(0, kGateway1, mac(7)), tables->neighbor_failed(0, kGateway1),
        tables->remove_neighbor(0, kGateway1), tables->remove_neighbor(0, ip6("fe80::99")),
        tables->set_port_up(0, false), tables->remove_route(kFarPrefix),
        tables->set_route(kFarPrefix, via(0, kGateway1))}) {
    CHECK(refusal_of(refused) == TableRefusal::ReclaimBacklog);
  }
  CHECK(find_value(view, kFar) == before);
  CHECK(next_hops(view, kFar) == std::vector{kGateway1, kGateway2});
  worker.quiescent();
  CHECK(tables->neighbor_failed(0, kGateway1));
  CHECK(next_hops(view, kFar) == std::vector{kGateway2});
}

TEST_CASE("routes and neighbours are listed", "[routes]") {
  const Qsbr qsbr;
  const auto tables = make_tables(small_setup(qsbr));
  REQUIRE(tables->set_route(kDefault, via(0, kGateway1)));
  REQUIRE(tables->set_prohibited_route(kFarPrefix));
  REQUIRE(tables->set_neighbor(0, kGateway1, mac(1)));
  std::map<Prefix, LeafKind> routes;
  std::optional<std::uint32_t> cursor = 0;
  unsigned pages = 0;
  while (cursor) {
    cursor = tables->visit_routes(
        *cursor, 2, [&](const Prefix& each, LeafValue value) { routes[each] = value.kind(); });
    ++pages;
  }
  CHECK(pages == 2);
  CHECK(routes == std::map<Prefix, LeafKind>{{kDefault, LeafKind::Adjacency},
                                             {kFarPrefix, LeafKind::Prohibited}});
  unsigned neighbors = 0;
  CHECK_FALSE(tables->visit_neighbors(0, 100, [&](const Neighbor& neighbor) {
    CHECK(neighbor.key.address == kGateway1);
    CHECK(neighbor.state == AdjacencyState::Forward);
    ++neighbors;
  }));
  CHECK(neighbors == 1);
}
