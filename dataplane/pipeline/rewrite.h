// Stage "rewrite": hop limit, link-layer header, and out.
#pragma once

#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

// One forwarding, one hop, whether natively or into a tunnel (RFC 2473 §3.1). False: the packet is
// gone.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::decrement_hop_limit(W& work) {
  if (!is_forwarded(work.origin)) {
    return true;
  }
  std::byte& hop_limit = work.ip[wire::ipv6_offset::kHopLimit];
  const auto value = std::to_integer<std::uint8_t>(hop_limit);
  if (value <= 1) {
    refuse(work, DropReason::HopLimitExceeded, wire::icmpv6::kTimeExceeded,
           wire::icmpv6::kCodeHopLimit, 0);
    return false;
  }
  hop_limit = static_cast<std::byte>(value - 1);
  return true;
}

// A next hop that is known not to answer (RFC 4861 §7.2.2). To be asked before a packet is changed,
// so that the error quotes what its sender has sent. False: the packet is gone.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::next_hop_answers(W& work) {
  const Adjacency& adjacency = env_.adjacency(work.adjacency);
  if (adjacency.state != AdjacencyState::Failed) [[likely]] {
    return true;
  }
  trace("the next hop {} does not answer", adjacency.next_hop);
  refuse(work, DropReason::NeighborFailed, wire::icmpv6::kDestinationUnreachable,
         wire::icmpv6::kCodeAddressUnreachable, 0);
  return false;
}

// A finished packet with its adjacency chosen.
template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::send(W& work) {
  const Adjacency& adjacency = env_.adjacency(work.adjacency);
  if (adjacency.state == AdjacencyState::Forward && work.path_mtu == 0) [[likely]] {
    rewrite(work);
  } else {
    send_unusual(work, adjacency);
  }
}

template <Environment Env>
[[gnu::noinline]] void Pipeline<Env>::send_unusual(W& work, const Adjacency& adjacency) {
  if (adjacency.state == AdjacencyState::Forward) {
    send_fragments(work);
    return;
  }
  trace("the next hop's link-layer address is not known yet");
  if (!config_.has_host) {
    drop(work, DropReason::NeighborUnresolved);
    return;
  }
  // The control thread keeps it, asks the kernel for the neighbour, and sends it again.
  work.link_header = 0;
  punt(work, forwarding::PuntClass::Resolve);
}

template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::rewrite(W& work) {
  const Adjacency& adjacency = env_.adjacency(work.adjacency);
  std::byte* frame = work.ip - adjacency.link_header_size;
  if (!env_.set_front(work.packet, frame)) {
    drop(work, DropReason::NoHeadroom);
    return;
  }
  write_link_header(frame, adjacency);
  transmit(work, work.length, adjacency);
}

template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::write_link_header(std::byte* frame,
                                                                    const Adjacency& adjacency) {
  if (adjacency.link_header_size == kEthernetHeader) [[likely]] {
    std::memcpy(frame, adjacency.link_header.data(), kEthernetHeader);
  } else {
    std::memcpy(frame, adjacency.link_header.data(), kMaxLinkHeader);
  }
}

// A frame with an IPv6 packet of `length` bytes.
template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::transmit(W& work, std::uint32_t length,
                                                           const Adjacency& adjacency) {
  env_.note_used(work.adjacency);
  ++counts_.sent;
  counts_.sent_bytes += length + adjacency.link_header_size;
  trace("sent on port {}", adjacency.port);
  env_.transmit(adjacency.port, work.packet);
}

}  // namespace anyhome::dataplane
