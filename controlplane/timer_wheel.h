// One timer structure for everything: a hierarchical timing wheel (Varghese & Lauck).
//
// Arming, re-arming and cancelling are O(1) and allocate only when more timers than ever before are
// armed at once; a million bindings cost a million 32-byte nodes. Four levels of 256 slots with a
// tick of 2^26 ns (67 ms) reach 9.1 years; a timer never fires early, and at most one tick late.
// Timers that are due in one call fire in the order of their ticks, within a tick in no order.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "common/time.h"

namespace anyhome::control {

// Names an armed timer; 0 names none.
using TimerHandle = std::uint32_t;
inline constexpr TimerHandle kNoTimer = 0;

class TimerWheel {
 public:
  explicit TimerWheel(Instant start);

  // Arms a timer that hands `payload` back once `deadline` has passed.
  TimerHandle arm(Instant deadline, std::uint64_t payload);
  // Moves an armed timer; the handle stays good.
  void rearm(TimerHandle handle, Instant deadline);
  // The handle is void afterwards. kNoTimer is allowed.
  void cancel(TimerHandle handle);

  // Takes the next due timer out; its handle is void before the caller sees the payload, so that
  // the payload's owner may arm a new one at once. nullopt when nothing more is due, or when enough
  // has been done for one call: a million mobile nodes that came at once have timers in one slot.
  // `next_deadline` is due then.
  std::optional<std::uint64_t> pop_due(Instant now);

  // When to call again: not later than the first deadline, sometimes earlier (a cascade), never
  // missing when a timer is armed.
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] std::size_t armed() const { return armed_; }
  // Two steps toward what `rearm` and `cancel` touch: the timer, and its neighbours.
  void prefetch(TimerHandle handle) const { __builtin_prefetch(&node_at(handle)); }
  void prefetch_neighbors(TimerHandle handle) const {
    __builtin_prefetch(&node_at(node_at(handle).previous));
    __builtin_prefetch(&node_at(node_at(handle).next));
  }
  // What an armed timer takes.
  [[nodiscard]] static constexpr std::size_t bytes_per_timer() { return sizeof(Node); }

 private:
  static constexpr unsigned kTickShift = 26;
  static constexpr unsigned kSlotBits = 8;
  static constexpr unsigned kSlots = 1U << kSlotBits;
  static constexpr unsigned kLevels = 4;
  static constexpr std::uint32_t kNil = 0;

  struct Node {
    std::uint64_t payload = 0;
    std::uint64_t tick = 0;
    std::uint32_t previous = kNil;  // kNil: first of its slot
    std::uint32_t next = kNil;
    std::uint16_t slot = 0;  // level * kSlots + slot, where it hangs
  };

  static constexpr unsigned kSlabBits = 12;
  static constexpr std::uint32_t kSlabSize = 1U << kSlabBits;
  using Slab = std::array<Node, kSlabSize>;

  [[nodiscard]] Node& node_at(std::uint32_t index) {
    return (*slabs_[index >> kSlabBits])[index & (kSlabSize - 1)];
  }
  [[nodiscard]] const Node& node_at(std::uint32_t index) const {
    return (*slabs_[index >> kSlabBits])[index & (kSlabSize - 1)];
  }
  std::uint32_t add_node();

  [[nodiscard]] std::uint64_t tick_at_or_after(Instant deadline) const;
  [[nodiscard]] std::uint64_t ticks_passed(Instant now) const;
  void link(std::uint32_t index);
  void unlink(std::uint32_t index);
  void cascade(unsigned level);
  bool bring_down(unsigned limit);
  void set_occupied(unsigned slot, bool occupied);
  [[nodiscard]] std::optional<unsigned> next_occupied(unsigned level, unsigned from) const;

  Instant start_;
  std::uint64_t current_tick_ = 0;  // every timer with a smaller tick has fired
  std::size_t armed_ = 0;
  // Slabs: growing never copies a million timers, which would hold up everybody.
  std::vector<std::unique_ptr<Slab>> slabs_;
  std::uint32_t used_ = 0;
  std::uint32_t free_ = kNil;
  // By level: the timers of a slot that has begun, still to be brought down. They keep its number.
  std::array<std::uint32_t, kLevels> descending_{};
  std::array<std::uint32_t, std::size_t{kLevels} * kSlots> heads_{};
  std::array<std::uint64_t, std::size_t{kLevels} * kSlots / 64> occupied_{};
};

}  // namespace anyhome::control
