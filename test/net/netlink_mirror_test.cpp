// The mirror against a real kernel, changed by iproute2.
#include "test/net/netlink_fixture.h"
#include "test/support/neighbor_discovery.h"

using namespace anyhome;
using namespace anyhome::host;
using namespace anyhome::test;

namespace {

const Prefix kPrefix = *Prefix::parse("2001:db8:f::/48");

struct MirrorFixture : HostFixture {
  HostFollower follower = follow();
  NextHop via_west{w, ip6("2001:db8:a::2"), 1};
  NextHop via_west_too{w, ip6("2001:db8:a::3"), 1};
  NextHop via_east{e, ip6("2001:db8:b::2"), 1};

  MirrorFixture() { follower.settle(); }

  bool becomes(const std::vector<NextHop>& next_hops, RouteKind kind = RouteKind::Unicast) {
    return follower.wait([&](const HostView& /*view*/) {
      const RouteSet* route = follower.route(kPrefix);
      return route != nullptr && *route == RouteSet{kPrefix, kind, next_hops};
    });
  }
  bool goes() {
    return follower.wait([&](const HostView&) { return follower.route(kPrefix) == nullptr; });
  }
  // What a dump into an empty mirror shows.
  HostView fresh_view() const {
    auto fresh = follow();
    fresh.settle();
    return fresh.view();
  }
};

}  // namespace

TEST_CASE_METHOD(MirrorFixture, "what is there at the start is told, then Synchronized",
                 "[mirror]") {
  const HostView& view = follower.view();
  CHECK(follower.log().back() == HostEvent{Synchronized{}});
  REQUIRE(view.links.size() == 2);
  CHECK(view.links.at(w) == LinkChanged{w, "west", true, true, 1500, kWestMac});
  CHECK(view.addresses.contains({w, ip6("2001:db8:a::1")}));
  CHECK(view.addresses.contains({e, ip6("2001:db8:b::1")}));
  const Prefix connected = prefix("2001:db8:a::/64");
  const Prefix local = prefix("2001:db8:a::1/128");
  REQUIRE(view.routes.contains(connected));
  CHECK(view.routes.at(connected) == RouteSet{connected, RouteKind::Unicast, {{w, {}, 1}}});
  REQUIRE(view.routes.contains(local));
  CHECK(view.routes.at(local) == RouteSet{local, RouteKind::Local, {{w, {}, 1}}});
  for (const auto& [route_prefix, route] : view.routes) {
    INFO(route_prefix.to_string());
    CHECK_FALSE(route_prefix.address().is_multicast());
    CHECK_FALSE(route_prefix.address().is_link_local());
  }
}

TEST_CASE_METHOD(MirrorFixture, "a route is added, replaced and deleted", "[mirror]") {
  sh("ip -6 route add 2001:db8:f::/48 via 2001:db8:a::2");
  CHECK(becomes({via_west}));
  sh("ip -6 route replace 2001:db8:f::/48 via 2001:db8:b::2");
  CHECK(becomes({via_east}));
  sh("ip -6 route del 2001:db8:f::/48");
  CHECK(goes());
}

TEST_CASE_METHOD(MirrorFixture, "multipath with weights", "[mirror]") {
  via_west.weight = 3;
  sh("ip -6 route add 2001:db8:f::/48 nexthop via 2001:db8:a::2 weight 3 nexthop via "
     "2001:db8:b::2");
  CHECK(becomes({via_west, via_east}));
  sh("ip -6 route append 2001:db8:f::/48 via 2001:db8:a::3");
  CHECK(becomes({via_west, via_west_too, via_east}));
  sh("ip -6 route del 2001:db8:f::/48 via 2001:db8:a::2");
  CHECK(becomes({via_west_too, via_east}));
  sh("ip -6 route del 2001:db8:f::/48");
  CHECK(goes());
}

TEST_CASE_METHOD(MirrorFixture, "the lowest metric wins, and the next takes over", "[mirror]") {
  sh("ip -6 route add 2001:db8:f::/48 via 2001:db8:a::2 metric 200");
  CHECK(becomes({via_west}));
  sh("ip -6 route add 2001:db8:f::/48 via 2001:db8:b::2 metric 100");
  CHECK(becomes({via_east}));
  sh("ip -6 route add 2001:db8:f::/48 via 2001:db8:a::3 metric 300");
  sh("ip -6 route del 2001:db8:f::/48 metric 100");
  CHECK(becomes({via_west}));
  sh("ip -6 route del 2001:db8:f::/48 metric 200");
  CHECK(becomes({via_west_too}));
}

TEST_CASE_METHOD(MirrorFixture, "routes that reject", "[mirror]") {
  sh("ip -6 route add blackhole 2001:db8:f::/48");
  CHECK(becomes({}, RouteKind::Blackhole));
  sh("ip -6 route replace unreachable 2001:db8:f::/48");
  CHECK(becomes({}, RouteKind::Unreachable));
  sh("ip -6 route replace prohibit 2001:db8:f::/48");
  CHECK(becomes({}, RouteKind::Prohibit));
  sh("ip -6 route replace 2001:db8:f::/48 via 2001:db8:a::2");
  CHECK(becomes({via_west}));
}

TEST_CASE_METHOD(MirrorFixture, "routes through other interfaces do not count", "[mirror]") {
  const TapDevice other = must(TapDevice::open({.name = "other", .mac = kRouterMac}));
  add_address("other", "2001:db8:c::1/64");
  sh("ip -6 route add 2001:db8:f::/48 via 2001:db8:c::2 metric 1");
  sh("ip -6 route add 2001:db8:f::/48 metric 10 nexthop via 2001:db8:c::2 nexthop via "
     "2001:db8:b::2");
  CHECK(becomes({via_east}));
  CHECK_FALSE(follower.view().routes.contains(prefix("2001:db8:c::/64")));
  follower.netlink().watch(other.ifindex());
  CHECK(becomes({{other.ifindex(), ip6("2001:db8:c::2"), 1}}));
  CHECK(follower.view().routes.contains(prefix("2001:db8:c::/64")));
  follower.netlink().unwatch(other.ifindex());
  CHECK(becomes({via_east}));
  follower.settle();
  CHECK_FALSE(follower.view().links.contains(other.ifindex()));
}

TEST_CASE_METHOD(MirrorFixture, "nexthop objects and their groups", "[mirror]") {
  const int compatible = GENERATE(1, 0);
  INFO("nexthop_compat_mode " << compatible);
  sh("sysctl -qw net.ipv4.nexthop_compat_mode=" + std::to_string(compatible));
  sh("ip nexthop add id 1 via 2001:db8:a::2 dev west; ip nexthop add id 2 via 2001:db8:b::2 dev "
     "east;"
     "ip nexthop add id 10 group 1,5/2; ip -6 route add 2001:db8:f::/48 nhid 10");
  via_west.weight = 5;
  CHECK(becomes({via_west, via_east}));
  via_west_too.weight = 5;
  sh("ip nexthop replace id 1 via 2001:db8:a::3 dev west");
  CHECK(becomes({via_west_too, via_east}));
  sh("ip nexthop del id 1");
  CHECK(becomes({via_east}));
  sh("ip nexthop del id 10");
  CHECK(goes());
}

TEST_CASE_METHOD(MirrorFixture, "nexthop objects go in silence with the carrier", "[mirror]") {
  sh("sysctl -qw net.ipv4.nexthop_compat_mode=0");
  sh("ip nexthop add id 1 via 2001:db8:a::2 dev west; ip nexthop add id 2 via 2001:db8:b::2 dev "
     "east;"
     "ip nexthop add id 10 group 1/2; ip -6 route add 2001:db8:f::/48 nhid 10");
  CHECK(becomes({via_west, via_east}));
  must(west.set_carrier(false));
  CHECK(becomes({via_east}));
  must(east.set_carrier(false));
  CHECK(goes());
}

TEST_CASE_METHOD(MirrorFixture, "a link goes down and comes back", "[mirror]") {
  must(west.set_carrier(false));
  CHECK(follower.wait([&](const HostView& view) { return !view.links.at(w).carrier; }));
  CHECK(follower.view().links.at(w).up);
  CHECK(follower.view().addresses.contains({w, ip6("2001:db8:a::1")}));
  must(west.set_carrier(true));
  CHECK(follower.wait([&](const HostView& view) { return view.links.at(w).carrier; }));
  sh("ip link set west mtu 1400");
  CHECK(follower.wait([&](const HostView& view) { return view.links.at(w).mtu == 1400; }));
}

TEST_CASE_METHOD(MirrorFixture, "an interface set down takes its routes along, silent or not",
                 "[mirror]") {
  const int silent = GENERATE(0, 1);
  sh("sysctl -qw net.ipv6.route.skip_notify_on_dev_down=" + std::to_string(silent));
  sh("ip -6 route add 2001:db8:f::/48 via 2001:db8:a::2");
  CHECK(becomes({via_west}));
  sh("ip link set west down");
  CHECK(goes());
  follower.settle();
  CHECK(follower.view() == fresh_view());
  CHECK_FALSE(follower.view().addresses.contains({w, ip6("2001:db8:a::1")}));
}

TEST_CASE_METHOD(MirrorFixture, "a deleted interface is gone with all it had", "[mirror]") {
  sh("ip -6 route add 2001:db8:f::/48 via 2001:db8:a::2");
  CHECK(becomes({via_west}));
  sh("ip link delete west");
  CHECK(follower.wait([&](const HostView& view) { return !view.links.contains(w); }));
  follower.settle();
  CHECK(follower.view() == fresh_view());
  CHECK(follower.view().links.size() == 1);
}

TEST_CASE_METHOD(MirrorFixture, "addresses are told when they can be used", "[mirror]") {
  sh("sysctl -qw net.ipv6.conf.east.accept_dad=1 net.ipv6.conf.east.dad_transmits=1 "
     "net.ipv6.neigh.east.retrans_time_ms=50 net.ipv6.conf.east.router_solicitation_delay=0");
  const Ipv6Address address = ip6("2001:db8:b::77");
  sh("ip -6 addr add 2001:db8:b::77/64 dev east");
  follower.receive_once();
  CHECK_FALSE(follower.view().addresses.contains({e, address}));
  CHECK(follower.wait([&](const HostView& view) { return view.addresses.contains({e, address}); }));
}

TEST_CASE_METHOD(MirrorFixture, "a neighbour's MAC changes, and it is removed", "[mirror]") {
  const HostView::Key key{w, ip6("2001:db8:a::99")};
  const auto mac_is = [&](const MacAddress& mac) {
    return follower.wait([&](const HostView& view) {
      return view.neighbors.contains(key) && view.neighbors.at(key).mac == mac;
    });
  };
  sh("ip -6 neigh add 2001:db8:a::99 lladdr 02:00:5e:10:00:99 dev west nud stale");
  CHECK(mac_is(kRouterMac));
  sh("ip -6 neigh replace 2001:db8:a::99 lladdr 02:00:5e:10:00:02 dev west nud reachable");
  CHECK(mac_is(kEastMac));
  sh("ip -6 neigh del 2001:db8:a::99 dev west");
  CHECK(follower.wait([&](const HostView& view) { return !view.neighbors.contains(key); }));
}

TEST_CASE_METHOD(MirrorFixture, "the descriptor is readable while there is something to do",
                 "[mirror]") {
  const Deadline now(std::chrono::milliseconds(0));
  CHECK_FALSE(wait_readable(follower.netlink().fd(), now));
  sh("ip -6 route add 2001:db8:f::/48 via 2001:db8:a::2");
  CHECK(wait_readable(follower.netlink().fd(), now));
  CHECK(becomes({via_west}));
  CHECK_FALSE(wait_readable(follower.netlink().fd(), now));
  follower.netlink().watch(home.ifindex());
  CHECK(wait_readable(follower.netlink().fd(), now));
  follower.settle();
  CHECK_FALSE(wait_readable(follower.netlink().fd(), now));

  // One datagram per call: the work that is left shows every time, at the start and afterwards.
  HostFollower slow({.datagrams_per_receive = 1}, {w, e});
  const auto finishes = [&](const auto& condition) {
    unsigned calls = 0;
    while (!slow.netlink().synchronized() || !condition()) {
      REQUIRE(wait_readable(slow.netlink().fd(), now));
      slow.receive_once();
      REQUIRE(++calls < 100);
    }
    slow.receive_once();
    CHECK_FALSE(wait_readable(slow.netlink().fd(), now));
    return calls > netlink::kDumpCount;
  };
  CHECK(finishes([] { return true; }));
  sh("ip link set west down");  // in doubt, and nothing more to read
  CHECK(finishes([&] { return !slow.view().links.at(w).up; }));
}
