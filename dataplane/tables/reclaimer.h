// Deferred reclamation: what readers may still see is given back when none can any more.
//
// The writer unpublishes a thing first, then retires a record of it: 8 bytes that say what and
// where, no callback. `poll` closes the records collected so far into a batch under one token of
// the quiescent-state variable, asks whether the oldest batches are due, and hands out their
// records. It never waits. A token taken later than needed is still right, it only frees later; so
// one token serves all that was retired since the last poll.
//
// Why not rte_hash's own defer queue: it knows only keys, `rte_hash_add_key_data` over an existing
// key never frees the old value, and it would reclaim inside of an insertion. Here all kinds share
// one order, one bound, and one place that frees.
//
// Control thread only.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include <rte_rcu_qsbr.h>

namespace anyhome::dataplane {

enum class RetiredKind : std::uint8_t {
  EntrySlot,      // of the slab, and the place of its key
  FormerSlot,     // of a former care-of address
  PrefixSlot,     // of a mobile network prefix outside of the pools
  LeafSlot,       // of a removed route
  AdjacencySlot,  // replaced by another
  GroupSlot,      // of next hops, replaced by another
  RouteCopy,      // of the longest-prefix match, replaced by the other: may be changed now
};

struct Retired {
  RetiredKind kind;
  std::uint32_t index;
};

enum class GracePeriod : std::uint8_t {
  Awaited,
  // Frees at the next poll, whoever is reading: broken, and here so that the stress test can prove
  // that it would notice.
  Ignored,
};

class Reclaimer {
 public:
  // `capacity` is rounded up to a power of two. `qsbr` outlives the reclaimer.
  Reclaimer(rte_rcu_qsbr* qsbr, std::uint32_t capacity, GracePeriod grace_period);

  [[nodiscard]] std::uint32_t room() const { return capacity() - backlog(); }
  [[nodiscard]] std::uint32_t backlog() const { return static_cast<std::uint32_t>(tail_ - head_); }
  [[nodiscard]] std::uint32_t capacity() const { return mask_ + 1; }
  [[nodiscard]] std::uint32_t high_water() const { return high_water_; }
  [[nodiscard]] std::uint64_t retired() const { return tail_; }
  [[nodiscard]] std::uint64_t reclaimed() const { return head_; }

  // Requires room() > 0: an operation asks for all the room it may need before it changes anything.
  void retire(RetiredKind kind, std::uint32_t index);

  // Calls free(Retired) for at most `limit` records that no reader can see any more, oldest first.
  // Returns how many.
  template <class Free>
  std::uint32_t poll(std::uint32_t limit, Free&& free) {
    advance();
    std::uint32_t freed = 0;
    for (; freed < limit && head_ != safe_; ++freed) {
      const Retired item = items_[head_ & mask_];
      ++head_;
      free(item);
    }
    return freed;
  }

 private:
  struct Batch {
    std::uint64_t token;
    std::uint64_t end;  // one past its last record
  };
  // With a poll per millisecond and a worker stuck for 64 ms every place is taken; what is retired
  // after that joins one last batch and loses nothing but precision.
  static constexpr std::uint32_t kMaxBatches = 64;

  void advance();
  [[nodiscard]] bool is_due(std::uint64_t token) const;

  rte_rcu_qsbr* qsbr_;
  GracePeriod grace_period_;
  std::uint32_t mask_;
  std::uint32_t high_water_ = 0;
  std::vector<Retired> items_;
  // Positions only grow: head_ <= safe_ <= closed_ <= tail_.
  std::uint64_t head_ = 0;    // oldest record not handed out
  std::uint64_t safe_ = 0;    // before it: no reader left
  std::uint64_t closed_ = 0;  // before it: in a batch
  std::uint64_t tail_ = 0;
  std::array<Batch, kMaxBatches> batches_{};
  std::uint32_t first_batch_ = 0;
  std::uint32_t batch_count_ = 0;
};

}  // namespace anyhome::dataplane
