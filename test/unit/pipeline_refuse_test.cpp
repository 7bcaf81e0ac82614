// Every reason for a drop, what answers it, and what may never be answered.
#include <set>

#include "common/checksum.h"
#include "test/support/pipeline_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using dataplane::AdjacencyState;
using dataplane::EntryKind;
using dataplane::LeafKind;
using dataplane::LeafValue;
using dataplane::Origin;

namespace {

struct Drop {
  const char* reason;
  std::function<void(PipelineFixture&)> act;
  // All that is counted besides the drop itself; an ICMPv6 answer is in here.
  const char* also;
};

Bytes udp_to_agent(const PipelineFixture& f, std::uint8_t next_header, const char* rest) {
  return build({f.correspondent, f.agent, next_header, 64, 0, 0, hex(rest)});
}

constexpr const char* kUnreachable = "received=1 sent=1 icmp-unreachable-sent=1 injected=1";
constexpr const char* kParameter = "received=1 sent=1 icmp-parameter-problem-sent=1 injected=1";
constexpr const char* kTooBig = "received=1 sent=1 icmp-packet-too-big-sent=1 injected=1";
constexpr const char* kTimeExceeded = "received=1 sent=1 icmp-time-exceeded-sent=1 injected=1";
constexpr const char* kSilent = "received=1";
constexpr const char* kInTunnel = "received=1 decapsulated-from-mobile-node=1";

const Drop kDrops[] = {
    {"frame-too-short",
     [](PipelineFixture& f) { f.receive_frame(frame(PipelineFixture::kPortMac, Bytes(39))); },
     kSilent},
    {"frame-too-short", [](PipelineFixture& f) { f.receive_frame(Bytes(5)); }, kSilent},
    {"other-ethertype",
     [](PipelineFixture& f) {
       f.config.has_host = false;
       f.restart();
       f.receive_frame(frame(PipelineFixture::kPortMac, Bytes(60), 0x0806));
     },
     kSilent},
    {"other-vlan",
     [](PipelineFixture& f) {
       f.receive_frame(frame(PipelineFixture::kPortMac, Bytes(60), 0x8100));
     },
     kSilent},
    {"other-destination-mac",
     [](PipelineFixture& f) {
       f.receive_frame(frame({2, 9, 9, 9, 9, 9}, build({f.correspondent, f.home})));
     },
     kSilent},
    {"other-destination-mac",  // a unicast packet in a multicast frame
     [](PipelineFixture& f) {
       f.receive_frame(frame({0x33, 0x33, 0, 0, 0, 1}, build({f.correspondent, f.home})));
     },
     kSilent},
    {"bad-version",
     [](PipelineFixture& f) {
       Bytes packet = build({f.correspondent, f.home});
       packet[0] = std::byte{0x45};
       f.receive(packet);
     },
     kSilent},
    {"bad-payload-length",
     [](PipelineFixture& f) {
       Bytes packet = build({f.correspondent, f.home});
       packet.pop_back();
       f.receive(packet);
     },
     kSilent},
    {"invalid-source",
     [](PipelineFixture& f) {
       f.receive(build({ip6("ff02::1"), f.home}));
     },
     kSilent},
    {"invalid-source",
     [](PipelineFixture& f) {
       f.receive(build({ip6("::1"), f.home}));
     },
     kSilent},
    {"invalid-source",
     [](PipelineFixture& f) {
       f.receive(build({ip6("::"), f.home}));
     },
     kSilent},
    {"invalid-destination",
     [](PipelineFixture& f) {
       f.receive(build({f.correspondent, ip6("::1")}));
     },
     kSilent},
    {"invalid-destination",
     [](PipelineFixture& f) {
       f.receive(build({f.correspondent, ip6("::")}));
     },
     kSilent},
    {"link-local-source",
     [](PipelineFixture& f) {
       f.receive(build({ip6("fe80::1"), ip6("2001:db8:1::5")}));
     },
     kSilent},
    {"home-source-outside-tunnel",
     [](PipelineFixture& f) {
       f.receive(build({f.home, f.correspondent}));
     },
     kSilent},
    {"home-source-outside-tunnel",
     [](PipelineFixture& f) {
       f.receive(build({ip6("2001:db8:8000:5::42"), f.correspondent}));
     },
     kSilent},
    {"header-not-contiguous",
     [](PipelineFixture& f) {
       // More headers than are brought together.
       Bytes packet = frame(PipelineFixture::kPortMac,
                            build({f.correspondent, f.agent, 60, 64, 0, 0, Bytes(256)}));
       dataplane::HeapPacket* chained = f.env.add(ByteView(packet).first(54 + 8));
       chained->append_segment(ByteView(packet).subspan(54 + 8));
       store_be16(chained->data() + 14 + 40, 0x3c1f);  // 256 bytes of options
       f.pipeline->receive(0, std::span<dataplane::HeapPacket* const>(&chained, 1));
     },
     kSilent},
    {"header-truncated",
     [](PipelineFixture& f) { f.receive(udp_to_agent(f, 60, "06 04 0104 0000 0000")); }, kSilent},
    {"too-many-headers",
     [](PipelineFixture& f) {
       Bytes headers;
       for (int i = 0; i < 9; ++i) {
         const Bytes one = hex("3c 00 0104 00000000");
         headers.insert(headers.end(), one.begin(), one.end());
       }
       f.receive(build({f.correspondent, f.agent, 60, 64, 0, 0, headers}));
     },
     kSilent},
    {"misplaced-hop-by-hop",
     [](PipelineFixture& f) {
       f.receive(udp_to_agent(f, 60, "00 00 0104 00000000 06 00 0104 00000000"));
     },
     kParameter},
    {"unwanted-option",
     [](PipelineFixture& f) { f.receive(udp_to_agent(f, 60, "06 00 5e04 00000000")); }, kSilent},
    {"unknown-option",
     [](PipelineFixture& f) { f.receive(udp_to_agent(f, 60, "06 00 9e04 00000000")); }, kParameter},
    {"unknown-routing-header",
     [](PipelineFixture& f) { f.receive(udp_to_agent(f, 43, "06 00 0001 00000000")); }, kParameter},
    {"bad-home-address-option",
     [](PipelineFixture& f) { f.receive(udp_to_agent(f, 60, "06 00 c904 00000000")); }, kSilent},
    {"fragment-for-us",
     [](PipelineFixture& f) {
       f.receive(build({f.care_of, ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"), 44, 64, 0, 0,
                        hex("29 00 0001 00000007 0000000000000000")}));
     },
     kSilent},
    {"esp-unsupported",
     [](PipelineFixture& f) { f.receive(udp_to_agent(f, 50, "00000100 00000001")); }, kSilent},
    {"no-host",
     [](PipelineFixture& f) {
       f.config.has_host = false;
       f.restart();
       f.receive(build({f.correspondent, f.agent, wire::protocol::kTcp}));
     },
     kSilent},
    {"tunnel-inner-malformed",
     [](PipelineFixture& f) { f.receive(tunnel(f.care_of, f.agent, Bytes(39, std::byte{0x60}))); },
     kSilent},
    {"tunnel-inner-malformed",
     [](PipelineFixture& f) {
       Bytes inner = build({f.home, f.correspondent});
       inner.pop_back();
       f.receive(tunnel(f.care_of, f.agent, inner));
     },
     kSilent},
    {"tunnel-inner-malformed",
     [](PipelineFixture& f) {
       f.receive(tunnel(f.care_of, f.agent, build({ip6("ff0e::1"), f.correspondent})));
     },
     kSilent},
    {"tunnel-inner-not-ipv6",
     [](PipelineFixture& f) { f.receive(tunnel(f.care_of, f.agent, Bytes(60, std::byte{0x45}))); },
     kSilent},
    {"tunnel-source-unbound",
     [](PipelineFixture& f) {
       f.receive(tunnel(f.care_of, f.agent, build({ip6("2001:db8:0:1::999"), f.correspondent})));
     },
     kSilent},
    {"tunnel-source-unbound",
     [](PipelineFixture& f) {
       f.receive(tunnel(f.care_of, f.agent, build({f.correspondent, ip6("2001:db8:1::5")})));
     },
     kSilent},
    {"tunnel-care-of-mismatch",
     [](PipelineFixture& f) {
       f.receive(tunnel(f.other_care_of, f.agent, build({f.home, f.correspondent})));
     },
     kSilent},
    {"nested-too-deep",
     [](PipelineFixture& f) {
       // A tunnel in a tunnel in a tunnel, each of them good by itself.
       f.env.bind(ip6("2001:db8:0:1::a"), EntryKind::Bound, f.agent, f.home);
       f.env.bind(ip6("2001:db8:0:1::b"), EntryKind::Bound, f.agent, ip6("2001:db8:0:1::a"));
       const Bytes innermost = build({ip6("2001:db8:0:1::b"), f.correspondent});
       const Bytes middle = tunnel(ip6("2001:db8:0:1::a"), f.agent, innermost);
       f.receive(tunnel(f.care_of, f.agent, tunnel(f.home, f.agent, middle)));
     },
     "received=1 decapsulated-from-mobile-node=2"},
    {"no-binding",
     [](PipelineFixture& f) {
       f.receive(build({f.correspondent, ip6("2001:db8:0:1::999")}));
     },
     kUnreachable},
    {"no-route",
     [](PipelineFixture& f) {
       f.receive(build({f.correspondent, ip6("3fff::1")}));
     },
     kUnreachable},
    {"route-prohibited",
     [](PipelineFixture& f) {
       f.receive(build({f.correspondent, ip6("2001:db8:dead::1")}));
     },
     kSilent},
    {"neighbor-unresolved",
     [](PipelineFixture& f) {
       f.config.has_host = false;
       f.restart();
       f.env.adjacencies[f.inside].state = AdjacencyState::Unresolved;
       f.receive(build({f.correspondent, ip6("2001:db8:1::5")}));
     },
     "received=1 forwarded=1"},
    {"neighbor-failed",
     [](PipelineFixture& f) {
       f.env.adjacencies[f.inside].state = AdjacencyState::Failed;
       f.receive(build({f.correspondent, ip6("2001:db8:1::5")}));
     },
     kUnreachable},
    {"neighbor-failed",  // behind a tunnel it is the mobile node that cannot be reached
     [](PipelineFixture& f) {
       f.env.route(prefix("2001:db8:fa::/48"), LeafValue::of(LeafKind::Adjacency, f.inside));
       f.env.adjacencies[f.inside].state = AdjacencyState::Failed;
       f.env.bind(ip6("2001:db8:0:1::500"), EntryKind::Bound, f.agent, ip6("2001:db8:fa::1"));
       f.receive(build({f.correspondent, ip6("2001:db8:0:1::500")}));
     },
     kUnreachable},
    {"multicast-not-forwarded",
     [](PipelineFixture& f) {
       f.receive(tunnel(f.care_of, f.agent, build({f.home, ip6("ff0e::5")})));
     },
     kInTunnel},
    {"link-local-destination",
     [](PipelineFixture& f) {
       f.receive(tunnel(f.care_of, f.agent, build({f.home, ip6("fe80::5")})));
     },
     kInTunnel},
    {"hop-limit-exceeded",
     [](PipelineFixture& f) {
       f.receive(build({f.correspondent, f.home, 17, 1}));
     },
     kTimeExceeded},
    {"hop-limit-exceeded",
     [](PipelineFixture& f) {
       f.receive(build({f.correspondent, ip6("2001:db8:1::5"), 17, 0}));
     },
     kTimeExceeded},
    {"packet-too-big",
     [](PipelineFixture& f) {
       f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1461)}));
     },
     kTooBig},
    {"packet-too-big",
     [](PipelineFixture& f) {
       f.env.adjacencies[f.inside].mtu = 1400;
       f.receive(build({f.correspondent, ip6("2001:db8:1::5"), 17, 64, 0, 0, sized(1401)}));
     },
     kTooBig},
    {"encapsulation-limit",
     [](PipelineFixture& f) {
       f.receive(build(
           {f.correspondent, f.home, 60, 64, 0, 0, hex("11 00 040100 010100 0000000000000000")}));
     },
     kParameter},
    {"tunnel-loop",
     [](PipelineFixture& f) {
       // A binding whose care-of address is its own home address.
       f.env.bind(ip6("2001:db8:0:1::600"), EntryKind::Bound, f.correspondent,
                  ip6("2001:db8:0:1::600"));
       f.receive(build({f.correspondent, ip6("2001:db8:0:1::600")}));
     },
     kSilent},
    {"tunnel-loop",
     [](PipelineFixture& f) {
       f.env.bind(ip6("2001:db8:0:1::700"), EntryKind::Bound, f.agent, ip6("2001:db8:a1::99"));
       f.receive(build({f.correspondent, ip6("2001:db8:0:1::700")}));
     },
     kSilent},
    {"no-buffer",
     [](PipelineFixture& f) {
       f.env.allocations_left = 0;
       f.env.bindings.at(f.home).path_mtu = 1280;
       f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1280)}));
     },
     "received=1 encapsulated-to-mobile-node=1"},
    {"punt-budget",
     [](PipelineFixture& f) {
       f.config.punt_rates[static_cast<std::size_t>(forwarding::PuntClass::Host)] = 0;
       f.restart();
       f.receive(build({f.correspondent, f.agent, wire::protocol::kTcp}));
     },
     kSilent},
    {"punt-ring-full",
     [](PipelineFixture& f) {
       f.env.punt_ring_left = 0;
       f.receive(build({f.correspondent, f.agent, wire::protocol::kTcp}));
     },
     kSilent},
};

// The ICMPv6 error in the only packet sent; its checksum is right and its source ours.
wire::Icmpv6Header sent_error(const PipelineFixture& f) {
  const Bytes packet = f.sent_packet();
  const auto header = wire::Ipv6Header::parse(packet);
  REQUIRE(header);
  REQUIRE(header->next_header == wire::protocol::kIcmpv6);
  CHECK(header->source == f.agent);
  CHECK(packet.size() <= 1280);
  CHECK(packet.size() == 40U + header->payload_length);
  const ByteView message = ByteView(packet).subspan(40);
  CHECK(wire::icmpv6_checksum_ok(header->source, header->destination, message));
  return *wire::Icmpv6Header::parse(message);
}

Bytes quoted(const PipelineFixture& f) {
  const Bytes packet = f.sent_packet();
  return {packet.begin() + 48, packet.end()};
}

}  // namespace

TEST_CASE("every drop has its reason and exact counters", "[pipeline][drop]") {
  for (const Drop& drop : kDrops) {
    DYNAMIC_SECTION(drop.reason << " (" << (&drop - kDrops) << ")") {
      PipelineFixture f;
      drop.act(f);
      CHECK(f.counted() == std::string(drop.reason) + "=1 " + drop.also);
      f.check_quiet();
    }
  }
}

TEST_CASE("every drop reason of this stage of the project has a case above", "[pipeline][drop]") {
  std::set<std::string_view> covered;
  for (const Drop& drop : kDrops) {
    covered.insert(drop.reason);
  }
  // Elsewhere: in the table of RFC 6040, below, and where packets are handed to ports; what HAHA
  // links refuse has a table of its own (pipeline_haha_refuse_test.cpp).
  covered.insert({"congestion-not-expected", "no-headroom", "port-down", "transmit-queue-full"});
  covered.insert({"haha-port", "haha-stranger", "haha-nested", "haha-inner-not-ours",
                  "haha-misrouted", "haha-back", "haha-relay-limit", "haha-locator-source",
                  "peer-down", "primary-dead"});
  // And fragments (pipeline_reassembly_test.cpp), and what workers leave to each other
  // (pipeline_handoff_test.cpp).
  covered.insert({"fragment-malformed", "fragment-overlap", "fragment-duplicate", "fragment-limit",
                  "fragment-evicted", "fragment-timeout", "handoff-ring-full"});
  for (const auto& info : forwarding::kDropReasons) {
    INFO(info.name);
    CHECK(covered.contains(info.name));
  }
}

TEST_CASE("a packet without headroom for another header is dropped by name", "[pipeline][drop]") {
  PipelineFixture f;
  // Frames that start so far in front that nothing can be prepended.
  dataplane::HeapPacket* packet =
      f.env.add(frame(PipelineFixture::kPortMac, build({f.correspondent, f.home})));
  Bytes bytes = packet->bytes();
  REQUIRE(packet->set_front(packet->data() - dataplane::kHeapHeadroom));
  packet->truncate(bytes.size());
  std::ranges::copy(bytes, packet->data());
  f.pipeline->receive(0, std::span<dataplane::HeapPacket* const>(&packet, 1));
  CHECK(f.counted() == "no-headroom=1 received=1");
  f.check_quiet();
}

TEST_CASE("Destination Unreachable code 3 for an address without binding",
          "[pipeline][icmp][R87][R88]") {
  PipelineFixture f;
  const Bytes packet = build({f.correspondent, ip6("2001:db8:0:1::999")});
  f.receive(packet);
  const auto error = sent_error(f);
  CHECK(error.type == 1);
  CHECK(error.code == 3);
  CHECK(quoted(f) == packet);
}

TEST_CASE("code 0 without a route", "[pipeline][icmp]") {
  PipelineFixture f;
  f.receive(build({f.correspondent, ip6("3fff::1")}));
  CHECK(sent_error(f).type == 1);
  CHECK(sent_error(f).code == 0);
}

TEST_CASE("Packet Too Big carries what fits inside the tunnel", "[pipeline][icmp][mtu]") {
  PipelineFixture f;
  SECTION("port MTU 1500: 1460") {
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1500)}));
    CHECK(sent_error(f).type == 2);
    CHECK(sent_error(f).parameter == 1460);
    CHECK(f.sent_packet().size() == 1280);
  }
  SECTION("exactly what fits goes through") {
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1460)}));
    CHECK(f.sent_packet().size() == 1500);
  }
  SECTION("a learnt path MTU counts") {
    f.env.bindings.at(f.home).path_mtu = 1400;
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1361)}));
    CHECK(sent_error(f).parameter == 1360);
  }
  SECTION("never less than 1280 is asked for") {
    f.env.bindings.at(f.home).path_mtu = 1280;
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1281)}));
    CHECK(sent_error(f).parameter == 1280);
  }
}

TEST_CASE("packets up to 1280 bytes are fragmented outside (RFC 2473 §7.1)", "[pipeline][mtu]") {
  PipelineFixture f;
  f.env.bindings.at(f.home).path_mtu = 1300;
  Bytes packet = build({f.correspondent, f.home, 17, 64, 0, 0, sized(1280)});
  f.receive(packet);
  CHECK(f.counted() == "received=1 sent=2 encapsulated-to-mobile-node=1 fragments-created=2");
  REQUIRE(f.env.transmitted.size() == 2);
  Bytes whole;
  std::optional<std::uint32_t> identification;
  for (const Transmitted& sent : f.env.transmitted) {
    const Bytes fragment = without_link_header(sent.frame);
    CHECK(fragment.size() <= 1300);
    const auto header = wire::Ipv6Header::parse(fragment);
    CHECK(header->source == f.agent);
    CHECK(header->destination == f.care_of);
    CHECK(header->payload_length + 40U == fragment.size());
    const auto chain = wire::walk_headers(fragment);
    REQUIRE(chain);
    REQUIRE(chain->fragment);
    CHECK(chain->fragment->next_header == wire::protocol::kIpv6);
    CHECK(chain->fragment->offset_bytes == whole.size());
    CHECK(chain->fragment->more == (&sent == &f.env.transmitted.front()));
    CHECK(identification.value_or(chain->fragment->identification) ==
          chain->fragment->identification);
    identification = chain->fragment->identification;
    whole.insert(whole.end(), fragment.begin() + 48, fragment.end());
  }
  packet[7] = std::byte{63};
  CHECK(whole == packet);
  f.check_quiet();
}

TEST_CASE("Time Exceeded and Parameter Problem quote the packet as it came", "[pipeline][icmp]") {
  PipelineFixture f;
  SECTION("time exceeded") {
    const Bytes packet = build({f.correspondent, f.home, 17, 1});
    f.receive(packet);
    CHECK(sent_error(f).type == 3);
    CHECK(quoted(f) == packet);
  }
  SECTION("encapsulation limit 0: pointer at its value") {
    f.receive(build({f.correspondent, f.home, 60, 64, 0, 0, hex("11 00 040100 010100")}));
    CHECK(sent_error(f).type == 4);
    CHECK(sent_error(f).parameter == 44);
  }
  SECTION("unknown option: code 2, pointer at its type") {
    f.receive(udp_to_agent(f, 60, "06 00 9e04 00000000"));
    CHECK(sent_error(f).code == 2);
    CHECK(sent_error(f).parameter == 42);
  }
}

TEST_CASE("a Parameter Problem comes from the address that was spoken to, unless it is anycast",
          "[pipeline][icmp]") {
  PipelineFixture f;
  const auto answered_from = [&](const Ipv6Address& destination) {
    f.env.forget();
    f.receive_frame(
        frame(destination.is_multicast() ? Mac{0x33, 0x33, 0, 0, 0, 1} : PipelineFixture::kPortMac,
              build({f.correspondent, destination, 60, 64, 0, 0, hex("06 00 9e04 00000000")})));
    return wire::Ipv6Header::parse(f.sent_packet())->source;
  };
  CHECK(answered_from(f.locator) == f.locator);
  CHECK(answered_from(ip6("2001:db8:a1::99")) == ip6("2001:db8:a1::99"));
  CHECK(answered_from(f.agent) == f.agent);
  CHECK(answered_from(ip6("2001:db8:0:1:fdff:ffff:ffff:fffe")) == f.agent);
  CHECK(answered_from(ip6("ff02::1")) == f.agent);
}

TEST_CASE("an option that must not be reported of a multicast is not (RFC 8200 §4.2)",
          "[pipeline][icmp]") {
  PipelineFixture f;  // type bits 11, where 10 is reported above
  f.receive_frame(frame({0x33, 0x33, 0, 0, 0, 1}, build({f.correspondent, ip6("ff02::1"), 60, 64, 0,
                                                         0, hex("06 00 de04 00000000")})));
  CHECK(f.counted() == "unknown-option=1 received=1");
  f.check_quiet();
}

TEST_CASE("an encapsulation limit is passed on, one less (RFC 2473 §4.1.1)", "[pipeline]") {
  PipelineFixture f;
  Bytes packet =
      build({f.correspondent, f.home, 60, 64, 0, 0, hex("11 00 040104 010100 1122334455667788")});
  f.receive(packet);
  const Bytes sent = f.sent_packet();
  const auto header = wire::Ipv6Header::parse(sent);
  CHECK(header->next_header == wire::protocol::kDestinationOptions);
  CHECK(header->payload_length == 8 + packet.size());
  CHECK(Bytes(sent.begin() + 40, sent.begin() + 48) == hex("29 00 040103 010100"));
  packet[7] = std::byte{63};
  CHECK(Bytes(sent.begin() + 48, sent.end()) == packet);
  // And a reverse tunnel with such a header is opened.
  f.env.forget();
  const Bytes inner = build({f.home, f.correspondent});
  Bytes limited = hex("29 00 040103 010100");
  limited.insert(limited.end(), inner.begin(), inner.end());
  f.receive(build({f.care_of, f.agent, 60, 64, 0, 0, limited}));
  CHECK(f.counted() == "received=1 sent=1 decapsulated-from-mobile-node=1 forwarded=1");
}

TEST_CASE("an error to a mobile node goes through its tunnel", "[pipeline][icmp]") {
  PipelineFixture f;
  f.receive(tunnel(f.care_of, f.agent, build({f.home, ip6("3fff::1")})));
  CHECK(f.counted() ==
        "no-route=1 received=1 sent=1 encapsulated-to-mobile-node=1 "
        "decapsulated-from-mobile-node=1 icmp-unreachable-sent=1 injected=1");
  const Bytes sent = f.sent_packet();
  CHECK(wire::Ipv6Header::parse(sent)->destination == f.care_of);
  CHECK(wire::Ipv6Header::parse(ByteView(sent).subspan(40))->destination == f.home);
}

TEST_CASE("an error to the host itself is given to it", "[pipeline][icmp]") {
  PipelineFixture f;
  f.originate(build({ip6("2001:db8:a1::99"), ip6("2001:db8:0:1::999")}), Origin::Host, true);
  CHECK(f.counted() == "no-binding=1 icmp-unreachable-sent=1 punted-host=1 injected=2");
}

TEST_CASE("what RFC 4443 §2.4 (e) forbids to answer is not answered", "[pipeline][icmp]") {
  const Ipv6Address nobody = ip6("2001:db8:0:1::999");
  const auto forbidden = [&](const PacketSpec& spec) {
    PipelineFixture f;
    f.receive(build(spec));
    CHECK(f.counted() == "no-binding=1 received=1 icmp-forbidden=1");
    f.check_quiet();
  };
  const Ipv6Address correspondent = ip6("2001:db8:c::1");
  SECTION("an ICMPv6 error") {
    for (const char* type : {"01", "02", "03", "04", "7f"}) {
      forbidden({correspondent, nobody, 58, 64, 0, 0, hex(std::string(type) + "00 0000 00000000")});
    }
  }
  SECTION("an ICMPv6 error behind extension headers") {
    forbidden({correspondent, nobody, 60, 64, 0, 0, hex("3a 00 0104 00000000 0100 0000 00000000")});
  }
  SECTION("an ICMPv6 error behind headers that we would not walk") {
    forbidden({correspondent, nobody, 43, 64, 0, 0,
               hex("3a 02 0201 00000000 20010db8000000000000000000000001 0100 0000 00000000")});
    forbidden({correspondent, nobody, 60, 64, 0, 0, hex("3a 00 9e04 00000000 0100 0000 00000000")});
    forbidden({correspondent, nobody, 51, 64, 0, 0,
               hex("3a 01 0000 00000100 00000001 0100 0000 00000000")});
    PipelineFixture f;  // nor when these headers are the reason
    f.receive(udp_to_agent(f, 60, "3a 00 9e04 00000000 0100 0000 00000000"));
    CHECK(f.counted() == "unknown-option=1 received=1 icmp-forbidden=1");
  }
  SECTION("headers that are cut off") {
    forbidden({correspondent, nobody, 60, 64, 0, 0, hex("3a 03 0104 00000000 0100 0000 00000000")});
  }
  SECTION("a redirect") {
    forbidden({correspondent, nobody, 58, 64, 0, 0, hex("89 00 0000 00000000")});
  }
  SECTION("the first fragment of an ICMPv6 error, and later fragments of ICMPv6") {
    forbidden({correspondent, nobody, 44, 64, 0, 0, hex("3a 00 0001 00000001 0100 0000 00000000")});
    forbidden({correspondent, nobody, 44, 64, 0, 0, hex("3a 00 0100 00000001 0100 0000 00000000")});
  }
  SECTION("an ICMPv6 header that is cut off") {
    forbidden({correspondent, nobody, 58, 64, 0, 0, {}});
  }
  SECTION("a link-local source") { forbidden({ip6("fe80::1"), nobody}); }
  SECTION("an echo request may be answered") {
    PipelineFixture f;
    f.receive(build({f.correspondent, nobody, 58, 64, 0, 0, hex("80 00 0000 00000000")}));
    CHECK(sent_error(f).type == 1);
  }
}

TEST_CASE("a scan of the home prefix does not silence Packet Too Big", "[pipeline][icmp]") {
  PipelineFixture f;  // 100 unreachable per second
  for (unsigned i = 0; i < 1000; ++i) {
    Ipv6Address target = ip6("2001:db8:0:1:1::");
    target.octets[14] = static_cast<std::uint8_t>(i >> 8U);
    target.octets[15] = static_cast<std::uint8_t>(i);
    f.receive(build({f.correspondent, target}));
  }
  CHECK(f.counted() ==
        "no-binding=1000 received=1000 sent=100 icmp-unreachable-sent=100 icmp-rate-limited=900 "
        "injected=100");
  f.env.forget();
  f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1500)}));
  CHECK(sent_error(f).type == 2);
  // Each flow has ten a second; then it has to wait, others need not.
  for (int i = 0; i < 20; ++i) {
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1500)}));
  }
  CHECK(f.env.transmitted.size() == 10);
  f.receive(build({f.correspondent, f.other_home, 17, 64, 0, 0, sized(1500)}));
  CHECK(f.env.transmitted.size() == 11);
  f.env.time += std::chrono::milliseconds(100);
  f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1500)}));
  CHECK(f.env.transmitted.size() == 12);
}
