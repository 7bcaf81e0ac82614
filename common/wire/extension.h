// IPv6 extension headers (RFC 8200 §4) with the two of Mobile IPv6: the Home Address option
// (RFC 6275 §6.3) and the type 2 routing header (RFC 6275 §6.4).
//
// `walk_headers` is for packets addressed to us. It is bounded in headers and in options, reads
// only what is there and answers either where the upper layer starts or what is wrong and which
// byte a Parameter Problem would point at.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>

#include "common/address.h"
#include "common/bytes.h"
#include "common/wire/ipv6.h"

namespace anyhome::wire {

inline constexpr unsigned kMaxExtensionHeaders = 8;
inline constexpr unsigned kMaxOptionsPerPacket = 64;

inline constexpr std::uint8_t kOptionPad1 = 0;
inline constexpr std::uint8_t kOptionPadN = 1;
inline constexpr std::uint8_t kOptionTunnelEncapsulationLimit = 4;  // RFC 2473 §4.1.1
inline constexpr std::uint8_t kOptionHomeAddress = 0xc9;            // RFC 6275 §6.3
inline constexpr std::uint8_t kRoutingType2 = 2;

// Destination Options header holding only a Home Address option: 2 + PadN(4) + 2 + 16.
inline constexpr std::size_t kHomeAddressHeaderSize = 24;
inline constexpr std::size_t kType2RoutingHeaderSize = 24;
inline constexpr std::size_t kFragmentHeaderSize = 8;

struct FragmentHeader {
  std::uint8_t next_header = 0;
  std::uint16_t offset_bytes = 0;
  bool more = false;
  std::uint32_t identification = 0;

  [[nodiscard]] bool is_whole_packet() const { return offset_bytes == 0 && !more; }  // RFC 6946
  void write(Writer& writer) const;
  friend bool operator==(const FragmentHeader&, const FragmentHeader&) = default;
};

// Where things stand in a packet; offsets count from the first byte of the IPv6 header.
struct HeaderChain {
  std::uint8_t protocol = 0;          // of the upper layer; Fragment, ESP and AH end a walk too
  std::uint16_t protocol_at = 0;      // the byte that names `protocol`
  std::uint16_t upper_offset = 0;     // where it starts
  std::uint16_t home_address_at = 0;  // the 16 bytes of a Home Address option, 0 when none
  std::uint16_t encapsulation_limit_at = 0;  // the value byte of RFC 2473's option, 0 when none
  std::optional<FragmentHeader> fragment;    // only when the packet is a real fragment

  [[nodiscard]] bool has_home_address() const { return home_address_at != 0; }
};

enum class ChainError : std::uint8_t {
  Truncated,           // a header runs past the end of the packet
  TooManyHeaders,      // more headers or options than the bounds above
  MisplacedHopByHop,   // not directly behind the IPv6 header: Parameter Problem code 1
  UnwantedOption,      // unknown option whose type says "discard"
  ReportedOption,      // unknown option whose type says "discard and report": code 2
  UnknownRoutingType,  // segments left: Parameter Problem code 0 at the routing type
  BadHomeAddress,      // wrong length, repeated, or not unicast routable: silent
};

struct ChainProblem {
  ChainError error = ChainError::Truncated;
  std::uint16_t pointer = 0;             // the byte a Parameter Problem points at
  bool report_to_multicast_too = false;  // option type bits 10 (RFC 8200 §4.2)
};

// `packet` starts with a valid IPv6 header. A type 2 routing header is never for us (RFC 6275
// §6.4: only the mobile node is its own last hop), so with segments left it counts as unknown.
std::expected<HeaderChain, ChainProblem> walk_headers(ByteView packet);

// Reads an address at an offset that `walk_headers` returned.
Ipv6Address address_at(ByteView packet, std::size_t offset);

void write_home_address_header(Writer& writer, std::uint8_t next_header, const HomeAddress& home);
void write_type2_routing_header(Writer& writer, std::uint8_t next_header, const HomeAddress& home);

// For the node a type 2 routing header is meant for: the home address inside, when the header at
// the start of `bytes` is well formed with one segment left (RFC 6275 §6.4.2).
std::optional<HomeAddress> parse_type2_routing_header(ByteView bytes);

}  // namespace anyhome::wire
