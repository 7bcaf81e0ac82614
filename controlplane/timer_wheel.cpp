#include "controlplane/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace anyhome::control {
namespace {

// Each is a wait for memory or two: half a millisecond.
constexpr unsigned kDescentsPerCall = 1024;

}  // namespace

TimerWheel::TimerWheel(Instant start) : start_(start) { add_node(); }

std::uint32_t TimerWheel::add_node() {
  if ((used_ & (kSlabSize - 1)) == 0) {
    slabs_.push_back(std::make_unique<Slab>());
  }
  return used_++;
}

std::uint64_t TimerWheel::tick_at_or_after(Instant deadline) const {
  const std::int64_t ns = (deadline - start_).count();
  if (ns <= 0) {
    return 0;
  }
  return (static_cast<std::uint64_t>(ns) + (1ULL << kTickShift) - 1) >> kTickShift;
}

std::uint64_t TimerWheel::ticks_passed(Instant now) const {
  const std::int64_t ns = (now - start_).count();
  return ns <= 0 ? 0 : static_cast<std::uint64_t>(ns) >> kTickShift;
}

TimerHandle TimerWheel::arm(Instant deadline, std::uint64_t payload) {
  std::uint32_t index = free_;
  if (index != kNil) {
    free_ = node_at(index).next;
  } else {
    index = add_node();
  }
  node_at(index).payload = payload;
  node_at(index).tick = tick_at_or_after(deadline);
  link(index);
  ++armed_;
  return index;
}

void TimerWheel::rearm(TimerHandle handle, Instant deadline) {
  unlink(handle);
  node_at(handle).tick = tick_at_or_after(deadline);
  link(handle);
}

void TimerWheel::cancel(TimerHandle handle) {
  if (handle == kNoTimer) {
    return;
  }
  unlink(handle);
  node_at(handle).next = free_;
  free_ = handle;
  --armed_;
}

void TimerWheel::link(std::uint32_t index) {
  Node& node = node_at(index);
  // A deadline in the past fires at the tick that is being worked on; one beyond the horizon waits
  // in the last slot of the top level and is placed again when that slot comes round.
  node.tick = std::max(node.tick, current_tick_);
  const std::uint64_t distance = node.tick - current_tick_;
  unsigned level = 0;
  while (level + 1 < kLevels && (distance >> (kSlotBits * (level + 1))) != 0) {
    ++level;
  }
  const std::uint64_t horizon = (1ULL << (kSlotBits * kLevels)) - 1;
  const std::uint64_t tick = current_tick_ + std::min(distance, horizon);
  const auto slot = static_cast<unsigned>((tick >> (kSlotBits * level)) & (kSlots - 1));
  node.slot = static_cast<std::uint16_t>(level * kSlots + slot);
  node.previous = kNil;
  node.next = heads_[node.slot];
  if (node.next != kNil) {
    node_at(node.next).previous = index;
  }
  heads_[node.slot] = index;
  set_occupied(node.slot, true);
}

void TimerWheel::unlink(std::uint32_t index) {
  const Node& node = node_at(index);
  if (node.previous != kNil) {
    node_at(node.previous).next = node.next;
  } else if (std::uint32_t& first = descending_[node.slot / kSlots]; first == index) {
    first = node.next;
  } else {
    heads_[node.slot] = node.next;
    set_occupied(node.slot, node.next != kNil);
  }
  if (node.next != kNil) {
    node_at(node.next).previous = node.previous;
  }
}

void TimerWheel::set_occupied(unsigned slot, bool occupied) {
  const std::uint64_t bit = 1ULL << (slot % 64);
  if (occupied) {
    occupied_[slot / 64] |= bit;
  } else {
    occupied_[slot / 64] &= ~bit;
  }
}

// The timers of the slot that begins now go one level down, or farther.
void TimerWheel::cascade(unsigned level) {
  const auto slot =
      static_cast<unsigned>((current_tick_ >> (kSlotBits * level)) & (kSlots - 1)) + level * kSlots;
  descending_[level] = std::exchange(heads_[slot], kNil);
  set_occupied(slot, false);
}

// At most `limit` of them. False: there are more.
bool TimerWheel::bring_down(unsigned limit) {
  for (std::uint32_t& first : descending_) {
    while (first != kNil) {
      if (limit-- == 0) {
        return false;
      }
      const std::uint32_t index = first;
      first = node_at(index).next;
      if (first != kNil) {
        node_at(first).previous = kNil;
      }
      link(index);
    }
  }
  return true;
}

std::optional<std::uint64_t> TimerWheel::pop_due(Instant now) {
  const std::uint64_t target = ticks_passed(now);
  while (current_tick_ <= target) {
    if (!bring_down(kDescentsPerCall)) {
      return std::nullopt;
    }
    const std::uint32_t index = heads_[current_tick_ & (kSlots - 1)];
    if (index != kNil) {
      const std::uint64_t payload = node_at(index).payload;
      cancel(index);
      return payload;
    }
    if (current_tick_ == target) {
      break;
    }
    // Jump over empty slots, but never over the start of a higher level's slot.
    const std::uint64_t block_end = (current_tick_ | (kSlots - 1)) + 1;
    const auto occupied = next_occupied(0, static_cast<unsigned>(current_tick_ & (kSlots - 1)) + 1);
    const std::uint64_t next =
        occupied ? (current_tick_ & ~std::uint64_t{kSlots - 1}) + *occupied : block_end;
    current_tick_ = std::min(next, target);
    for (unsigned level = 1; level < kLevels; ++level) {
      if ((current_tick_ & ((1ULL << (kSlotBits * level)) - 1)) != 0) {
        break;
      }
      cascade(level);
    }
  }
  return std::nullopt;
}

std::optional<unsigned> TimerWheel::next_occupied(unsigned level, unsigned from) const {
  for (unsigned word = from / 64; word < kSlots / 64; ++word) {
    std::uint64_t bits = occupied_[level * (kSlots / 64) + word];
    if (word == from / 64) {
      bits &= ~0ULL << (from % 64);
    }
    if (bits != 0) {
      return word * 64 + static_cast<unsigned>(std::countr_zero(bits));
    }
  }
  return std::nullopt;
}

std::optional<Instant> TimerWheel::next_deadline() const {
  if (armed_ == 0) {
    return std::nullopt;
  }
  const auto instant_of = [this](std::uint64_t tick) {
    return start_ + Duration(static_cast<std::int64_t>(tick << kTickShift));
  };
  if (std::ranges::any_of(descending_, [](std::uint32_t first) { return first != kNil; })) {
    return instant_of(current_tick_);
  }
  for (unsigned level = 0; level < kLevels; ++level) {
    const unsigned shift = kSlotBits * level;
    const auto position = static_cast<unsigned>((current_tick_ >> shift) & (kSlots - 1));
    // The current slot of a higher level has been brought down already.
    const auto ahead = next_occupied(level, level == 0 ? position : position + 1);
    const std::uint64_t base = (current_tick_ >> (shift + kSlotBits)) << (shift + kSlotBits);
    if (ahead) {
      return instant_of(base + (std::uint64_t{*ahead} << shift));
    }
    if (next_occupied(level, 0)) {  // behind us: in the next round of this level
      return instant_of(base + (1ULL << (shift + kSlotBits)));
    }
  }
  return std::nullopt;
}

}  // namespace anyhome::control
