// The good paths: what goes in, what comes out byte for byte, what is counted, and nothing else.
#include <set>

#include "common/checksum.h"
#include "test/support/pipeline_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using dataplane::EntryKind;
using dataplane::LeafKind;
using dataplane::LeafValue;
using dataplane::Origin;

namespace {

Bytes with_hop_limit(Bytes packet, std::uint8_t hop_limit) {
  packet[7] = std::byte{hop_limit};
  return packet;
}

// What a tunnel packet must look like around `inner`, flow label aside.
void check_tunnel(const Bytes& packet, const Ipv6Address& source, const Ipv6Address& destination,
                  const Bytes& inner, std::uint8_t traffic_class = 0) {
  const auto header = wire::Ipv6Header::parse(packet);
  REQUIRE(header);
  CHECK(header->source == source);
  CHECK(header->destination == destination);
  CHECK(header->next_header == wire::protocol::kIpv6);
  CHECK(header->hop_limit == 64);
  CHECK(header->traffic_class == traffic_class);
  CHECK(header->flow_label != 0);
  CHECK(header->payload_length == inner.size());
  CHECK(Bytes(packet.begin() + 40, packet.end()) == inner);
}

}  // namespace

TEST_CASE("correspondent to mobile node: encapsulated to the care-of address", "[pipeline][R32]") {
  PipelineFixture f;
  const Bytes packet = build({f.correspondent, f.home});
  f.receive(packet);
  REQUIRE(f.env.transmitted.size() == 1);
  CHECK(f.env.transmitted[0].port == 0);
  CHECK(Bytes(f.env.transmitted[0].frame.begin(), f.env.transmitted[0].frame.begin() + 14) ==
        hex("0200000000aa 020000000100 86dd"));
  check_tunnel(f.sent_packet(), f.agent, f.care_of, with_hop_limit(packet, 63));
  CHECK(f.counted() == "received=1 sent=1 encapsulated-to-mobile-node=1");
  f.check_quiet();
}

TEST_CASE("mobile node to correspondent: out of the reverse tunnel and along the route",
          "[pipeline][R32][R36]") {
  PipelineFixture f;
  const Bytes inner = build({f.home, ip6("2001:db8:1::5")});
  f.receive(tunnel(f.care_of, f.agent, inner));
  REQUIRE(f.env.transmitted.size() == 1);
  CHECK(f.env.transmitted[0].port == 1);
  CHECK(f.sent_packet() == with_hop_limit(inner, 63));
  CHECK(f.counted() == "received=1 sent=1 decapsulated-from-mobile-node=1 forwarded=1");
  f.check_quiet();
}

TEST_CASE("mobile node to mobile node: one hop, from tunnel to tunnel", "[pipeline]") {
  PipelineFixture f;
  const Bytes inner = build({f.home, f.other_home});
  f.receive(tunnel(f.care_of, f.agent, inner));
  check_tunnel(f.sent_packet(), f.agent, f.other_care_of, with_hop_limit(inner, 63));
  CHECK(f.counted() ==
        "received=1 sent=1 encapsulated-to-mobile-node=1 decapsulated-from-mobile-node=1 "
        "hairpinned=1");
  f.check_quiet();
}

TEST_CASE("a mobile network, both ways", "[pipeline][nemo]") {
  PipelineFixture f;
  const Ipv6Address host = ip6("2001:db8:8000:5::42");
  SECTION("to a host behind the mobile router") {
    const Bytes packet = build({f.correspondent, host});
    f.receive(packet);
    check_tunnel(f.sent_packet(), f.agent, f.router_care_of, with_hop_limit(packet, 63));
    CHECK(f.counted() == "received=1 sent=1 encapsulated-to-mobile-node=1");
  }
  SECTION("from it") {
    const Bytes inner = build({host, f.correspondent});
    f.receive(tunnel(f.router_care_of, f.agent, inner));
    CHECK(f.sent_packet() == with_hop_limit(inner, 63));
    CHECK(f.counted() == "received=1 sent=1 decapsulated-from-mobile-node=1 forwarded=1");
  }
  SECTION("from it through another mobile node's tunnel: refused") {
    f.receive(tunnel(f.care_of, f.agent, build({host, f.correspondent})));
    CHECK(f.counted() == "tunnel-care-of-mismatch=1 received=1");
  }
  SECTION("another prefix of the pool is nobody's") {
    f.receive(build({f.correspondent, ip6("2001:db8:8000:6::42")}));
    CHECK(f.counted() == "no-binding=1 received=1 sent=1 icmp-unreachable-sent=1 injected=1");
  }
  SECTION("a prefix inside of the home prefix") {  // an aggregated home network (RFC 4887 §6)
    f.env.prefix_entries = {&f.env.bindings.at(f.router_home)};
    f.env.route(prefix("2001:db8:0:1:8000::/65"), LeafValue::of(LeafKind::Binding, 0));
    const Ipv6Address inside = ip6("2001:db8:0:1:8000::42");
    const Bytes packet = build({f.correspondent, inside});
    f.receive(packet);
    check_tunnel(f.sent_packet(), f.agent, f.router_care_of, with_hop_limit(packet, 63));
    f.env.forget();
    const Bytes inner = build({inside, f.correspondent});
    f.receive(tunnel(f.router_care_of, f.agent, inner));
    CHECK(f.sent_packet() == with_hop_limit(inner, 63));
  }
  SECTION("a prefix outside of the pools comes from the routes") {
    f.env.prefix_entries = {&f.env.bindings.at(f.router_home)};
    f.env.route(prefix("2001:db8:77::/48"), LeafValue::of(LeafKind::Binding, 0));
    const Bytes packet = build({f.correspondent, ip6("2001:db8:77::1")});
    f.receive(packet);
    check_tunnel(f.sent_packet(), f.agent, f.router_care_of, with_hop_limit(packet, 63));
    f.env.forget();
    const Bytes inner = build({ip6("2001:db8:77::1"), f.correspondent});
    f.receive(tunnel(f.router_care_of, f.agent, inner));
    CHECK(f.sent_packet() == with_hop_limit(inner, 63));
  }
  f.check_quiet();
}

TEST_CASE("native forwarding between ports", "[pipeline]") {
  PipelineFixture f;
  const Bytes packet = build({f.correspondent, ip6("2001:db8:1::5")});
  f.receive(packet);
  REQUIRE(f.env.transmitted.size() == 1);
  CHECK(f.env.transmitted[0].port == 1);
  CHECK(f.sent_packet() == with_hop_limit(packet, 63));
  CHECK(f.counted() == "received=1 sent=1 forwarded=1");
}

TEST_CASE("what the host sends to a home address goes into the tunnel, its hop limit unchanged",
          "[pipeline]") {
  PipelineFixture f;
  const Bytes packet = build({f.agent, f.home});
  f.originate(packet, Origin::Host, true);
  check_tunnel(f.sent_packet(), f.agent, f.care_of, packet);
  CHECK(f.counted() == "sent=1 encapsulated-to-mobile-node=1 injected=1");
}

TEST_CASE("signalling goes by routes alone, even to a home address", "[pipeline]") {
  PipelineFixture f;
  f.env.route(prefix("2001:db8:0:1::/64"), LeafValue::of(LeafKind::Adjacency, f.inside));
  const Bytes packet = build({f.agent, f.home, wire::protocol::kMobility});
  f.originate(packet, Origin::Control, false);
  CHECK(f.env.transmitted.at(0).port == 1);
  CHECK(f.sent_packet() == packet);
  CHECK(f.counted() == "sent=1 injected=1");
}

TEST_CASE("the mobile node pings its home agent: to the host without its tunnel header",
          "[pipeline]") {
  PipelineFixture f;
  const Bytes inner =
      build({f.home, f.agent, wire::protocol::kIcmpv6, 64, 0, 0, hex("80 00 0000 0001 0001")});
  f.receive(tunnel(f.care_of, f.agent, inner));
  REQUIRE(f.env.punted.size() == 1);
  CHECK(f.env.punted[0].metadata.punt_class == forwarding::PuntClass::Host);
  CHECK(f.env.punted[0].metadata.link_header == 0);
  CHECK(f.env.punted[0].metadata.decapsulations == 1);
  CHECK(f.env.punted[0].bytes == inner);
  CHECK(f.counted() == "received=1 decapsulated-from-mobile-node=1 punted-host=1");
}

TEST_CASE("a global binding goes to the primary's locator", "[pipeline][R38]") {
  PipelineFixture f;
  f.env.bind(ip6("2001:db8:0:1::400"), EntryKind::Global, f.locator, ip6("2001:db8:b2::2a"));
  f.receive(build({f.correspondent, ip6("2001:db8:0:1::400")}));
  const auto header = wire::Ipv6Header::parse(f.sent_packet());
  CHECK(header->source == f.locator);
  CHECK(header->destination == ip6("2001:db8:b2::2a"));
  CHECK(f.counted() == "received=1 sent=1 encapsulated-to-peer=1");
  f.env.forget();
  // R38, I4: a reverse tunnel of a mobile node that is registered elsewhere is not ours to take.
  f.receive(
      tunnel(ip6("2001:db8:b2::2a"), f.agent, build({ip6("2001:db8:0:1::400"), f.correspondent})));
  CHECK(f.counted() == "tunnel-source-unbound=1 received=1");
}

TEST_CASE("ECN and DSCP across the tunnels (RFC 6040)", "[pipeline]") {
  PipelineFixture f;
  SECTION("copied into the tunnel") {
    f.receive(build({f.correspondent, f.home, 17, 64, 0xb9}));
    CHECK(wire::Ipv6Header::parse(f.sent_packet())->traffic_class == 0xb9);
  }
  SECTION("only ECN where DSCP is not to be copied") {
    f.config.copy_traffic_class = false;
    f.restart();
    f.receive(build({f.correspondent, f.home, 17, 64, 0xb9}));
    CHECK(wire::Ipv6Header::parse(f.sent_packet())->traffic_class == 0x01);
  }
  struct Row {
    unsigned inner;
    unsigned outer;
    int result;  // -1: dropped
  };
  // RFC 6040 figure 4, with DSCP 0x2e inside.
  const Row rows[] = {{0, 0, 0}, {0, 1, 0}, {0, 2, 0}, {0, 3, -1}, {1, 0, 1}, {1, 1, 1},
                      {1, 2, 1}, {1, 3, 3}, {2, 0, 2}, {2, 1, 1},  {2, 2, 2}, {2, 3, 3},
                      {3, 0, 3}, {3, 1, 3}, {3, 2, 3}, {3, 3, 3}};
  for (const Row& row : rows) {
    DYNAMIC_SECTION("out of the tunnel: inner " << row.inner << ", outer " << row.outer) {
      const auto inner_class = static_cast<std::uint8_t>(0xb8U | row.inner);
      f.receive(tunnel(f.care_of, f.agent, build({f.home, f.correspondent, 17, 64, inner_class}),
                       static_cast<std::uint8_t>(row.outer)));
      if (row.result < 0) {
        CHECK(f.counted() ==
              "congestion-not-expected=1 received=1 decapsulated-from-mobile-node=1");
      } else {
        CHECK(wire::Ipv6Header::parse(f.sent_packet())->traffic_class ==
              (0xb8 | static_cast<unsigned>(row.result)));
      }
    }
  }
}

TEST_CASE("the outer flow label follows the inner flow", "[pipeline]") {
  PipelineFixture f;
  const auto label = [&](std::uint16_t port) {
    f.env.forget();
    PacketSpec spec{f.correspondent, f.home};
    spec.payload = Bytes(24);
    store_be16(spec.payload.data(), port);
    f.receive(build(spec));
    return wire::Ipv6Header::parse(f.sent_packet())->flow_label;
  };
  CHECK(label(1000) == label(1000));
  std::set<std::uint32_t> labels;
  for (std::uint16_t port = 0; port < 256; ++port) {
    labels.insert(label(port));
  }
  CHECK(labels.size() > 250);
}

TEST_CASE("a multipath route spreads flows and keeps each in its place", "[pipeline]") {
  PipelineFixture f;
  dataplane::MultipathGroup group;
  group.used = 2;
  group.slots[0] = f.internet;
  group.slots[1] = f.inside;
  f.env.multipath = {group};
  f.env.leaves[f.env.routes.at(prefix("2001:db8::/32"))] = LeafValue::of(LeafKind::Multipath, 0);
  std::array<unsigned, 2> used{};
  for (unsigned flow = 0; flow < 200; ++flow) {
    PacketSpec spec{f.correspondent, f.home};
    store_be16(spec.payload.data(), static_cast<std::uint16_t>(flow));
    f.env.forget();
    f.receive(build(spec));
    const std::uint16_t port = f.env.transmitted.at(0).port;
    f.receive(build(spec));
    CHECK(f.env.transmitted.at(1).port == port);
    ++used[port];
  }
  CHECK(used[0] > 60);
  CHECK(used[1] > 60);
}

TEST_CASE("bursts of every size come out whole and in order", "[pipeline]") {
  for (const unsigned size : {0U, 1U, 31U, 32U, 33U, 64U}) {
    INFO("burst of " << size);
    PipelineFixture f;
    std::vector<dataplane::HeapPacket*> burst;
    for (unsigned i = 0; i < size; ++i) {
      PacketSpec spec{f.correspondent, f.home};
      // Every third one is refused, every fourth one native.
      spec.destination = i % 3 == 2   ? ip6("2001:db8:0:1::999")
                         : i % 4 == 3 ? ip6("2001:db8:1::5")
                                      : f.home;
      spec.flow_label = i;
      burst.push_back(f.env.add(frame(PipelineFixture::kPortMac, build(spec))));
    }
    f.pipeline->receive(0, burst);
    std::uint32_t last_tunnelled = 0;
    unsigned tunnelled = 0;
    unsigned native = 0;
    unsigned refused = 0;
    for (const Transmitted& sent : f.env.transmitted) {
      const auto header = wire::Ipv6Header::parse(without_link_header(sent.frame));
      if (header->next_header == wire::protocol::kIpv6) {
        const auto inner = wire::Ipv6Header::parse(without_link_header(sent.frame, 54));
        CHECK((tunnelled == 0 || inner->flow_label > last_tunnelled));
        last_tunnelled = inner->flow_label;
        ++tunnelled;
      } else if (header->next_header == wire::protocol::kIcmpv6) {
        ++refused;
      } else {
        ++native;
      }
    }
    unsigned expected_refused = 0;
    unsigned expected_native = 0;
    for (unsigned i = 0; i < size; ++i) {
      expected_refused += i % 3 == 2 ? 1U : 0U;
      expected_native += i % 3 != 2 && i % 4 == 3 ? 1U : 0U;
    }
    CHECK(refused == expected_refused);
    CHECK(native == expected_native);
    CHECK(tunnelled == size - expected_refused - expected_native);
    f.check_quiet();
  }
}

TEST_CASE("chained buffers are joined where headers need it", "[pipeline]") {
  // First segment cut at every place in the headers: the outcome must be the same.
  PipelineFixture whole;
  const Bytes inner = build({whole.home, whole.correspondent});
  const Bytes bytes = frame(PipelineFixture::kPortMac, tunnel(whole.care_of, whole.agent, inner));
  whole.receive_frame(bytes);
  const Bytes expected = whole.sent_packet();
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    INFO("cut at " << cut);
    PipelineFixture f;
    dataplane::HeapPacket* packet = f.env.add(ByteView(bytes).first(cut));
    packet->append_segment(ByteView(bytes).subspan(cut));
    f.pipeline->receive(0, std::span<dataplane::HeapPacket* const>(&packet, 1));
    CHECK(f.sent_packet() == expected);
    f.check_quiet();
  }
}

TEST_CASE("padding behind a packet is cut off", "[pipeline]") {
  PipelineFixture f;
  const Bytes packet = build({f.correspondent, f.home});
  Bytes padded = packet;
  padded.resize(padded.size() + 9);
  f.receive(padded);
  check_tunnel(f.sent_packet(), f.agent, f.care_of, with_hop_limit(packet, 63));
  f.env.forget();
  // Behind the inner packet of a tunnel, too.
  const Bytes inner = build({f.home, f.correspondent});
  Bytes inner_padded = inner;
  inner_padded.resize(inner.size() + 5);
  f.receive(tunnel(f.care_of, f.agent, inner_padded));
  CHECK(f.sent_packet() == with_hop_limit(inner, 63));
}

TEST_CASE("a port with a VLAN", "[pipeline]") {
  PipelineFixture f;
  f.config.ports[0].vlan = 7;
  f.restart();
  const Bytes packet = build({f.correspondent, f.home});
  Bytes tagged = frame(PipelineFixture::kPortMac, {}, 0x8100);
  const Bytes tag = hex("6007 86dd");  // priority 3, VLAN 7
  tagged.insert(tagged.end(), tag.begin(), tag.end());
  tagged.insert(tagged.end(), packet.begin(), packet.end());
  f.receive_frame(tagged);
  CHECK(f.counted() == "received=1 sent=1 encapsulated-to-mobile-node=1");
  f.env.forget();
  f.receive(packet);
  CHECK(f.counted() == "other-vlan=1 received=1");
  f.env.forget();
  tagged[15] = std::byte{8};
  f.receive_frame(tagged);
  CHECK(f.counted() == "other-vlan=1 received=1");
}
