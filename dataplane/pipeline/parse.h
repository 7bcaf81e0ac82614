// Stage "parse": is this a frame for us with an IPv6 packet that makes sense, and where does it
// belong?
#pragma once

#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

inline constexpr std::uint16_t kEthertypeIpv6 = 0x86dd;
inline constexpr std::uint16_t kEthertypeVlan = 0x8100;
inline constexpr std::size_t kEthernetHeader = 14;
inline constexpr std::size_t kVlanTag = 4;
// Of a packet in several buffers so much is brought into the first one: 18 + 40 + 40, and 158 for
// extension headers and ports.
inline constexpr std::size_t kJoinedHeaders = 256;

template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::parse(W& work, std::uint16_t port,
                                                        Packet* packet) {
  work.reset(packet);
  work.port = port;
  work.ip = env_.data(packet);
  const PipelinePort& facts = config_.ports[port];
  if (!parse_link_header(work, facts) || !check_header(work) || !check_source(work, facts)) {
    return;
  }
  trace("received on port {}: {} -> {}, next header {}, {} bytes", port,
        read_address(source_of(work)), read_address(destination_of(work)), next_header_of(work),
        work.length);
  classify(work);
}

// Leaves `ip` at the IPv6 header.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::parse_link_header(W& work,
                                                                    const PipelinePort& port) {
  // An untagged frame in one buffer, for this port, with an IPv6 header.
  const std::size_t contiguous = env_.contiguous(work.packet);
  if (contiguous == env_.length(work.packet) &&
      contiguous >= kEthernetHeader + wire::kIpv6HeaderSize && !port.vlan &&
      load_be16(work.ip + 12) == kEthertypeIpv6 &&
      std::memcmp(work.ip, port.mac.data(), port.mac.size()) == 0) [[likely]] {
    work.link_header = kEthernetHeader;
    work.ip += kEthernetHeader;
    work.contiguous = static_cast<std::uint32_t>(contiguous - kEthernetHeader);
    return true;
  }
  return parse_unusual_link_header(work, port);
}

template <Environment Env>
[[gnu::noinline]] bool Pipeline<Env>::parse_unusual_link_header(W& work, const PipelinePort& port) {
  const std::size_t header = port.link_header_size();
  // 14 or 18 + 40: what every IPv6 packet has to show at once. Other protocols have shorter frames.
  const std::size_t wanted = header + wire::kIpv6HeaderSize;
  const std::size_t length = env_.length(work.packet);
  if (env_.contiguous(work.packet) < length) [[unlikely]] {
    // Where a buffer ends is no property of a packet: no stage is to decide by it.
    env_.make_contiguous(work.packet, std::min(length, kJoinedHeaders));
    work.ip = env_.data(work.packet);
  }
  if (env_.contiguous(work.packet) < std::min(length, wanted)) [[unlikely]] {
    drop(work, DropReason::HeaderNotContiguous);
    return false;
  }
  if (length < header) {
    drop(work, DropReason::FrameTooShort);
    return false;
  }
  std::uint16_t ethertype = load_be16(work.ip + 12);
  if (port.vlan) {
    constexpr std::uint16_t kVlanId = 0x0fff;
    if (ethertype != kEthertypeVlan || (load_be16(work.ip + 14) & kVlanId) != *port.vlan) {
      drop(work, DropReason::OtherVlan);
      return false;
    }
    ethertype = load_be16(work.ip + 16);
  } else if (ethertype == kEthertypeVlan) {
    drop(work, DropReason::OtherVlan);
    return false;
  }
  work.link_header = static_cast<std::uint8_t>(header);
  constexpr std::byte kGroupBit{0x01};
  const bool multicast = (work.ip[0] & kGroupBit) != std::byte{0};
  if (!multicast && std::memcmp(work.ip, port.mac.data(), port.mac.size()) != 0) {
    drop(work, DropReason::OtherDestinationMac);
    return false;
  }
  if (ethertype != kEthertypeIpv6) {
    give_to_host(work);
    return false;
  }
  if (length < wanted) {
    drop(work, DropReason::FrameTooShort);
    return false;
  }
  work.ip += header;
  work.contiguous = static_cast<std::uint32_t>(env_.contiguous(work.packet) - header);
  // Multicast frames are neighbour discovery and routing protocols; a unicast packet in one is
  // somebody's mistake that must not be multiplied (RFC 1122 §3.3.6).
  if (multicast && !is_multicast(destination_of(work))) {
    drop(work, DropReason::OtherDestinationMac);
    return false;
  }
  return true;
}

// What is not IPv6 belongs to the kernel.
template <Environment Env>
void Pipeline<Env>::give_to_host(W& work) {
  if (!config_.has_host) {
    drop(work, DropReason::OtherEthertype);
    return;
  }
  punt(work, forwarding::PuntClass::Host);
}

// Version, length and addresses; `ip` and `contiguous` are set. Padding behind the packet is cut
// off.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::check_header(W& work) {
  const std::size_t available = env_.length(work.packet) - work.link_header;
  if (work.contiguous < wire::kIpv6HeaderSize) {
    drop(work, DropReason::FrameTooShort);
    return false;
  }
  constexpr unsigned kVersion6 = 6;
  if ((std::to_integer<unsigned>(work.ip[0]) >> 4U) != kVersion6) {
    drop(work, DropReason::BadVersion);
    return false;
  }
  work.length = static_cast<std::uint32_t>(wire::kIpv6HeaderSize +
                                           load_be16(work.ip + wire::ipv6_offset::kPayloadLength));
  return work.length == available || check_unusual_length(work, available);
}

template <Environment Env>
[[gnu::noinline]] bool Pipeline<Env>::check_unusual_length(W& work, std::size_t available) {
  if (work.length > available) {
    drop(work, DropReason::BadPayloadLength);
    return false;
  }
  env_.truncate(work.packet, work.link_header + work.length);
  work.contiguous = std::min(work.contiguous, work.length);
  return true;
}

// Sources that nobody may have, or that may not come from outside (RFC 4291, docs/architecture.md).
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::check_source(W& work, const PipelinePort& port) {
  const std::byte* source = source_of(work);
  if (is_nobody(source)) {
    // The unspecified address is for neighbour discovery and MLD only: multicast on the link.
    if (!is_zero(load_address(source)) || !is_multicast(destination_of(work))) {
      drop(work, DropReason::InvalidSource);
      return false;
    }
  }
  if (!port.home_link && is_home(source)) {
    drop(work, DropReason::HomeSourceOutsideTunnel);
    return false;
  }
  // R107: what a peer sends in the clear comes in where HAHA links do, or it is not the peer's.
  if (!port.haha && config_.peers.contains(source) &&
      next_header_of(work) != wire::protocol::kEsp) {
    drop(work, DropReason::HahaPort);
    return false;
  }
  return true;
}

// Multicast, unspecified and loopback addresses are nobody's (RFC 4291 §2.5.2, §2.5.3, §2.7).
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::is_nobody(const std::byte* source) {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, source, sizeof high);
  std::memcpy(&low, source + sizeof high, sizeof low);
  constexpr std::uint64_t kLoopbackLow = 0x0100'0000'0000'0000ULL;  // ::1 in memory order
  return is_multicast(source) || (high == 0 && (low == 0 || low == kLoopbackLow));
}

template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::is_home(const std::byte* address) const {
  for (const PrefixTest& prefix : served_) {
    if (prefix.matches(address)) {
      return true;
    }
  }
  return false;
}

template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::classify(W& work) {
  const std::byte* destination = destination_of(work);
  if (config_.home_agent.matches(destination)) {
    deliver(work, LocalRole::HomeAgent);
    return;
  }
  if (is_home(destination)) {
    defer(resolve_, work);
    return;
  }
  if (config_.locator.matches(destination)) {  // R7: reachable at both
    deliver(work, LocalRole::Locator);
    return;
  }
  if (is_multicast(destination)) {
    // RFC 6275 §10.4.2: multicast of a mobile node is not for its home agent to spread.
    if (work.origin == Origin::Tunnel) {
      drop(work, DropReason::MulticastNotForwarded);
    } else {
      deliver(work, LocalRole::Host);
    }
    return;
  }
  if (is_link_local(destination)) {
    // RFC 6275 §10.4.2: a link-local destination is never behind a tunnel.
    if (work.origin == Origin::Wire) {
      deliver(work, LocalRole::Host);
    } else {
      drop(work, DropReason::LinkLocalDestination);
    }
    return;
  }
  std::uint64_t high = 0;
  std::memcpy(&high, destination, sizeof high);
  // ::/64 holds the unspecified, the loopback and the IPv4-embedding addresses, none of them
  // routable.
  if (high == 0) {
    drop(work, DropReason::InvalidDestination);
    return;
  }
  defer(route_, work);
}

}  // namespace anyhome::dataplane
