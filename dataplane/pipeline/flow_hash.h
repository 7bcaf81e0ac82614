// One hash per inner flow: it picks a multipath slot and the outer flow label (RFC 6438), which
// picks the worker of a HAHA link's packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE4_2__)
#include <nmmintrin.h>
#endif

#include "common/bytes.h"
#include "common/wire/ipv6.h"

namespace anyhome::dataplane {

// Mixes 8 bytes into a hash. CRC32C where the processor has it: 3 cycles, and neighbouring
// addresses end up far apart.
inline std::uint32_t mix(std::uint32_t hash, std::uint64_t value) {
#if defined(__SSE4_2__)
  return static_cast<std::uint32_t>(_mm_crc32_u64(hash, value));
#else
  const std::uint64_t mixed = (value ^ hash) * 0x9e3779b97f4a7c15ULL;
  return static_cast<std::uint32_t>(mixed >> 32U) ^ static_cast<std::uint32_t>(mixed);
#endif
}

// Hash of addresses, flow label and next header; of the ports too where TCP or UDP follows the IPv6
// header directly and they lie in the first `contiguous` bytes. Fragments of one packet differ in
// nothing that counts here but for the ports, which are then not looked at.
inline std::uint32_t flow_hash(const std::byte* ip, std::size_t contiguous) {
  const auto word = [ip](std::size_t index) {
    std::uint64_t value = 0;
    std::memcpy(&value, ip + index * sizeof value, sizeof value);
    return value;
  };
  // Of the first word: flow label and next header; traffic class, length and hop limit change
  // within a flow. In memory order: tc/label 4 bytes, length 2, next header, hop limit.
  constexpr std::uint64_t kLabelAndNextHeader = 0x00ff'0000'ffff'0f00ULL;
  std::uint32_t hash = mix(0, word(0) & kLabelAndNextHeader);
  hash = mix(hash, word(1));
  hash = mix(hash, word(2));
  hash = mix(hash, word(3));
  hash = mix(hash, word(4));
  const auto next_header = std::to_integer<std::uint8_t>(ip[wire::ipv6_offset::kNextHeader]);
  if ((next_header == wire::protocol::kTcp || next_header == wire::protocol::kUdp) &&
      contiguous >= wire::kIpv6HeaderSize + 4) {
    std::uint32_t ports = 0;
    std::memcpy(&ports, ip + wire::kIpv6HeaderSize, sizeof ports);
    hash = mix(hash, ports);
  }
  // CRC is linear: without a last multiplication the high bits of similar flows would be similar.
  return hash * 0x9e3779b1U;
}

// Hash of a datagram whose fragments are to meet: its addresses and the Identification in the
// Fragment header that starts at `fragment_at`.
inline std::uint32_t datagram_hash(const std::byte* ip, std::size_t fragment_at) {
  std::uint64_t words[4];
  std::memcpy(words, ip + wire::ipv6_offset::kSource, sizeof words);
  constexpr std::size_t kIdentification = 4;
  std::uint32_t hash = mix(0, load_be32(ip + fragment_at + kIdentification));
  for (const std::uint64_t word : words) {
    hash = mix(hash, word);
  }
  return hash * 0x9e3779b1U;
}

// RFC 6438 §3: a label out of the hash, never 0 (0 says "not labelled").
constexpr std::uint32_t outer_flow_label(std::uint32_t hash) {
  const std::uint32_t label = hash >> 12U;
  return label != 0 ? label : 1U;
}

}  // namespace anyhome::dataplane
