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
  const EncapsulationLimit limit =
      entry.kind == EntryKind::Peer ? EncapsulationLimit{} : inner_encapsulation_limit(work);
  if (limit.found() && limit.value == 0) {
    refuse(work, DropReason::EncapsulationLimit, wire::icmpv6::kParameterProblem,
           wire::icmpv6::kCodeErroneousField, limit.at);
    return;
  }
  const std::size_t outer_size = wire::kIpv6HeaderSize + (limit.found() ? kLimitHeaderSize : 0);
  const std::uint16_t outer_mtu = tunnel_mtu(entry, env_.adjacency(work.adjacency).mtu);
  const std::uint16_t inner_mtu = inner_mtu_of(entry.kind, outer_mtu, outer_size);
  // RFC 2473 §4.1.2: a packet of the tunnel itself must not enter it.
  if (std::memcmp(source_of(work), entry.outer_header.data() + wire::ipv6_offset::kSource,
                  2 * Ipv6Address::kSize) == 0) {
    drop(work, DropReason::TunnelLoop);
    return;
  }
  if (!fits_tunnel(work, outer_mtu, outer_size, inner_mtu) || !decrement_hop_limit(work)) {
    return;
  }
  if (config_.clamp_tcp_mss && entry.kind != EntryKind::Peer) {
    clamp_syn(work, inner_mtu);
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
  if (limit.found()) {
    outer[wire::ipv6_offset::kNextHeader] = std::byte{wire::protocol::kDestinationOptions};
    const auto less = static_cast<std::uint8_t>(limit.value - 1);
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
  trace("encapsulated: {} -> {}, {} bytes", read_address(source_of(work)),
        read_address(destination_of(work)), work.length);
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

// Of the outer packet: what the path is known to take, and what the port does.
template <Environment Env>
std::uint16_t Pipeline<Env>::tunnel_mtu(const Entry& entry, std::uint16_t port_mtu) const {
  const std::uint16_t mtu = std::min(entry.path_mtu, port_mtu);
  return entry.kind == EntryKind::Bound ? mtu : std::min(mtu, config_.link_mtu);
}

// Of the packet inside. What goes into a binding is held to one figure, so that correspondents see
// no step where another home agent takes over (rulings §10); what is relayed to a home agent is in
// a tunnel already, and its sender is told what the link takes.
template <Environment Env>
std::uint16_t Pipeline<Env>::inner_mtu_of(EntryKind kind, std::uint16_t outer_mtu,
                                          std::size_t outer_size) const {
  const std::size_t room = outer_mtu > outer_size ? outer_mtu - outer_size : 0;
  const std::size_t told =
      kind == EntryKind::Peer ? room : std::min<std::size_t>(room, config_.mtu_to_correspondents);
  return static_cast<std::uint16_t>(std::max(told, wire::kMinimumMtu));
}

// RFC 2473 §7.1, of a mobile node's tunnel and of a HAHA link alike (R90): too big and above 1280
// bytes is answered; up to 1280 the outer packet will be fragmented.
template <Environment Env>
bool Pipeline<Env>::fits_tunnel(W& work, std::uint16_t outer_mtu, std::size_t outer_size,
                                std::uint16_t inner_mtu) {
  work.path_mtu = 0;
  if (work.length <= inner_mtu && work.length + outer_size <= outer_mtu) [[likely]] {
    return true;
  }
  if (work.length > wire::kMinimumMtu) {
    refuse(work, DropReason::PacketTooBig, wire::icmpv6::kPacketTooBig, 0, inner_mtu);
    return false;
  }
  work.path_mtu = std::max<std::uint16_t>(outer_mtu, wire::kMinimumMtu);
  return true;
}

template <Environment Env>
void Pipeline<Env>::clamp_syn(W& work, std::uint16_t inner_mtu) {
  if (is_tcp_syn(work.ip, work.contiguous) &&
      clamp_mss(work.ip, work.contiguous, static_cast<std::uint16_t>(inner_mtu - kMssOverhead))) {
    env_.count(Counter::MssClamped, 1);
  }
}

// What a mobile node says it takes, the correspondent will send into its tunnel.
template <Environment Env>
void Pipeline<Env>::clamp_from_mobile_node(W& work, const Entry& entry) {
  const LeafValue leaf = env_.leaf(entry.leaf);
  const bool leads_out = leaf.kind() == LeafKind::Adjacency || leaf.kind() == LeafKind::Multipath;
  const std::uint16_t port_mtu =
      leads_out ? env_.adjacency(select_adjacency(leaf, 0, env_.groups())).mtu : entry.path_mtu;
  clamp_syn(work, inner_mtu_of(entry.kind, tunnel_mtu(entry, port_mtu), wire::kIpv6HeaderSize));
}

// RFC 2473 §4.1.1. The option can only be where the first headers are options headers; everything
// else is spared the walk.
template <Environment Env>
EncapsulationLimit Pipeline<Env>::inner_encapsulation_limit(const W& work) {
  const std::uint8_t next_header = next_header_of(work);
  if (next_header != wire::protocol::kDestinationOptions &&
      next_header != wire::protocol::kHopByHop) [[likely]] {
    return {};
  }
  const auto chain = wire::walk_headers(ByteView(work.ip, work.contiguous));
  if (!chain || chain->encapsulation_limit_at == 0) {
    return {};
  }
  return {std::to_integer<std::uint8_t>(work.ip[chain->encapsulation_limit_at]),
          chain->encapsulation_limit_at};
}

}  // namespace anyhome::dataplane
