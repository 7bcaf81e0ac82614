// The IPv6 header (RFC 8200 §3) and the protocol numbers this project looks at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/address.h"
#include "common/bytes.h"

namespace anyhome::wire {

// Next Header values (IANA "Assigned Internet Protocol Numbers").
namespace protocol {
inline constexpr std::uint8_t kHopByHop = 0;
inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kIpv6 = 41;
inline constexpr std::uint8_t kRouting = 43;
inline constexpr std::uint8_t kFragment = 44;
inline constexpr std::uint8_t kEsp = 50;
inline constexpr std::uint8_t kAh = 51;
inline constexpr std::uint8_t kIcmpv6 = 58;
inline constexpr std::uint8_t kNoNextHeader = 59;
inline constexpr std::uint8_t kDestinationOptions = 60;
inline constexpr std::uint8_t kMobility = 135;
}  // namespace protocol

inline constexpr std::size_t kIpv6HeaderSize = 40;
inline constexpr std::size_t kMinimumMtu = 1280;  // RFC 8200 §5
inline constexpr std::uint8_t kDefaultHopLimit = 64;

// Offsets inside the IPv6 header, for code that reads and writes it in place.
namespace ipv6_offset {
inline constexpr std::size_t kPayloadLength = 4;
inline constexpr std::size_t kNextHeader = 6;
inline constexpr std::size_t kHopLimit = 7;
inline constexpr std::size_t kSource = 8;
inline constexpr std::size_t kDestination = 24;
}  // namespace ipv6_offset

struct Ipv6Header {
  std::uint8_t traffic_class = 0;
  std::uint32_t flow_label = 0;  // 20 bits
  std::uint16_t payload_length = 0;
  std::uint8_t next_header = protocol::kNoNextHeader;
  std::uint8_t hop_limit = kDefaultHopLimit;
  Ipv6Address source;
  Ipv6Address destination;

  // nullopt when shorter than 40 bytes or when the version is not 6. The payload length is taken
  // as it stands; comparing it with what is there is the caller's.
  static constexpr std::optional<Ipv6Header> parse(ByteView packet) {
    Reader reader(packet);
    const std::uint32_t first = reader.u32();
    Ipv6Header header;
    header.traffic_class = static_cast<std::uint8_t>((first >> 20U) & 0xffU);
    header.flow_label = first & 0xf'ffffU;
    header.payload_length = reader.u16();
    header.next_header = reader.u8();
    header.hop_limit = reader.u8();
    header.source = reader.address();
    header.destination = reader.address();
    if (!reader.ok() || (first >> 28U) != 6) {
      return std::nullopt;
    }
    return header;
  }

  constexpr void write(Writer& writer) const {
    writer.u32((6U << 28U) | (std::uint32_t{traffic_class} << 20U) | (flow_label & 0xf'ffffU));
    writer.u16(payload_length);
    writer.u8(next_header);
    writer.u8(hop_limit);
    writer.address(source);
    writer.address(destination);
  }

  friend constexpr bool operator==(const Ipv6Header&, const Ipv6Header&) = default;
};

}  // namespace anyhome::wire
