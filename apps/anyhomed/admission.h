// What waits for the control thread: a queue per class, served in turns, in memory of its own.
//
// A POP fails and all its mobile nodes arrive at once: more Binding Updates than can be answered,
// for seconds. Three things must hold meanwhile. HELLOs, state synchronization and routing must
// not wait behind them, or the storm becomes a failure of its own: so each class has its turn, a
// quantum of packets, and what a class does not use the next one gets (deficit round robin with
// packets as the unit). Memory must not grow, and must not be what packets are received into: what
// waits is copied, into places of 256 bytes that are all there is. And what is given up must be
// what is worth least: the oldest packet of the class that has most places. A Binding Update that
// has waited long will be repeated by its mobile node anyway (RFC 6275 §11.8), and whoever floods
// displaces nobody but himself.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <vector>

#include "common/bytes.h"
#include "common/forwarding/punt.h"

namespace anyhome {

inline constexpr unsigned kLargestQuantum = 32;

// Packets of a class that are served in a round. A round is what a HELLO waits at worst, and what
// timers, the kernel and operators wait. A State Synchronization message is worth twenty Binding
// Updates: with 8 of them in a round instead of 32, an acknowledgement waits 2 ms instead of 11
// while a million bindings are taken over (docs/performance/control.md).
constexpr unsigned quantum(forwarding::PuntClass punt_class) {
  using forwarding::PuntClass;
  switch (punt_class) {
    case PuntClass::Mobility:
      return kLargestQuantum;
    case PuntClass::Routing:
    case PuntClass::HahaHello:
    case PuntClass::NeighborDiscovery:
      return 16;
    default:
      return 8;
  }
}

// A packet that waits, from its link-layer header on.
struct Punted {
  forwarding::PuntMetadata metadata;
  ByteView bytes;
};

class Admission {
 public:
  using PuntClass = forwarding::PuntClass;

  // A packet takes as many places as it needs, one at least.
  static constexpr std::size_t kPlaceBytes = 256;
  // Of the packet; the rest says what it is.
  static constexpr std::size_t kDataBytes =
      kPlaceBytes - sizeof(forwarding::PuntMetadata) - sizeof(std::uint32_t);
  // A quarter of the mobile nodes can wait, at 64 MiB at most.
  static constexpr std::uint32_t kDerivedPlacesLeast = 4096;
  static constexpr std::uint32_t kDerivedPlacesMost = 262144;
  static constexpr std::uint32_t derived_places(std::uint32_t max_bindings) {
    return std::clamp(max_bindings / 4, kDerivedPlacesLeast, kDerivedPlacesMost);
  }

  explicit Admission(std::uint32_t places);

  // Copies a packet in: `copy(offset, bytes)` is asked for each piece of it. Returns how many had
  // to go for it, of whatever class; each is counted. The packet itself may be that, when there is
  // no room even so.
  template <class Copy>
  unsigned push(const forwarding::PuntMetadata& metadata, std::size_t size, Copy&& copy) {
    const std::size_t needed = places_for(size);
    const auto [displaced, room] = make_room(needed, metadata.punt_class);
    if (!room) {
      return displaced;
    }
    const std::uint32_t first = take_places(needed);
    blocks_[first].metadata = metadata;
    blocks_[first].size = static_cast<std::uint32_t>(size);
    std::size_t done = 0;
    for (std::uint32_t place = first; done < size; place = links_[place].rest) {
      const std::size_t piece = std::min(size - done, kDataBytes);
      copy(done, MutableBytes(blocks_[place].data).first(piece));
      done += piece;
    }
    append(metadata.punt_class, first, needed);
    return displaced;
  }
  unsigned push(const forwarding::PuntMetadata& metadata, ByteView packet) {
    return push(metadata, packet.size(), [&](std::size_t offset, MutableBytes piece) {
      std::ranges::copy(packet.subspan(offset, piece.size()), piece.begin());
    });
  }

  // At most a quantum of each class, in the order of their urgency, each in the order of arrival:
  // prepare(class, packets) of all of a class, of each the beginning, then serve(packet) of each.
  // More may be pushed meanwhile. Returns how many were served.
  template <class Prepare, class Serve>
  unsigned serve_round(Prepare&& prepare, Serve&& serve) {
    unsigned served = 0;
    for (std::size_t i = 0; i < queues_.size() && held_ != 0; ++i) {
      std::array<std::uint32_t, kLargestQuantum> places;
      std::array<Punted, kLargestQuantum> beginnings;
      const unsigned count = take_turn(static_cast<PuntClass>(i), places);
      for (unsigned k = 0; k < count; ++k) {
        beginnings[k] = beginning(places[k]);
      }
      prepare(static_cast<PuntClass>(i), std::span<const Punted>(beginnings.data(), count));
      for (unsigned k = 0; k < count; ++k) {
        serve(whole(places[k]));
        give_back(places[k]);
      }
      served += count;
    }
    return served;
  }

  [[nodiscard]] bool empty() const { return held_ == 0; }
  // Packets.
  [[nodiscard]] std::uint32_t held() const { return held_; }
  [[nodiscard]] std::uint32_t held(PuntClass punt_class) const {
    return queue_of(punt_class).packets;
  }
  [[nodiscard]] std::uint64_t dropped(PuntClass punt_class) const {
    return dropped_[static_cast<std::size_t>(punt_class)];
  }
  // Places.
  [[nodiscard]] std::uint32_t used() const { return used_; }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] std::uint32_t high_water() const { return high_water_; }
  // Of memory, all of it resident from the start.
  [[nodiscard]] std::size_t bytes() const { return bytes_for(capacity_); }
  [[nodiscard]] static std::size_t bytes_for(std::uint32_t places) {
    return std::size_t{places} * (sizeof(Block) + sizeof(Link));
  }

 private:
  static constexpr std::uint32_t kNone = ~0U;
  struct Block {
    // Of a packet's first place.
    forwarding::PuntMetadata metadata;
    std::uint32_t size = 0;
    std::array<std::byte, kDataBytes> data;
  };
  static_assert(sizeof(Block) == kPlaceBytes);
  // Apart from the blocks: who walks a queue does not wait for each packet of it.
  struct Link {
    std::uint32_t following = kNone;  // packet of the queue; in its first place
    std::uint32_t rest = kNone;       // place of the packet, or free place
  };
  struct Queue {
    std::uint32_t first = kNone;
    std::uint32_t last = kNone;
    std::uint32_t packets = 0;
    std::uint32_t places = 0;
  };
  struct FreeBlocks {
    void operator()(Block* blocks) const { std::free(blocks); }  // NOLINT: of aligned_alloc
  };
  struct Room {
    unsigned displaced = 0;
    bool enough = false;
  };

  static constexpr std::size_t places_for(std::size_t size) {
    return std::max<std::size_t>(1, (size + kDataBytes - 1) / kDataBytes);
  }
  [[nodiscard]] const Queue& queue_of(PuntClass punt_class) const {
    return queues_[static_cast<std::size_t>(punt_class)];
  }
  Room make_room(std::size_t places, PuntClass newcomer);
  std::uint32_t take_places(std::size_t count);
  void append(PuntClass punt_class, std::uint32_t first, std::size_t places);
  // Takes the first packet out of its queue; its places stay taken.
  std::uint32_t take_first(Queue& queue);
  unsigned take_turn(PuntClass punt_class, std::span<std::uint32_t> places);
  void give_back(std::uint32_t first);
  // What the next packet will be written into.
  void prefetch_for_writing(std::uint32_t place) const;
  [[nodiscard]] Queue* longest_queue();
  [[nodiscard]] Punted beginning(std::uint32_t first) const;
  [[nodiscard]] Punted whole(std::uint32_t first);

  std::uint32_t capacity_;
  std::unique_ptr<Block[], FreeBlocks> blocks_;
  std::vector<Link> links_;
  std::uint32_t free_ = 0;
  std::uint32_t held_ = 0;
  std::uint32_t used_ = 0;
  std::uint32_t high_water_ = 0;
  std::array<Queue, forwarding::kPuntClassCount> queues_{};
  std::array<std::uint64_t, forwarding::kPuntClassCount> dropped_{};
  std::vector<std::byte> scratch_;
};

}  // namespace anyhome
