// ICMPv6 (RFC 4443) as a home agent needs it: error messages, Dynamic Home Agent Address Discovery
// (RFC 6275 §6.5-6.6) and mobile prefix discovery (§6.7-6.8).
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "common/address.h"
#include "common/bytes.h"
#include "common/prefix.h"

namespace anyhome::wire {

namespace icmpv6 {
inline constexpr std::uint8_t kDestinationUnreachable = 1;
inline constexpr std::uint8_t kPacketTooBig = 2;
inline constexpr std::uint8_t kTimeExceeded = 3;
inline constexpr std::uint8_t kParameterProblem = 4;
inline constexpr std::uint8_t kEchoRequest = 128;
inline constexpr std::uint8_t kEchoReply = 129;
inline constexpr std::uint8_t kRouterSolicitation = 133;
inline constexpr std::uint8_t kRouterAdvertisement = 134;
inline constexpr std::uint8_t kNeighborSolicitation = 135;
inline constexpr std::uint8_t kNeighborAdvertisement = 136;
inline constexpr std::uint8_t kRedirect = 137;
inline constexpr std::uint8_t kHomeAgentDiscoveryRequest = 144;
inline constexpr std::uint8_t kHomeAgentDiscoveryReply = 145;
inline constexpr std::uint8_t kMobilePrefixSolicitation = 146;
inline constexpr std::uint8_t kMobilePrefixAdvertisement = 147;

inline constexpr std::uint8_t kCodeNoRoute = 0;             // Destination Unreachable
inline constexpr std::uint8_t kCodeAddressUnreachable = 3;  // Destination Unreachable
inline constexpr std::uint8_t kCodeHopLimit = 0;            // Time Exceeded
inline constexpr std::uint8_t kCodeErroneousField = 0;      // Parameter Problem
inline constexpr std::uint8_t kCodeUnknownNextHeader = 1;   // Parameter Problem
inline constexpr std::uint8_t kCodeUnknownOption = 2;       // Parameter Problem

// RFC 4443 §2.1: the high bit of the type is clear in error messages.
constexpr bool is_error(std::uint8_t type) { return type < 128; }
}  // namespace icmpv6

inline constexpr std::size_t kIcmpv6HeaderSize = 8;  // type, code, checksum, 4 bytes of the type's

// Common 8 bytes of every message handled here.
struct Icmpv6Header {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint16_t checksum = 0;
  std::uint32_t parameter = 0;  // MTU, pointer, or identifier and flags

  static std::optional<Icmpv6Header> parse(ByteView message);
  void write(Writer& writer) const;
};

// Whether a packet is an ICMPv6 error or a redirect, which no error may answer (RFC 4443 §2.4
// (e.1), (e.2)). Looks through extension headers by their lengths alone, since it is asked about
// packets whose headers are what is wrong. True also where it cannot be told: ICMPv6 in a later
// fragment, or headers that are cut off.
bool may_be_icmpv6_error(ByteView packet);

bool icmpv6_checksum_ok(const Ipv6Address& source, const Ipv6Address& destination,
                        ByteView message);
// Fills in the checksum field of a complete message.
void icmpv6_set_checksum(const Ipv6Address& source, const Ipv6Address& destination,
                         MutableBytes message);

struct DiscoveryRequest {
  std::uint16_t identifier = 0;
  bool mobile_router_support = false;  // RFC 3963 §7.1

  static std::optional<DiscoveryRequest> parse(ByteView message);
  void write(Writer& writer) const;
  friend bool operator==(const DiscoveryRequest&, const DiscoveryRequest&) = default;
};

// (1280 - 40 - 8) / 16: what fits in a packet of the minimum MTU (RFC 6275 §10.5.1).
inline constexpr std::size_t kMaxDiscoveryAddresses = 77;

struct DiscoveryReply {
  std::uint16_t identifier = 0;
  bool mobile_router_support = false;  // RFC 3963 §7.2
  std::vector<HomeAgentAddress> home_agents;

  static std::optional<DiscoveryReply> parse(ByteView message);
  // At most `kMaxDiscoveryAddresses` are written, the first ones.
  void write(Writer& writer) const;
  friend bool operator==(const DiscoveryReply&, const DiscoveryReply&) = default;
};

struct PrefixSolicitation {
  std::uint16_t identifier = 0;

  static std::optional<PrefixSolicitation> parse(ByteView message);
  void write(Writer& writer) const;
  friend bool operator==(const PrefixSolicitation&, const PrefixSolicitation&) = default;
};

// Prefix Information option as modified by RFC 6275 §7.2; lifetimes in seconds.
struct PrefixInformation {
  std::uint8_t prefix_length = 0;
  bool on_link = false;
  bool autonomous = false;
  bool router_address = false;  // the prefix field holds a home agent's full address
  std::uint32_t valid_lifetime_seconds = 0;
  std::uint32_t preferred_lifetime_seconds = 0;
  Ipv6Address prefix;

  friend bool operator==(const PrefixInformation&, const PrefixInformation&) = default;
};

struct PrefixAdvertisement {
  std::uint16_t identifier = 0;
  bool managed = false;
  bool other = false;
  std::vector<PrefixInformation> prefixes;

  static std::optional<PrefixAdvertisement> parse(ByteView message);
  void write(Writer& writer) const;
  friend bool operator==(const PrefixAdvertisement&, const PrefixAdvertisement&) = default;
};

// The start of the packet that an ICMPv6 error complains about.
struct QuotedPacket {
  std::uint8_t type = 0;
  std::uint8_t code = 0;
  std::uint32_t parameter = 0;  // MTU or pointer
  ByteView packet;              // from the quoted IPv6 header on
};
// nullopt unless `message` is an error message that quotes at least an IPv6 header.
std::optional<QuotedPacket> parse_icmpv6_error(ByteView message);

}  // namespace anyhome::wire
