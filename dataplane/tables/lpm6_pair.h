// Longest-prefix match that changes under readers: two rte_lpm6, one of them read.
//
// rte_lpm6 is not made for lock-free readers: while it extends or frees a second-level table a
// lookup can see another prefix's next hop (seen). So changes go into the copy that nobody reads;
// one store publishes it; when the grace period of the other is over, the same changes are replayed
// there. A publication takes any number of changes, so that a burst of routes costs few grace
// periods.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include <rte_lpm6.h>

#include "common/address.h"
#include "common/prefix.h"
#include "dataplane/pipeline/entry.h"

namespace anyhome::dataplane {

// rte_lpm6 keeps 21 bits of a value and drops the rest without a word.
inline constexpr std::uint32_t kMaxLeaves = 1U << 21U;
static_assert(kMaxLeaves <= kEntryIndexMask + 1);
// And so of the index of a second-level table.
inline constexpr std::uint32_t kMaxTbl8Groups = 1U << 21U;

struct RouteChange {
  Prefix prefix;
  LeafIndex leaf = kNoRouteLeaf;  // kNoRouteLeaf: the prefix goes
};

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): workers' and writer's lines are apart
class Lpm6Pair {
 public:
  struct Setup {
    std::string name;  // unique in the process, at most 18 characters
    std::uint32_t rules = 0;
    std::uint32_t tbl8_groups = 0;
    int socket = 0;
  };
  static std::expected<std::unique_ptr<Lpm6Pair>, std::string> create(const Setup& setup);

  // Readers. Leaf of the longest prefix for each of n addresses, kNoRouteLeaf without one.
  void lookup_bulk(const Ipv6Address* addresses, unsigned n, LeafIndex* out) const;

  // Control thread from here on.
  // Whether publish may be called: no replay is outstanding.
  [[nodiscard]] bool ready() const { return batch_.empty(); }
  // Makes the changes, removals first, visible to readers at once. At least one.
  void publish(std::vector<RouteChange> changes);
  // The grace period after publish is over.
  void replay();
  // Changes that rte_lpm6 refused although they were counted out beforehand: never, or a bug.
  [[nodiscard]] std::uint64_t failures() const { return failures_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct FreeLpm {
    void operator()(rte_lpm6* lpm) const { rte_lpm6_free(lpm); }
  };
  struct Copy {
    std::unique_ptr<rte_lpm6, FreeLpm> lpm;
    // rte_lpm6 does not take a prefix of length 0; ours is what a miss answers.
    LeafIndex default_leaf = kNoRouteLeaf;
  };

  Lpm6Pair() = default;
  void apply(Copy& copy);
  Copy& idle() {
    return copies_[published_.load(std::memory_order_relaxed) == &copies_[0] ? 1 : 0];
  }

  // Read by workers, written at a publication.
  std::array<Copy, 2> copies_;
  std::atomic<const Copy*> published_ = nullptr;
  // The control thread's.
  alignas(kCacheLine) std::vector<RouteChange> batch_;
  std::uint64_t failures_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace anyhome::dataplane
