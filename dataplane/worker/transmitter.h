// A worker's way out: a buffer of frames per port, flushed to a queue of the lane that the worker
// serves, in its turn, or handed to the lane that owns the queue where the port has fewer queues
// than there are workers. What a port without link would only swallow is dropped by name.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "common/forwarding/drop_reason.h"
#include "dataplane/io/packet_ring.h"
#include "dataplane/worker/lane.h"
#include "dataplane/worker/worker_counters.h"

namespace anyhome::dataplane {

class Transmitter {
 public:
  // What is sent outside of `begin` and `flush_all` leaves by `own`.
  Transmitter(Lane& own, WorkerCounters& counters)
      : own_(own), lane_(&own), buffers_(own.transmit().size()), counters_(counters) {}

  // What is sent from here to `flush_all` leaves by this lane; if it is shared, when it is the
  // ticket's turn. So does what waits already, which for a lane of others has to be nothing.
  void begin(Lane& lane, Lane::Ticket ticket) {
    if (holding_) [[unlikely]] {
      flush_all();  // a full buffer has taken a ticket of its own
    }
    lane_ = &lane;
    ticket_ = ticket;
    holding_ = lane.shared();
  }

  // Sends what waits, and lets the next one have its turn.
  void flush_all() {
    if (holding_) {
      lane_->prepare();
    }
    for (std::uint16_t port = 0; port < buffers_.size(); ++port) {
      if (buffers_[port].used != 0) {
        flush(port);
      }
    }
    if (holding_) {
      await_turn();
      lane_->done(ticket_);
      holding_ = sending_ = false;
    }
    lane_ = &own_;
  }

  void send(std::uint16_t port, rte_mbuf* frame) {
    Buffer& buffer = buffers_[port];
    buffer.frames[buffer.used++] = frame;
    if (buffer.used == kBuffer) {
      flush(port);
    }
  }

 private:
  // Two fragments for each packet of the largest burst.
  static constexpr unsigned kBuffer = 128;
  struct Buffer {
    unsigned used = 0;
    std::array<rte_mbuf*, kBuffer> frames;
  };

  void await_turn() {
    if (!holding_) {
      ticket_ = lane_->ticket();
      holding_ = true;
    }
    if (!sending_) {
      counters_.waited_cycles.add(lane_->await(ticket_));
      sending_ = true;
    }
  }

  void flush(std::uint16_t port) {
    if (lane_->shared()) {
      await_turn();
    }
    Buffer& buffer = buffers_[port];
    const TransmitPath& path = lane_->transmit()[port];
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

  Lane& own_;
  Lane* lane_;  // that is being served
  Lane::Ticket ticket_ = 0;
  bool holding_ = false;  // the ticket
  bool sending_ = false;  // it is its turn
  std::vector<Buffer> buffers_;
  WorkerCounters& counters_;
};

}  // namespace anyhome::dataplane
