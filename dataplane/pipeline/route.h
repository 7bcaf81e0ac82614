// Stage "route": longest-prefix match for everything that is not a mobile node's.
#pragma once

#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

template <Environment Env>
void Pipeline<Env>::route() {
  if (route_.empty()) {
    return;
  }
  const WorkList list = route_;
  route_.clear();
  std::array<Ipv6Address, kMaxBurst> addresses;
  std::array<LeafIndex, kMaxBurst> leaves;
  for (unsigned i = 0; i < list.size(); ++i) {
    std::memcpy(addresses[i].octets.data(), destination_of(work_[list[i]]), Ipv6Address::kSize);
  }
  env_.lookup_routes(addresses.data(), list.size(), leaves.data());
  for (unsigned i = 0; i < list.size(); ++i) {
    dispatch_leaf(work_[list[i]], env_.leaf(leaves[i]));
  }
}

template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::dispatch_leaf(W& work, LeafValue leaf) {
  // A HAHA link brings packets for whom we serve, and is no way to anywhere else (R107).
  if (work.origin == Origin::Link && leaf.kind() != LeafKind::Binding) {
    drop(work, DropReason::HahaInnerNotOurs);
    return;
  }
  switch (leaf.kind()) {
    case LeafKind::Adjacency:
      work.adjacency = leaf.index();
      forward_natively(work);
      return;
    case LeafKind::Multipath:
      work.hash = flow_hash(work.ip, work.contiguous);
      work.adjacency = select_adjacency(leaf, work.hash, env_.groups());
      forward_natively(work);
      return;
    case LeafKind::Local:
      deliver(work, static_cast<LocalRole>(leaf.index()));
      return;
    case LeafKind::Binding:
      if (const Entry* entry = env_.prefix_entry(leaf.index())) {
        dispatch_entry(work, entry);
      } else {
        refuse_unbound(work);
      }
      return;
    case LeafKind::Prohibited:
      trace("the route prohibits");
      drop(work, DropReason::RouteProhibited);
      return;
    case LeafKind::NoRoute:
      break;
  }
  refuse(work, DropReason::NoRoute, wire::icmpv6::kDestinationUnreachable,
         wire::icmpv6::kCodeNoRoute, 0);
}

template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::forward_natively(W& work) {
  constexpr std::uint16_t kLinkLocalMask = 0xffc0;
  constexpr std::uint16_t kLinkLocal = 0xfe80;
  if ((load_be16(source_of(work)) & kLinkLocalMask) == kLinkLocal) {
    drop(work, DropReason::LinkLocalSource);
    return;
  }
  const Adjacency& adjacency = env_.adjacency(work.adjacency);
  if (work.length > adjacency.mtu) {
    refuse(work, DropReason::PacketTooBig, wire::icmpv6::kPacketTooBig, 0, adjacency.mtu);
    return;
  }
  if (!next_hop_answers(work) || !decrement_hop_limit(work)) {
    return;
  }
  counts_.forwarded += is_forwarded(work.origin) ? 1 : 0;
  send(work);
}

}  // namespace anyhome::dataplane
