// What is known of each mobile node: its sequence number, where it is, whether it is registered,
// and whether it waits for the acknowledgement of a move.
//
// The sender that owns a node writes, the receivers write what acknowledgements tell; relaxed
// atomics, because nothing else hangs on either. 4 bytes and two bits a node.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "common/address.h"
#include "common/bytes.h"

namespace anyhome::pktgen {

// Addresses count in their lower halves; options see to it that these do not overflow.
inline std::uint64_t lower_half(const Ipv6Address& address) {
  std::uint64_t value = 0;
  std::memcpy(&value, address.octets.data() + 8, sizeof value);
  return __builtin_bswap64(value);
}
inline void store_lower_half(std::byte* at, std::uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(at, &value, sizeof value);
}
inline Ipv6Address counted_on(Ipv6Address first, std::uint64_t steps) {
  const std::uint64_t value = __builtin_bswap64(lower_half(first) + steps);
  std::memcpy(first.octets.data() + 8, &value, sizeof value);
  return first;
}

// A node's care-of addresses lie 2^32 apart: the first, and one for each move.
inline constexpr unsigned kMoveShift = 32;

class NodeTable {
 public:
  NodeTable(std::uint32_t nodes, std::uint16_t first_sequence)
      : size_(nodes),
        state_(std::make_unique<std::atomic<std::uint32_t>[]>(nodes)),
        registered_(std::make_unique<std::atomic<std::uint64_t>[]>(nodes / 64U + 1U)),
        moving_(std::make_unique<std::atomic<std::uint64_t>[]>(nodes / 64U + 1U)) {
    for (std::uint32_t i = 0; i < nodes; ++i) {
      state_[i].store(first_sequence, std::memory_order_relaxed);
    }
  }

  [[nodiscard]] std::uint32_t size() const { return size_; }

  // The sequence number to use now; the next one is the next.
  std::uint16_t take_sequence(std::uint32_t node) {
    const std::uint32_t state = state_[node].load(std::memory_order_relaxed);
    const auto sequence = static_cast<std::uint16_t>(state);
    state_[node].store((state & 0xffff'0000U) | static_cast<std::uint16_t>(sequence + 1U),
                       std::memory_order_relaxed);
    return sequence;
  }
  // RFC 6275 §11.7.3: status 135 tells the last one that was accepted.
  void restart_sequence(std::uint32_t node, std::uint16_t last) {
    // The sender may move the node meanwhile; that must not be undone.
    std::uint32_t state = state_[node].load(std::memory_order_relaxed);
    while (!state_[node].compare_exchange_weak(
        state, (state & 0xffff'0000U) | static_cast<std::uint16_t>(last + 1U),
        std::memory_order_relaxed)) {
    }
  }
  void move(std::uint32_t node) {
    state_[node].store(state_[node].load(std::memory_order_relaxed) + 0x1'0000U,
                       std::memory_order_relaxed);
  }
  // What is to be added to the first care-of address.
  [[nodiscard]] std::uint64_t care_of_steps(std::uint32_t node) const {
    const std::uint64_t moves = state_[node].load(std::memory_order_relaxed) >> 16U;
    return (moves << kMoveShift) + node;
  }

  // After the sequence number of the move's Binding Update has been taken, so that the
  // acknowledgement of an earlier one does not end it.
  void set_moving(std::uint32_t node) {
    moving_[node / 64U].fetch_or(1ULL << (node % 64U), std::memory_order_relaxed);
  }
  // Neither its old care-of address nor the new one is sure to be the one that is registered.
  [[nodiscard]] bool moving(std::uint32_t node) const {
    return (moving_[node / 64U].load(std::memory_order_relaxed) >> (node % 64U) & 1U) != 0;
  }
  // The Binding Update with this number has been accepted.
  void set_accepted(std::uint32_t node, std::uint16_t sequence) {
    const auto next = static_cast<std::uint16_t>(state_[node].load(std::memory_order_relaxed));
    if (next == static_cast<std::uint16_t>(sequence + 1U) && moving(node)) {
      moving_[node / 64U].fetch_and(~(1ULL << (node % 64U)), std::memory_order_relaxed);
    }
  }

  void set_registered(std::uint32_t node) {
    registered_[node / 64U].fetch_or(1ULL << (node % 64U), std::memory_order_relaxed);
  }
  [[nodiscard]] bool registered(std::uint32_t node) const {
    return (registered_[node / 64U].load(std::memory_order_relaxed) >> (node % 64U) & 1U) != 0;
  }
  void forget_registered() {
    for (std::uint32_t i = 0; i < size_ / 64U + 1U; ++i) {
      registered_[i].store(0, std::memory_order_relaxed);
    }
  }
  // Of the first so many nodes.
  [[nodiscard]] std::uint32_t registered_among(std::uint32_t nodes) const {
    std::uint32_t count = 0;
    for (std::uint32_t node = 0; node < nodes; ++node) {
      count += static_cast<std::uint32_t>(registered(node));
    }
    return count;
  }

 private:
  std::uint32_t size_;
  std::unique_ptr<std::atomic<std::uint32_t>[]> state_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> registered_;
  std::unique_ptr<std::atomic<std::uint64_t>[]> moving_;
};

}  // namespace anyhome::pktgen
