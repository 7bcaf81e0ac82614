// Fragments for us: made whole, in any order and any number, or dropped by name.
#include <algorithm>
#include <random>

#include "test/support/haha_fixture.h"
#include "test/support/seed.h"

using namespace anyhome;
using namespace anyhome::test;
using forwarding::PuntClass;

namespace {

// One fragment of a packet's payload; `at` and the end are multiples of 8 but for the last.
Bytes fragment_of(const Bytes& packet, std::size_t at, std::size_t end,
                  std::uint32_t identification) {
  const auto header = wire::Ipv6Header::parse(packet);
  const std::size_t payload = packet.size() - 40;
  Bytes fragment(8);
  Writer writer(fragment);
  wire::FragmentHeader{header->next_header, static_cast<std::uint16_t>(at), end < payload,
                       identification}
      .write(writer);
  fragment.insert(fragment.end(), packet.begin() + 40 + static_cast<std::ptrdiff_t>(at),
                  packet.begin() + 40 + static_cast<std::ptrdiff_t>(end));
  return build({header->source, header->destination, wire::protocol::kFragment, header->hop_limit,
                header->traffic_class, header->flow_label, fragment});
}

std::vector<Bytes> fragments_of(const Bytes& packet, std::size_t room,
                                std::uint32_t identification) {
  std::vector<Bytes> fragments;
  const std::size_t payload = packet.size() - 40;
  for (std::size_t at = 0; at < payload; at += room) {
    fragments.push_back(fragment_of(packet, at, std::min(at + room, payload), identification));
  }
  return fragments;
}

Bytes numbered(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  }
  return bytes;
}

Bytes reverse_tunnel(const PipelineFixture& f, std::size_t payload) {
  return tunnel(f.care_of, f.agent,
                build({f.home, f.correspondent, 17, 64, 0, 0, numbered(payload)}));
}

Bytes inner_of(const Bytes& packet) {
  return with_hop_limit(Bytes(packet.begin() + 40, packet.end()), 63);
}

}  // namespace

TEST_CASE("a reverse tunnel in fragments is opened when it is whole (RFC 2473 7.2)",
          "[pipeline][reassembly]") {
  HahaFixture f;
  const Bytes packet = reverse_tunnel(f, 1200);
  std::vector<Bytes> fragments = fragments_of(packet, 400, 7);
  REQUIRE(fragments.size() == 4);
  std::ranges::sort(fragments);
  unsigned orders = 0;
  do {
    f.env.forget();
    for (std::size_t i = 0; i < fragments.size(); ++i) {
      CHECK(f.env.transmitted.empty());
      f.receive(fragments[i]);
    }
    CHECK(dump(f.sent_packet()) == dump(inner_of(packet)));
    CHECK(f.counted() ==
          "received=4 sent=1 decapsulated-from-mobile-node=1 forwarded=1 reassembled=1");
    f.check_quiet();
    ++orders;
  } while (std::ranges::next_permutation(fragments).found);
  CHECK(orders == 24);
}

TEST_CASE("a HAHA link packet in fragments", "[pipeline][reassembly][haha]") {
  HahaFixture f;
  const Bytes inner = build({f.correspondent, f.home_at_tokyo, 17, 64, 0, 0, numbered(1000)});
  for (const Bytes& fragment : fragments_of(f.from_osaka(inner, 130), 600, 9)) {
    f.receive(fragment);
  }
  check_link_packet(f.sent_packet(), f.locator, f.tokyo_locator, 127, with_hop_limit(inner, 63));
  CHECK(f.counted() ==
        "received=2 sent=1 encapsulated-to-peer=1 decapsulated-from-peer=1 "
        "relayed-between-peers=1 reassembled=1");
  f.check_quiet();
}

TEST_CASE("what one agent fragments, another takes in", "[pipeline][reassembly][haha]") {
  // Ours for Osaka's mobile node, over a path of 1300 bytes; and Osaka's, made of the same.
  HahaFixture ours;
  ours.config.link_mtu = 1300;
  ours.restart();
  const Bytes packet = build({ours.correspondent, ours.home_at_osaka, 17, 64, 0, 0, sized(1280)});
  ours.receive(packet);
  REQUIRE(ours.env.transmitted.size() == 2);

  HahaFixture osaka;
  osaka.config.peers = {};
  osaka.config.peers.add(Locator(ours.locator));
  osaka.config.home_agent = dataplane::AddressTest(ours.osaka);
  osaka.config.locator = dataplane::AddressTest(ours.osaka_locator);
  osaka.config.own_address = ours.osaka;
  osaka.env.bind(ours.home_at_osaka, dataplane::EntryKind::Bound, ours.osaka, ours.care_of);
  osaka.restart();
  for (const Transmitted& sent : ours.env.transmitted) {
    osaka.receive(without_link_header(sent.frame));
  }
  CHECK(osaka.counted() ==
        "received=2 sent=1 encapsulated-to-mobile-node=1 decapsulated-from-peer=1 reassembled=1");
  const Bytes out = osaka.sent_packet();
  CHECK(wire::Ipv6Header::parse(out)->destination == ours.care_of);
  CHECK(dump(without_link_header(out, 40)) == dump(with_hop_limit(packet, 62)));
}

TEST_CASE("fragments that a link brings, of a mobile node's tunnel to us (rulings 10)",
          "[pipeline][reassembly][haha]") {
  HahaFixture f;
  const Bytes packet = reverse_tunnel(f, 1000);
  const std::vector<Bytes> fragments = fragments_of(packet, 600, 11);
  SECTION("both over the link") {
    for (const Bytes& fragment : fragments) {
      f.receive(f.from_osaka(fragment));
    }
    CHECK(f.counted() ==
          "received=2 sent=1 decapsulated-from-mobile-node=1 decapsulated-from-peer=2 forwarded=1 "
          "reassembled=1");
  }
  SECTION("one of them natively, because the mobile node's path has changed") {
    f.receive(fragments[0]);
    f.receive(f.from_osaka(fragments[1]));
    CHECK(f.counted() ==
          "received=2 sent=1 decapsulated-from-mobile-node=1 decapsulated-from-peer=1 forwarded=1 "
          "reassembled=1");
  }
  CHECK(dump(f.sent_packet()) == dump(inner_of(packet)));
  f.check_quiet();
}

TEST_CASE("a Mobility Header in fragments is handed over as one frame", "[pipeline][reassembly]") {
  HahaFixture f;
  // The Home Address option comes before the Fragment header (RFC 6275 §6.3).
  const Bytes message = numbered(48);
  const auto part = [&](std::size_t at, std::size_t end) {
    Bytes payload = hex("2c 02 01020000 c910 20010db8000000010000000000000100");
    Bytes header(8);
    Writer writer(header);
    wire::FragmentHeader{wire::protocol::kMobility, static_cast<std::uint16_t>(at), end < 48, 5}
        .write(writer);
    payload.insert(payload.end(), header.begin(), header.end());
    payload.insert(payload.end(), message.begin() + static_cast<std::ptrdiff_t>(at),
                   message.begin() + static_cast<std::ptrdiff_t>(end));
    return build({f.care_of, f.agent, wire::protocol::kDestinationOptions, 64, 0, 0, payload});
  };
  f.receive(part(24, 48));
  f.receive(part(0, 24));
  CHECK(f.counted() == "received=2 reassembled=1 punted-mobility=1");
  Bytes payload = hex("87 02 01020000 c910 20010db8000000010000000000000100");
  payload.insert(payload.end(), message.begin(), message.end());
  const Bytes whole =
      build({f.care_of, f.agent, wire::protocol::kDestinationOptions, 64, 0, 0, payload});
  REQUIRE(f.env.punted.size() == 1);
  CHECK(f.env.punted[0].metadata.link_header == 14);
  CHECK(dump(f.env.punted[0].bytes) == dump(frame(PipelineFixture::kPortMac, whole)));
  f.check_quiet();
}

TEST_CASE("fragments of what is the host's go to it as they are", "[pipeline][reassembly]") {
  HahaFixture f;
  for (const Ipv6Address& to : {f.agent, f.locator, ip6("2001:db8:a1::99")}) {
    for (const Bytes& fragment :
         fragments_of(build({f.correspondent, to, 17, 64, 0, 0, numbered(100)}), 64, 3)) {
      f.receive(fragment);
    }
  }
  CHECK(f.counted() == "received=6 punted-host=6");
  CHECK(f.env.punted[0].metadata.link_header == 14);
  SECTION("tunnel packets of the host, too") {
    f.env.forget();
    for (const Bytes& fragment : fragments_of(
             tunnel(f.care_of, ip6("2001:db8:a1::99"), build({f.home, f.correspondent})), 32, 3)) {
      f.receive(fragment);
    }
    CHECK(f.counted() == "received=2 punted-host=2");
  }
  SECTION("without a host they have nowhere to go") {
    f.env.forget();
    f.config.has_host = false;
    f.restart();
    f.receive(
        fragment_of(build({f.correspondent, f.agent, 17, 64, 0, 0, numbered(100)}), 0, 64, 3));
    CHECK(f.counted() == "no-host=1 received=1");
  }
}

TEST_CASE("the discovery address is anycast and takes no fragments", "[pipeline][reassembly]") {
  HahaFixture f;
  f.receive(fragment_of(
      build({f.care_of, ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"), 135, 64, 0, 0, numbered(100)}), 0,
      64, 3));
  CHECK(f.counted() == "fragment-for-us=1 received=1");
}

TEST_CASE("fragments that overlap end their datagram, and what follows of it (RFC 5722)",
          "[pipeline][reassembly]") {
  HahaFixture f;
  const Bytes packet = reverse_tunnel(f, 1000);
  SECTION("front") {
    f.receive(fragment_of(packet, 0, 400, 1));
    f.receive(fragment_of(packet, 392, 800, 1));
    CHECK(f.counted() == "fragment-overlap=2 received=2");
  }
  SECTION("back") {
    f.receive(fragment_of(packet, 400, 800, 1));
    f.receive(fragment_of(packet, 0, 408, 1));
    CHECK(f.counted() == "fragment-overlap=2 received=2");
  }
  SECTION("inside of one another") {
    f.receive(fragment_of(packet, 0, 800, 1));
    f.receive(fragment_of(packet, 80, 160, 1));
    CHECK(f.counted() == "fragment-overlap=2 received=2");
  }
  SECTION("the same place, other bytes") {
    f.receive(fragment_of(packet, 0, 400, 1));
    Bytes other = fragment_of(packet, 0, 400, 1);
    other.back() ^= std::byte{1};
    f.receive(other);
    CHECK(f.counted() == "fragment-overlap=2 received=2");
  }
  SECTION("two ends") {
    f.receive(fragment_of(packet, 800, 1040, 1));
    Bytes shorter = packet;
    shorter.resize(40 + 400);
    f.receive(fragment_of(shorter, 200, 400, 1));
    CHECK(f.counted() == "fragment-overlap=2 received=2");
  }
  SECTION("something behind the end") {
    Bytes shorter = packet;
    shorter.resize(40 + 400);
    f.receive(fragment_of(shorter, 200, 400, 1));
    f.receive(fragment_of(packet, 400, 800, 1));
    CHECK(f.counted() == "fragment-overlap=2 received=2");
  }
  SECTION("an end before what is there") {
    f.receive(fragment_of(packet, 400, 800, 1));
    Bytes shorter = packet;
    shorter.resize(40 + 400);
    f.receive(fragment_of(shorter, 200, 400, 1));
    CHECK(f.counted() == "fragment-overlap=2 received=2");
  }
  f.env.forget();
  for (const Bytes& fragment : fragments_of(packet, 400, 1)) {
    f.receive(fragment);
  }
  CHECK(f.counted() == "fragment-overlap=3 received=3");
  f.env.forget();
  for (const Bytes& fragment : fragments_of(packet, 400, 2)) {
    f.receive(fragment);
  }
  CHECK(dump(f.sent_packet()) == dump(inner_of(packet)));
  f.check_quiet();
}

TEST_CASE("an exact copy of a fragment does no harm (RFC 8200 4.5)", "[pipeline][reassembly]") {
  HahaFixture f;
  const Bytes packet = reverse_tunnel(f, 1000);
  f.receive(fragment_of(packet, 0, 600, 1));
  f.receive(fragment_of(packet, 0, 600, 1));
  f.receive(fragment_of(packet, 600, 1040, 1));
  CHECK(f.counted() ==
        "fragment-duplicate=1 received=3 sent=1 decapsulated-from-mobile-node=1 forwarded=1 "
        "reassembled=1");
  f.check_quiet();
}

TEST_CASE("fragments that no sender makes", "[pipeline][reassembly]") {
  HahaFixture f;
  const Bytes packet = reverse_tunnel(f, 1000);
  SECTION("not a multiple of 8 bytes") { f.receive(fragment_of(packet, 0, 401, 1)); }
  SECTION("nothing in it") { f.receive(fragment_of(packet, 8, 8, 1)); }
  SECTION("beyond the largest packet") {
    Bytes fragment = fragment_of(packet, 400, 1040, 1);
    store_be16(fragment.data() + 42, 0xfff8);
    f.receive(fragment);
  }
  CHECK(f.counted() == "fragment-malformed=1 received=1");
  f.check_quiet();
}

TEST_CASE("an unfinished datagram is given up in time", "[pipeline][reassembly]") {
  HahaFixture f;
  const Bytes packet = reverse_tunnel(f, 1000);
  f.receive(fragment_of(packet, 0, 600, 1));
  SECTION("not before") {
    f.env.time += std::chrono::milliseconds(1999);
    f.pipeline->on_time();
    f.receive(fragment_of(packet, 600, 1040, 1));
    CHECK(f.counted() ==
          "received=2 sent=1 decapsulated-from-mobile-node=1 forwarded=1 reassembled=1");
  }
  SECTION("whatever comes or does not") {
    f.env.time += std::chrono::milliseconds(2250);
    f.pipeline->on_time();
    CHECK(f.counted() == "fragment-timeout=1 received=1");
  }
  SECTION("what comes too late begins anew") {
    f.env.time += std::chrono::milliseconds(2000);
    f.receive(fragment_of(packet, 600, 1040, 1));
    CHECK(f.counted() == "fragment-timeout=1 received=2");
    f.receive(fragment_of(packet, 0, 600, 1));
    CHECK(f.counted() ==
          "fragment-timeout=1 received=3 sent=1 decapsulated-from-mobile-node=1 forwarded=1 "
          "reassembled=1");
  }
  f.check_quiet();
}

TEST_CASE("too many fragments of one datagram", "[pipeline][reassembly]") {
  HahaFixture f;
  const Bytes packet = reverse_tunnel(f, 1000);
  const std::vector<Bytes> fragments = fragments_of(packet, 104, 1);
  REQUIRE(fragments.size() == 10);
  for (const Bytes& fragment : fragments) {
    f.receive(fragment);
  }
  CHECK(f.counted() == "fragment-limit=10 received=10");
  f.check_quiet();
}

TEST_CASE("a datagram may not fill its bucket alone", "[pipeline][reassembly]") {
  HahaFixture f;
  f.config.reassembly = {16, 2 * 8192, std::chrono::seconds(2)};  // 4096 bytes for one
  f.config.ports[0].mtu = 9000;
  f.restart();
  const Bytes packet = reverse_tunnel(f, 6000);
  for (const Bytes& fragment : fragments_of(packet, 2000, 1)) {
    f.receive(fragment);
  }
  CHECK(f.counted() == "fragment-limit=4 received=4");
  f.check_quiet();
}

TEST_CASE("a flood of fragments hurts only who sends it", "[pipeline][reassembly]") {
  HahaFixture f;
  f.config.reassembly = {16, 1U << 20U, std::chrono::seconds(2)};  // one bucket for each half
  f.restart();
  const Bytes victim = reverse_tunnel(f, 1000);
  const Bytes flood = tunnel(f.other_care_of, f.agent,
                             build({f.other_home, f.correspondent, 17, 64, 0, 0, numbered(1000)}));
  const Bytes link = f.from_osaka(build({f.correspondent, f.home, 17, 64, 0, 0, numbered(1000)}));
  f.receive(fragment_of(victim, 0, 600, 1));
  f.receive(fragment_of(link, 0, 600, 1));
  for (std::uint32_t i = 0; i < 1000; ++i) {
    f.receive(fragment_of(flood, 0, 600, i));
  }
  CHECK(f.counted() == "fragment-evicted=993 received=1002");
  CHECK(f.env.live_packets() == 9);
  f.receive(fragment_of(victim, 600, 1040, 1));
  f.receive(fragment_of(link, 600, 1040, 1));
  CHECK(f.counted() ==
        "fragment-evicted=993 received=1004 sent=2 encapsulated-to-mobile-node=1 "
        "decapsulated-from-mobile-node=1 decapsulated-from-peer=1 forwarded=1 reassembled=2");
  SECTION("from all the world: peers are out of its reach") {
    f.env.forget();
    f.receive(fragment_of(link, 0, 600, 2));
    Ipv6Address source = f.care_of;
    for (unsigned i = 0; i < 1000; ++i) {
      source.octets[8] = static_cast<std::uint8_t>(i >> 8U);
      source.octets[9] = static_cast<std::uint8_t>(i);
      f.receive(fragment_of(
          tunnel(source, f.agent, build({f.home, f.correspondent, 17, 64, 0, 0, numbered(1000)})),
          0, 600, 1));
    }
    CHECK(f.counted() == "fragment-evicted=999 received=1001");
    f.receive(fragment_of(link, 600, 1040, 2));
    CHECK(f.env.transmitted.size() == 1);
  }
  SECTION("bytes are bounded, too") {
    f.env.forget();
    f.config.reassembly = {16, 2 * 4000, std::chrono::seconds(2)};
    f.restart();
    for (std::uint32_t i = 0; i < 100; ++i) {
      f.receive(fragment_of(flood, 0, 600, i));  // 648 bytes
    }
    CHECK(f.counted() == "fragment-evicted=94 received=100");
  }
}

TEST_CASE("reassembly can be switched off", "[pipeline][reassembly]") {
  HahaFixture f;
  f.config.reassembly.datagrams = 0;
  f.restart();
  f.receive(fragment_of(reverse_tunnel(f, 1000), 0, 600, 1));
  CHECK(f.counted() == "fragment-for-us=1 received=1");
}

TEST_CASE("what waits is given back when the pipeline goes", "[pipeline][reassembly]") {
  HahaFixture f;
  f.receive(fragment_of(reverse_tunnel(f, 1000), 0, 600, 1));
  CHECK(f.env.live_packets() == 1);
  f.pipeline.reset();
  f.check_quiet();
}

TEST_CASE("congestion marks of fragments (RFC 3168 5.3)", "[pipeline][reassembly]") {
  struct Row {
    unsigned first;
    unsigned second;
    int inner;  // -1: dropped
  };
  for (const Row& row : {Row{2, 3, 3}, Row{3, 2, 3}, Row{2, 2, 2}, Row{0, 3, -1}, Row{0, 0, 2}}) {
    DYNAMIC_SECTION(row.first << " and " << row.second) {
      HahaFixture f;
      const Bytes packet = tunnel(
          f.care_of, f.agent, build({f.home, f.correspondent, 17, 64, 0x02, 0, numbered(1000)}));
      std::vector<Bytes> fragments = fragments_of(packet, 600, 1);
      for (std::size_t i = 0; i < 2; ++i) {
        fragments[i][1] = static_cast<std::byte>((i == 0 ? row.first : row.second) << 4U);
        f.receive(fragments[i]);
      }
      if (row.inner < 0) {
        CHECK(f.counted() == "congestion-not-expected=2 received=2");
      } else {
        CHECK(wire::Ipv6Header::parse(f.sent_packet())->traffic_class == row.inner);
      }
      f.check_quiet();
    }
  }
}

TEST_CASE("fragments at random: whole and right, or nothing", "[pipeline][reassembly]") {
  const unsigned seed = random_seed();
  INFO(replay_line(seed, "unit-tests", "fragments at random: whole and right, or nothing"));
  std::mt19937 random(seed);
  const auto pick = [&](std::size_t n) { return static_cast<std::size_t>(random() % n); };
  for (unsigned round = 0; round < 300; ++round) {
    HahaFixture f;
    std::vector<Bytes> expected;
    std::vector<std::pair<std::uint32_t, Bytes>> all;
    for (std::uint32_t datagram = 0; datagram < 4; ++datagram) {
      const bool linked = pick(2) == 0;
      const Bytes inner =
          linked ? build({f.correspondent, f.home, 17, 64, 0, 0, numbered(200 + pick(1000))})
                 : build({f.home, f.correspondent, 17, 64, 0, 0, numbered(200 + pick(1000))});
      const Bytes packet = linked ? f.from_osaka(inner) : tunnel(f.care_of, f.agent, inner);
      for (Bytes& fragment : fragments_of(packet, 8 * (30 + pick(100)), datagram)) {
        all.emplace_back(datagram, std::move(fragment));
      }
      expected.push_back(with_hop_limit(inner, 63));
    }
    std::ranges::shuffle(all, random);
    for (const auto& [datagram, fragment] : all) {
      // In one buffer or two.
      const Bytes bytes = frame(PipelineFixture::kPortMac, fragment);
      const std::size_t cut = 1 + pick(bytes.size() - 1);
      dataplane::HeapPacket* packet = f.env.add(ByteView(bytes).first(cut));
      packet->append_segment(ByteView(bytes).subspan(cut));
      f.pipeline->receive(0, std::span<dataplane::HeapPacket* const>(&packet, 1));
    }
    REQUIRE(f.env.transmitted.size() == expected.size());
    std::vector<Bytes> sent;
    for (const Transmitted& one : f.env.transmitted) {
      const Bytes packet = without_link_header(one.frame);
      sent.push_back(wire::Ipv6Header::parse(packet)->next_header == wire::protocol::kIpv6
                         ? without_link_header(packet, 40)
                         : packet);
    }
    std::ranges::sort(sent);
    std::ranges::sort(expected);
    REQUIRE(sent == expected);
    f.check_quiet();
  }
}
