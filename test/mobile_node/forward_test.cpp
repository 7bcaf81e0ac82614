// Data in both directions, and the errors about it.
#include "common/checksum.h"
#include "test/mobile_node/support.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

mobile::Settings router_settings() {
  mobile::Settings settings = basic_settings();
  settings.mobile_router = mobile::MobileRouterMode::Implicit;
  settings.prefixes = {prefix("2001:db8:0:100::/64")};
  return settings;
}

constexpr Answer kRouterAnswer{.flags = wire::ba_flag::kMobileRouter};

// An ICMPv6 error of a router on the path about what was sent.
Bytes error_about(const Bytes& packet, std::uint8_t type, std::uint32_t parameter,
                  std::uint8_t code = 0) {
  const Ipv6Address router = ip6("2001:db8:7::1");
  const ByteView quote = ByteView(packet).first(std::min<std::size_t>(packet.size(), 1232));
  Bytes message(8 + quote.size());
  Writer writer(message);
  wire::Icmpv6Header{type, code, 0, parameter}.write(writer);
  writer.bytes(quote);
  wire::icmpv6_set_checksum(router, kCareOf1.address(), message);
  return packet_with(router, kCareOf1.address(), 58, message);
}

}  // namespace

TEST_CASE("from the host: only our sources, only unicast, only when registered", "[mobile-node]") {
  Lab lab(router_settings());
  const auto dropped = [&](const Bytes& packet, Counter counter) {
    const std::uint64_t before = lab.count(counter);
    lab.from_host(packet);
    CHECK(lab.count(counter) == before + 1);
    CHECK(lab.sent.empty());
  };
  const Bytes good = inner_packet(kHome.address(), kCorrespondent);
  lab.attach();
  dropped(good, Counter::DropHostNotRegistered);
  lab.answer(kRouterAnswer);
  lab.forget();
  dropped(inner_packet(ip6("2001:db8:0:101::5"), kCorrespondent), Counter::DropHostSource);
  dropped(inner_packet(kCareOf1.address(), kCorrespondent), Counter::DropHostSource);
  dropped(inner_packet(ip6("fe80::1"), kCorrespondent), Counter::DropHostLinkLocal);
  dropped(inner_packet(ip6("fe80::1"), ip6("ff02::2")), Counter::DropHostMulticast);
  dropped(hex("45 00 00 14"), Counter::DropHostMalformed);
  lab.from_host(good);
  lab.from_host(inner_packet(ip6("2001:db8:0:100::5"), kCorrespondent));
  CHECK(lab.sent.size() == 2);
  CHECK(lab.count(Counter::TunnelPacketsSent) == 2);
  CHECK(lab.count(Counter::TunnelBytesSent) == 120);
}

TEST_CASE("from the home agent: only our destinations", "[mobile-node]") {
  Lab lab(router_settings());
  lab.register_and_forget(kRouterAnswer);
  const auto tunnel = [&](const Ipv6Address& destination) {
    lab.from_network(packet_with(kAgent1.address(), kCareOf1.address(), 41,
                                 inner_packet(kCorrespondent, destination)));
  };
  tunnel(kHome.address());
  tunnel(ip6("2001:db8:0:100::5"));
  CHECK(lab.delivered.size() == 2);
  tunnel(ip6("2001:db8:0:101::5"));
  CHECK(lab.delivered.size() == 2);
  CHECK(lab.count(Counter::DropTunnelInnerNotOurs) == 1);
  lab.from_network(packet_with(kAgent1.address(), kCareOf1.address(), 41, hex("60 00")));
  CHECK(lab.count(Counter::DropTunnelInnerMalformed) == 1);
  const Bytes marked = inner_packet(kCorrespondent, kHome.address());
  lab.from_network(packet_with(kAgent1.address(), kCareOf1.address(), 41, marked, {}, 3));
  CHECK(lab.count(Counter::DropTunnelCongestionMark) == 1);
  CHECK(lab.count(Counter::TunnelPacketsReceived) == 2);
}

TEST_CASE("a home agent's own packets come by routing header", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  Bytes echo = hex("80 00 00 00 00 01 00 01");
  wire::icmpv6_set_checksum(kAgent1.address(), kHome.address(), echo);
  lab.from_network(packet_with(kAgent1.address(), kCareOf1.address(), 58, echo, kHome));
  REQUIRE(lab.delivered.size() == 1);
  CHECK(dump(lab.delivered[0]) == dump(packet_with(kAgent1.address(), kHome.address(), 58, echo)));
  CHECK(lab.count(Counter::RoutingHeaderPacketsReceived) == 1);
  wire::icmpv6_set_checksum(kAgent2.address(), kHome.address(), echo);
  lab.from_network(packet_with(kAgent2.address(), kCareOf1.address(), 58, echo, kHome));
  CHECK(lab.delivered.size() == 1);
}

TEST_CASE("too large for the tunnel: the host is told", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.from_host(inner_packet(kHome.address(), kCorrespondent, 1461));
  CHECK(lab.sent.empty());
  REQUIRE(lab.delivered.size() == 1);
  const ByteView error = ByteView(lab.delivered[0]).subspan(40);
  CHECK(wire::Icmpv6Header::parse(error)->type == 2);
  CHECK(wire::Icmpv6Header::parse(error)->parameter == 1460);
  CHECK(lab.count(Counter::PacketTooBigToHost) == 1);
  CHECK(lab.count(Counter::DropHostTooBig) == 1);
}

TEST_CASE("hop limit 1: the host is told", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.from_host(inner_packet(kHome.address(), kCorrespondent, 60, 1));
  REQUIRE(lab.delivered.size() == 1);
  CHECK(wire::Icmpv6Header::parse(ByteView(lab.delivered[0]).subspan(40))->type == 3);
}

TEST_CASE("Packet Too Big about the tunnel lowers its MTU", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.from_host(inner_packet(kHome.address(), kCorrespondent, 1460));
  REQUIRE(lab.sent.size() == 1);
  const Bytes outer = lab.sent[0];
  lab.from_network(error_about(outer, 2, 1400));
  CHECK(lab.node.path_mtu(lab.now.instant) == 1400);
  // RFC 2473 §8.1: its source learns 1400 - 40.
  REQUIRE(lab.delivered.size() == 1);
  CHECK(wire::Icmpv6Header::parse(ByteView(lab.delivered[0]).subspan(40))->parameter == 1360);
  CHECK(lab.count(Counter::PacketTooBigReceived) == 1);
  SECTION("never upwards") {
    lab.from_network(error_about(outer, 2, 1450));
    CHECK(lab.node.path_mtu(lab.now.instant) == 1400);
  }
  SECTION("never below 1280") {
    lab.from_network(error_about(outer, 2, 500));
    CHECK(lab.node.path_mtu(lab.now.instant) == 1280);
    lab.forget();
    lab.from_host(inner_packet(kHome.address(), kCorrespondent, 1280));
    CHECK(lab.sent.size() == 2);
    CHECK(lab.count(Counter::TunnelFragmentsSent) == 2);
  }
  SECTION("for ten minutes") {
    lab.now.instant += 599s;
    CHECK(lab.node.path_mtu(lab.now.instant) == 1400);
    lab.now.instant += 1s;
    CHECK(lab.node.path_mtu(lab.now.instant) == 1500);
  }
  SECTION("another attachment is another path") {
    lab.attach(kCareOf2);
    CHECK(lab.node.path_mtu(lab.now.instant) == 1500);
  }
}

TEST_CASE("a forged Packet Too Big changes nothing", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.from_host(inner_packet(kHome.address(), kCorrespondent, 1460));
  Bytes other_agent = lab.sent[0];
  other_agent[39] = std::byte{0x99};
  lab.from_network(error_about(other_agent, 2, 1280));
  Bytes other_source = lab.sent[0];
  other_source[23] = std::byte{0x99};
  lab.from_network(error_about(other_source, 2, 1280));
  Bytes other_inner = lab.sent[0];
  other_inner[40 + 23] = std::byte{0x99};
  lab.from_network(error_about(other_inner, 2, 1280));
  CHECK(lab.node.path_mtu(lab.now.instant) == 1500);
  CHECK(lab.count(Counter::DropIcmpErrorNotOurs) == 3);
  CHECK(lab.delivered.empty());
}

TEST_CASE("an unreachable home agent is told to the inner source", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  lab.from_host(inner_packet(kHome.address(), kCorrespondent));
  lab.from_network(error_about(lab.sent[0], 1, 0));
  REQUIRE(lab.delivered.size() == 1);
  const auto header = wire::Icmpv6Header::parse(ByteView(lab.delivered[0]).subspan(40));
  CHECK(header->type == 1);
  CHECK(header->code == 3);  // RFC 2473 §8.2
  CHECK(lab.count(Counter::TunnelErrorsRelayed) == 1);
}

TEST_CASE("an error about a Binding Update is reported", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.attach();
  lab.from_network(error_about(lab.last().packet, 4, 6, 1));
  CHECK(lab.count(Counter::SignallingErrorsReceived) == 1);
  CHECK(lab.saw(EventKind::SignallingError));
}

TEST_CASE("errors for the host are limited", "[mobile-node]") {
  Lab lab(basic_settings());
  lab.register_and_forget();
  for (int i = 0; i < 150; ++i) {
    lab.from_host(inner_packet(kHome.address(), kCorrespondent, 1461));
  }
  CHECK(lab.delivered.size() == 100);
  CHECK(lab.count(Counter::IcmpErrorsRateLimited) == 50);
  lab.now.instant += 100ms;
  for (int i = 0; i < 150; ++i) {
    lab.from_host(inner_packet(kHome.address(), kCorrespondent, 1461));
  }
  CHECK(lab.delivered.size() == 110);
}
