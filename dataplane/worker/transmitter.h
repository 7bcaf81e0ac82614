// A worker's way out: a buffer of frames per port, flushed to its queue, or handed to the queue's
// owner where the port has fewer queues than there are workers. What a port without link would only
// swallow is dropped by name.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <vector>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "common/forwarding/drop_reason.h"
#include "dataplane/io/packet_ring.h"
#include "dataplane/worker/worker_counters.h"

namespace anyhome::dataplane {

// Where a worker's frames for one port go.
struct TransmitPath {
  std::uint16_t device = 0;  // DPDK's port number
  std::uint16_t queue = 0;
  bool multi_segment = false;
  PacketRing* to_owner = nullptr;           // set: another worker owns the queue
  const std::atomic<bool>* down = nullptr;  // set: says that the port has no link
};

class Transmitter {
 public:
  Transmitter(std::vector<TransmitPath> paths, WorkerCounters& counters)
      : paths_(std::move(paths)), buffers_(paths_.size()), counters_(counters) {}

  void send(std::uint16_t port, rte_mbuf* frame) {
    Buffer& buffer = buffers_[port];
    buffer.frames[buffer.used++] = frame;
    if (buffer.used == kBuffer) {
      flush(port);
    }
  }

  // At the end of each loop.
  void flush_all() {
    for (std::uint16_t port = 0; port < buffers_.size(); ++port) {
      if (buffers_[port].used != 0) {
        flush(port);
      }
    }
  }

 private:
  // Two fragments for each packet of the largest burst.
  static constexpr unsigned kBuffer = 128;
  struct Buffer {
    unsigned used = 0;
    std::array<rte_mbuf*, kBuffer> frames;
  };

  void flush(std::uint16_t port) {
    Buffer& buffer = buffers_[port];
    const TransmitPath& path = paths_[port];
    const unsigned used = buffer.used;
    buffer.used = 0;
    std::span<rte_mbuf*> frames(buffer.frames.data(), used);
    if (path.down != nullptr && path.down->load(std::memory_order_relaxed)) [[unlikely]] {
      drop(frames, forwarding::DropReason::PortDown);
      return;
    }
    std::size_t sent = 0;
    if (path.to_owner != nullptr) {
      sent = path.to_owner->push_burst(frames);
    } else {
      if (!path.multi_segment) {
        frames = linearize(frames);
      }
      sent = rte_eth_tx_burst(path.device, path.queue, frames.data(),
                              static_cast<std::uint16_t>(frames.size()));
    }
    if (sent < frames.size()) [[unlikely]] {
      drop(frames.subspan(sent), forwarding::DropReason::TransmitQueueFull);
    }
  }

  // For a driver that takes single buffers only; ours are, others' need not be. Those that do not
  // fit into one are dropped: the driver would send their first segment.
  std::span<rte_mbuf*> linearize(std::span<rte_mbuf*> frames) {
    std::size_t kept = 0;
    for (rte_mbuf* frame : frames) {
      if (frame->nb_segs > 1 && rte_pktmbuf_linearize(frame) != 0) [[unlikely]] {
        drop(std::span(&frame, 1), forwarding::DropReason::HeaderNotContiguous);
      } else {
        frames[kept++] = frame;
      }
    }
    return frames.first(kept);
  }

  void drop(std::span<rte_mbuf*> frames, forwarding::DropReason reason) {
    counters_.drops[static_cast<std::size_t>(reason)].add(frames.size());
    rte_pktmbuf_free_bulk(frames.data(), static_cast<unsigned>(frames.size()));
  }

  std::vector<TransmitPath> paths_;
  std::vector<Buffer> buffers_;
  WorkerCounters& counters_;
};

}  // namespace anyhome::dataplane
