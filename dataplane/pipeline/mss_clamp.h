// Lowers the Maximum Segment Size that a TCP SYN announces (RFC 9293 §3.7.1) to what goes through a
// tunnel. For networks that lose Packet Too Big; off by default, since it changes other people's
// packets.
#pragma once

#include <cstddef>
#include <cstdint>

#include "common/bytes.h"
#include "common/wire/ipv6.h"

namespace anyhome::dataplane {

inline constexpr std::size_t kTcpHeaderSize = 20;
// IPv6 and TCP headers without options are what a segment has besides its data.
inline constexpr std::size_t kMssOverhead = wire::kIpv6HeaderSize + kTcpHeaderSize;

namespace detail {

// RFC 1624 (3): HC' = ~(~HC + ~m + m'), for one 16-bit word that changes from `before` to `after`.
constexpr std::uint16_t checksum_after_change(std::uint16_t checksum, std::uint16_t before,
                                              std::uint16_t after) {
  std::uint32_t sum = static_cast<std::uint16_t>(~checksum);
  sum += static_cast<std::uint16_t>(~before);
  sum += after;
  sum = (sum & 0xffffU) + (sum >> 16U);
  sum = (sum & 0xffffU) + (sum >> 16U);
  return static_cast<std::uint16_t>(~sum);
}

constexpr std::uint16_t swapped(std::uint16_t value) {
  return static_cast<std::uint16_t>((value << 8U) | (value >> 8U));
}

}  // namespace detail

// Whether a packet whose first bytes are at `ip` is a SYN, with TCP directly behind the IPv6
// header.
inline bool is_tcp_syn(const std::byte* ip, std::size_t contiguous) {
  constexpr std::byte kSyn{0x02};
  constexpr std::size_t kFlags = 13;
  return std::to_integer<std::uint8_t>(ip[wire::ipv6_offset::kNextHeader]) ==
             wire::protocol::kTcp &&
         contiguous >= wire::kIpv6HeaderSize + kTcpHeaderSize &&
         (ip[wire::kIpv6HeaderSize + kFlags] & kSyn) != std::byte{0};
}

// Lowers the MSS option of such a SYN to `mss` where it is higher, and puts the checksum right.
// Returns whether anything changed; a SYN without the option means 1220 (RFC 9293 §3.7.1), which is
// less than any tunnel takes.
inline bool clamp_mss(std::byte* ip, std::size_t contiguous, std::uint16_t mss) {
  constexpr std::size_t kDataOffset = 12;
  constexpr std::size_t kChecksum = 16;
  constexpr std::uint8_t kEnd = 0;
  constexpr std::uint8_t kNothing = 1;
  constexpr std::uint8_t kMss = 2;
  constexpr std::uint8_t kMssLength = 4;
  std::byte* tcp = ip + wire::kIpv6HeaderSize;
  const std::size_t header = 4U * (std::to_integer<std::size_t>(tcp[kDataOffset]) >> 4U);
  if (header > contiguous - wire::kIpv6HeaderSize) {
    return false;
  }
  for (std::size_t at = kTcpHeaderSize; at + 2 <= header;) {
    const auto kind = std::to_integer<std::uint8_t>(tcp[at]);
    if (kind == kEnd) {
      return false;
    }
    if (kind == kNothing) {
      ++at;
      continue;
    }
    const auto length = std::to_integer<std::uint8_t>(tcp[at + 1]);
    if (length < 2 || at + length > header) {
      return false;
    }
    if (kind != kMss || length != kMssLength) {
      at += length;
      continue;
    }
    const std::uint16_t announced = load_be16(tcp + at + 2);
    if (announced <= mss) {
      return false;
    }
    store_be16(tcp + at + 2, mss);
    // A value at an odd place lies in two words of the sum, with its bytes the other way round.
    const bool odd = at % 2 != 0;
    store_be16(tcp + kChecksum,
               detail::checksum_after_change(load_be16(tcp + kChecksum),
                                             odd ? detail::swapped(announced) : announced,
                                             odd ? detail::swapped(mss) : mss));
    return true;
  }
  return false;
}

}  // namespace anyhome::dataplane
