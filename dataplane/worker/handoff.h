// A worker's way to the others: a buffer of frames for each, flushed to its ring.
//
// The packets of a HAHA link, and fragments for us, are received by one worker and shared by flow
// (pipeline/haha_link.h). Every pair of workers has a ring of its own in each direction, with one
// producer and one consumer, so the order within a flow is kept.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "common/forwarding/counters.h"
#include "common/forwarding/drop_reason.h"
#include "dataplane/io/mbuf.h"
#include "dataplane/io/packet_ring.h"
#include "dataplane/pipeline/environment.h"
#include "dataplane/worker/worker_counters.h"

namespace anyhome::dataplane {

// What another core has written of these packets: their own two lines, and then the first of their
// data, each of all of them at once.
inline void prefetch_from_other_core(std::span<rte_mbuf* const> packets) {
  for (rte_mbuf* packet : packets) {
    rte_prefetch0(packet);
    rte_prefetch0(&packet->cacheline1);
  }
  for (rte_mbuf* packet : packets) {
    const auto* data = rte_pktmbuf_mtod(packet, const std::byte*);
    rte_prefetch0(data);
    rte_prefetch0(data + kCacheLine);
  }
}

class Handoff {
 public:
  // `rings` by worker; null for oneself. Empty: nothing is handed off.
  Handoff(std::vector<PacketRing*> rings, WorkerCounters& counters)
      : rings_(std::move(rings)),
        buffers_(rings_.size()),
        counters_(counters),
        note_offset_(mbuf_note_offset()) {}

  void send(std::uint32_t worker, std::uint16_t port, rte_mbuf* frame) {
    note_of(frame, note_offset_).handoff = {port};
    Buffer& buffer = buffers_[worker];
    buffer.frames[buffer.used++] = frame;
    if (buffer.used == kMaxBurst) {
      flush(worker);
    }
  }

  // At the end of each loop.
  void flush_all() {
    for (std::uint32_t worker = 0; worker < buffers_.size(); ++worker) {
      if (buffers_[worker].used != 0) {
        flush(worker);
      }
    }
  }

 private:
  struct Buffer {
    unsigned used = 0;
    std::array<rte_mbuf*, kMaxBurst> frames;
  };

  void flush(std::uint32_t worker) {
    Buffer& buffer = buffers_[worker];
    const std::span frames(buffer.frames.data(), std::exchange(buffer.used, 0U));
    const unsigned taken = rings_[worker]->push_burst(frames);
    counters_.counters[static_cast<std::size_t>(forwarding::Counter::HandedOff)].add(taken);
    if (taken < frames.size()) [[unlikely]] {
      const auto left = frames.subspan(taken);
      counters_.drops[static_cast<std::size_t>(forwarding::DropReason::HandoffRingFull)].add(
          left.size());
      rte_pktmbuf_free_bulk(left.data(), static_cast<unsigned>(left.size()));
    }
  }

  std::vector<PacketRing*> rings_;
  std::vector<Buffer> buffers_;
  WorkerCounters& counters_;
  int note_offset_;
};

}  // namespace anyhome::dataplane
