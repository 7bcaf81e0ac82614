// What waits for the control thread: a queue per class, served in turns, in memory that is bounded.
//
// A POP fails and all its mobile nodes arrive at once: more Binding Updates than can be answered,
// for seconds. Three things must hold meanwhile. HELLOs, state synchronization and routing must
// not wait behind them, or the storm becomes a failure of its own: so each class has its turn, a
// quantum of packets, and what a class does not use the next one gets (deficit round robin with
// packets as the unit). Memory must not grow: all queues share one set of places. And what is
// given up must be what is worth least: the oldest packet of the longest queue. A Binding Update
// that has waited long will be repeated by its mobile node anyway (RFC 6275 §11.8), and whoever
// floods displaces nobody but himself.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "common/forwarding/punt.h"

namespace anyhome {

inline constexpr unsigned kLargestQuantum = 32;

// Packets of a class that are served in a round. A round is what a HELLO waits at worst, and what
// timers, the kernel and operators wait: 150 packets, one or two milliseconds when all of them are
// state synchronization and Binding Updates.
constexpr unsigned quantum(forwarding::PuntClass punt_class) {
  using forwarding::PuntClass;
  switch (punt_class) {
    case PuntClass::Mobility:
    case PuntClass::HahaSync:
      return kLargestQuantum;
    case PuntClass::Routing:
    case PuntClass::HahaHello:
    case PuntClass::NeighborDiscovery:
      return 16;
    default:
      return 8;
  }
}

// `Item` is a handle of a packet; who takes one out, or has one displaced, owns it.
template <class Item>
class Admission {
 public:
  using PuntClass = forwarding::PuntClass;

  // `places` packets may wait, at least one.
  explicit Admission(std::uint32_t places) : places_(places) {
    for (std::uint32_t place = 0; place < places; ++place) {
      places_[place].next = place + 1 < places ? place + 1 : kNone;
    }
  }

  // Returns what had to go for it, and its class is counted.
  std::optional<Item> push(PuntClass punt_class, Item item) {
    std::optional<Item> displaced;
    if (free_ == kNone) {
      const std::size_t longest = longest_queue();
      displaced = take_first(queues_[longest]);
      ++dropped_[longest];
    }
    const std::uint32_t place = std::exchange(free_, places_[free_].next);
    places_[place] = {item, kNone};
    Queue& queue = queues_[static_cast<std::size_t>(punt_class)];
    (queue.size == 0 ? queue.first : places_[queue.last].next) = place;
    queue.last = place;
    ++queue.size;
    high_water_ = std::max(high_water_, ++held_);
    return displaced;
  }

  // At most a quantum of each class, in the order of their urgency, each in the order of arrival:
  // prepare(class, items) of all of a class, then serve(class, item) of each. Returns how many.
  template <class Prepare, class Serve>
  unsigned serve_round(Prepare&& prepare, Serve&& serve) {
    unsigned served = 0;
    for (std::size_t i = 0; i < queues_.size() && held_ != 0; ++i) {
      const auto punt_class = static_cast<PuntClass>(i);
      std::array<Item, kLargestQuantum> items;
      unsigned count = 0;
      while (count < quantum(punt_class) && queues_[i].size != 0) {
        items[count++] = take_first(queues_[i]);
      }
      const std::span<Item> turn(items.data(), count);
      prepare(punt_class, turn);
      for (Item item : turn) {
        serve(punt_class, item);
      }
      served += count;
    }
    return served;
  }

  [[nodiscard]] bool empty() const { return held_ == 0; }
  [[nodiscard]] std::uint32_t held() const { return held_; }
  [[nodiscard]] std::uint32_t held(PuntClass punt_class) const {
    return queues_[static_cast<std::size_t>(punt_class)].size;
  }
  [[nodiscard]] std::uint32_t capacity() const {
    return static_cast<std::uint32_t>(places_.size());
  }
  [[nodiscard]] std::size_t bytes() const { return places_.size() * sizeof(Place); }
  [[nodiscard]] std::uint32_t high_water() const { return high_water_; }
  [[nodiscard]] std::uint64_t dropped(PuntClass punt_class) const {
    return dropped_[static_cast<std::size_t>(punt_class)];
  }

 private:
  static constexpr std::uint32_t kNone = ~0U;
  struct Place {
    Item item{};
    std::uint32_t next = kNone;
  };
  struct Queue {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    std::uint32_t size = 0;
  };

  Item take_first(Queue& queue) {
    const std::uint32_t place = queue.first;
    queue.first = places_[place].next;
    --queue.size;
    --held_;
    places_[place].next = std::exchange(free_, place);
    return places_[place].item;
  }

  [[nodiscard]] std::size_t longest_queue() const {
    std::size_t longest = 0;
    for (std::size_t i = 1; i < queues_.size(); ++i) {
      longest = queues_[i].size > queues_[longest].size ? i : longest;
    }
    return longest;
  }

  std::vector<Place> places_;
  std::uint32_t free_ = 0;
  std::uint32_t held_ = 0;
  std::uint32_t high_water_ = 0;
  std::array<Queue, forwarding::kPuntClassCount> queues_{};
  std::array<std::uint64_t, forwarding::kPuntClassCount> dropped_{};
};

}  // namespace anyhome
