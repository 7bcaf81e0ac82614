// User traffic after the packets of a capture: what stays, what is rewritten, what is refused.
#include <map>

#include "apps/anyhome-pktgen/composer.h"
#include "apps/anyhome-pktgen/inspect.h"
#include "apps/anyhome-pktgen/run_request.h"
#include "apps/anyhome-pktgen/user_packet.h"
#include "common/checksum.h"
#include "common/wire/ipv6.h"
#include "test/pktgen/traffic_fixture.h"

using namespace anyhome;
using namespace anyhome::pktgen;

namespace {

using Bytes = std::vector<std::byte>;
constexpr std::size_t kIpv6 = wire::kIpv6HeaderSize;

// A captured frame with this upper-layer message, whatever it is.
Bytes captured(std::uint8_t protocol, const Bytes& message, std::size_t padding = 0) {
  wire::Ipv6Header header;
  header.traffic_class = 0xb8;
  header.flow_label = 0x12345;
  header.payload_length = static_cast<std::uint16_t>(message.size());
  header.next_header = protocol;
  header.hop_limit = 3;
  header.source = address("2001:db8:77::1");
  header.destination = address("2001:db8:77::2");
  Bytes frame(kEthernetHeader + kIpv6);
  store_be16(frame.data() + 12, 0x86dd);
  Writer writer(MutableBytes(frame).subspan(kEthernetHeader));
  header.write(writer);
  frame.insert(frame.end(), message.begin(), message.end());
  frame.resize(frame.size() + padding);
  return frame;
}

Bytes numbered(std::size_t size) {
  Bytes message(size);
  for (std::size_t i = 0; i < size; ++i) {
    message[i] = static_cast<std::byte>(i + 1);
  }
  return message;
}

Bytes udp(std::size_t payload) {
  Bytes message = numbered(8 + payload);
  store_be16(message.data() + 4, static_cast<std::uint16_t>(message.size()));
  return message;
}

// With 12 bytes of options.
Bytes tcp(std::size_t payload) {
  Bytes message = numbered(32 + payload);
  message[12] = std::byte{0x80};
  return message;
}

Bytes echo(std::size_t payload) {
  Bytes message = numbered(8 + payload);
  message[0] = std::byte{128};
  return message;
}

TrafficSettings after(Kind kind, const std::vector<Bytes>& frames) {
  TrafficSettings settings = settings_of(kind);
  settings.templates = *template_packets(frames);
  return settings;
}

}  // namespace

TEST_CASE("packets after templates: new addresses, a mark, a right checksum, all else stays",
          "[pktgen]") {
  const auto kind = GENERATE(Kind::Correspondent, Kind::ReverseTunnel, Kind::HahaIn, Kind::HahaOut);
  const std::map<std::uint8_t, std::vector<Bytes>> messages = {
      {wire::protocol::kUdp, {udp(0), udp(12), udp(13), udp(500), udp(501)}},
      {wire::protocol::kTcp, {tcp(0), tcp(1), tcp(12), tcp(13), tcp(1000), tcp(1001)}},
      {wire::protocol::kIcmpv6, {echo(0), echo(56), echo(57)}}};
  for (const auto& [protocol, all] : messages) {
    for (const Bytes& message : all) {
      const TrafficSettings settings = after(kind, {captured(protocol, message, 5)});
      NodeTable nodes(100, 1);
      Composer composer(settings, nodes, {});
      for (std::uint32_t i = 0; i < 3; ++i) {
        Bytes frame(composer.largest());
        frame.resize(composer.compose(frame, i, WallTime{}).size);
        const Inspected seen = inspect(frame, {});
        REQUIRE(seen.seen == Seen::Marked);
        CHECK(seen.mark == Mark{0, 0, i, i});
        CHECK(seen.tunnels == (is_tunnelled(kind) ? 1 : 0));
        const auto header = wire::Ipv6Header::parse(seen.packet);
        REQUIRE(header);
        CHECK(header->traffic_class == 0xb8);
        CHECK(header->flow_label == 0x12345);
        CHECK(header->hop_limit == wire::kDefaultHopLimit);
        CHECK((kind == Kind::ReverseTunnel ? header->source : header->destination) ==
              counted_on(kind == Kind::HahaOut ? settings.network.first_global_home.address()
                                               : settings.network.first_home.address(),
                         i));
        const ByteView payload = seen.packet.subspan(kIpv6);
        REQUIRE(payload.size() == header->payload_length);
        CHECK(upper_layer_checksum(header->source, header->destination, protocol, payload) == 0);
        // Not longer than it has to be.
        const std::size_t upper = protocol == wire::protocol::kTcp ? 32 : 8;
        CHECK(payload.size() <= std::max(message.size(), upper + kMarkSize + 2));
        CHECK(payload.size() >= message.size());
        if (protocol == wire::protocol::kUdp) {
          CHECK(load_be16(payload.data() + 4) == payload.size());
        }
        const std::size_t mark = trailing_mark(payload.size());
        for (std::size_t at = 0; at < std::min(mark, message.size()); ++at) {
          const std::size_t checksum = protocol == wire::protocol::kUdp   ? 6
                                       : protocol == wire::protocol::kTcp ? 16
                                                                          : 2;
          const bool length = protocol == wire::protocol::kUdp && (at == 4 || at == 5);
          if (at != checksum && at != checksum + 1 && !length) {
            REQUIRE(payload[at] == message[at]);
          }
        }
      }
    }
  }
}

TEST_CASE("templates have their turns, and a share of a link counts them", "[pktgen]") {
  const TrafficSettings settings =
      after(Kind::Correspondent,
            {captured(wire::protocol::kUdp, udp(100)), captured(wire::protocol::kTcp, tcp(200))});
  NodeTable nodes(100, 1);
  Composer composer(settings, nodes, {});
  Bytes frame(composer.largest());
  for (int i = 0; i < 4; ++i) {
    const std::size_t wanted = kEthernetHeader + kIpv6 + (i % 2 == 0 ? 108 : 232);
    CHECK(composer.compose(frame, 0, WallTime{}).size == wanted);
  }
  CHECK(mean_wire_bytes(settings, settings.mix) ==
        kEthernetHeader + kIpv6 + (108 + 232) / 2.0 + kFcs + kWireOverhead);
}

TEST_CASE("what is no template", "[pktgen]") {
  Bytes error = echo(60);
  error[0] = std::byte{1};
  Bytes short_tcp = tcp(0);
  short_tcp[12] = std::byte{0xf0};
  Bytes other = captured(wire::protocol::kUdp, udp(20));
  store_be16(other.data() + 12, 0x0800);
  Bytes cut = captured(wire::protocol::kUdp, udp(20));
  cut.pop_back();
  for (const Bytes& frame :
       {captured(wire::protocol::kIcmpv6, error), captured(wire::protocol::kTcp, short_tcp),
        captured(wire::protocol::kFragment, udp(20)), captured(wire::protocol::kUdp, Bytes(7)),
        other, cut, Bytes(12)}) {
    CHECK_FALSE(template_packet(frame));
  }
  const auto packets = template_packets({captured(wire::protocol::kUdp, udp(20)), other});
  REQUIRE_FALSE(packets);
  CHECK(packets.error().starts_with("frame 2: "));
  // Any bytes give an answer.
  const Bytes whole = captured(wire::protocol::kTcp, tcp(20));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CHECK_FALSE(
        template_packet(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size))));
  }
  // A tag is the capture's.
  Bytes tagged = whole;
  const Bytes tag = {std::byte{0x81}, std::byte{0}, std::byte{0}, std::byte{7}};
  tagged.insert(tagged.begin() + 12, tag.begin(), tag.end());
  REQUIRE(template_packet(tagged));
  CHECK(template_packet(tagged)->bytes == template_packet(whole)->bytes);
}

TEST_CASE("an error that quotes a marked packet is an error", "[pktgen]") {
  Bytes error = echo(80);
  error[0] = std::byte{2};
  Mark{0, 0, 5, 6}.write(error.data() + trailing_mark(error.size()));
  CHECK(inspect(captured(wire::protocol::kIcmpv6, error), {}).seen == Seen::Icmpv6Error);
  error[0] = std::byte{129};
  CHECK(inspect(captured(wire::protocol::kIcmpv6, error), {}).seen == Seen::Marked);
}
