// Stage "encapsulate": IPv6 in IPv6 (RFC 2473) to a care-of address (RFC 6275 §10.4.2; draft §5.3,
// R32) or to a peer's locator.
#pragma once

#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

// Destination Options header that carries a Tunnel Encapsulation Limit (RFC 2473 §5.1).
inline constexpr std::size_t kLimitHeaderSize = 8;

template <Environment Env>
void Pipeline<Env>::encapsulate() {
  const WorkList list = encapsulate_;
  encapsulate_.clear();
  for (unsigned i = 0; i < list.size(); ++i) {
    encapsulate_one(list[i]);
  }
}

template <Environment Env>
void Pipeline<Env>::encapsulate_one(unsigned index) {
  W& work = work_[index];
  const Entry& entry = *work.entry;
  work.hash = flow_hash(work.ip, work.contiguous);
  if (!choose_adjacency(work, entry.leaf) || !next_hop_answers(work)) {
    return;
  }
  // What is relayed to another home agent is its to look into (R90a).
  const auto limit = entry.kind == EntryKind::Peer ? std::nullopt : inner_encapsulation_limit(work);
  if (limit && limit->value == 0) {
    refuse(work, DropReason::EncapsulationLimit, wire::icmpv6::kParameterProblem,
           wire::icmpv6::kCodeErroneousField, limit->at);
    return;
  }
  const std::size_t outer_size = wire::kIpv6HeaderSize + (limit ? kLimitHeaderSize : 0);
  std::uint16_t outer_mtu = std::min(entry.path_mtu, env_.adjacency(work.adjacency).mtu);
  if (entry.kind != EntryKind::Bound) {
    outer_mtu = std::min(outer_mtu, config_.link_mtu);
  }
  // RFC 2473 §4.1.2: a packet of the tunnel itself must not enter it.
  if (std::memcmp(source_of(work), entry.outer_header.data() + wire::ipv6_offset::kSource,
                  2 * Ipv6Address::kSize) == 0) {
    drop(work, DropReason::TunnelLoop);
    return;
  }
  if (!fits_tunnel(work, outer_mtu, outer_size) || !decrement_hop_limit(work)) {
    return;
  }
  std::byte* outer = work.ip - outer_size;
  if (!env_.set_front(work.packet, outer)) {
    drop(work, DropReason::NoHeadroom);
    return;
  }
  std::memcpy(outer, entry.outer_header.data(), wire::kIpv6HeaderSize);
  const std::uint8_t traffic_class =
      outer_traffic_class(traffic_class_of(work.ip), config_.copy_traffic_class);
  constexpr std::uint32_t kVersion6 = 6U << 28U;
  store_be32(outer,
             kVersion6 | (std::uint32_t{traffic_class} << 20U) | outer_flow_label(work.hash));
  store_be16(outer + wire::ipv6_offset::kPayloadLength,
             static_cast<std::uint16_t>(work.length + outer_size - wire::kIpv6HeaderSize));
  if (work.origin == Origin::Link && entry.kind == EntryKind::Global) {
    outer[wire::ipv6_offset::kHopLimit] = std::byte{relayed_hop_limit(work.link_hop_limit)};
  }
  if (limit) {
    outer[wire::ipv6_offset::kNextHeader] = std::byte{wire::protocol::kDestinationOptions};
    const auto less = static_cast<std::uint8_t>(limit->value - 1);
    const std::uint8_t header[kLimitHeaderSize] = {wire::protocol::kIpv6,
                                                   0,
                                                   wire::kOptionTunnelEncapsulationLimit,
                                                   1,
                                                   less,
                                                   wire::kOptionPadN,
                                                   1,
                                                   0};
    std::memcpy(outer + wire::kIpv6HeaderSize, header, sizeof header);
  }
  count_tunnelled(work, entry.kind);
  work.ip = outer;
  work.length += static_cast<std::uint32_t>(outer_size);
  work.contiguous += static_cast<std::uint32_t>(outer_size);
  trace("encapsulated: {} -> {}, {} bytes", read_address(source_of(work)).to_string(),
        read_address(destination_of(work)).to_string(), work.length);
  send(index);
}

template <Environment Env>
void Pipeline<Env>::count_tunnelled(const W& work, EntryKind kind) {
  switch (kind) {
    case EntryKind::Bound:
      env_.count(Counter::EncapsulatedToMobileNode, 1);
      env_.count(Counter::Hairpinned, work.origin == Origin::Tunnel ? 1 : 0);
      return;
    case EntryKind::Global:
      env_.count(Counter::EncapsulatedToPeer, 1);
      env_.count(Counter::RelayedBetweenPeers, work.origin == Origin::Link ? 1 : 0);
      return;
    default:
      env_.count(Counter::EncapsulatedToPeer, 1);
      env_.count(Counter::RelayedToHomeAgent, 1);
      return;
  }
}

// From the leaf of a tunnel's route to an adjacency. False: the packet is gone.
template <Environment Env>
bool Pipeline<Env>::choose_adjacency(W& work, LeafIndex leaf) {
  const LeafValue value = env_.leaf(leaf);
  if (value.kind() == LeafKind::Adjacency || value.kind() == LeafKind::Multipath) {
    work.adjacency = select_adjacency(value, work.hash, env_.groups());
    return true;
  }
  if (value.kind() == LeafKind::NoRoute) {
    trace("no route to the end of the tunnel");
    // To whoever sent the packet it is the mobile node that cannot be reached (RFC 2473 §8).
    refuse(work, DropReason::NoRoute, wire::icmpv6::kDestinationUnreachable,
           wire::icmpv6::kCodeAddressUnreachable, 0);
  } else if (value.kind() == LeafKind::Prohibited) {
    drop(work, DropReason::RouteProhibited);
  } else {
    // The far end of the tunnel is ourselves, or a mobile network of ours.
    drop(work, DropReason::TunnelLoop);
  }
  return false;
}

// RFC 2473 §7.1, of a mobile node's tunnel and of a HAHA link alike (R90): too big and above 1280
// bytes is answered; up to 1280 the outer packet will be fragmented.
template <Environment Env>
bool Pipeline<Env>::fits_tunnel(W& work, std::uint16_t outer_mtu, std::size_t outer_size) {
  work.path_mtu = 0;
  if (work.length + outer_size <= outer_mtu) {
    return true;
  }
  if (work.length > wire::kMinimumMtu) {
    const auto inner_mtu = static_cast<std::uint32_t>(std::max<std::size_t>(
        outer_mtu > outer_size ? outer_mtu - outer_size : 0, wire::kMinimumMtu));
    refuse(work, DropReason::PacketTooBig, wire::icmpv6::kPacketTooBig, 0, inner_mtu);
    return false;
  }
  work.path_mtu = std::max<std::uint16_t>(outer_mtu, wire::kMinimumMtu);
  return true;
}

// RFC 2473 §4.1.1. The option can only be where the first headers are options headers; everything
// else is spared the walk.
template <Environment Env>
std::optional<EncapsulationLimit> Pipeline<Env>::inner_encapsulation_limit(const W& work) {
  const std::uint8_t next_header = next_header_of(work);
  if (next_header != wire::protocol::kDestinationOptions &&
      next_header != wire::protocol::kHopByHop) [[likely]] {
    return std::nullopt;
  }
  const auto chain = wire::walk_headers(ByteView(work.ip, work.contiguous));
  if (!chain || chain->encapsulation_limit_at == 0) {
    return std::nullopt;
  }
  return EncapsulationLimit{std::to_integer<std::uint8_t>(work.ip[chain->encapsulation_limit_at]),
                            chain->encapsulation_limit_at};
}

}  // namespace anyhome::dataplane
