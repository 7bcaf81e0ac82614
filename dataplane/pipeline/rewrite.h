// Stage "rewrite": hop limit, link-layer header, and out.
#pragma once

#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

// One forwarding, one hop, whether natively or into a tunnel (RFC 2473 §3.1). False: the packet is
// gone.
template <Environment Env>
bool Pipeline<Env>::decrement_hop_limit(W& work) {
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
bool Pipeline<Env>::next_hop_answers(W& work) {
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
void Pipeline<Env>::send(unsigned index) {
  W& work = work_[index];
  const Adjacency& adjacency = env_.adjacency(work.adjacency);
  if (adjacency.state == AdjacencyState::Forward) [[likely]] {
    if (work.path_mtu != 0) {
      send_fragments(work);
    } else {
      rewrite(work);
    }
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
void Pipeline<Env>::rewrite(W& work) {
  const Adjacency& adjacency = env_.adjacency(work.adjacency);
  std::byte* frame = work.ip - adjacency.link_header_size;
  if (!env_.set_front(work.packet, frame)) {
    drop(work, DropReason::NoHeadroom);
    return;
  }
  if (adjacency.link_header_size == 14) [[likely]] {
    std::memcpy(frame, adjacency.link_header.data(), 14);
  } else {
    std::memcpy(frame, adjacency.link_header.data(), kMaxLinkHeader);
  }
  env_.note_used(work.adjacency);
  env_.count(Counter::Sent, 1);
  env_.count(Counter::SentBytes, work.length + adjacency.link_header_size);
  trace("sent on port {}", adjacency.port);
  env_.transmit(adjacency.port, work.packet);
}

}  // namespace anyhome::dataplane
