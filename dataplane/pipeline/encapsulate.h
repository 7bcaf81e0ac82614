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
    encapsulate_one(work_[list[i]]);
  }
}

template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::encapsulate_one(W& work) {
  const Entry& entry = *work.entry;
  work.hash = flow_hash(work.ip, work.contiguous);
  if (!choose_adjacency(work, entry.leaf) || !next_hop_answers(work)) {
    return;
  }
  // RFC 2473 §4.1.1. An encapsulation limit can only be where the first headers are options
  // headers. What is relayed to another home agent is its to look into (R90a).
  const std::uint8_t next_header = next_header_of(work);
  if ((next_header == wire::protocol::kDestinationOptions ||
       next_header == wire::protocol::kHopByHop) &&
      entry.kind != EntryKind::Peer) [[unlikely]] {
    encapsulate_with_options(work, entry);
  } else {
    wrap<false>(work, entry, {});
  }
}

template <Environment Env>
[[gnu::noinline]] void Pipeline<Env>::encapsulate_with_options(W& work, const Entry& entry) {
  const EncapsulationLimit limit = inner_encapsulation_limit(work);
  if (!limit.found()) {
    wrap<false>(work, entry, {});
  } else if (limit.value == 0) {
    refuse(work, DropReason::EncapsulationLimit, wire::icmpv6::kParameterProblem,
           wire::icmpv6::kCodeErroneousField, limit.at);
  } else {
    wrap<true>(work, entry, limit);
  }
}

// The outer header goes in front, and mostly the frame's with it.
template <Environment Env>
template <bool kLimited>
[[gnu::always_inline]] inline void Pipeline<Env>::wrap(W& work, const Entry& entry,
                                                       EncapsulationLimit limit) {
  const Adjacency& adjacency = env_.adjacency(work.adjacency);
  constexpr std::size_t kOuterSize = wire::kIpv6HeaderSize + (kLimited ? kLimitHeaderSize : 0);
  const std::uint16_t outer_mtu = tunnel_mtu(entry, adjacency.mtu);
  // RFC 2473 §4.1.2: a packet of the tunnel itself must not enter it.
  static_assert(offsetof(Entry, destination) == offsetof(Entry, source) + Ipv6Address::kSize);
  if (std::memcmp(source_of(work), &entry.source, 2 * Ipv6Address::kSize) == 0) [[unlikely]] {
    drop(work, DropReason::TunnelLoop);
    return;
  }
  if (!fits_tunnel(work, entry.kind, outer_mtu, kOuterSize) || !decrement_hop_limit(work)) {
    return;
  }
  if (config_.clamp_tcp_mss && entry.kind != EntryKind::Peer) [[unlikely]] {
    clamp_syn(work, inner_mtu_of(entry.kind, outer_mtu, kOuterSize));
  }
  const bool at_once = adjacency.state == AdjacencyState::Forward && work.path_mtu == 0;
  std::byte* const outer = work.ip - kOuterSize;
  std::byte* const front = at_once ? outer - adjacency.link_header_size : outer;
  if (!env_.set_front(work.packet, front)) [[unlikely]] {
    drop(work, DropReason::NoHeadroom);
    return;
  }
  write_outer_header<kLimited>(
      work, outer, entry,
      outer_traffic_class(traffic_class_of(work.ip), config_.copy_traffic_class), limit);
  count_tunnelled(work, entry.kind);
  const auto length = static_cast<std::uint32_t>(work.length + kOuterSize);
  trace("encapsulated: {} -> {}, {} bytes", entry.source, entry.destination, length);
  if (at_once) [[likely]] {
    write_link_header(front, adjacency);
    transmit(work, length, adjacency);
    return;
  }
  work.ip = outer;
  work.length = length;
  work.contiguous += static_cast<std::uint32_t>(kOuterSize);
  send_unusual(work, adjacency);
}

template <Environment Env>
template <bool kLimited>
[[gnu::always_inline]] inline void Pipeline<Env>::write_outer_header(const W& work,
                                                                     std::byte* outer,
                                                                     const Entry& entry,
                                                                     std::uint8_t traffic_class,
                                                                     EncapsulationLimit limit) {
  constexpr std::size_t kLimitHeader = kLimited ? kLimitHeaderSize : 0;
  // Version, traffic class, flow label, payload length, next header, hop limit.
  auto hop_limit = std::uint64_t{entry.hop_limit};
  if (work.origin == Origin::Link && entry.kind == EntryKind::Global) [[unlikely]] {
    hop_limit = relayed_hop_limit(work.link_hop_limit);
  }
  constexpr std::uint64_t kVersion6 = 6;
  constexpr std::uint64_t kNext =
      kLimited ? wire::protocol::kDestinationOptions : wire::protocol::kIpv6;
  store_be64(outer, kVersion6 << 60U | std::uint64_t{traffic_class} << 52U |
                        std::uint64_t{outer_flow_label(work.hash)} << 32U |
                        (work.length + kLimitHeader) << 16U | kNext << 8U | hop_limit);
  std::memcpy(outer + wire::ipv6_offset::kSource, &entry.source, 2 * Ipv6Address::kSize);
  if constexpr (kLimited) {
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
}

template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::count_tunnelled(const W& work, EntryKind kind) {
  if (kind == EntryKind::Bound) {
    ++counts_.to_mobile_node;
    if (work.origin == Origin::Tunnel) [[unlikely]] {
      env_.count(Counter::Hairpinned, 1);
    }
    return;
  }
  ++counts_.to_peer;
  if (kind == EntryKind::Peer) [[unlikely]] {
    env_.count(Counter::RelayedToHomeAgent, 1);
  } else if (work.origin == Origin::Link) [[unlikely]] {
    env_.count(Counter::RelayedBetweenPeers, 1);
  }
}

// From the leaf of a tunnel's route to an adjacency. False: the packet is gone.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::choose_adjacency(W& work, LeafIndex leaf) {
  const LeafValue value = env_.leaf(leaf);
  if (value.kind() == LeafKind::Adjacency) [[likely]] {
    work.adjacency = value.index();
    return true;
  }
  return choose_unusual_adjacency(work, value);
}

template <Environment Env>
[[gnu::noinline]] bool Pipeline<Env>::choose_unusual_adjacency(W& work, LeafValue value) {
  if (value.kind() == LeafKind::Multipath) {
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

// Whether the packet goes into the tunnel as it is; if not, what becomes of it. False: it is gone.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::fits_tunnel(W& work, EntryKind kind,
                                                              std::uint16_t outer_mtu,
                                                              std::size_t outer_size) {
  work.path_mtu = 0;
  // No more than what correspondents are told, whoever is.
  if (work.length + outer_size <= outer_mtu && work.length <= config_.mtu_to_correspondents)
      [[likely]] {
    return true;
  }
  return fits_by_fragmenting(work, kind, outer_mtu, outer_size);
}

// RFC 2473 §7.1, of a mobile node's tunnel and of a HAHA link alike (R90): too big and above 1280
// bytes is answered; up to 1280 the outer packet will be fragmented.
template <Environment Env>
[[gnu::noinline]] bool Pipeline<Env>::fits_by_fragmenting(W& work, EntryKind kind,
                                                          std::uint16_t outer_mtu,
                                                          std::size_t outer_size) {
  const std::uint16_t inner_mtu = inner_mtu_of(kind, outer_mtu, outer_size);
  if (work.length <= inner_mtu && work.length + outer_size <= outer_mtu) {
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

template <Environment Env>
EncapsulationLimit Pipeline<Env>::inner_encapsulation_limit(const W& work) {
  const auto chain = wire::walk_headers(ByteView(work.ip, work.contiguous));
  if (!chain || chain->encapsulation_limit_at == 0) {
    return {};
  }
  return {std::to_integer<std::uint8_t>(work.ip[chain->encapsulation_limit_at]),
          chain->encapsulation_limit_at};
}

}  // namespace anyhome::dataplane
