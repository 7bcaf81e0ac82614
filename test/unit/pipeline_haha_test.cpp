// HAHA links, the good paths: what goes in, what comes out byte for byte, what is counted, and
// nothing else. R85, R86, R89, R90a, R102, R107.
#include "test/support/haha_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using dataplane::EntryKind;
using dataplane::LeafKind;
using dataplane::LeafValue;
using dataplane::Origin;
using forwarding::PuntClass;

namespace {

// A Binding Update from a care-of address to a home agent, with its Home Address option.
Bytes binding_update(const Ipv6Address& care_of, const Ipv6Address& agent) {
  return build({care_of, agent, wire::protocol::kDestinationOptions, 64, 0, 0,
                hex("87 02 01020000 c910 20010db8000000010000000000000400 3b01050000000001"
                    "0000000000000000")});
}

}  // namespace

TEST_CASE("to a mobile node registered with a peer: over the link", "[pipeline][haha][R85][R86]") {
  HahaFixture f;
  SECTION("its home address") {
    const Bytes packet = build({f.correspondent, f.home_at_osaka});
    f.receive(packet);
    check_link_packet(f.sent_packet(), f.locator, f.osaka_locator, 255, with_hop_limit(packet, 63));
  }
  SECTION("its mobile network (R41)") {
    const Bytes packet = build({f.correspondent, ip6("2001:db8:8000:6::77")});
    f.receive(packet);
    check_link_packet(f.sent_packet(), f.locator, f.tokyo_locator, 255, with_hop_limit(packet, 63));
  }
  SECTION("its mobile network outside of the pools") {
    f.env.prefix_entries = {&f.env.bindings.at(f.router_at_tokyo)};
    f.env.route(prefix("2001:db8:77::/48"), LeafValue::of(LeafKind::Binding, 0));
    const Bytes packet = build({f.correspondent, ip6("2001:db8:77::1")});
    f.receive(packet);
    check_link_packet(f.sent_packet(), f.locator, f.tokyo_locator, 255, with_hop_limit(packet, 63));
  }
  SECTION("out of the reverse tunnel of one registered here (R102)") {
    const Bytes inner = build({f.home, f.home_at_osaka});
    f.receive(tunnel(f.care_of, f.agent, inner));
    check_link_packet(f.sent_packet(), f.locator, f.osaka_locator, 255, with_hop_limit(inner, 63));
    CHECK(f.counted() ==
          "received=1 sent=1 encapsulated-to-peer=1 decapsulated-from-mobile-node=1");
    f.check_quiet();
    return;
  }
  CHECK(f.counted() == "received=1 sent=1 encapsulated-to-peer=1");
  f.check_quiet();
}

TEST_CASE("out of a link to a mobile node registered here (R89)", "[pipeline][haha]") {
  HahaFixture f;
  const auto check = [&](const Bytes& inner, const Ipv6Address& care_of) {
    f.receive(f.from_osaka(inner));
    const Bytes sent = f.sent_packet();
    const auto outer = wire::Ipv6Header::parse(sent);
    CHECK(outer->source == f.agent);
    CHECK(outer->destination == care_of);
    CHECK(outer->hop_limit == 64);
    CHECK(Bytes(sent.begin() + 40, sent.end()) == with_hop_limit(inner, 63));
    CHECK(f.counted() ==
          "received=1 sent=1 encapsulated-to-mobile-node=1 decapsulated-from-peer=1");
    f.check_quiet();
  };
  SECTION("its home address") { check(build({f.correspondent, f.home}), f.care_of); }
  SECTION("its mobile network") {
    check(build({f.correspondent, ip6("2001:db8:8000:5::42")}), f.router_care_of);
  }
  SECTION("its mobile network outside of the pools") {
    f.env.prefix_entries = {&f.env.bindings.at(f.router_home)};
    f.env.route(prefix("2001:db8:77::/48"), LeafValue::of(LeafKind::Binding, 0));
    check(build({f.correspondent, ip6("2001:db8:77::1")}), f.router_care_of);
  }
  SECTION("from a mobile node that is registered at the other end (R102)") {
    check(build({f.home_at_osaka, f.home}), f.care_of);
  }
  SECTION("however low the outer hop limit is: nothing is relayed") {
    f.receive(f.from_osaka(build({f.correspondent, f.home}), 1));
    CHECK(f.counted() ==
          "received=1 sent=1 encapsulated-to-mobile-node=1 decapsulated-from-peer=1");
  }
}

TEST_CASE("from link to link: the hop limit counts in classes (R91, R107)", "[pipeline][haha]") {
  struct Row {
    unsigned received;
    unsigned sent;  // 0: dropped
  };
  const Row rows[] = {{255, 191}, {250, 191}, {192, 191}, {191, 127}, {128, 127},
                      {127, 63},  {64, 63},   {63, 0},    {1, 0},     {0, 0}};
  for (const Row& row : rows) {
    DYNAMIC_SECTION("received " << row.received) {
      HahaFixture f;
      const Bytes inner = build({f.correspondent, f.home_at_tokyo});
      f.receive(f.from_osaka(inner, static_cast<std::uint8_t>(row.received)));
      if (row.sent == 0) {
        CHECK(f.counted() == "haha-relay-limit=1 received=1 decapsulated-from-peer=1");
      } else {
        check_link_packet(f.sent_packet(), f.locator, f.tokyo_locator,
                          static_cast<std::uint8_t>(row.sent), with_hop_limit(inner, 63));
        CHECK(f.counted() ==
              "received=1 sent=1 encapsulated-to-peer=1 decapsulated-from-peer=1 "
              "relayed-between-peers=1");
      }
      f.check_quiet();
    }
  }
  SECTION("no more than three relays, whatever the paths between") {
    std::uint8_t hop_limit = 255;
    unsigned relays = 0;
    while (dataplane::relayed_hop_limit(hop_limit) != 0) {
      hop_limit = dataplane::relayed_hop_limit(hop_limit);
      ++relays;
    }
    CHECK(relays == 3);
  }
}

TEST_CASE("packets for a peer's own address are relayed uninspected (R76, R90a)",
          "[pipeline][haha]") {
  HahaFixture f;
  const Ipv6Address care_of = ip6("2001:db8:ee::1");
  const std::pair<const char*, Bytes> packets[] = {
      {"a Binding Update", binding_update(care_of, f.osaka)},
      {"a reverse tunnel", tunnel(care_of, f.osaka, build({f.home_at_osaka, f.correspondent}))},
      {"a tunnel in a tunnel that allows no more of them",
       build({care_of, f.osaka, 60, 64, 0, 0,
              hex("29 00 040100 010100 6000000000003b40 20010db8000000010000000000000400"
                  "20010db8000c00000000000000000001")})},
      {"IKE", build({care_of, f.osaka, 17, 64, 0, 0, hex("01f401f4001000000000000000000000")})},
      {"ESP", build({care_of, f.osaka, 50, 64, 0, 0, hex("00000100 00000001 0011223344556677")})},
      {"a first fragment",
       build({care_of, f.osaka, 44, 64, 0, 0, hex("29 00 0001 00000007 6000000000000000")})},
      {"a later fragment",
       build({care_of, f.osaka, 44, 64, 0, 0, hex("29 00 0100 00000007 6000000000000000")})},
      {"an ICMPv6 error",
       build({f.correspondent, f.osaka, 58, 64, 0, 0, hex("02 00 0000 00000500")})},
      {"an unknown option that asks for discard",
       build({care_of, f.osaka, 60, 64, 0, 0, hex("3b 00 9e04 00000000")})},
      {"a SYN", build({care_of, f.osaka, 6, 64, 0, 0,
                       hex("c000 0016 00000001 00000000 6002 ffff 0000 0000 020405a0")})},
      {"with DSCP and ECN", build({care_of, f.osaka, 17, 64, 0xb9})},
  };
  for (const auto& [what, packet] : packets) {
    DYNAMIC_SECTION(what) {
      f.receive(packet);
      check_link_packet(f.sent_packet(), f.locator, f.osaka_locator, 255,
                        with_hop_limit(packet, 63));
      CHECK(f.counted() == "received=1 sent=1 encapsulated-to-peer=1 relayed-to-home-agent=1");
      f.check_quiet();
    }
  }
  SECTION("out of a reverse tunnel") {
    const Bytes inner = build({f.home, f.osaka});
    f.receive(tunnel(f.care_of, f.agent, inner));
    check_link_packet(f.sent_packet(), f.locator, f.osaka_locator, 255, with_hop_limit(inner, 63));
    CHECK(f.counted() ==
          "received=1 sent=1 encapsulated-to-peer=1 decapsulated-from-mobile-node=1 "
          "relayed-to-home-agent=1");
  }
  SECTION("from the host, its hop limit unchanged") {
    const Bytes packet = build({f.agent, f.osaka});
    f.originate(packet, Origin::Host, true);
    check_link_packet(f.sent_packet(), f.locator, f.osaka_locator, 255, packet);
  }
}

TEST_CASE("what a link brings for our home agent address", "[pipeline][haha]") {
  HahaFixture f;
  const auto punted = [&](const Bytes& inner, PuntClass expected) {
    f.receive(f.from_osaka(inner));
    REQUIRE(f.env.punted.size() == 1);
    const forwarding::PuntMetadata& metadata = f.env.punted[0].metadata;
    CHECK(forwarding::to_string(metadata.punt_class) == forwarding::to_string(expected));
    CHECK(metadata.peer == HahaFixture::kOsaka);
    CHECK(metadata.decapsulations == 1);
    CHECK(metadata.port == 0);
    CHECK(metadata.link_header == 0);
    CHECK(f.env.punted[0].bytes == inner);
    CHECK(f.counted() == "received=1 decapsulated-from-peer=1 punted-" +
                             std::string(forwarding::to_string(expected)) + "=1");
    f.check_quiet();
  };
  SECTION("a Binding Update (R76, R77)") {
    punted(binding_update(f.care_of, f.agent), PuntClass::Mobility);
  }
  SECTION("HA-HELLO in there is none") {
    punted(build({f.osaka_locator, f.agent, 135, 64, 0, 0, hex("3b01f00000000001")}),
           PuntClass::Mobility);
  }
  SECTION("Packet Too Big about a mobile node's tunnel (rulings 10)") {
    Bytes message = hex("02 00 0000 00000500");
    const Bytes quoted = tunnel(f.agent, f.care_of, build({f.correspondent, f.home}));
    message.insert(message.end(), quoted.begin(), quoted.end());
    punted(build({f.correspondent, f.agent, 58, 64, 0, 0, message}), PuntClass::TunnelError);
  }
  SECTION("Packet Too Big about a HAHA link") {
    Bytes message = hex("02 00 0000 00000500");
    const Bytes quoted =
        tunnel(f.locator, f.osaka_locator, build({f.correspondent, f.home_at_osaka}));
    message.insert(message.end(), quoted.begin(), quoted.end());
    punted(build({f.correspondent, f.agent, 58, 64, 0, 0, message}), PuntClass::TunnelError);
  }
  SECTION("home agent discovery") {
    punted(build({f.care_of, ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"), 58, 64, 0, 0,
                  hex("9000 0000 00010000")}),
           PuntClass::Discovery);
  }
  SECTION("a ping") {
    punted(build({f.care_of, f.agent, 58, 64, 0, 0, hex("8000 0000 00010001")}), PuntClass::Host);
  }
}

TEST_CASE("an error about a link, at the locator", "[pipeline][haha]") {
  HahaFixture f;
  Bytes message = hex("02 00 0000 00000500");
  const Bytes quoted =
      tunnel(f.locator, f.osaka_locator, build({f.correspondent, f.home_at_osaka}));
  message.insert(message.end(), quoted.begin(), quoted.end());
  f.receive(build({f.correspondent, f.locator, 58, 64, 0, 0, message}));
  CHECK(f.counted() == "received=1 punted-tunnel-error=1");
}

TEST_CASE("a reverse tunnel inside of a link (R90)", "[pipeline][haha]") {
  HahaFixture f;
  SECTION("to a correspondent: natively, with two hops less than it had") {
    const Bytes inner = build({f.home, ip6("2001:db8:1::5")});
    f.receive(f.from_osaka(tunnel(f.care_of, f.agent, inner)));
    CHECK(f.env.transmitted.at(0).port == 1);
    CHECK(f.sent_packet() == with_hop_limit(inner, 63));
    CHECK(f.counted() ==
          "received=1 sent=1 decapsulated-from-mobile-node=1 decapsulated-from-peer=1 forwarded=1");
  }
  SECTION("to a mobile node at the very home agent that carried it: not back, but on (R102)") {
    const Bytes inner = build({f.home, f.home_at_osaka});
    f.receive(f.from_osaka(tunnel(f.care_of, f.agent, inner), 60));
    check_link_packet(f.sent_packet(), f.locator, f.osaka_locator, 255, with_hop_limit(inner, 63));
    CHECK(f.counted() ==
          "received=1 sent=1 encapsulated-to-peer=1 decapsulated-from-mobile-node=1 "
          "decapsulated-from-peer=1");
  }
  SECTION("to a mobile node here") {
    f.receive(f.from_osaka(tunnel(f.care_of, f.agent, build({f.home, f.other_home}))));
    CHECK(f.counted() ==
          "received=1 sent=1 encapsulated-to-mobile-node=1 decapsulated-from-mobile-node=1 "
          "decapsulated-from-peer=1 hairpinned=1");
  }
  SECTION("to a peer's own address") {
    const Bytes inner = build({f.home, f.osaka});
    f.receive(f.from_osaka(tunnel(f.care_of, f.agent, inner)));
    check_link_packet(f.sent_packet(), f.locator, f.osaka_locator, 255, with_hop_limit(inner, 63));
  }
  SECTION("from somewhere else than the care-of address") {
    f.receive(f.from_osaka(tunnel(f.other_care_of, f.agent, build({f.home, f.correspondent}))));
    CHECK(f.counted() == "tunnel-care-of-mismatch=1 received=1 decapsulated-from-peer=1");
  }
  SECTION("the control thread is told of both") {
    f.receive(f.from_osaka(tunnel(
        f.care_of, f.agent, build({f.home, f.agent, 135, 64, 0, 0, hex("3b01050000000001")}))));
    REQUIRE(f.env.punted.size() == 1);
    CHECK(f.env.punted[0].metadata.decapsulations == 2);
    CHECK(f.env.punted[0].metadata.peer == HahaFixture::kOsaka);
  }
  f.check_quiet();
}

TEST_CASE("mobile node to mobile node across home agents (R102)", "[pipeline][haha]") {
  // One here, one at Osaka: what leaves one home agent is fed to the other.
  HahaFixture ours;
  HahaFixture osaka;
  osaka.config.peers = {};
  osaka.config.peers.add(Locator(ours.locator));
  osaka.config.home_agent = dataplane::AddressTest(ours.osaka);
  osaka.config.locator = dataplane::AddressTest(ours.osaka_locator);
  osaka.config.own_address = ours.osaka;
  osaka.env.bindings.erase(ours.osaka);
  osaka.env.bind(ours.agent, EntryKind::Peer, ours.osaka_locator, ours.locator, 0);
  osaka.env.bind(ours.home, EntryKind::Global, ours.osaka_locator, ours.locator, 0);
  const Ipv6Address their_care_of = ip6("2001:db8:ee::1");
  osaka.env.bind(ours.home_at_osaka, EntryKind::Bound, ours.osaka, their_care_of);
  osaka.restart();
  const auto delivered = [](const HahaFixture& f, const Ipv6Address& care_of, const Bytes& inner) {
    CHECK(wire::Ipv6Header::parse(f.sent_packet())->destination == care_of);
    CHECK(dump(without_link_header(f.sent_packet(), 40)) == dump(inner));
  };
  SECTION("there") {
    const Bytes inner = build({ours.home, ours.home_at_osaka});
    ours.receive(tunnel(ours.care_of, ours.agent, inner));
    osaka.receive(ours.sent_packet());
    delivered(osaka, their_care_of, with_hop_limit(inner, 62));
  }
  SECTION("and back") {
    const Bytes inner = build({ours.home_at_osaka, ours.home});
    osaka.receive(tunnel(their_care_of, ours.osaka, inner));
    ours.receive(osaka.sent_packet());
    delivered(ours, ours.care_of, with_hop_limit(inner, 62));
  }
  SECTION("there, where the reverse tunnel enters at the wrong one: twice over the same link") {
    const Bytes inner = build({ours.home, ours.home_at_osaka});
    osaka.receive(tunnel(ours.care_of, ours.agent, inner));
    ours.receive(osaka.sent_packet());
    osaka.env.forget();
    osaka.receive(ours.sent_packet());
    delivered(osaka, their_care_of, with_hop_limit(inner, 62));
  }
}

TEST_CASE("a mobile node that has just registered elsewhere is still heard (R84)",
          "[pipeline][haha]") {
  HahaFixture f;
  f.env.former_care_of_addresses[7] = f.care_of;
  f.env.bindings.at(f.home_at_osaka).former = 7;
  const Bytes inner = build({f.home_at_osaka, f.correspondent});
  SECTION("from the care-of address that it had here") {
    f.receive(tunnel(f.care_of, f.agent, inner));
    CHECK(f.sent_packet() == with_hop_limit(inner, 63));
    CHECK(f.counted() ==
          "received=1 sent=1 decapsulated-from-mobile-node=1 decapsulated-former=1 forwarded=1");
  }
  SECTION("over a link as well") {
    f.receive(f.from_osaka(tunnel(f.care_of, f.agent, inner)));
    CHECK(f.sent_packet() == with_hop_limit(inner, 63));
    CHECK(f.counted() ==
          "received=1 sent=1 decapsulated-from-mobile-node=1 decapsulated-from-peer=1 "
          "decapsulated-former=1 forwarded=1");
  }
  SECTION("from its mobile network") {
    f.env.bindings.at(f.network_at_tokyo).former = 7;
    f.receive(tunnel(f.care_of, f.agent, build({ip6("2001:db8:8000:6::1"), f.correspondent})));
    CHECK(f.counted() ==
          "received=1 sent=1 decapsulated-from-mobile-node=1 decapsulated-former=1 forwarded=1");
  }
  SECTION("from nowhere else") {
    f.receive(tunnel(f.other_care_of, f.agent, inner));
    CHECK(f.counted() == "tunnel-care-of-mismatch=1 received=1");
  }
  SECTION("nothing is tunnelled to it") {
    f.receive(build({f.correspondent, f.home_at_osaka}));
    CHECK(wire::Ipv6Header::parse(f.sent_packet())->destination == f.osaka_locator);
  }
  SECTION("and not for long") {
    f.env.bindings.at(f.home_at_osaka).former = 0;
    f.receive(tunnel(f.care_of, f.agent, inner));
    CHECK(f.counted() == "tunnel-source-unbound=1 received=1");
  }
  f.check_quiet();
}

TEST_CASE("a dead home agent: nothing goes there, and it can come back (rulings 7)",
          "[pipeline][haha]") {
  HahaFixture f;
  f.env.dead_peers = {HahaFixture::kOsaka};
  const Ipv6Address care_of = ip6("2001:db8:ee::1");
  const auto stranded = [&](const Bytes& packet) {
    f.receive(packet);
    REQUIRE(f.env.punted.size() == 1);
    CHECK(f.env.punted[0].metadata.punt_class == PuntClass::Stranded);
    CHECK(f.env.punted[0].metadata.peer == forwarding::kNoPeer);
    CHECK(f.env.punted[0].metadata.link_header == 14);
    CHECK(without_link_header(f.env.punted[0].bytes) == packet);
    CHECK(f.counted() == "received=1 punted-stranded=1");
  };
  SECTION("a Binding Update for it") { stranded(binding_update(care_of, f.osaka)); }
  SECTION("a reverse tunnel for it") {
    stranded(tunnel(care_of, f.osaka, build({f.home_at_osaka, f.correspondent})));
  }
  SECTION("within a budget") {
    f.config.punt_rates[static_cast<std::size_t>(PuntClass::Stranded)] = 20;  // 3 at once
    f.restart();
    for (int i = 0; i < 5; ++i) {
      f.receive(binding_update(care_of, f.osaka));
    }
    CHECK(f.counted() == "punt-budget=2 received=5 punted-stranded=3");
  }
  SECTION("others are told, and so are fragments") {
    for (const Bytes& packet :
         {build({f.correspondent, f.osaka}),
          build({care_of, f.osaka, 44, 64, 0, 0, hex("87 00 0001 00000007 6000000000000000")})}) {
      f.env.forget();
      f.receive(packet);
      CHECK(f.counted() == "peer-down=1 received=1 sent=1 icmp-unreachable-sent=1 injected=1");
      CHECK(f.sent_packet()[40] == std::byte{1});
      CHECK(f.sent_packet()[41] == std::byte{3});
    }
  }
  SECTION("correspondents of its mobile nodes are told") {
    f.receive(build({f.correspondent, f.home_at_osaka}));
    CHECK(f.counted() == "primary-dead=1 received=1 sent=1 icmp-unreachable-sent=1 injected=1");
    CHECK(f.sent_packet()[40] == std::byte{1});
    CHECK(f.sent_packet()[41] == std::byte{3});
  }
  SECTION("out of a link, too") {
    Bytes packet = tunnel(f.tokyo_locator, f.locator, build({f.correspondent, f.home_at_osaka}));
    f.receive(with_hop_limit(packet, 250));
    CHECK(f.counted() ==
          "primary-dead=1 received=1 sent=1 decapsulated-from-peer=1 icmp-unreachable-sent=1 "
          "injected=1");
  }
  SECTION("the other one is alive") {
    f.receive(build({f.correspondent, f.home_at_tokyo}));
    f.receive(binding_update(care_of, f.tokyo));
    CHECK(f.counted() == "received=2 sent=2 encapsulated-to-peer=2 relayed-to-home-agent=1");
  }
  SECTION("back again") {
    f.env.dead_peers.clear();
    f.receive(build({f.correspondent, f.home_at_osaka}));
    f.receive(binding_update(care_of, f.osaka));
    CHECK(f.counted() == "received=2 sent=2 encapsulated-to-peer=2 relayed-to-home-agent=1");
  }
  f.check_quiet();
}

TEST_CASE("ECN out of a link (RFC 6040)", "[pipeline][haha]") {
  HahaFixture f;
  Bytes packet =
      tunnel(f.osaka_locator, f.locator, build({f.correspondent, f.home, 17, 64, 0x02}), 3);
  f.receive(packet);
  CHECK(wire::Ipv6Header::parse(f.sent_packet())->traffic_class == 0x03);
  CHECK(wire::Ipv6Header::parse(ByteView(f.sent_packet()).subspan(40))->traffic_class == 0x03);
}

TEST_CASE("link packets in chained buffers, cut at every place", "[pipeline][haha]") {
  HahaFixture whole;
  const Bytes bytes = frame(PipelineFixture::kPortMac,
                            whole.from_osaka(tunnel(whole.care_of, whole.agent,
                                                    build({whole.home, whole.correspondent}))));
  whole.receive_frame(bytes);
  const Bytes expected = whole.sent_packet();
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    INFO("cut at " << cut);
    HahaFixture f;
    dataplane::HeapPacket* packet = f.env.add(ByteView(bytes).first(cut));
    packet->append_segment(ByteView(bytes).subspan(cut));
    f.pipeline->receive(0, std::span<dataplane::HeapPacket* const>(&packet, 1));
    CHECK(f.sent_packet() == expected);
    f.check_quiet();
  }
}

TEST_CASE("the set of peers finds each of 255, and nobody else", "[pipeline][haha]") {
  dataplane::PeerSet peers;
  CHECK(peers.empty());
  Ipv6Address locator = ip6("2001:db8:a1::1");
  for (unsigned i = 0; i < dataplane::kMaxPeers; ++i) {
    locator.octets[5] = static_cast<std::uint8_t>(i * 7);
    locator.octets[15] = static_cast<std::uint8_t>(i);
    peers.add(Locator(locator));
    CHECK(peers.locator(i) == locator);
  }
  for (unsigned i = 0; i < dataplane::kMaxPeers; ++i) {
    locator.octets[5] = static_cast<std::uint8_t>(i * 7);
    locator.octets[15] = static_cast<std::uint8_t>(i);
    CHECK(peers.find(bytes_of(locator)) == i);
    locator.octets[0] ^= 1U;
    CHECK_FALSE(peers.contains(bytes_of(locator)));
    locator.octets[0] ^= 1U;
    locator.octets[12] = 1;
    CHECK_FALSE(peers.contains(bytes_of(locator)));
    locator.octets[12] = 0;
  }
}
