// A single-producer single-consumer ring of packets between two threads. Its producer may become
// another thread where something else puts them in order (worker/lane.h).
//
// Never a multi-producer ring: a producer that is preempted half-way would stop all others, and
// labs run several threads on one core.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>

#include <fmt/format.h>

#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

namespace anyhome::dataplane {

class PacketRing {
 public:
  // `packets` is a power of two; one less fits.
  static std::expected<PacketRing, std::string> create(const std::string& name, unsigned packets,
                                                       int socket) {
    PacketRing ring;
    ring.ring_.reset(rte_ring_create(name.c_str(), packets, socket, RING_F_SP_ENQ | RING_F_SC_DEQ));
    if (ring.ring_ == nullptr) {
      return std::unexpected(fmt::format("cannot create the ring {} for {} packets: {}", name,
                                         packets, rte_strerror(rte_errno)));
    }
    return ring;
  }

  // Producer. False: full, and the packet still the caller's.
  bool push(rte_mbuf* packet) { return rte_ring_sp_enqueue(ring_.get(), packet) == 0; }

  // Producer. Returns how many of them fitted; the others are still the caller's.
  unsigned push_burst(std::span<rte_mbuf* const> packets) {
    return rte_ring_sp_enqueue_burst(ring_.get(),
                                     reinterpret_cast<void* const*>(packets.data()),  // NOLINT
                                     static_cast<unsigned>(packets.size()), nullptr);
  }

  // Consumer. Takes up to `packets.size()` and notes how full the ring was.
  unsigned pop(std::span<rte_mbuf*> packets) {
    unsigned left = 0;
    const unsigned taken =
        rte_ring_sc_dequeue_burst(ring_.get(), reinterpret_cast<void**>(packets.data()),  // NOLINT
                                  static_cast<unsigned>(packets.size()), &left);
    if (taken != 0) {
      const unsigned filled = taken + left;
      if (filled > high_water_.load(std::memory_order_relaxed)) {
        high_water_.store(filled, std::memory_order_relaxed);
      }
    }
    return taken;
  }

  [[nodiscard]] bool empty() const { return rte_ring_empty(ring_.get()) != 0; }
  [[nodiscard]] unsigned count() const { return rte_ring_count(ring_.get()); }
  [[nodiscard]] unsigned capacity() const { return rte_ring_get_capacity(ring_.get()); }
  [[nodiscard]] unsigned high_water() const { return high_water_.load(std::memory_order_relaxed); }

  PacketRing(PacketRing&& other) noexcept
      : ring_(std::move(other.ring_)), high_water_(other.high_water()) {}
  PacketRing& operator=(PacketRing&&) = delete;
  ~PacketRing() {
    rte_mbuf* packet = nullptr;
    while (ring_ != nullptr && pop(std::span(&packet, 1)) != 0) {
      rte_pktmbuf_free(packet);
    }
  }

 private:
  PacketRing() = default;

  struct Free {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
  };
  std::unique_ptr<rte_ring, Free> ring_;
  std::atomic<unsigned> high_water_ = 0;
};

}  // namespace anyhome::dataplane
