// Interfaces, addresses and neighbours: what is news, and what a round forgets.
#include "dataplane/io/host_mirror.h"

#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::host;
using anyhome::test::ip6;
using anyhome::test::prefix;

namespace {

constexpr InterfaceIndex kTwin{3};
constexpr InterfaceIndex kOther{4};
constexpr MacAddress kMac{0x02, 0, 0x5e, 0, 0, 2};
using Events = std::vector<HostEvent>;
const Events kNothing;

LinkMessage link(bool up, bool carrier, InterfaceIndex interface = kTwin) {
  LinkMessage message;
  message.link = {interface, "twin", up, carrier, 1500, kMac};
  return message;
}

AddressMessage address(std::string_view text, bool assigned = true,
                       InterfaceIndex interface = kTwin) {
  AddressMessage message;
  message.assigned = assigned;
  message.address = {interface, ip6(text), 64};
  return message;
}

NeighborMessage neighbor(NeighborState state, InterfaceIndex interface = kTwin) {
  NeighborMessage message;
  message.neighbor.interface = interface;
  message.neighbor.address = ip6("2001:db8::2");
  message.neighbor.state = state;
  if (state == NeighborState::Usable) {
    message.neighbor.mac = kMac;
  }
  return message;
}

RouteMessage route() {
  RouteMessage message;
  message.prefix = prefix("2001:db8:f::/48");
  message.table = kMainTable;
  message.next_hops = {{kTwin, ip6("2001:db8::2"), 1}};
  return message;
}

struct Fixture {
  HostMirror mirror;

  Fixture() {
    mirror.watch(kTwin);
    mirror.begin_round();
  }
  template <class Body>
  Events apply(const Body& body) {
    Events events;
    mirror.apply({.sequence = 0, .inconsistent = false, .body = body}, events);
    return events;
  }
  Events end(Sweep what) {
    Events events;
    mirror.end_round(what, events);
    return events;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "links: only what changes, only what is watched", "[mirror]") {
  CHECK(apply(link(true, true)) == Events{link(true, true).link});
  CHECK(apply(link(true, true)) == kNothing);
  CHECK(apply(link(true, false)) == Events{link(true, false).link});
  CHECK(apply(link(true, true, kOther)) == kNothing);
  CHECK_FALSE(mirror.take_doubt());
  LinkMessage gone = link(false, false);
  gone.removed = true;
  CHECK(apply(gone) == Events{LinkRemoved{kTwin}});
  CHECK(mirror.take_doubt());
}

TEST_CASE_METHOD(Fixture, "an interface set down asks for a dump", "[mirror]") {
  apply(link(true, true));
  apply(link(false, false));
  CHECK(mirror.take_doubt());
  apply(link(true, true));
  CHECK_FALSE(mirror.take_doubt());
  // With nexthop objects the carrier is enough.
  NexthopMessage object;
  object.id = 1;
  object.next_hop = NextHop{kTwin, ip6("2001:db8::2"), 1};
  apply(object);
  apply(link(true, false));
  CHECK(mirror.take_doubt());
}

TEST_CASE_METHOD(Fixture, "addresses: a tentative one is none yet", "[mirror]") {
  CHECK(apply(address("2001:db8::1", false)) == kNothing);
  const Events added{address("2001:db8::1").address};
  CHECK(apply(address("2001:db8::1")) == added);
  CHECK(apply(address("2001:db8::1")) == kNothing);
  CHECK(apply(address("2001:db8::9", true, kOther)) == kNothing);
  const Events removed{AddressRemoved{kTwin, ip6("2001:db8::1")}};
  CHECK(apply(address("2001:db8::1", false)) == removed);  // DAD has failed later
  CHECK(apply(address("2001:db8::1")) == added);
  AddressMessage gone = address("2001:db8::1");
  gone.removed = true;
  CHECK(apply(gone) == removed);
  CHECK(apply(gone) == kNothing);
}

TEST_CASE_METHOD(Fixture, "neighbours: the kernel's probing is no news", "[mirror]") {
  CHECK(apply(neighbor(NeighborState::Unresolved)) ==
        Events{neighbor(NeighborState::Unresolved).neighbor});
  CHECK(apply(neighbor(NeighborState::Usable)) == Events{neighbor(NeighborState::Usable).neighbor});
  CHECK(apply(neighbor(NeighborState::Usable)) == kNothing);  // REACHABLE, STALE, DELAY, PROBE
  NeighborMessage moved = neighbor(NeighborState::Usable);
  moved.neighbor.mac = MacAddress{0x02, 0, 0x5e, 0, 0, 3};
  CHECK(apply(moved) == Events{moved.neighbor});
  CHECK(apply(neighbor(NeighborState::Removed)) ==
        Events{neighbor(NeighborState::Removed).neighbor});
  CHECK(apply(neighbor(NeighborState::Removed)) == kNothing);
  CHECK(apply(neighbor(NeighborState::Usable, kOther)) == kNothing);
}

TEST_CASE_METHOD(Fixture, "permanent neighbours are known", "[mirror]") {
  apply(neighbor(NeighborState::Usable));
  CHECK_FALSE(mirror.is_permanent(kTwin, ip6("2001:db8::2")));
  NeighborMessage permanent = neighbor(NeighborState::Usable);
  permanent.neighbor.permanent = true;
  CHECK(apply(permanent).size() == 1);
  CHECK(mirror.is_permanent(kTwin, ip6("2001:db8::2")));
  CHECK_FALSE(mirror.is_permanent(kOther, ip6("2001:db8::2")));
}

TEST_CASE_METHOD(Fixture, "a round removes what it has not seen, children before the interface",
                 "[mirror]") {
  apply(link(true, true));
  apply(address("2001:db8::1"));
  apply(address("2001:db8::5"));
  apply(neighbor(NeighborState::Usable));
  apply(route());
  mirror.begin_round();
  CHECK(apply(address("2001:db8::5")) == kNothing);
  CHECK(end(Sweep::Nothing) == kNothing);
  CHECK(end(Sweep::Missing) ==
        Events{RouteRemoved{prefix("2001:db8:f::/48")}, neighbor(NeighborState::Removed).neighbor,
               AddressRemoved{kTwin, ip6("2001:db8::1")}, LinkRemoved{kTwin}});
  CHECK(end(Sweep::Missing) == kNothing);
}

TEST_CASE_METHOD(Fixture, "a disturbed round removes only what two in a row have missed",
                 "[mirror]") {
  apply(route());
  mirror.begin_round();
  apply(address("2001:db8::5"));
  CHECK(end(Sweep::MissingTwice) == kNothing);
  mirror.begin_round();
  CHECK(end(Sweep::MissingTwice) == Events{RouteRemoved{prefix("2001:db8:f::/48")}});
}

TEST_CASE_METHOD(Fixture, "an interface that is watched no longer goes with the next round",
                 "[mirror]") {
  apply(link(true, true));
  apply(route());
  mirror.unwatch(kTwin);
  mirror.begin_round();
  CHECK(apply(link(true, true)) == kNothing);
  CHECK(apply(route()) == Events{RouteRemoved{prefix("2001:db8:f::/48")}});
  CHECK(end(Sweep::Missing) == Events{LinkRemoved{kTwin}});
}
