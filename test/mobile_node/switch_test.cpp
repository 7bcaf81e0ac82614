// Home Agent Switch (RFC 5142, rulings §6 and §9): make before break.
#include "test/mobile_node/support.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

// Registered at HA1 and then offered HA2.
Lab offered(mobile::Settings settings = basic_settings()) {
  Lab lab(std::move(settings));
  lab.register_and_forget();
  lab.from_network(lab.switch_offer(kAgent1, {kAgent2}, NtpTimestamp::from(lab.now.wall)));
  REQUIRE(lab.updates.size() == 1);
  REQUIRE(lab.last().header.destination == kAgent2.address());
  return lab;
}

bool takes_from(Lab& lab, const HomeAgentAddress& agent) {
  lab.delivered.clear();
  lab.from_network(packet_with(agent.address(), lab.node.care_of()->address(), 41,
                               inner_packet(kCorrespondent, kHome.address())));
  return lab.delivered.size() == 1;
}

Ipv6Address sends_to(Lab& lab) {
  lab.sent.clear();
  lab.from_host(inner_packet(kHome.address(), kCorrespondent));
  REQUIRE(lab.sent.size() == 1);
  return wire::Ipv6Header::parse(lab.sent[0])->destination;
}

}  // namespace

TEST_CASE("the switch, instant by instant", "[mobile-node]") {
  Lab lab = offered();
  // BU2 is out: both are heard, the old one is used.
  CHECK(takes_from(lab, kAgent1));
  CHECK(takes_from(lab, kAgent2));
  CHECK_FALSE(takes_from(lab, kAgent3));
  CHECK(lab.count(Counter::DropTunnelSource) == 1);
  CHECK(sends_to(lab) == kAgent1.address());
  CHECK(lab.node.state() == State::Registered);
  CHECK_FALSE(lab.node.settled());
  lab.advance(1s);
  lab.answer();
  CHECK(lab.node.settled());
  CHECK(lab.node.binding()->home_agent == kAgent2);
  CHECK(sends_to(lab) == kAgent2.address());
  lab.advance(9900ms);
  CHECK(takes_from(lab, kAgent1));
  CHECK(takes_from(lab, kAgent2));
  lab.advance(200ms);
  CHECK_FALSE(takes_from(lab, kAgent1));
  CHECK(takes_from(lab, kAgent2));
  // Draft §5.5: no de-registration at the old one.
  CHECK(lab.updates.size() == 1);
}

TEST_CASE("on demand the old home agent is de-registered from, after the new BA", "[mobile-node]") {
  mobile::Settings settings = basic_settings();
  settings.switch_deregisters = true;
  Lab lab = offered(settings);
  lab.answer();
  REQUIRE(lab.updates.size() == 2);
  CHECK(lab.last().header.destination == kAgent1.address());
  CHECK(lab.last().update.lifetime.is_zero());
  CHECK(takes_from(lab, kAgent1));
  lab.answer({.lifetime = Lifetime(0)});
  lab.advance(100s);
  CHECK(lab.updates.size() == 2);
  CHECK(lab.node.binding()->home_agent == kAgent2);
}

TEST_CASE("numbers are counted per home agent", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  const SequenceNumber at_first = lab.last().update.sequence;
  lab.answer();
  lab.from_network(lab.switch_offer(kAgent1, {kAgent2}));
  lab.answer();
  lab.from_network(lab.switch_offer(kAgent2, {kAgent1}));
  CHECK(lab.last().header.destination == kAgent1.address());
  CHECK(lab.last().update.sequence == at_first.next());
}

TEST_CASE("the home agents that share the home prefix come first", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  const HomeAgentAddress foreign(ip6("2001:db8:5::1"));
  const HomeAgentAddress multicast(ip6("ff0e::1"));
  lab.from_network(lab.switch_offer(kAgent1, {multicast, foreign, kAgent3, kAgent2}));
  CHECK(lab.last().header.destination == kAgent3.address());
  SECTION("a refusal goes on to the next") {
    lab.answer({.status = BindingStatus::InsufficientResources});
    CHECK(lab.last().header.destination == kAgent2.address());
    lab.answer({.status = BindingStatus::InsufficientResources});
    CHECK(lab.last().header.destination == foreign.address());
    lab.answer({.status = BindingStatus::InsufficientResources});
    // Nobody is left but the one that still has us.
    CHECK(lab.saw(EventKind::SwitchFailed));
    CHECK(lab.last().header.destination == kAgent1.address());
    lab.answer();
    CHECK(lab.node.settled());
    CHECK(lab.node.binding()->home_agent == kAgent1);
  }
  SECTION("so does silence") {
    lab.advance(22499ms);
    CHECK(lab.last().header.destination == kAgent3.address());
    lab.advance(2ms);
    CHECK(lab.last().header.destination == kAgent2.address());
    CHECK(lab.saw(EventKind::Unanswered));
    CHECK(sends_to(lab) == kAgent1.address());
  }
}

TEST_CASE("an empty list means discovery, with the tunnel kept", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.from_network(lab.switch_offer(kAgent1, {}));
  CHECK(lab.saw(EventKind::DiscoveryStarted));
  REQUIRE(lab.sent.size() == 1);
  CHECK(wire::Ipv6Header::parse(lab.sent[0])->destination ==
        ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"));
  CHECK(sends_to(lab) == kAgent1.address());
}

TEST_CASE("an offer of where we are", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  SECTION("our own home agent wants to see a Binding Update") {
    lab.from_network(lab.switch_offer(kAgent1, {kAgent1}));
    CHECK(lab.updates.size() == 1);
  }
  SECTION("another one believes that we are with it") {
    lab.from_network(lab.switch_offer(kAgent2, {kAgent1}));
    CHECK(lab.updates.size() == 1);
    CHECK(lab.count(Counter::SwitchesFollowed) == 0);
  }
  CHECK(lab.count(Counter::SwitchesAlreadyThere) == 1);
}

TEST_CASE("an offer that comes twice", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.from_network(lab.switch_offer(kAgent1, {kAgent2}));
  lab.answer();
  REQUIRE(lab.node.binding()->home_agent == kAgent2);
  const std::size_t before = lab.updates.size();
  lab.from_network(lab.switch_offer(kAgent1, {kAgent2}));
  CHECK(lab.updates.size() == before);
}

TEST_CASE("a repeated offer changes nothing", "[mobile-node]") {
  Lab lab = offered();
  lab.advance(5s);
  const std::size_t before = lab.updates.size();
  lab.from_network(lab.switch_offer(kAgent1, {kAgent2}));
  CHECK(lab.updates.size() == before);
  CHECK(lab.count(Counter::SwitchesAlreadyThere) == 1);
}

TEST_CASE("another home agent may call us while ours is silent", "[mobile-node]") {
  // Rulings §7: a survivor lists only itself.
  Lab lab(secure_settings());
  lab.register_and_forget();
  lab.register_now();
  lab.advance(3s);
  lab.from_network(lab.switch_offer(kAgent2, {kAgent2}, NtpTimestamp::from(lab.now.wall)));
  CHECK(lab.last().header.destination == kAgent2.address());
  lab.answer();
  CHECK(lab.node.binding()->home_agent == kAgent2);
}

TEST_CASE("with a key, an offer needs authenticator and timestamp", "[mobile-node]") {
  Lab lab(secure_settings());
  lab.register_and_forget();
  const NtpTimestamp time = NtpTimestamp::from(lab.now.wall);
  const auto ignored = [&](const Bytes& packet, Counter counter) {
    lab.from_network(packet);
    CHECK(lab.count(counter) == 1);
    CHECK(lab.updates.empty());
  };
  SECTION("no authenticator") {
    ignored(lab.switch_offer(kAgent1, {kAgent2}, time, false), Counter::DropSwitchUnauthenticated);
  }
  SECTION("no timestamp") {
    ignored(lab.switch_offer(kAgent1, {kAgent2}), Counter::DropSwitchUnauthenticated);
  }
  SECTION("made for another care-of address") {
    lab.attach(kCareOf2);
    lab.answer();
    lab.forget();
    Bytes packet = lab.switch_offer(kAgent1, {kAgent2}, time);
    const auto& old = kCareOf1.address().octets;
    std::ranges::copy(std::as_bytes(std::span(old)), packet.begin() + 24);
    ignored(packet, Counter::DropSwitchBadAuthenticator);
  }
  SECTION("a replay") {
    const Bytes packet = lab.switch_offer(kAgent1, {kAgent2}, time);
    lab.from_network(packet);
    REQUIRE(lab.updates.size() == 1);
    lab.answer();
    lab.from_network(lab.switch_offer(kAgent2, {kAgent1}, time));
    lab.answer();
    REQUIRE(lab.node.binding()->home_agent == kAgent1);
    lab.forget();
    ignored(packet, Counter::DropSwitchReplayed);
  }
}

TEST_CASE("without a key, a stranger's offer is ignored", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.from_network(lab.switch_offer(HomeAgentAddress(ip6("2001:db8:bad::1")), {kAgent2}));
  CHECK(lab.updates.empty());
  CHECK(lab.count(Counter::DropSwitchFromStranger) == 1);
}

TEST_CASE("nobody is followed after a de-registration", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.deregister();
  lab.answer({.lifetime = Lifetime(0)});
  lab.forget();
  lab.from_network(lab.switch_offer(kAgent1, {kAgent2}));
  CHECK(lab.updates.empty());
  CHECK(lab.count(Counter::DropSwitchNotAway) == 1);
}

TEST_CASE("a move in the middle of a switch goes on to the new home agent", "[mobile-node]") {
  Lab lab = offered();
  lab.attach(kCareOf2);
  CHECK(lab.last().header.destination == kAgent2.address());
  CHECK(lab.last().header.source == kCareOf2.address());
  lab.answer();
  CHECK(lab.node.settled());
}

TEST_CASE("a home agent found by switch and lost leads back to the configured one",
          "[mobile-node]") {
  Lab lab = offered();
  lab.answer();
  lab.forget();
  lab.advance(241s);  // refresh at HA2, which is dead: 1 + 2 + 4 + 8 + 16 s
  lab.advance(31s);
  CHECK(lab.last().header.destination == kAgent1.address());
}
