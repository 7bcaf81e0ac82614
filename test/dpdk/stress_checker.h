// The stress test's worker: a burst in stages with pauses between them, as in a pipeline, then
// every result is held against the world.
#pragma once

#include <atomic>
#include <cstdint>
#include <random>
#include <thread>

#include <rte_pause.h>

#include "test/dpdk/stress_world.h"
#include "test/dpdk/tables_fixture.h"

namespace anyhome::test {

struct Findings {
  std::atomic<std::uint64_t> bursts = 0;
  std::atomic<std::uint64_t> missed = 0;          // a key or route that is there throughout
  std::atomic<std::uint64_t> broken_entry = 0;    // not whole, or another binding's
  std::atomic<std::uint64_t> wrong_next_hop = 0;  // not whole, or another route's
};

class Checker {
 public:
  Checker(const ReaderView& view, Findings& findings, unsigned seed)
      : view_(view), findings_(findings), random_(seed) {}

  void burst() {
    look_up_bindings();
    look_up_routes();
    linger();
    load_leaves();
    linger();
    follow_leaves();
    linger();
    check_bindings();
    check_routes();
    count(findings_.bursts);
  }

 private:
  static constexpr unsigned kBurst = 32;
  // Of the routes' burst: the first is the host, these many are mobile network prefixes, and the
  // rest are probes of the regions.
  static constexpr unsigned kPrefixes = 8;

  static void count(std::atomic<std::uint64_t>& counter) {
    counter.fetch_add(1, std::memory_order_relaxed);
  }
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

  void look_up_bindings() {
    const std::byte* pointers[kBurst];
    for (unsigned i = 0; i < kBurst; ++i) {
      // Three quarters home addresses, a quarter prefixes.
      const bool pooled = i % 4 == 0;
      numbers_[i] = pick(pooled ? world::kPooled : world::kBindings);
      keys_[i] =
          pooled ? world::pooled_prefix(numbers_[i]).address() : world::home_address(numbers_[i]);
      pointers[i] = bytes_of(keys_[i]);
    }
    view_.bindings->lookup_bulk(pointers, kBurst, entries_);
  }

  void look_up_routes() {
    addresses_[0] = world::host(0);
    for (unsigned i = 1; i < kBurst; ++i) {
      routed_numbers_[i] = pick(world::kRouted);
      addresses_[i] = i <= kPrefixes ? world::routed_prefix(routed_numbers_[i]).address()
                                     : world::probe(pick(world::kRegions));
    }
    view_.routes->lookup_bulk(addresses_, kBurst, leaves_);
  }

  void load_leaves() {
    for (unsigned i = 0; i < kBurst; ++i) {
      binding_values_[i] =
          entries_[i] == nullptr ? LeafValue{} : load_leaf(view_.leaves[entries_[i]->leaf]);
      values_[i] = load_leaf(view_.leaves[leaves_[i]]);
    }
  }

  void follow_leaves() {
    for (unsigned i = 0; i < kBurst; ++i) {
      binding_adjacencies_[i] = adjacency_of(binding_values_[i]);
      adjacencies_[i] = adjacency_of(values_[i]);
      routed_[i] = values_[i].kind() == LeafKind::Binding
                       ? view_.prefix_entries[values_[i].index()].load(std::memory_order_acquire)
                       : nullptr;
    }
  }

  // Now and then a worker loses its core in the middle of a burst.
  void linger() {
    if (pick(32) == 0) {
      std::this_thread::yield();
    }
    for (unsigned i = pick(32); i > 0; --i) {
      rte_pause();
    }
  }

  void check_bindings() {
    for (unsigned i = 0; i < kBurst; ++i) {
      if (entries_[i] == nullptr) {
        if (numbers_[i] < world::kStable) {
          count(findings_.missed);
        }
        continue;
      }
      if (!world::is_whole(*entries_[i], numbers_[i])) {
        count(findings_.broken_entry);
      } else if (binding_adjacencies_[i] == nullptr ||
                 !world::is_right_way(entries_[i]->destination, *binding_adjacencies_[i])) {
        count(findings_.wrong_next_hop);
      }
    }
  }

  void check_routes() {
    if (adjacencies_[0] == nullptr || adjacencies_[0]->next_hop != world::host(0) ||
        !world::is_whole(*adjacencies_[0])) {
      count(findings_.wrong_next_hop);
    }
    for (unsigned i = 1; i <= kPrefixes; ++i) {
      if (routed_[i] == nullptr) {
        count(findings_.missed);
      } else if (!world::is_whole(*routed_[i], routed_numbers_[i])) {
        count(findings_.broken_entry);
      }
    }
    for (unsigned i = kPrefixes + 1; i < kBurst; ++i) {
      if (adjacencies_[i] == nullptr) {
        count(findings_.missed);
      } else if (!world::is_right_way(addresses_[i], *adjacencies_[i])) {
        count(findings_.wrong_next_hop);
      }
    }
  }

  const Adjacency* adjacency_of(LeafValue value) {
    if (value.kind() != LeafKind::Adjacency && value.kind() != LeafKind::Multipath) {
      return nullptr;
    }
    const auto flow_hash = static_cast<std::uint32_t>(random_()) << 1U;
    return &view_.adjacencies[select_adjacency(value, flow_hash, view_.groups)];
  }

  const ReaderView& view_;
  Findings& findings_;
  std::minstd_rand random_;

  Ipv6Address keys_[kBurst];
  unsigned numbers_[kBurst] = {};
  const Entry* entries_[kBurst] = {};
  LeafValue binding_values_[kBurst] = {};
  const Adjacency* binding_adjacencies_[kBurst] = {};

  Ipv6Address addresses_[kBurst];
  unsigned routed_numbers_[kBurst] = {};
  LeafIndex leaves_[kBurst] = {};
  LeafValue values_[kBurst] = {};
  const Adjacency* adjacencies_[kBurst] = {};
  const Entry* routed_[kBurst] = {};
};

}  // namespace anyhome::test
