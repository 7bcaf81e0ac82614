// HAHA links: everything they refuse, by name, and Packet Too Big. R90, R91, R107.
#include "test/support/haha_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using dataplane::EntryKind;
using dataplane::LeafKind;
using dataplane::LeafValue;
using dataplane::Origin;

namespace {

struct Drop {
  const char* what;
  const char* reason;
  std::function<void(HahaFixture&)> act;
  const char* also;
};

constexpr const char* kSilent = "received=1";
constexpr const char* kOutOfLink = "received=1 decapsulated-from-peer=1";

const Drop kDrops[] = {
    {"a link packet on another port", "haha-port",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({f.correspondent, f.home})), 1);
     },
     kSilent},
    {"HA-HELLO on another port", "haha-port",
     [](HahaFixture& f) {
       f.receive(build({f.osaka_locator, f.locator, 135, 64, 0, 0, hex("3b01f00000000001")}), 1);
     },
     kSilent},
    {"anything from a peer's locator on another port", "haha-port",
     [](HahaFixture& f) {
       f.receive(build({f.tokyo_locator, f.home}), 1);
     },
     kSilent},
    {"a link packet from a stranger", "haha-stranger",
     [](HahaFixture& f) {
       f.receive(tunnel(f.correspondent, f.locator, build({f.correspondent, f.home})));
     },
     kSilent},
    {"a link packet from our own locator", "haha-stranger",
     [](HahaFixture& f) {
       f.receive(tunnel(f.locator, f.locator, build({f.correspondent, f.home})));
     },
     kSilent},
    {"a link packet from a stranger, behind an options header", "haha-stranger",
     [](HahaFixture& f) {
       Bytes payload = hex("29 00 040103 010100");
       const Bytes inner = build({f.correspondent, f.home});
       payload.insert(payload.end(), inner.begin(), inner.end());
       f.receive(build({f.correspondent, f.locator, 60, 64, 0, 0, payload}));
     },
     kSilent},
    {"a link packet in a mobile node's tunnel", "haha-nested",
     [](HahaFixture& f) {
       // The mobile node even owns what it claims to be its home address.
       f.env.bind(f.osaka_locator, EntryKind::Bound, f.agent, f.care_of);
       f.receive(tunnel(f.care_of, f.agent, f.from_osaka(build({f.correspondent, f.home}))));
     },
     "received=1 decapsulated-from-mobile-node=1"},
    {"a link packet in a link packet", "haha-inner-not-ours",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(f.from_osaka(build({f.correspondent, f.home}))));
     },
     kOutOfLink},
    {"HA-HELLO in a link packet", "haha-inner-not-ours",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(
           build({f.osaka_locator, f.locator, 135, 64, 0, 0, hex("3b01f00000000001")})));
     },
     kOutOfLink},
    {"a link to a correspondent", "haha-inner-not-ours",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({f.home, f.correspondent})));
     },
     kOutOfLink},
    {"a link to a correspondent, where routes have to be asked", "haha-inner-not-ours",
     [](HahaFixture& f) {
       f.env.prefix_entries = {&f.env.bindings.at(f.router_home)};
       f.receive(f.from_osaka(build({f.home, f.correspondent})));
     },
     kOutOfLink},
    {"a link to the host", "haha-inner-not-ours",
     [](HahaFixture& f) {
       f.env.prefix_entries = {&f.env.bindings.at(f.router_home)};
       f.receive(f.from_osaka(build({f.correspondent, ip6("2001:db8:a1::99")})));
     },
     kOutOfLink},
    {"a link to a multicast address", "haha-inner-not-ours",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({f.correspondent, ip6("ff0e::1")})));
     },
     kOutOfLink},
    {"a link to a link-local address", "haha-inner-not-ours",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({f.correspondent, ip6("fe80::1")})));
     },
     kOutOfLink},
    {"for a third member's address", "haha-misrouted",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({f.correspondent, f.tokyo})));
     },
     kOutOfLink},
    {"for the sender's own address", "haha-misrouted",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({f.correspondent, f.osaka})));
     },
     kOutOfLink},
    {"for a dead member's address", "haha-misrouted",
     [](HahaFixture& f) {
       f.env.dead_peers = {HahaFixture::kTokyo};
       f.receive(f.from_osaka(tunnel(f.correspondent, f.tokyo, build({f.home, f.correspondent}))));
     },
     kOutOfLink},
    {"back to where it came from", "haha-back",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({f.correspondent, f.home_at_osaka})));
     },
     kOutOfLink},
    {"a fourth relay", "haha-relay-limit",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({f.correspondent, f.home_at_tokyo}), 63));
     },
     kOutOfLink},
    {"a tunnel to a peer's address from a peer's locator", "haha-locator-source",
     [](HahaFixture& f) {
       f.receive(tunnel(f.tokyo_locator, f.osaka, build({f.home_at_osaka, f.correspondent})));
     },
     kSilent},
    {"a tunnel to a peer's address from our locator, behind an options header",
     "haha-locator-source",
     [](HahaFixture& f) {
       Bytes payload = hex("29 00 040103 010100");
       const Bytes inner = build({f.home_at_osaka, f.correspondent});
       payload.insert(payload.end(), inner.begin(), inner.end());
       f.receive(build({f.locator, f.osaka, 60, 64, 0, 0, payload}), 1);
     },
     kSilent},
    {"a fragment of a tunnel packet to a peer's address from a locator", "haha-locator-source",
     [](HahaFixture& f) {
       f.receive(
           build({f.locator, f.osaka, 44, 64, 0, 0, hex("29 00 0100 00000007 6000000000000000")}));
     },
     kSilent},
    {"a link packet with something else than IPv6 in it", "tunnel-inner-not-ipv6",
     [](HahaFixture& f) { f.receive(f.from_osaka(Bytes(60, std::byte{0x45}))); }, kSilent},
    {"a link packet whose inner packet is cut off", "tunnel-inner-malformed",
     [](HahaFixture& f) {
       Bytes inner = build({f.correspondent, f.home});
       inner.pop_back();
       f.receive(f.from_osaka(inner));
     },
     kSilent},
    {"a link packet shorter than a header", "tunnel-inner-malformed",
     [](HahaFixture& f) { f.receive(f.from_osaka(Bytes(39, std::byte{0x60}))); }, kSilent},
    {"a multicast source in a link", "tunnel-inner-malformed",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({ip6("ff0e::1"), f.home})));
     },
     kSilent},
    {"no source in a link", "tunnel-inner-malformed",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({ip6("::"), f.home})));
     },
     kSilent},
    {"a loopback source in a link", "tunnel-inner-malformed",
     [](HahaFixture& f) {
       f.receive(f.from_osaka(build({ip6("::1"), f.home})));
     },
     kSilent},
    {"congestion that the packet inside cannot tell", "congestion-not-expected",
     [](HahaFixture& f) {
       f.receive(tunnel(f.osaka_locator, f.locator, build({f.correspondent, f.home}), 3));
     },
     kSilent},
    {"three tunnels", "nested-too-deep",
     [](HahaFixture& f) {
       f.env.bind(ip6("2001:db8:0:1::b"), EntryKind::Bound, f.agent, f.home);
       f.receive(f.from_osaka(
           tunnel(f.care_of, f.agent,
                  tunnel(f.home, f.agent, build({ip6("2001:db8:0:1::b"), f.correspondent})))));
     },
     "received=1 decapsulated-from-mobile-node=1 decapsulated-from-peer=1"},
};

}  // namespace

TEST_CASE("what HAHA links refuse, by name and with exact counters",
          "[pipeline][haha][drop][R107]") {
  for (const Drop& drop : kDrops) {
    DYNAMIC_SECTION(drop.what) {
      HahaFixture f;
      drop.act(f);
      CHECK(f.counted() == std::string(drop.reason) + "=1 " + drop.also);
      f.check_quiet();
    }
  }
}

TEST_CASE("ESP from a peer may come in on any port", "[pipeline][haha]") {
  HahaFixture f;
  f.receive(build({f.osaka_locator, f.locator, 50, 64, 0, 0, hex("00000100 00000001")}), 1);
  CHECK(f.counted() == "esp-unsupported=1 received=1");
}

TEST_CASE("without peers a locator is an address like any other", "[pipeline][haha]") {
  PipelineFixture f;
  f.receive(tunnel(f.correspondent, f.locator, build({f.correspondent, f.home})));
  CHECK(f.counted() == "received=1 punted-host=1");
}

TEST_CASE("an unserved home address out of a link is refused to the correspondent",
          "[pipeline][haha]") {
  HahaFixture f;
  f.receive(f.from_osaka(build({f.correspondent, ip6("2001:db8:0:1::999")})));
  CHECK(
      f.counted() ==
      "no-binding=1 received=1 sent=1 decapsulated-from-peer=1 icmp-unreachable-sent=1 injected=1");
}

TEST_CASE("hop limits end at a link like at any router", "[pipeline][haha]") {
  HahaFixture f;
  const Ipv6Address care_of = ip6("2001:db8:ee::1");
  const Bytes packet = build({care_of, f.osaka, 17, 1});
  SECTION("for a peer's address") {
    f.receive(packet);
    CHECK(f.counted() ==
          "hop-limit-exceeded=1 received=1 sent=1 icmp-time-exceeded-sent=1 injected=1");
    CHECK(without_link_header(f.sent_packet(), 48) == packet);
  }
  SECTION("out of a link") {
    f.receive(f.from_osaka(build({f.correspondent, f.home, 17, 1})));
    CHECK(f.counted() ==
          "hop-limit-exceeded=1 received=1 sent=1 decapsulated-from-peer=1 "
          "icmp-time-exceeded-sent=1 injected=1");
  }
}

TEST_CASE("Packet Too Big at a link (R90)", "[pipeline][haha][mtu]") {
  HahaFixture f;
  f.config.link_mtu = 1450;
  f.restart();
  const Ipv6Address care_of = ip6("2001:db8:ee::1");
  const auto told = [&] { return load_be32(f.sent_packet().data() + 44); };
  SECTION("the nested case: to the care-of address") {
    const Bytes inner = build({f.home_at_osaka, f.correspondent, 17, 64, 0, 0, sized(1371)});
    f.receive(tunnel(care_of, f.osaka, inner));
    CHECK(f.counted() ==
          "packet-too-big=1 received=1 sent=1 icmp-packet-too-big-sent=1 injected=1");
    CHECK(wire::Ipv6Header::parse(f.sent_packet())->destination == care_of);
    CHECK(told() == 1410);
  }
  SECTION("what just fits goes") {
    const Bytes inner = build({f.home_at_osaka, f.correspondent, 17, 64, 0, 0, sized(1370)});
    f.receive(tunnel(care_of, f.osaka, inner));
    CHECK(f.sent_packet().size() == 1450);
  }
  SECTION("to a mobile node: to the correspondent") {
    f.receive(build({f.correspondent, f.home_at_osaka, 17, 64, 0, 0, sized(1411)}));
    CHECK(wire::Ipv6Header::parse(f.sent_packet())->destination == f.correspondent);
    CHECK(told() == 1410);
  }
  SECTION("a mobile node's own tunnel is none of the link's business") {
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1460)}));
    CHECK(f.sent_packet().size() == 1500);
  }
  SECTION("up to 1280 bytes are fragmented outside") {
    f.config.link_mtu = 1300;
    f.restart();
    f.receive(build({care_of, f.osaka, 17, 64, 0, 0, sized(1280)}));
    CHECK(f.counted() ==
          "received=1 sent=2 encapsulated-to-peer=1 relayed-to-home-agent=1 fragments-created=2");
  }
}
