// What workers see of the tables: pointers that stay what they are from start to stop.
//
// How a packet finds its way, with nothing but loads:
//   destination in a home prefix          bindings->lookup_bulk by address -> Entry
//   destination in a pool of prefixes     bindings->lookup_bulk by address masked to the pool's
//   length anything else, and a miss in a pool   routes->lookup_bulk -> leaf index
//     if prefixes_outside_pools != 0
//   leaves[Entry::leaf or leaf index]     load_leaf (pipeline/next_hop.h) -> LeafValue, by its
//   kind:
//     Adjacency, Multipath                select_adjacency -> adjacencies[]
//     Binding                             prefix_entries[index], loaded with acquire -> Entry
//     Local, Prohibited, NoRoute          says it all
// A worker is quiescent once per burst: an Entry or an index found in one burst is not kept for the
// next.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/pipeline/entry.h"
#include "dataplane/pipeline/peer_set.h"
#include "dataplane/tables/binding_table.h"
#include "dataplane/tables/route_table.h"

namespace anyhome::dataplane {

// Written by the control thread, a byte for each peer.
class PeerStates {
 public:
  [[nodiscard]] bool is_dead(std::uint16_t peer) const {
    return peer < kMaxPeers && dead_[peer].load(std::memory_order_relaxed);
  }
  void set_dead(std::uint16_t peer, bool dead) {
    dead_[peer].store(dead, std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<bool>, kMaxPeers> dead_{};
};

struct ReaderView {
  const BindingTable* bindings = nullptr;
  const RouteTable* routes = nullptr;
  const Leaf* leaves = nullptr;
  const Adjacency* adjacencies = nullptr;
  const MultipathGroup* groups = nullptr;
  const std::atomic<const Entry*>* prefix_entries = nullptr;
  // How many mobile network prefixes only the longest-prefix match knows.
  const std::atomic<std::uint32_t>* prefixes_outside_pools = nullptr;
  // By Entry::former: whose reverse tunnel is still accepted, though it is registered elsewhere.
  const Ipv6Address* former_care_of_addresses = nullptr;
  // Which home agents are dead, by Entry::peer: one store for all the bindings that are global
  // through one of them.
  const PeerStates* peers = nullptr;
};

}  // namespace anyhome::dataplane
