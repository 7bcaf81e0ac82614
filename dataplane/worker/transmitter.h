// A worker's way out: a buffer of frames per port, flushed to its queue, or handed to the queue's
// owner where the port has fewer queues than there are workers.
#pragma once

#include <array>
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
  PacketRing* to_owner = nullptr;  // set: another worker owns the queue
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
    unsigned sent = 0;
    if (path.to_owner != nullptr) {
      while (sent < used && path.to_owner->push(buffer.frames[sent])) {
        ++sent;
      }
    } else {
      if (!path.multi_segment) {
        linearize(buffer, used);
      }
      sent = rte_eth_tx_burst(path.device, path.queue, buffer.frames.data(),
                              static_cast<std::uint16_t>(used));
    }
    if (sent < used) [[unlikely]] {
      drop(std::span(buffer.frames).subspan(sent, used - sent));
    }
  }

  // A driver that takes single buffers only; ours are, others' need not be.
  static void linearize(Buffer& buffer, unsigned used) {
    for (unsigned i = 0; i < used; ++i) {
      if (buffer.frames[i]->nb_segs > 1) [[unlikely]] {
        (void)rte_pktmbuf_linearize(buffer.frames[i]);
      }
    }
  }

  void drop(std::span<rte_mbuf*> frames) {
    counters_.drops[static_cast<std::size_t>(forwarding::DropReason::TransmitQueueFull)].add(
        frames.size());
    rte_pktmbuf_free_bulk(frames.data(), static_cast<unsigned>(frames.size()));
  }

  std::vector<TransmitPath> paths_;
  std::vector<Buffer> buffers_;
  WorkerCounters& counters_;
};

}  // namespace anyhome::dataplane
