// The bidirectional tunnel (RFC 6275 §10.4.5, RFC 2473) seen from the mobile node: what goes in,
// what comes out, and the ICMPv6 errors that tell the inner packet's source about it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <vector>

#include "apps/anyhome-mn/effects.h"
#include "common/address.h"
#include "common/bytes.h"
#include "common/wire/ipv6.h"

namespace anyhome::mobile {

struct TunnelEntry {
  CareOfAddress care_of;
  HomeAgentAddress home_agent;
  std::size_t path_mtu = wire::kMinimumMtu;  // of the outer packets, in bytes
  std::uint8_t hop_limit = wire::kDefaultHopLimit;
};

// The largest inner packet that needs no fragmentation. A path below 1280 is not believed
// (RFC 8201 §4).
std::size_t tunnel_mtu(std::size_t path_mtu);
// What a Packet Too Big says: never less than 1280 (RFC 2473 §7.1).
std::size_t reported_mtu(std::size_t path_mtu);

enum class TunnelRefusal : std::uint8_t {
  Malformed,  // not a whole IPv6 packet
  Loop,       // source and destination are those of the tunnel (RFC 2473 §3.1.3)
  HopLimit,   // Time Exceeded
  TooBig,     // above 1280 and above the tunnel's MTU: Packet Too Big with `reported_mtu`
};

// One outer packet, or its fragments when the inner packet has no more than 1280 bytes and the path
// is smaller (RFC 2473 §7.1). `identification` is for the fragments.
std::expected<std::vector<Bytes>, TunnelRefusal> encapsulate(ByteView inner,
                                                             const TunnelEntry& entry,
                                                             std::uint32_t identification);

enum class TunnelFault : std::uint8_t {
  Malformed,
  CongestionMark,  // RFC 6040 §4.2: CE outside and not ECN-capable inside
};

// The inner packet of a tunnel packet's payload, its ECN field combined with the outer one. The
// hop limit stays: the kernel behind the TUN device is the router that decrements.
std::expected<Bytes, TunnelFault> decapsulate(std::uint8_t outer_traffic_class, ByteView payload);

// An ICMPv6 error about `offending` to its source, or nothing when RFC 4443 §2.4 (e) forbids one.
std::optional<Bytes> make_icmpv6_error(std::uint8_t type, std::uint8_t code,
                                       std::uint32_t parameter, const Ipv6Address& source,
                                       ByteView offending);

// The inner packet, as much as is there, of a tunnel packet that an error quotes; nullopt when the
// quoted packet is not the start of a tunnel packet.
std::optional<ByteView> quoted_inner(ByteView quoted_packet);

}  // namespace anyhome::mobile
