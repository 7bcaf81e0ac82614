// A worker's way to the others: a buffer of frames for each, flushed to its ring.
//
// Fragments for us are put together by the worker of their datagram (pipeline/local.h), whoever has
// received them. Every pair of workers has a ring of its own in each direction, with one producer
// and one consumer.
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
#include "dataplane/io/packet_ring.h"
#include "dataplane/pipeline/environment.h"
#include "dataplane/worker/worker_counters.h"

namespace anyhome::dataplane {

class Handoff {
 public:
  // `rings` by worker; null for oneself. Empty: nothing is handed off.
  Handoff(std::vector<PacketRing*> rings, WorkerCounters& counters)
      : rings_(std::move(rings)), buffers_(rings_.size()), counters_(counters) {}
  ~Handoff() {
    for (Buffer& buffer : buffers_) {
      rte_pktmbuf_free_bulk(buffer.frames.data(), buffer.used);
    }
  }
  Handoff(const Handoff&) = delete;
  Handoff& operator=(const Handoff&) = delete;

  // A frame that came in on `port`, our number of it, which travels in the mbuf's: what a device
  // has put there nobody reads.
  void send(std::uint32_t worker, std::uint16_t port, rte_mbuf* frame) {
    frame->port = port;
    Buffer& buffer = buffers_[worker];
    buffer.frames[buffer.used++] = frame;
    if (buffer.used == kMaxBurst) {
      flush(buffer, worker);
    }
  }

  // At the end of each loop.
  void flush_all() {
    for (std::uint32_t worker = 0; worker < buffers_.size(); ++worker) {
      if (buffers_[worker].used != 0) {
        flush(buffers_[worker], worker);
      }
    }
  }

 private:
  struct Buffer {
    unsigned used = 0;
    std::array<rte_mbuf*, kMaxBurst> frames;
  };

  void flush(Buffer& buffer, std::uint32_t worker) {
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
};

// The other end of such a ring.
class HandedFrames {
 public:
  explicit HandedFrames(PacketRing* ring) : ring_(ring) {}

  // take(ports, frames) of what has come, `burst` at most. Returns how many that was.
  template <class Take>
  unsigned serve(unsigned burst, Take&& take) {
    std::array<rte_mbuf*, kMaxBurst> frames;
    const unsigned count = ring_->pop(std::span(frames).first(burst));
    if (count == 0) {
      return 0;
    }
    fetch_lines(std::span(frames).first(count));
    std::array<std::uint16_t, kMaxBurst> ports;
    for (unsigned i = 0; i < count; ++i) {
      ports[i] = frames[i]->port;
    }
    take(std::span<const std::uint16_t>(ports.data(), count),
         std::span<rte_mbuf* const>(frames.data(), count));
    return count;
  }

 private:
  // What the pipeline is going to touch: the buffer's first line, and the two of its data with an
  // outer and an inner header. Where the data is, the first line says.
  static void fetch_lines(std::span<rte_mbuf* const> frames) {
    for (rte_mbuf* frame : frames) {
      rte_prefetch0(frame);
    }
    for (rte_mbuf* frame : frames) {
      const auto* data = rte_pktmbuf_mtod(frame, const std::byte*);
      rte_prefetch0(data);
      rte_prefetch0(data + kCacheLine);
    }
  }

  PacketRing* ring_;
};

}  // namespace anyhome::dataplane
