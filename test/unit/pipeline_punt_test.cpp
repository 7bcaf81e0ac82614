// What is handed to the control thread, and in which class.
#include "test/support/pipeline_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using forwarding::PuntClass;

namespace {

struct Row {
  const char* what;
  std::function<Bytes(const PipelineFixture&)> packet;
  PuntClass expected;
};

Bytes to(const Ipv6Address& source, const Ipv6Address& destination, std::uint8_t next_header,
         const char* payload) {
  return build({source, destination, next_header, 64, 0, 0, hex(payload)});
}

// An ICMPv6 Packet Too Big that quotes `packet`.
Bytes too_big(const PipelineFixture& f, const Bytes& packet) {
  Bytes message = hex("02 00 0000 00000500");
  message.insert(message.end(), packet.begin(), packet.end());
  return build({f.correspondent, f.agent, 58, 64, 0, 0, message});
}

// clang-format off
const Row kRows[] = {
    {"a Binding Update",
     [](const PipelineFixture& f) { return to(f.care_of, f.agent, 135, "3b 01 05 00 0000 0001"); },
     PuntClass::Mobility},
    {"a Binding Update behind a Home Address option",
     [](const PipelineFixture& f) {
       return to(f.care_of, f.agent, 60,
                 "87 02 01020000 c910 20010db8000000010000000000000100 3b01050000000001");
     },
     PuntClass::Mobility},
    {"HA-HELLO at the locator",
     [](const PipelineFixture& f) { return to(f.correspondent, f.locator, 135, "3b01f00000000001"); },
     PuntClass::HahaHello},
    {"State Synchronization at the locator",
     [](const PipelineFixture& f) { return to(f.correspondent, f.locator, 135, "3b01f10000000001"); },
     PuntClass::HahaSync},
    {"HA-HELLO at the home agent address is no message of a peer",
     [](const PipelineFixture& f) { return to(f.correspondent, f.agent, 135, "3b01f00000000001"); },
     PuntClass::Mobility},
    {"home agent discovery",
     [](const PipelineFixture& f) {
       return to(f.care_of, ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"), 58, "9000 0000 00010000");
     },
     PuntClass::Discovery},
    {"Mobile Prefix Solicitation",
     [](const PipelineFixture& f) { return to(f.care_of, f.agent, 58, "9200 0000 00010000"); },
     PuntClass::Discovery},
    {"a Home Address option in front of something else",
     [](const PipelineFixture& f) {
       return to(f.care_of, f.agent, 60,
                 "3a 02 01020000 c910 20010db8000000010000000000000100 8000000000000000");
     },
     PuntClass::Discovery},
    {"an error about one of our tunnels",
     [](const PipelineFixture& f) {
       return too_big(f, tunnel(f.agent, f.care_of, build({f.correspondent, f.home})));
     },
     PuntClass::TunnelError},
    {"an error about something else of ours",
     [](const PipelineFixture& f) { return too_big(f, build({f.agent, f.correspondent, 6})); },
     PuntClass::Host},
    {"an error about a tunnel of somebody else",
     [](const PipelineFixture& f) {
       return too_big(f, tunnel(f.correspondent, f.care_of, build({f.correspondent, f.home})));
     },
     PuntClass::Host},
    {"BGP, to us",
     [](const PipelineFixture& f) {
       return to(f.correspondent, ip6("2001:db8:a1::99"), 6, "c00000b3 00000000");
     },
     PuntClass::Routing},
    {"BGP, answering us",
     [](const PipelineFixture& f) {
       return to(f.correspondent, ip6("2001:db8:a1::99"), 6, "00b3c000 00000000");
     },
     PuntClass::Routing},
    {"BFD",
     [](const PipelineFixture& f) {
       return to(f.correspondent, ip6("2001:db8:a1::99"), 17, "c0000ec8 00000000");
     },
     PuntClass::Routing},
    {"neighbour solicitation to a multicast address",
     [](const PipelineFixture& f) { return to(f.correspondent, ip6("ff02::1:ff00:1"), 58, "8700 0000 00000000"); },
     PuntClass::NeighborDiscovery},
    {"duplicate address detection",
     [](const PipelineFixture&) { return to(ip6("::"), ip6("ff02::1:ff00:1"), 58, "8700 0000 00000000"); },
     PuntClass::NeighborDiscovery},
    {"neighbour advertisement to a link-local address",
     [](const PipelineFixture&) { return to(ip6("fe80::2"), ip6("fe80::1"), 58, "8800 0000 60000000"); },
     PuntClass::NeighborDiscovery},
    {"router advertisement",
     [](const PipelineFixture&) { return to(ip6("fe80::2"), ip6("ff02::1"), 58, "8600 0000 00000000"); },
     PuntClass::NeighborDiscovery},
    {"MLD behind a hop-by-hop header",
     [](const PipelineFixture&) {
       return to(ip6("fe80::2"), ip6("ff02::16"), 0, "3a00 05020000 0100 8f00 0000 00000000");
     },
     PuntClass::NeighborDiscovery},
    {"echo request",
     [](const PipelineFixture& f) { return to(f.correspondent, f.agent, 58, "8000 0000 00010001"); },
     PuntClass::Host},
    {"SSH",
     [](const PipelineFixture& f) { return to(f.correspondent, f.locator, 6, "c0000016 00000000"); },
     PuntClass::Host},
    {"a tunnel packet to an address that is no tunnel end",
     [](const PipelineFixture& f) {
       return tunnel(f.care_of, ip6("2001:db8:a1::99"), build({f.home, f.correspondent}));
     },
     PuntClass::Host},
};
// clang-format on

}  // namespace

TEST_CASE("punts by class", "[pipeline][punt][R7]") {
  for (const Row& row : kRows) {
    DYNAMIC_SECTION(row.what) {
      PipelineFixture f;
      const Bytes packet = row.packet(f);
      const bool multicast = packet[24] == std::byte{0xff};
      const Bytes bytes =
          frame(multicast ? Mac{0x33, 0x33, 0, 0, 0, 1} : PipelineFixture::kPortMac, packet);
      f.receive_frame(bytes);
      REQUIRE(f.env.punted.size() == 1);
      const Punted& punted = f.env.punted[0];
      CHECK(forwarding::to_string(punted.metadata.punt_class) ==
            forwarding::to_string(row.expected));
      CHECK(punted.metadata.port == 0);
      CHECK(punted.metadata.link_header == 14);
      CHECK(punted.metadata.decapsulations == 0);
      CHECK(punted.bytes == bytes);  // the kernel sees the frame as it came
      CHECK(f.counted() ==
            "received=1 punted-" + std::string(forwarding::to_string(row.expected)) + "=1");
      f.check_quiet();
    }
  }
}

TEST_CASE("a tunnel to the discovery address is not opened", "[pipeline][punt]") {
  PipelineFixture f;
  // It is anycast: no end of a tunnel.
  f.receive(
      tunnel(f.care_of, ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"), build({f.home, f.correspondent})));
  CHECK(f.env.transmitted.empty());
  CHECK(f.counted() == "received=1 punted-host=1");
}

TEST_CASE("what is not IPv6 goes to the host", "[pipeline][punt]") {
  PipelineFixture f;
  const Bytes arp = frame(PipelineFixture::kPortMac, Bytes(28), 0x0806);
  f.receive_frame(arp);
  REQUIRE(f.env.punted.size() == 1);
  CHECK(f.env.punted[0].bytes == arp);
  CHECK(f.counted() == "received=1 punted-host=1");
}

// Frames that are shorter than an IPv6 header: they are checked like any other.
TEST_CASE("a short frame of a VLAN goes to the host with its whole link header",
          "[pipeline][punt]") {
  PipelineFixture f;
  f.config.ports[1].vlan = 7;
  f.restart();
  const Mac& own = f.config.ports[1].mac;
  const Bytes tagged = frame(own, hex("0007 0806 0001 0800"), 0x8100);
  f.receive_frame(tagged, 1);
  REQUIRE(f.env.punted.size() == 1);
  CHECK(f.env.punted[0].metadata.link_header == 18);
  CHECK(f.env.punted[0].bytes == tagged);
  f.receive_frame(frame(own, hex("0001"), 0x0806), 1);            // no tag
  f.receive_frame(frame(own, hex("0008 0806 0001"), 0x8100), 1);  // another's
  f.receive_frame(frame({2, 9, 9, 9, 9, 9}, hex("0007 0806"), 0x8100), 1);
  f.receive_frame(frame(own, hex("0007 86dd 6000"), 0x8100), 1);
  CHECK(f.counted() ==
        "frame-too-short=2 other-vlan=1 other-destination-mac=1 received=5 punted-host=1");
  f.check_quiet();
}

TEST_CASE("without a host, signalling still reaches the control thread", "[pipeline][punt]") {
  PipelineFixture f;
  f.config.has_host = false;
  f.restart();
  f.receive(to(f.care_of, f.agent, 135, "3b 01 05 00 0000 0001"));
  CHECK(f.counted() == "received=1 punted-mobility=1");
}

TEST_CASE("a packet for an unresolved neighbour waits with the control thread",
          "[pipeline][punt]") {
  PipelineFixture f;
  f.env.adjacencies[f.internet].state = dataplane::AdjacencyState::Unresolved;
  const Bytes packet = build({f.correspondent, f.home});
  f.receive(packet);
  REQUIRE(f.env.punted.size() == 1);
  CHECK(f.env.punted[0].metadata.punt_class == PuntClass::Resolve);
  CHECK(f.env.punted[0].metadata.adjacency == f.internet);
  // As it is to be sent: in its tunnel, without a link-layer header.
  CHECK(wire::Ipv6Header::parse(f.env.punted[0].bytes)->destination == f.care_of);
  CHECK(f.env.punted[0].bytes.size() == packet.size() + 40);
  CHECK(f.counted() == "received=1 encapsulated-to-mobile-node=1 punted-resolve=1");
}

TEST_CASE("each class has a budget of its own", "[pipeline][punt]") {
  PipelineFixture f;
  f.config.punt_rates[static_cast<std::size_t>(PuntClass::Discovery)] = 20;  // 3 at once
  f.restart();
  for (int i = 0; i < 10; ++i) {
    f.receive(to(f.care_of, f.agent, 58, "9200 0000 00010000"));
  }
  f.receive(to(f.care_of, f.agent, 135, "3b 01 05 00 0000 0001"));
  CHECK(f.counted() == "punt-budget=7 received=11 punted-mobility=1 punted-discovery=3");
}
