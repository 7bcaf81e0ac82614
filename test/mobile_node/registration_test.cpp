// When Binding Updates go out, and what is in them.
#include "test/mobile_node/support.h"

using namespace anyhome;
using namespace anyhome::test;

TEST_CASE("the first Binding Update is the one of the golden vectors", "[mobile-node]") {
  // Status 135 sets the number; seed 3 starts with one that is older than 14.
  Lab lab(basic_settings(), 3);
  lab.attach();
  lab.answer({.status = BindingStatus::SequenceOutOfWindow, .sequence = 14});
  REQUIRE(lab.updates.size() == 2);
  const SentUpdate& update = lab.last();
  // Protocol digest §21: BU seq 15 AH life 75 + AltCoA.
  CHECK(dump(update.message) == dump(hex("3b 03 05 00 6e a4 00 0f c0 00 00 4b 01 00 03 10"
                                         "20 01 0d b8 00 ff 00 00 00 00 00 00 00 00 01 00")));
  CHECK(dump(ByteView(update.packet).first(64)) ==
        dump(hex("60 00 00 00 00 38 3c 40"
                 "20 01 0d b8 00 ff 00 00 00 00 00 00 00 00 01 00"
                 "20 01 0d b8 00 00 00 01 00 00 00 00 00 00 00 1a"
                 "87 02 01 02 00 00 c9 10"
                 "20 01 0d b8 00 00 00 01 00 00 00 00 00 00 01 00")));
}

TEST_CASE("an accepted registration", "[mobile-node]") {
  Lab lab(basic_settings());
  CHECK(lab.node.state() == State::Detached);
  lab.attach();
  CHECK(lab.node.state() == State::Registering);
  lab.now.instant += 20ms;
  lab.answer();
  CHECK(lab.node.state() == State::Registered);
  CHECK(lab.node.settled());
  REQUIRE(lab.node.binding());
  CHECK(lab.node.binding()->home_agent == kAgent1);
  CHECK(lab.node.binding()->lifetime == Lifetime(75));
  // RFC 6275 §11.7.3: from the sending of the Binding Update.
  CHECK(lab.node.binding()->expires == lab.updates[0].at + 300s);
  const auto acknowledged = std::ranges::find(lab.events, EventKind::Acknowledged, &Event::kind);
  REQUIRE(acknowledged != lab.events.end());
  CHECK(acknowledged->latency == Duration(20ms));
  CHECK(lab.count(Counter::AcknowledgementsAccepted) == 1);
}

TEST_CASE("retransmissions double up to 32 s, each with a new number", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  lab.advance(200s);
  // RFC 6275 §11.8: 1.5 s for the first registration, then doubled, at most 32 s, for ever.
  CHECK(lab.sending_times() ==
        std::vector<long>{0, 1500, 4500, 10500, 22500, 46500, 78500, 110500, 142500, 174500});
  for (std::size_t i = 1; i < lab.updates.size(); ++i) {
    CHECK(lab.updates[i].update.sequence == lab.updates[i - 1].update.sequence.next());
  }
  CHECK(lab.count(Counter::BindingUpdatesSent) == 10);
  CHECK(lab.count(Counter::BindingUpdatesRetransmitted) == 9);
}

TEST_CASE("a refresh is retransmitted from 1 s on", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.advance(250s);
  // A fifth of the lifetime, at most 60 s, is left for retransmissions.
  REQUIRE_FALSE(lab.updates.empty());
  CHECK(lab.updates[0].at - lab.now.instant == Duration(-10s));
  lab.advance(25s);
  CHECK(lab.sending_times() == std::vector<long>{0, 1000, 3000, 7000, 15000, 31000});
  CHECK(lab.node.state() == State::Registered);
  lab.advance(30s);
  CHECK(lab.saw(EventKind::BindingExpired));
  CHECK(lab.node.state() == State::Registering);
}

TEST_CASE("an answer to an earlier copy counts, from that copy's sending", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  lab.advance(2s);
  REQUIRE(lab.updates.size() == 2);
  lab.from_network(lab.answer_to(lab.updates[0]));
  CHECK(lab.node.state() == State::Registered);
  CHECK(lab.node.binding()->expires == lab.updates[0].at + 300s);
}

TEST_CASE("Binding Refresh Advice decides when it is below the lifetime", "[mobile-node]") {
  const auto refresh_after = [](Lifetime advice) {
    Lab lab(basic_settings());
    lab.register_and_forget({.refresh_advice = advice});
    lab.advance(299s);
    REQUIRE_FALSE(lab.updates.empty());
    return (lab.updates[0].at - Instant{1h}) / 1s;
  };
  CHECK(refresh_after(Lifetime(10)) == 40);
  CHECK(refresh_after(Lifetime(75)) == 240);  // not below: ignored
  CHECK(refresh_after(Lifetime(0)) == 240);
}

TEST_CASE("short lifetimes are refreshed in time", "[mobile-node]") {
  mobile::Settings settings = basic_settings();
  settings.lifetime = Lifetime(1);
  Lab lab(settings);
  lab.attach();
  lab.answer({.lifetime = Lifetime(1)});
  lab.forget();
  lab.advance(2500ms);
  REQUIRE_FALSE(lab.updates.empty());
  CHECK(lab.updates[0].at - Instant{1h} == Duration(2s));
}

TEST_CASE("the granted lifetime is never longer than the one asked for", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  lab.answer({.lifetime = Lifetime(10000)});
  CHECK(lab.node.binding()->lifetime == Lifetime(75));
}

TEST_CASE("at most three Binding Updates a second", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  for (int i = 0; i < 10; ++i) {
    lab.register_now();
    lab.advance(50ms);
  }
  lab.advance(600ms);
  CHECK(lab.sending_times() == std::vector<long>{0, 0, 50, 1000});
}

TEST_CASE("a move registers the new care-of address and still hears the old one", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.attach(kCareOf2);
  REQUIRE(lab.updates.size() == 1);
  CHECK(lab.last().header.source == kCareOf2.address());
  CHECK(lab.last().update.options.alternate_care_of == kCareOf2);
  CHECK(lab.node.state() == State::Registering);
  const Bytes inner = inner_packet(kCorrespondent, kHome.address());
  const Bytes to_old = packet_with(kAgent1.address(), kCareOf1.address(), 41, inner);
  lab.advance(900ms);
  lab.from_network(to_old);
  CHECK(lab.delivered.size() == 1);
  lab.answer();
  CHECK(lab.node.state() == State::Registered);
  lab.advance(9900ms);
  lab.from_network(to_old);
  CHECK(lab.delivered.size() == 2);
  lab.advance(200ms);
  lab.from_network(to_old);
  CHECK(lab.delivered.size() == 2);
  CHECK(lab.count(Counter::DropNotForUs) == 1);
}

TEST_CASE("what the host sends during a move leaves from the new address", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.attach(kCareOf2);
  lab.from_host(inner_packet(kHome.address(), kCorrespondent));
  REQUIRE(lab.sent.size() == 1);
  CHECK(wire::Ipv6Header::parse(lab.sent[0])->source == kCareOf2.address());
}

TEST_CASE("de-registration", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.deregister();
  CHECK(lab.node.state() == State::Deregistering);
  REQUIRE(lab.updates.size() == 1);
  CHECK(lab.last().update.lifetime.is_zero());
  CHECK(lab.last().update.has(wire::bu_flag::kHomeRegistration));
  lab.from_host(inner_packet(kHome.address(), kCorrespondent));
  CHECK(lab.sent.empty());
  CHECK(lab.count(Counter::DropHostNotRegistered) == 1);
  lab.answer({.lifetime = Lifetime(0)});
  CHECK(lab.node.state() == State::Home);
  CHECK(lab.node.settled());
  CHECK(lab.saw(EventKind::Deregistered));
  lab.advance(1000s);
  CHECK(lab.updates.size() == 1);
  lab.register_now();
  CHECK(lab.updates.size() == 2);
  CHECK(lab.last().update.lifetime == Lifetime(75));
}

TEST_CASE("a de-registration nobody answers ends", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.deregister();
  lab.advance(100s);
  CHECK(lab.sending_times() == std::vector<long>{0, 1000, 3000, 7000, 15000});
  CHECK(lab.node.state() == State::Home);
  CHECK(lab.saw(EventKind::Unanswered));
}

TEST_CASE("what a mobile router says of its prefixes", "[mobile-node]") {
  mobile::Settings settings = basic_settings();
  settings.prefixes = {prefix("2001:db8:0:100::/64"), prefix("2001:db8:0:200::/56")};
  SECTION("explicit: in every Binding Update") {
    settings.mobile_router = mobile::MobileRouterMode::Explicit;
    Lab lab(settings);
    lab.register_and_forget({.flags = wire::ba_flag::kMobileRouter});
    lab.advance(241s);
    const auto& options = lab.last().update.options;
    CHECK(lab.last().update.has(wire::bu_flag::kMobileRouter));
    REQUIRE(options.mobile_network_prefixes.size() == 2);
    CHECK(options.mobile_network_prefixes[1].prefix() == settings.prefixes[1]);
  }
  SECTION("implicit: nothing, but the flag") {
    settings.mobile_router = mobile::MobileRouterMode::Implicit;
    Lab lab(settings);
    lab.attach();
    CHECK(lab.last().update.has(wire::bu_flag::kMobileRouter));
    CHECK(lab.last().update.options.mobile_network_prefixes.empty());
  }
}

TEST_CASE("a Binding Refresh Request is answered by a Binding Update", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  const auto request = [&](const HomeAgentAddress& from) {
    std::array<std::byte, 64> buffer{};
    wire::MessageWriter writer = wire::start_binding_refresh_request(buffer);
    lab.from_network(lab.packet_of(writer, from.address(), kCareOf1.address(), {}, true));
  };
  request(kAgent2);
  CHECK(lab.updates.empty());
  CHECK(lab.count(Counter::DropRefreshRequestFromStranger) == 1);
  request(kAgent1);
  CHECK(lab.updates.size() == 1);
  request(kAgent1);  // one is out already
  CHECK(lab.updates.size() == 1);
  CHECK(lab.count(Counter::RefreshRequestsReceived) == 2);
}

TEST_CASE("Binding Errors", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  const auto error = [&](const HomeAgentAddress& from, std::uint8_t status,
                         const Ipv6Address& home) {
    std::array<std::byte, 64> buffer{};
    wire::MessageWriter writer = wire::start_binding_error(buffer, status, home);
    const ByteView message = writer.finish(from.address(), kCareOf1.address());
    lab.from_network(packet_with(from.address(), kCareOf1.address(), 135, message));
  };
  error(kAgent2, 1, kHome.address());
  error(kAgent1, 1, ip6("2001:db8:0:1::101"));
  error(kAgent1, 1, Ipv6Address{});
  CHECK(lab.count(Counter::DropBindingErrorFromStranger) == 3);
  error(kAgent1, 2, Ipv6Address{});
  CHECK(lab.updates.empty());
  CHECK(lab.count(Counter::BindingErrorsUnknownType) == 1);
  error(kAgent1, 1, kHome.address());
  CHECK(lab.updates.size() == 1);
  CHECK(lab.count(Counter::BindingErrorsUnknownBinding) == 1);
}
