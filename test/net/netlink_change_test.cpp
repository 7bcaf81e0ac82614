// What Netlink changes in a real kernel, as iproute2 and the wire show it.
#include "test/net/netlink_fixture.h"
#include "test/support/neighbor_discovery.h"

using namespace anyhome;
using namespace anyhome::host;
using namespace anyhome::test;

TEST_CASE_METHOD(HostFixture, "addresses come and go", "[change]") {
  auto follower = follow();
  Netlink& netlink = follower.netlink();
  const Ipv6Address address = ip6("2001:db8:a::1a");
  // DAD on, as on an interface that is not a twin.
  sh("sysctl -qw net.ipv6.conf.west.accept_dad=1");
  must(netlink.add_address(w, address, 64));
  const std::string shown = sh("ip -6 addr show dev west");
  CHECK(has(shown, "2001:db8:a::1a/64"));
  CHECK_FALSE(has(shown, "tentative"));
  CHECK(follower.wait([&](const HostView& view) { return view.addresses.contains({w, address}); }));
  must(netlink.add_address(w, address, 64));
  must(netlink.remove_address(w, address, 64));
  CHECK_FALSE(has(sh("ip -6 addr show dev west"), "2001:db8:a::1a"));
  CHECK(follower.wait([&](const HostView& view) {
    return !view.addresses.contains({w, address});
  }));
  must(netlink.remove_address(w, address, 64));

  const auto refused = netlink.add_address(InterfaceIndex{999}, address, 64);
  REQUIRE_FALSE(refused.has_value());
  CHECK(has(refused.error(),
            "address 2001:db8:a::1a/64 cannot be put on interface 999: No such device"));
}

TEST_CASE_METHOD(HostFixture, "the home route is announced, changes its metric, and goes",
                 "[change]") {
  auto follower = follow();
  Netlink& netlink = follower.netlink();
  netlink.watch(home.ifindex());
  follower.settle();
  follower.log().clear();
  const Prefix home_prefix = prefix("2001:db8:0:1::/64");
  const auto shown = [] { return sh("ip -6 -j route show proto 250"); };

  must(netlink.set_home_route(home.ifindex(), home_prefix, 4096));
  CHECK(has(shown(), R"("dst":"2001:db8:0:1::/64","dev":"anyhome0","metric":4096)"));
  must(netlink.set_home_route(home.ifindex(), home_prefix, 4096));
  must(netlink.set_home_route(home.ifindex(), home_prefix, 8192));
  CHECK(has(shown(), R"("metric":8192)"));
  CHECK_FALSE(has(shown(), R"("metric":4096)"));
  must(netlink.set_home_route(home.ifindex(), home_prefix, 4096));
  CHECK(has(shown(), R"("metric":4096)"));
  CHECK_FALSE(has(shown(), R"("metric":8192)"));
  must(netlink.remove_home_route(home.ifindex(), home_prefix));
  CHECK(shown() == "[]\n");
  must(netlink.remove_home_route(home.ifindex(), home_prefix));

  // It is an announcement, not a route of the data path.
  follower.settle();
  CHECK(follower.log().empty());
}

TEST_CASE_METHOD(HostFixture, "a home route outlives neither its removal by others nor its device",
                 "[change]") {
  auto follower = follow();
  const Prefix home_prefix = prefix("2001:db8:0:1::/64");
  must(follower.netlink().set_home_route(home.ifindex(), home_prefix, 4096));
  sh("ip -6 route del 2001:db8:0:1::/64 proto 250");
  must(follower.netlink().set_home_route(home.ifindex(), home_prefix, 8192));
  sh("ip -6 route del 2001:db8:0:1::/64 proto 250");
  must(follower.netlink().remove_home_route(home.ifindex(), home_prefix));
  must(follower.netlink().set_home_route(home.ifindex(), home_prefix, 4096));
  home = must(TunDevice::open({.name = "other"}));
  CHECK(sh("ip -6 -j route show proto 250") == "[]\n");
}

TEST_CASE_METHOD(HostFixture, "an interface is set up", "[change]") {
  auto follower = follow();
  sh("ip link set west down");
  CHECK(follower.wait([&](const HostView& view) { return !view.links.at(w).up; }));
  must(follower.netlink().set_link_up(w));
  CHECK(has(sh("ip link show dev west"), ",UP"));
  CHECK(follower.wait([&](const HostView& view) { return view.links.at(w).carrier; }));
  CHECK_FALSE(follower.netlink().set_link_up(InterfaceIndex{999}).has_value());
}

TEST_CASE_METHOD(HostFixture, "a used neighbour is solicited, and usable when it answers",
                 "[change]") {
  auto follower = follow();
  const Ipv6Address router = ip6("2001:db8:a::99");
  must(follower.netlink().use_neighbor(w, router));
  const auto solicitation = await(west, wire::icmpv6::kNeighborSolicitation, router);
  REQUIRE(solicitation);
  CHECK(solicitation->from_mac == kWestMac);
  answer(west, *solicitation, kRouterMac);
  CHECK(follower.wait([&](const HostView& view) {
    const auto found = view.neighbors.find({w, router});
    return found != view.neighbors.end() && found->second.state == NeighborState::Usable &&
           found->second.mac == kRouterMac;
  }));
}

TEST_CASE_METHOD(HostFixture, "a neighbour that does not answer fails", "[change]") {
  sh("sysctl -qw net.ipv6.neigh.west.retrans_time_ms=20");
  auto follower = follow();
  const Ipv6Address nobody = ip6("2001:db8:a::98");
  must(follower.netlink().use_neighbor(w, nobody));
  CHECK(follower.wait([&](const HostView& view) {
    const auto found = view.neighbors.find({w, nobody});
    return found != view.neighbors.end() && found->second.state == NeighborState::Failed;
  }));
  // Used again, it is solicited again.
  Bytes buffer(9018);
  while (west.read(buffer)) {
  }
  must(follower.netlink().use_neighbor(w, nobody));
  CHECK(await(west, wire::icmpv6::kNeighborSolicitation, nobody));
}

TEST_CASE_METHOD(HostFixture, "a managed neighbour stays managed when it is used", "[change]") {
  auto follower = follow();
  Netlink& netlink = follower.netlink();
  const Ipv6Address router = ip6("2001:db8:a::99");
  const auto shown = [] { return sh("ip -6 -d neigh show 2001:db8:a::99"); };
  must(netlink.manage_neighbor(w, router));
  CHECK(has(shown(), "managed"));
  const auto solicitation = await(west, wire::icmpv6::kNeighborSolicitation, router);
  REQUIRE(solicitation);
  answer(west, *solicitation, kRouterMac);
  CHECK(eventually([&] { return has(shown(), "managed REACHABLE"); }));
  must(netlink.use_neighbor(w, router));
  CHECK(has(shown(), "managed REACHABLE"));
  must(netlink.unmanage_neighbor(w, router));
  CHECK_FALSE(has(shown(), "managed"));
  CHECK(has(shown(), "REACHABLE"));
  must(netlink.unmanage_neighbor(w, router));
  // One that the kernel has forgotten meanwhile.
  must(netlink.manage_neighbor(w, router));
  sh("ip -6 neigh del 2001:db8:a::99 dev west");
  must(netlink.unmanage_neighbor(w, router));
}

TEST_CASE_METHOD(HostFixture, "permanent neighbours are left alone", "[change]") {
  sh("ip -6 neigh add 2001:db8:a::99 lladdr 02:00:5e:10:00:99 dev west nud permanent");
  auto follower = follow();
  const Ipv6Address router = ip6("2001:db8:a::99");
  REQUIRE(follower.wait([&](const HostView& view) {
    const auto found = view.neighbors.find({w, router});
    return found != view.neighbors.end() && found->second.permanent;
  }));
  must(follower.netlink().use_neighbor(w, router));
  must(follower.netlink().manage_neighbor(w, router));
  must(follower.netlink().unmanage_neighbor(w, router));
  CHECK(has(sh("ip -6 neigh show 2001:db8:a::99"), "lladdr 02:00:5e:10:00:99 PERMANENT"));
}
