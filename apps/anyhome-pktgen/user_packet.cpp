#include "apps/anyhome-pktgen/user_packet.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "apps/anyhome-pktgen/ethernet.h"
#include "common/wire/ipv6.h"

namespace anyhome::pktgen {
namespace {

using wire::Ipv6Header;
using wire::kIpv6HeaderSize;
namespace offset = wire::ipv6_offset;
namespace protocol = wire::protocol;

constexpr std::size_t kUdpHeader = 8;
constexpr std::size_t kUdpLength = 4;
constexpr std::size_t kUdpChecksum = 6;
constexpr std::size_t kTcpChecksum = 16;
constexpr std::size_t kTcpDataOffset = 12;
constexpr std::size_t kIcmpv6Header = 8;
constexpr std::size_t kIcmpv6Checksum = 2;
constexpr std::uint8_t kFirstInformational = 128;

struct UpperLayer {
  std::size_t header = 0;
  std::size_t checksum = 0;
};

// What can be sent to anybody: an ICMPv6 error is about a packet of somebody else's.
std::optional<UpperLayer> upper_layer(std::uint8_t next_header, ByteView payload) {
  if (next_header == protocol::kUdp && payload.size() >= kUdpHeader) {
    return UpperLayer{kUdpHeader, kUdpChecksum};
  }
  if (next_header == protocol::kTcp && payload.size() > kTcpDataOffset) {
    const std::size_t header = (std::to_integer<std::size_t>(payload[kTcpDataOffset]) >> 4U) * 4;
    if (header > kTcpChecksum && header <= payload.size()) {
      return UpperLayer{header, kTcpChecksum};
    }
  }
  if (next_header == protocol::kIcmpv6 && payload.size() >= kIcmpv6Header &&
      std::to_integer<std::uint8_t>(payload[0]) >= kFirstInformational) {
    return UpperLayer{kIcmpv6Header, kIcmpv6Checksum};
  }
  return std::nullopt;
}

}  // namespace

UserPacket generated_packet(std::uint16_t size) {
  UserPacket packet;
  packet.bytes.resize(static_cast<std::size_t>(size - kFcs - kEthernetHeader));
  Ipv6Header header;
  header.next_header = protocol::kUdp;
  header.payload_length = static_cast<std::uint16_t>(packet.bytes.size() - kIpv6HeaderSize);
  Writer writer(packet.bytes);
  header.write(writer);
  std::byte* udp = packet.bytes.data() + kIpv6HeaderSize;
  store_be16(udp, kMarkPort);
  store_be16(udp + 2, kMarkPort);
  store_be16(udp + kUdpLength, header.payload_length);
  packet.checksum_offset = kUdpChecksum;
  packet.mark_offset = kUdpHeader;
  for (std::size_t i = kUdpHeader + kMarkSize; i < header.payload_length; ++i) {
    udp[i] = static_cast<std::byte>(i);
  }
  return packet;
}

std::expected<UserPacket, std::string> template_packet(ByteView frame) {
  const auto refuse = [] {
    return std::unexpected(
        std::string("is no IPv6 packet with UDP, TCP or an ICMPv6 query right "
                    "behind its header"));
  };
  std::size_t at = kEthernetHeader;
  if (frame.size() >= at + kVlanTag && load_be16(frame.data() + at - 2) == kEtherTypeVlan) {
    at += kVlanTag;
  }
  if (frame.size() < at + kIpv6HeaderSize || load_be16(frame.data() + at - 2) != kEtherTypeIpv6) {
    return refuse();
  }
  const auto header = Ipv6Header::parse(frame.subspan(at));
  if (!header || frame.size() - at - kIpv6HeaderSize < header->payload_length) {
    return refuse();
  }
  // What is behind it a link has padded.
  const ByteView whole = frame.subspan(at, kIpv6HeaderSize + header->payload_length);
  const auto upper = upper_layer(header->next_header, whole.subspan(kIpv6HeaderSize));
  if (!upper) {
    return refuse();
  }
  UserPacket packet;
  packet.bytes.assign(whole.begin(), whole.end());
  // At the worst a byte lies behind the mark.
  const std::size_t needed = kIpv6HeaderSize + upper->header + kMarkSize + 1;
  packet.bytes.resize(std::max(packet.bytes.size(), needed + needed % 2));
  const std::size_t payload = packet.bytes.size() - kIpv6HeaderSize;
  store_be16(packet.bytes.data() + offset::kPayloadLength, static_cast<std::uint16_t>(payload));
  if (header->next_header == protocol::kUdp) {
    store_be16(packet.bytes.data() + kIpv6HeaderSize + kUdpLength,
               static_cast<std::uint16_t>(payload));
  }
  packet.checksum_offset = upper->checksum;
  packet.mark_offset = trailing_mark(payload);
  return packet;
}

std::expected<std::vector<UserPacket>, std::string> template_packets(
    const std::vector<std::vector<std::byte>>& frames) {
  std::vector<UserPacket> packets;
  for (const auto& frame : frames) {
    auto packet = template_packet(frame);
    if (!packet) {
      return std::unexpected(fmt::format("frame {}: {}", packets.size() + 1, packet.error()));
    }
    packets.push_back(std::move(*packet));
  }
  return packets;
}

}  // namespace anyhome::pktgen
