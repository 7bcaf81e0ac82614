// The best route of each prefix, out of messages as a kernel sends them.
#include "dataplane/io/route_mirror.h"

#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::host;
using anyhome::test::ip6;
using anyhome::test::prefix;

namespace {

constexpr InterfaceIndex kLoopback{1};
constexpr InterfaceIndex kWest{3};
constexpr InterfaceIndex kEast{4};
constexpr InterfaceIndex kManagement{5};  // not watched
constexpr InterfaceIndex kHome{6};        // anyhome0

const Prefix kPrefix = *Prefix::parse("2001:db8:f::/48");
const NextHop kA{kWest, *Ipv6Address::parse("2001:db8:a::a"), 1};
const NextHop kB{kEast, *Ipv6Address::parse("2001:db8:b::b"), 1};
const NextHop kC{kWest, *Ipv6Address::parse("2001:db8:a::c"), 1};
const NextHop kOutside{kManagement, *Ipv6Address::parse("2001:db8:c::1"), 1};

RouteMessage route(std::vector<NextHop> next_hops, std::uint32_t metric = 1024) {
  RouteMessage message;
  message.prefix = kPrefix;
  message.table = kMainTable;
  message.metric = metric;
  message.protocol = 3;
  message.next_hops = std::move(next_hops);
  return message;
}

RouteMessage reject(RouteKind kind, std::uint32_t metric = 1024) {
  RouteMessage message = route({{kLoopback, {}, 1}}, metric);
  message.kind = kind;
  return message;
}

RouteMessage removed(RouteMessage message) {
  message.removed = true;
  return message;
}

RouteMessage replacing(RouteMessage message) {
  message.replaces = true;
  return message;
}

RouteMessage by_object(std::uint32_t id, std::vector<NextHop> next_hops = {}) {
  RouteMessage message = route(std::move(next_hops));
  message.nexthop_object = id;
  return message;
}

NexthopMessage object(std::uint32_t id, const NextHop& next_hop) {
  NexthopMessage message;
  message.id = id;
  message.next_hop = next_hop;
  return message;
}

NexthopMessage group(std::uint32_t id, std::vector<NexthopMessage::Member> members) {
  NexthopMessage message;
  message.id = id;
  message.members = std::move(members);
  return message;
}

using Events = std::vector<HostEvent>;

RouteSet set(std::vector<NextHop> next_hops, RouteKind kind = RouteKind::Unicast) {
  return {kPrefix, kind, std::move(next_hops)};
}

struct Fixture {
  RouteMirror mirror{kHome};
  Round round = 1;

  Fixture() {
    mirror.watch(kWest);
    mirror.watch(kEast);
  }
  template <class Message>
  Events apply(const Message& message) {
    Events events;
    mirror.apply(message, round, events);
    return events;
  }
  Events sweep() {
    Events events;
    mirror.sweep(round, events);
    return events;
  }
};

const Events kNothing;
const Events kGone{RouteRemoved{kPrefix}};

}  // namespace

TEST_CASE_METHOD(Fixture, "only the route of the lowest metric is told, and the next when it goes",
                 "[routes]") {
  CHECK(apply(route({kA}, 200)) == Events{set({kA})});
  CHECK(apply(route({kB}, 100)) == Events{set({kB})});
  CHECK(apply(route({kC}, 300)) == kNothing);
  CHECK(apply(removed(route({kB}, 100))) == Events{set({kA})});
  CHECK(apply(removed(route({kA}, 200))) == Events{set({kC})});
  CHECK(apply(removed(route({kC}, 300))) == kGone);
  CHECK(apply(removed(route({kC}, 300))) == kNothing);
  CHECK(mirror.size() == 0);
}

TEST_CASE_METHOD(Fixture, "the same route told again is no event", "[routes]") {
  CHECK(apply(route({kA, kB})) == Events{set({kA, kB})});
  CHECK(apply(route({kB, kA})) == kNothing);  // the kernel changes the order of siblings
}

TEST_CASE_METHOD(Fixture, "multipath: next hops come, go and change their weight", "[routes]") {
  CHECK(apply(route({kA})) == Events{set({kA})});
  CHECK(apply(route({kB, kA})) == Events{set({kA, kB})});  // append lists all
  CHECK(apply(removed(route({kA}))) == Events{set({kB})});
  NextHop heavy = kB;
  heavy.weight = 7;
  CHECK(apply(replacing(route({kA, heavy}))) == Events{set({kA, heavy})});
  CHECK(apply(removed(route({kA, heavy}))) == kGone);
}

TEST_CASE_METHOD(Fixture, "a replacement ends all siblings", "[routes]") {
  apply(route({kA, kB}));
  CHECK(apply(replacing(route({kC}))) == Events{set({kC})});
  CHECK(apply(removed(route({kA}))) == kNothing);
  CHECK(apply(replacing(reject(RouteKind::Blackhole))) == Events{set({}, RouteKind::Blackhole)});
  CHECK(apply(replacing(route({kA, kB}))) == Events{set({kA, kB})});
  CHECK(apply(removed(route({kA, kB}))) == kGone);
  CHECK_FALSE(mirror.take_doubt());
}

TEST_CASE_METHOD(Fixture, "routes that reject need no interface", "[routes]") {
  for (const RouteKind kind : {RouteKind::Blackhole, RouteKind::Unreachable, RouteKind::Prohibit}) {
    CHECK(apply(reject(kind)) == Events{set({}, kind)});
    CHECK(apply(removed(reject(kind))) == kGone);
  }
}

TEST_CASE_METHOD(Fixture, "what cannot be used is as if it were not there", "[routes]") {
  CHECK(apply(route({kOutside}, 1)) == kNothing);
  CHECK(apply(route({kA, kOutside}, 100)) == Events{set({kA})});
  CHECK(apply(removed(route({kA}, 100))) == kGone);
  CHECK(apply(route({kB}, 200)) == Events{set({kB})});
  RouteMessage unsupported = route({{kWest, {}, 1}}, 50);
  unsupported.supported = false;
  CHECK(apply(unsupported) == kNothing);
  // A route that becomes unusable is not kept as it was.
  RouteMessage encapsulated = replacing(route({kB}, 200));
  encapsulated.supported = false;
  CHECK(apply(encapsulated) == kGone);
}

TEST_CASE_METHOD(Fixture,
                 "our own home route, multicast, link-local and other tables are no routes",
                 "[routes]") {
  RouteMessage home = route({{kHome, {}, 1}}, 4096);
  home.protocol = kHomeRouteProtocol;
  CHECK(apply(home) == kNothing);
  mirror.watch(kHome);
  CHECK(apply(home) == kNothing);
  home.protocol = 3;  // an operator's route into the home network
  home.metric = 5000;
  CHECK(apply(home).size() == 1);
  RouteMessage other = route({kA});
  other.prefix = prefix("ff0e::/16");
  CHECK(apply(other) == kNothing);
  other.prefix = prefix("fe80::/64");
  CHECK(apply(other) == kNothing);
  other.prefix = prefix("2001:db8::/32");
  other.table = 100;
  CHECK(apply(other) == kNothing);
  other.table = kMainTable;
  CHECK(apply(other).size() == 1);
}

TEST_CASE_METHOD(Fixture, "the local table comes before the main table", "[routes]") {
  RouteMessage local = route({{kWest, {}, 1}}, 1024);
  local.table = kLocalTable;
  local.kind = RouteKind::Local;
  CHECK(apply(route({kA}, 1)) == Events{set({kA})});
  CHECK(apply(local) == Events{set({{kWest, {}, 1}}, RouteKind::Local)});
  CHECK(apply(removed(local)) == Events{set({kA})});
}

TEST_CASE_METHOD(Fixture,
                 "on-link routes of one metric stand beside each other, the first one counts",
                 "[routes]") {
  const NextHop west{kWest, {}, 1};
  const NextHop east{kEast, {}, 1};
  CHECK(apply(route({west}, 256)) == Events{set({west})});
  CHECK(apply(route({east}, 256)) == kNothing);
  CHECK(apply(removed(route({west}, 256))) == Events{set({east})});
  // Replacing the only one is clear; with two of them, which one went is not.
  CHECK(apply(replacing(route({west}, 256))) == Events{set({west})});
  CHECK_FALSE(mirror.take_doubt());
  apply(route({east}, 256));
  apply(replacing(route({east}, 256)));
  CHECK(mirror.take_doubt());
  CHECK_FALSE(mirror.take_doubt());
}

TEST_CASE_METHOD(Fixture, "advertised default routers stand beside each other, by preference",
                 "[routes]") {
  RouteMessage first = route({kA});
  first.protocol = kAdvertisementProtocol;
  RouteMessage second = route({kB});
  second.protocol = kAdvertisementProtocol;
  CHECK(apply(first) == Events{set({kA})});
  CHECK(apply(second) == kNothing);
  second.preference = RouterPreference::High;  // RFC 4191 §2.1
  CHECK(apply(second) == Events{set({kB})});
  CHECK(apply(removed(second)) == Events{set({kA})});
}

TEST_CASE_METHOD(Fixture, "nexthop objects: routes follow them", "[routes]") {
  CHECK(apply(by_object(10)) == kNothing);  // compat_mode=0: nothing inside, and unknown yet
  CHECK(apply(object(1, kA)) == kNothing);
  CHECK(apply(group(10, {{1, 5}, {2, 1}})) == Events{set({{kA.interface, kA.gateway, 5}})});
  CHECK(apply(object(2, kB)) == Events{set({{kA.interface, kA.gateway, 5}, kB})});
  NexthopMessage blackhole;
  blackhole.id = 10;
  blackhole.blackhole = true;
  CHECK(apply(blackhole) == Events{set({}, RouteKind::Blackhole)});
  CHECK(apply(group(10, {{2, 1}})) == Events{set({kB})});
  NexthopMessage gone = group(10, {});
  gone.removed = true;
  CHECK(apply(gone) == kGone);  // with its routes
  CHECK(mirror.size() == 0);
  CHECK(apply(group(10, {{2, 1}})) == kNothing);
}

TEST_CASE_METHOD(Fixture, "nexthop objects: what a route lists serves until the object is known",
                 "[routes]") {
  CHECK(apply(by_object(7, {kA})) == Events{set({kA})});
  CHECK(apply(replacing(by_object(7, {kB}))) == Events{set({kB})});
  CHECK(apply(removed(by_object(7, {kB}))) == kGone);
  apply(object(7, kC));
  CHECK(apply(by_object(7, {kC})) == Events{set({kC})});
  // Another object takes its place: the first is no longer its business.
  CHECK(apply(object(8, kB)) == kNothing);
  CHECK(apply(replacing(by_object(8))) == Events{set({kB})});
  CHECK(apply(object(7, kA)) == kNothing);
}

TEST_CASE_METHOD(Fixture, "a group in a circle ends", "[routes]") {
  apply(by_object(1));
  CHECK(apply(group(1, {{2, 1}})) == kNothing);
  CHECK(apply(group(2, {{1, 1}})) == kNothing);
  CHECK(apply(group(1, {{1, 1}})) == kNothing);
}

TEST_CASE_METHOD(Fixture, "mark and sweep: what is not shown again goes at the end, not before",
                 "[routes]") {
  RouteMessage kept = route({kA});
  kept.prefix = prefix("2001:db8:1::/48");
  apply(kept);
  apply(route({kB}, 100));
  apply(route({kA}, 200));
  ++round;
  // The overrun has swallowed: the metric 100 route removed, 2001:db8:2::/48 added, kept changed.
  CHECK(apply(route({kA}, 200)) == kNothing);  // still hidden behind the one that is gone
  kept.next_hops = {kC};
  CHECK(apply(kept) == Events{RouteSet{kept.prefix, RouteKind::Unicast, {kC}}});
  RouteMessage added = route({kB});
  added.prefix = prefix("2001:db8:2::/48");
  CHECK(apply(added) == Events{RouteSet{added.prefix, RouteKind::Unicast, {kB}}});
  CHECK(sweep() == Events{set({kA})});
  CHECK(sweep() == kNothing);
  ++round;
  CHECK(sweep().size() == 3);
  CHECK(mirror.size() == 0);
}

TEST_CASE_METHOD(Fixture, "mark and sweep: nexthop objects go too", "[routes]") {
  apply(object(1, kA));
  apply(by_object(1, {kB}));
  CHECK(mirror.follows_nexthop_objects());
  ++round;
  CHECK(apply(by_object(1, {kB})) == kNothing);
  CHECK(sweep() == Events{set({kB})});  // what the route itself lists
  CHECK_FALSE(mirror.follows_nexthop_objects());
}
