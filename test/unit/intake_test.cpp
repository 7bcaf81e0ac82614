// Mobility Headers that are no good, Home Address options, discovery, errors about tunnels.
#include "common/checksum.h"
#include "test/support/home_agent_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using control::ControlCounter;
using wire::BindingStatus;

namespace {

const Ipv6Address kDiscovery = kHomePrefix.home_agents_anycast();

Bytes icmp_packet(const Ipv6Address& source, const Ipv6Address& destination, Bytes message,
                  const std::optional<HomeAddress>& home = std::nullopt) {
  wire::icmpv6_set_checksum(home ? home->address() : source, destination, message);
  const std::size_t options = home ? wire::kHomeAddressHeaderSize : 0;
  Bytes packet(wire::kIpv6HeaderSize + options + message.size());
  Writer writer(packet);
  wire::Ipv6Header header;
  header.payload_length = static_cast<std::uint16_t>(options + message.size());
  header.next_header = home ? wire::protocol::kDestinationOptions : wire::protocol::kIcmpv6;
  header.source = source;
  header.destination = destination;
  header.write(writer);
  if (home) {
    wire::write_home_address_header(writer, wire::protocol::kIcmpv6, *home);
  }
  writer.bytes(message);
  return packet;
}

template <class Message>
Bytes body(const Message& message) {
  Bytes bytes(1280);
  Writer writer(bytes);
  message.write(writer);
  bytes.resize(writer.size());
  return bytes;
}

// A packet of `size` bytes to the home address, inside a tunnel packet to `care_of`.
Bytes tunnel_packet(const CareOfAddress& care_of, std::size_t size,
                    std::uint8_t inner_protocol = wire::protocol::kUdp) {
  Bytes packet(2 * wire::kIpv6HeaderSize + 100);
  Writer writer(packet);
  wire::Ipv6Header outer;
  outer.payload_length = static_cast<std::uint16_t>(size);
  outer.next_header = wire::protocol::kIpv6;
  outer.source = kAgent.address();
  outer.destination = care_of.address();
  outer.write(writer);
  wire::Ipv6Header inner;
  inner.payload_length = static_cast<std::uint16_t>(size - wire::kIpv6HeaderSize);
  inner.next_header = inner_protocol;
  inner.source = ip6("2001:db8:c::1");
  inner.destination = kHome.address();
  inner.write(writer);
  return packet;
}

Bytes error_about(const Bytes& quoted, std::uint8_t type, std::uint32_t parameter) {
  const control::Icmpv6Error error{{type, 0, 0, parameter}, quoted};
  return icmp_packet(ip6("2001:db8:77::1"), kAgent.address(), body(error));
}

std::uint8_t message_type(const Sent& sent) {
  return std::to_integer<std::uint8_t>(sent.message[2]);
}

}  // namespace

TEST_CASE("an unknown Mobility Header type gets Binding Error status 2", "[intake]") {
  HomeAgentFixture fixture;
  UpdateSpec spec;
  spec.tamper = [](Bytes& m) { m[2] = std::byte{200}; };
  fixture.receive(build_update(spec));
  REQUIRE(fixture.sent().size() == 1);
  const Sent sent = fixture.sent().front();
  CHECK(message_type(sent) == wire::mh_type::kBindingError);
  CHECK(sent.header.destination == kCareOf.address());
  CHECK_FALSE(sent.routing_home_address);
  CHECK(wire::parse_binding_error(sent.message) ==
        wire::BindingError{wire::kBindingErrorUnknownType, kHome.address()});
  SECTION("without a Home Address option") {
    spec.home_address_option = false;
    fixture.receive(build_update(spec));
    REQUIRE(fixture.sent().size() == 1);
    CHECK(wire::parse_binding_error(fixture.sent().front().message) ==
          wire::BindingError{wire::kBindingErrorUnknownType, ip6("::")});
  }
}

TEST_CASE("Binding Errors are limited and never sent to what is not unicast", "[intake]") {
  config::HomeAgent config = insecure_config();
  config.binding_error_rate = 2;
  HomeAgentFixture fixture(config);
  UpdateSpec spec;
  spec.tamper = [](Bytes& m) { m[2] = std::byte{200}; };
  std::size_t sent = 0;
  for (int i = 0; i < 10; ++i) {
    fixture.receive(build_update(spec));
    sent += fixture.sent().size();
  }
  CHECK(sent == 2);
  CHECK(fixture.count(ControlCounter::BindingErrorsLimited) == 8);
  fixture.advance(1s);
  spec.source = ip6("ff02::1");
  fixture.receive(build_update(spec));
  CHECK(fixture.sent().empty());
}

TEST_CASE("an error comes from the address it was provoked at, unless that is anycast",
          "[intake]") {
  HomeAgentFixture fixture;
  UpdateSpec spec;
  spec.tamper = [](Bytes& m) { m[2] = std::byte{200}; };
  const auto answered_from = [&](const Ipv6Address& destination) {
    spec.destination = destination;
    fixture.receive(build_update(spec));
    REQUIRE(fixture.sent().size() == 1);
    const Sent sent = fixture.sent().front();
    CHECK(sent.header.destination == kCareOf.address());
    return sent.header.source;
  };
  const Ipv6Address locator = ip6("2001:db8:a1::1a");
  SECTION("Binding Error") {
    CHECK(answered_from(kAgent.address()) == kAgent.address());
    CHECK(answered_from(locator) == locator);
    CHECK(answered_from(kDiscovery) == kAgent.address());
    CHECK(answered_from(ip6("ff0e::1")) == kAgent.address());
  }
  SECTION("Parameter Problem (RFC 4443 §2.2)") {
    spec.tamper = [](Bytes& m) { m[0] = std::byte{6}; };
    CHECK(answered_from(locator) == locator);
    CHECK(answered_from(kDiscovery) == kAgent.address());
  }
}

TEST_CASE("a wrong Payload Proto and a short header get Parameter Problem", "[intake]") {
  HomeAgentFixture fixture;
  UpdateSpec spec;
  std::uint32_t byte = 0;
  SECTION("payload proto") {
    spec.tamper = [](Bytes& m) { m[0] = std::byte{6}; };
  }
  SECTION("header length") {
    spec.tamper = [](Bytes& m) {
      m.resize(8);
      m[1] = std::byte{0};
    };
    byte = 1;
  }
  fixture.receive(build_update(spec));
  REQUIRE(fixture.sent().size() == 1);
  const Sent sent = fixture.sent().front();
  REQUIRE(sent.protocol == wire::protocol::kIcmpv6);
  const auto header = wire::Icmpv6Header::parse(sent.message);
  CHECK(header->type == wire::icmpv6::kParameterProblem);
  CHECK(header->code == 0);
  CHECK(header->parameter == 64 + byte);  // behind the IPv6 header and the Home Address option
  CHECK(sent.header.destination == kCareOf.address());
  CHECK(sent.header.payload_length + 40 <= 1280);
}

TEST_CASE("a Mobility Header cut short is dropped silently", "[intake]") {
  HomeAgentFixture fixture;
  const Bytes whole = build_update({});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    fixture.receive(cut);
    CHECK(fixture.effects.empty());
    if (length >= 64) {  // the same, with a payload length that agrees
      store_be16(cut.data() + 4, static_cast<std::uint16_t>(length - 40));
      fixture.receive(cut);
      CHECK(fixture.effects.empty());
    }
  }
  CHECK(fixture.agent.bindings().entries() == 0);
}

TEST_CASE("messages for other kinds of nodes are left alone", "[intake]") {
  HomeAgentFixture fixture;
  for (const unsigned type : {1U, 2U, 3U, 4U, 6U, 7U, 0U, 12U}) {
    UpdateSpec spec;
    spec.alternate_care_of = kCareOf;
    spec.tamper = [type](Bytes& m) { m[2] = static_cast<std::byte>(type); };
    fixture.receive(build_update(spec));
    CHECK(fixture.effects.empty());
  }
  CHECK(fixture.count(ControlCounter::MobilityNotForUsToHandle) == 8);
}

TEST_CASE("a Home Address option without a binding gets Binding Error status 1", "[intake]") {
  HomeAgentFixture fixture;
  const Bytes echo = hex("80 00 0000 0001 0001");
  const auto packet = icmp_packet(kCareOf.address(), kAgent.address(), echo, kHome);
  fixture.receive(packet);
  REQUIRE(fixture.sent().size() == 1);
  CHECK(wire::parse_binding_error(fixture.sent().front().message) ==
        wire::BindingError{wire::kBindingErrorUnknownBinding, kHome.address()});

  fixture.update({});
  fixture.receive(packet);
  CHECK(fixture.sent().empty());
  CHECK(fixture.count(ControlCounter::HomeAddressUnsupported) == 1);
  // From another care-of address than the registered one it is unknown again.
  fixture.receive(icmp_packet(kNewCareOf.address(), kAgent.address(), echo, kHome));
  CHECK(fixture.sent().size() == 1);
}

TEST_CASE("in front of AH a Home Address option needs no binding (RFC 6275 §9.3.1)", "[intake]") {
  HomeAgentFixture fixture;
  Bytes packet =
      icmp_packet(kCareOf.address(), kAgent.address(), hex("80 00 0000 0001 0001"), kHome);
  packet[wire::kIpv6HeaderSize] = std::byte{51};
  fixture.receive(packet);
  CHECK(fixture.effects.empty());
  CHECK(fixture.count(ControlCounter::HomeAddressUnsupported) == 1);
}

TEST_CASE("each home prefix has its discovery address, unless one is configured",
          "[intake][discovery]") {
  config::HomeAgent config = insecure_config();
  const Prefix second = prefix("2001:db8:0:2::/64");
  config.home_prefixes.push_back(second);
  const Ipv6Address configured = ip6("2001:db8:0:1::7e");
  const auto answers_at = [&](const Ipv6Address& address) {
    HomeAgentFixture fixture(config);
    fixture.receive(
        icmp_packet(kCareOf.address(), address, body(wire::DiscoveryRequest{77, false})));
    UpdateSpec duplicate;
    duplicate.home_address = HomeAddress(address);
    const auto status = fixture.sent().size();
    // What answers discovery is nobody's home address.
    CHECK((fixture.update(duplicate) == BindingStatus::DuplicateAddressDetectionFailed) ==
          (status == 1));
    return status == 1;
  };
  CHECK(answers_at(kDiscovery));
  CHECK(answers_at(second.home_agents_anycast()));
  CHECK_FALSE(answers_at(configured));
  config.discovery_address = configured;
  CHECK(answers_at(configured));
  CHECK_FALSE(answers_at(kDiscovery));
}

TEST_CASE("home agent discovery answers with our address", "[intake][discovery][R92][R93][R103]") {
  HomeAgentFixture fixture;
  const auto request = [&](bool router) {
    return icmp_packet(kCareOf.address(), kDiscovery, body(wire::DiscoveryRequest{77, router}));
  };
  fixture.receive(request(false));
  REQUIRE(fixture.sent().size() == 1);
  const Sent sent = fixture.sent().front();
  CHECK(sent.header.source == kAgent.address());  // never the anycast address
  CHECK(sent.header.destination == kCareOf.address());
  CHECK_FALSE(sent.routing_home_address);
  CHECK(wire::DiscoveryReply::parse(sent.message) == wire::DiscoveryReply{77, false, {kAgent}});
  fixture.receive(request(true));
  CHECK(wire::DiscoveryReply::parse(fixture.sent().front().message)->mobile_router_support);

  SECTION("not while not serving (R103)") {
    fixture.agent.set_able(fixture.now, false, fixture.effects);
    fixture.receive(request(false));
    CHECK(fixture.sent().empty());
  }
  SECTION("not at our unicast address, not malformed, not from nowhere") {
    fixture.receive(
        icmp_packet(kCareOf.address(), kAgent.address(), body(wire::DiscoveryRequest{77, false})));
    CHECK(fixture.sent().empty());
    fixture.receive(icmp_packet(ip6("::"), kDiscovery, body(wire::DiscoveryRequest{77, false})));
    CHECK(fixture.sent().empty());
    Bytes broken = request(false);
    broken[45] ^= std::byte{1};
    fixture.receive(broken);
    CHECK(fixture.sent().empty());
    CHECK(fixture.count(ControlCounter::DiscoveryMalformed) == 3);
  }
  SECTION("at a limited rate") {
    std::size_t answers = 0;
    for (int i = 0; i < 300; ++i) {
      fixture.receive(request(false));
      answers += fixture.sent().size();
    }
    CHECK(answers == 98);  // 100 per second, two were used above
  }
}

TEST_CASE("a Mobile Prefix Solicitation is answered to a bound mobile node",
          "[intake][discovery]") {
  config::HomeAgent config = insecure_config();
  config.prefix_valid_lifetime = 7200s;
  SECTION("with the prefix, by routing header, once per second") {
    HomeAgentFixture fixture(config);
    fixture.update({});
    const auto solicitation =
        icmp_packet(kCareOf.address(), kAgent.address(), body(wire::PrefixSolicitation{5}), kHome);
    fixture.receive(solicitation);
    REQUIRE(fixture.sent().size() == 1);
    const Sent sent = fixture.sent().front();
    CHECK(sent.routing_home_address == kHome);
    const auto advertisement = wire::PrefixAdvertisement::parse(sent.message);
    REQUIRE(advertisement);
    CHECK(advertisement->identifier == 5);
    REQUIRE(advertisement->prefixes.size() == 1);
    CHECK(advertisement->prefixes[0].prefix_length == 64);
    CHECK(advertisement->prefixes[0].router_address);
    CHECK(advertisement->prefixes[0].prefix == kAgent.address());
    CHECK(advertisement->prefixes[0].valid_lifetime_seconds == 7200);
    CHECK(advertisement->prefixes[0].preferred_lifetime_seconds == 0xffffffff);
    fixture.receive(solicitation);
    CHECK(fixture.sent().empty());
    fixture.advance(1s);
    fixture.receive(solicitation);
    CHECK(fixture.sent().size() == 1);
  }
  SECTION("only at the home agent address") {
    HomeAgentFixture fixture(config);
    fixture.update({});
    fixture.receive(
        icmp_packet(kCareOf.address(), kDiscovery, body(wire::PrefixSolicitation{5}), kHome));
    CHECK(fixture.sent().empty());
    CHECK(fixture.count(ControlCounter::DiscoveryMalformed) == 1);
  }
  SECTION("not when it is switched off, not without a Home Address option") {
    config.prefix_discovery = false;
    HomeAgentFixture fixture(config);
    fixture.update({});
    fixture.receive(
        icmp_packet(kCareOf.address(), kAgent.address(), body(wire::PrefixSolicitation{5}), kHome));
    CHECK(fixture.sent().empty());
    fixture.receive(
        icmp_packet(kCareOf.address(), kAgent.address(), body(wire::PrefixSolicitation{5})));
    CHECK(fixture.sent().empty());
    CHECK(fixture.count(ControlCounter::PrefixSolicitationsRefused) == 2);
  }
}

TEST_CASE("Packet Too Big about a tunnel lowers its path MTU", "[intake][tunnel-error]") {
  HomeAgentFixture fixture;
  fixture.update({});
  fixture.receive(error_about(tunnel_packet(kCareOf, 1460), wire::icmpv6::kPacketTooBig, 1400));
  REQUIRE(fixture.all<forwarding::SetBinding>().size() == 1);
  CHECK(fixture.all<forwarding::SetBinding>().front().path_mtu == 1400);
  // And the sender of the inner packet is told what fits inside.
  REQUIRE(fixture.all<control::ForwardPacket>().size() == 1);
  const Sent told =
      take_apart(fixture.effects.bytes(fixture.all<control::ForwardPacket>().front()));
  CHECK(told.header.source == kAgent.address());
  CHECK(told.header.destination == ip6("2001:db8:c::1"));
  CHECK(wire::Icmpv6Header::parse(told.message)->type == wire::icmpv6::kPacketTooBig);
  CHECK(wire::Icmpv6Header::parse(told.message)->parameter == 1360);

  SECTION("never below 1280, and 1280-byte packets need not be told") {
    fixture.receive(error_about(tunnel_packet(kCareOf, 1280), wire::icmpv6::kPacketTooBig, 600));
    CHECK(fixture.all<forwarding::SetBinding>().front().path_mtu == 1280);
    CHECK(fixture.all<control::ForwardPacket>().empty());
  }
  SECTION("a larger value changes nothing") {
    fixture.receive(error_about(tunnel_packet(kCareOf, 1460), wire::icmpv6::kPacketTooBig, 1450));
    CHECK(fixture.all<forwarding::SetBinding>().empty());
  }
  SECTION("forgotten after ten minutes, and by a move") {
    UpdateSpec spec;
    spec.lifetime = 900;
    spec.sequence = 2;
    fixture.update(spec);
    CHECK(fixture.all<forwarding::SetBinding>().empty());
    fixture.run_for(599s);
    CHECK(fixture.all<forwarding::SetBinding>().empty());
    fixture.run_for(2s);
    REQUIRE(fixture.all<forwarding::SetBinding>().size() == 1);
    CHECK(fixture.all<forwarding::SetBinding>().front().path_mtu == forwarding::kPathMtuUnknown);
  }
}

TEST_CASE("other errors about a tunnel become Destination Unreachable code 3",
          "[intake][tunnel-error]") {
  HomeAgentFixture fixture;
  fixture.update({});
  fixture.receive(error_about(tunnel_packet(kCareOf, 200), wire::icmpv6::kTimeExceeded, 0));
  REQUIRE(fixture.all<control::ForwardPacket>().size() == 1);
  const Sent told =
      take_apart(fixture.effects.bytes(fixture.all<control::ForwardPacket>().front()));
  const auto header = wire::Icmpv6Header::parse(told.message);
  CHECK(header->type == wire::icmpv6::kDestinationUnreachable);
  CHECK(header->code == wire::icmpv6::kCodeAddressUnreachable);
  // Never in answer to an ICMPv6 error inside.
  Bytes inner_error = tunnel_packet(kCareOf, 200, wire::protocol::kIcmpv6);
  inner_error[80] = std::byte{wire::icmpv6::kTimeExceeded};
  fixture.receive(error_about(inner_error, wire::icmpv6::kTimeExceeded, 0));
  CHECK(fixture.all<control::ForwardPacket>().empty());
}

TEST_CASE("forged errors about tunnels change nothing", "[intake][tunnel-error]") {
  HomeAgentFixture fixture;
  fixture.update({});
  fixture.receive(error_about(tunnel_packet(kNewCareOf, 1460), wire::icmpv6::kPacketTooBig, 1300));
  CHECK(fixture.effects.empty());
  Bytes bad_checksum = error_about(tunnel_packet(kCareOf, 1460), wire::icmpv6::kPacketTooBig, 1300);
  bad_checksum[50] ^= std::byte{1};
  fixture.receive(bad_checksum);
  CHECK(fixture.effects.empty());
  Bytes foreign_source = tunnel_packet(kCareOf, 1460);
  foreign_source[8] = std::byte{0x30};
  fixture.receive(error_about(foreign_source, wire::icmpv6::kPacketTooBig, 1300));
  CHECK(fixture.effects.empty());
  CHECK(fixture.count(ControlCounter::TunnelErrorsForeign) == 3);
}
