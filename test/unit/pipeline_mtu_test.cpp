// What correspondents are told, and the MSS of their TCP connections.
#include "common/checksum.h"
#include "test/support/haha_fixture.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

std::uint32_t told(const PipelineFixture& f) { return load_be32(f.sent_packet().data() + 44); }

// A SYN with options, its checksum right.
Bytes syn(const Ipv6Address& source, const Ipv6Address& destination, const char* options,
          std::uint8_t flags = 0x02) {
  Bytes tcp = hex("c000 0016 00000001 00000000 5002 ffff 0000 0000");
  const Bytes more = hex(options);
  tcp.insert(tcp.end(), more.begin(), more.end());
  tcp[12] = static_cast<std::byte>((tcp.size() / 4) << 4U);
  tcp[13] = std::byte{flags};
  store_be16(tcp.data() + 16, upper_layer_checksum(source, destination, wire::protocol::kTcp, tcp));
  return build({source, destination, wire::protocol::kTcp, 64, 0, 0, tcp});
}

// The same packet one hop on, with another MSS at `at`.
Bytes changed(Bytes packet, std::size_t at, std::uint16_t mss) {
  store_be16(packet.data() + at, mss);
  packet[7] = std::byte{63};
  Bytes tcp(packet.begin() + 40, packet.end());
  store_be16(tcp.data() + 16, 0);
  const auto header = wire::Ipv6Header::parse(packet);
  store_be16(packet.data() + 56,
             upper_layer_checksum(header->source, header->destination, wire::protocol::kTcp, tcp));
  return packet;
}

Bytes inside(const PipelineFixture& f) { return without_link_header(f.sent_packet(), 40); }

}  // namespace

TEST_CASE("correspondents are told one MTU, wherever they enter (rulings 10)", "[pipeline][mtu]") {
  HahaFixture f;
  f.config.mtu_to_correspondents = 1420;
  f.restart();
  SECTION("for a mobile node here, whose tunnel takes 1460") {
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1421)}));
    CHECK(told(f) == 1420);
    CHECK(f.counted() ==
          "packet-too-big=1 received=1 sent=1 icmp-packet-too-big-sent=1 injected=1");
  }
  SECTION("what just fits goes") {
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1420)}));
    CHECK(f.sent_packet().size() == 1460);
  }
  SECTION("for a mobile node elsewhere") {
    f.receive(build({f.correspondent, f.home_at_osaka, 17, 64, 0, 0, sized(1421)}));
    CHECK(told(f) == 1420);
  }
  SECTION("the smaller counts") {
    f.env.bindings.at(f.home).path_mtu = 1400;
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1421)}));
    CHECK(told(f) == 1360);
  }
  SECTION("never less than 1280") {
    f.config.mtu_to_correspondents = 1280;
    f.restart();
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1281)}));
    CHECK(told(f) == 1280);
    f.env.forget();
    f.receive(build({f.correspondent, f.home, 17, 64, 0, 0, sized(1280)}));
    CHECK(f.sent_packet().size() == 1320);
  }
  SECTION("a mobile node's tunnel to a peer is told what the link takes (R90)") {
    const Ipv6Address care_of = ip6("2001:db8:ee::1");
    f.receive(build({care_of, f.osaka, 17, 64, 0, 0, sized(1460)}));
    CHECK(f.sent_packet().size() == 1500);
    f.env.forget();
    f.receive(build({care_of, f.osaka, 17, 64, 0, 0, sized(1461)}));
    CHECK(told(f) == 1460);
  }
  SECTION("what mobile nodes send natively is not held to it") {
    const Bytes inner = build({f.home, f.correspondent, 17, 64, 0, 0, sized(1460)});
    f.receive(tunnel(f.care_of, f.agent, inner));
    CHECK(f.sent_packet().size() == 1460);
  }
}

TEST_CASE("the MSS of TCP connections through bindings, where it is wanted", "[pipeline][mss]") {
  HahaFixture f;
  f.config.clamp_tcp_mss = true;
  f.config.mtu_to_correspondents = 1420;
  f.restart();
  const char* const clamped = "received=1 sent=1 encapsulated-to-mobile-node=1 mss-clamped=1";
  SECTION("from a correspondent: 1420 - 60") {
    const Bytes packet = syn(f.correspondent, f.home, "020405a0");
    f.receive(packet);
    CHECK(dump(inside(f)) == dump(changed(packet, 62, 1360)));
    CHECK(f.counted() == clamped);
  }
  SECTION("its answer, too") {
    const Bytes packet = syn(f.correspondent, f.home, "020405a0", 0x12);
    f.receive(packet);
    CHECK(dump(inside(f)) == dump(changed(packet, 62, 1360)));
  }
  SECTION("behind other options, at an odd place") {
    const Bytes packet = syn(f.correspondent, f.home, "01 0204 05a1 030307 0402 0101");
    f.receive(packet);
    CHECK(dump(inside(f)) == dump(changed(packet, 63, 1360)));
    CHECK(f.counted() == clamped);
  }
  SECTION("into a link") {
    const Bytes packet = syn(f.correspondent, f.home_at_osaka, "0204ffff");
    f.receive(packet);
    CHECK(dump(inside(f)) == dump(changed(packet, 62, 1360)));
    CHECK(f.counted() == "received=1 sent=1 encapsulated-to-peer=1 mss-clamped=1");
  }
  SECTION("what the tunnel takes, if that is less") {
    f.env.bindings.at(f.home).path_mtu = 1300;
    const Bytes packet = syn(f.correspondent, f.home, "020405a0");
    f.receive(packet);
    CHECK(dump(inside(f)) == dump(changed(packet, 62, 1220)));
  }
  SECTION("from a mobile node: the correspondent will send into its tunnel") {
    const Bytes packet = syn(f.home, f.correspondent, "020405a0");
    f.receive(tunnel(f.care_of, f.agent, packet));
    CHECK(dump(f.sent_packet()) == dump(changed(packet, 62, 1360)));
    CHECK(f.counted() ==
          "received=1 sent=1 decapsulated-from-mobile-node=1 forwarded=1 mss-clamped=1");
  }
  const auto untouched = [&](Bytes packet) {
    f.receive(packet);
    packet[7] = std::byte{63};
    CHECK(dump(inside(f)) == dump(packet));
    CHECK(f.counted() == "received=1 sent=1 encapsulated-to-mobile-node=1");
  };
  SECTION("no SYN") { untouched(syn(f.correspondent, f.home, "020405a0", 0x10)); }
  SECTION("small enough") { untouched(syn(f.correspondent, f.home, "02040550")); }
  SECTION("no MSS option") { untouched(syn(f.correspondent, f.home, "030307 00")); }
  SECTION("behind the end of the options") {
    untouched(syn(f.correspondent, f.home, "00000000 020405a0"));
  }
  SECTION("an option that runs out of the header") {
    untouched(syn(f.correspondent, f.home, "03ff0000"));
  }
  SECTION("an option of no length") { untouched(syn(f.correspondent, f.home, "03000000")); }
  SECTION("a header that is cut off") {
    Bytes packet = syn(f.correspondent, f.home, "020405a0");
    packet[40 + 12] = std::byte{0xf0};
    untouched(packet);
  }
  SECTION("switched off") {
    f.config.clamp_tcp_mss = false;
    f.restart();
    untouched(syn(f.correspondent, f.home, "020405a0"));
  }
  SECTION("not in what is relayed to a home agent") {
    Bytes packet = syn(f.correspondent, f.osaka, "020405a0");
    f.receive(packet);
    packet[7] = std::byte{63};
    CHECK(dump(inside(f)) == dump(packet));
  }
  f.check_quiet();
}
