// From a route's leaf to the adjacency a packet leaves by: the two loads of the last stage.
//
// All of it is read-only for a worker. The acquire pairs with the release of the store that put the
// value there (dataplane/tables): whoever sees an index sees the group and the adjacency behind it,
// and neither is used for anything else before this worker has been quiescent.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/pipeline/entry.h"

namespace anyhome::dataplane {

inline LeafValue load_leaf(const Leaf& leaf) {
  return LeafValue{leaf.load(std::memory_order_acquire)};
}

// Maps a 32-bit hash to 0..used-1 by its high bits: a multiplication where a modulo would be a
// division of 25 cycles. `used` is at least 1.
constexpr std::uint32_t multipath_slot(std::uint32_t flow_hash, std::uint32_t used) {
  return static_cast<std::uint32_t>((std::uint64_t{flow_hash} * used) >> 32U);
}

// The adjacency of a value of kind Adjacency or Multipath; other kinds have none and are the
// caller's to tell apart first. All packets of a flow have one hash, so they keep their order.
inline AdjacencyIndex select_adjacency(LeafValue value, std::uint32_t flow_hash,
                                       const MultipathGroup* groups) {
  if (value.kind() != LeafKind::Multipath) {
    return value.index();
  }
  const MultipathGroup& group = groups[value.index()];
  return group.slots[multipath_slot(flow_hash, group.used)];
}

}  // namespace anyhome::dataplane
