// A worker: one lcore that polls its receive queues and runs the pipeline over what it gets.
//
// Once per loop it serves a few packets of the control thread, then each of its queues, then the
// fragments that other workers have left to it and what they want to have sent; if there was
// nothing of all that, a burst of another worker who is behind (lane.h). Then it says that it is
// quiescent: nothing it has seen of the tables is used beyond that point. It never allocates or
// logs, and makes no system call but to wake the control thread, to sleep with `idle`, and to yield
// to a worker that it waits for and that is not running.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_ethdev.h>
#include <rte_rcu_qsbr.h>

#include "dataplane/io/packet_ring.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/worker/cycle_clock.h"
#include "dataplane/worker/lane.h"
#include "dataplane/worker/mbuf_environment.h"
#include "dataplane/worker/transmitter.h"
#include "dataplane/worker/wake.h"
#include "dataplane/worker/worker_counters.h"

namespace anyhome::dataplane {

struct WorkerSetup {
  unsigned index = 0;
  PipelineConfig pipeline;  // with this worker's share of the rates
  ReaderView tables;
  std::size_t adjacencies = 0;  // one past the largest index
  rte_rcu_qsbr* qsbr = nullptr;
  rte_mempool* pool = nullptr;
  Lane* lane = nullptr;       // its own
  std::vector<Lane*> others;  // that it helps when it has nothing to do
  // Frames of other workers for queues that this one owns.
  struct Adopted {
    std::uint16_t port = 0;
    PacketRing* ring = nullptr;
  };
  std::vector<Adopted> adopted;
  // Fragments that another worker puts together: to each of the others, by its index, null for this
  // one; and from them. Both empty: everybody keeps what it receives.
  std::vector<PacketRing*> hand_to;
  std::vector<PacketRing*> taken_from;
  PacketRing* punts = nullptr;    // to the control thread
  PacketRing* injects = nullptr;  // from it
  WakeSignal* wake = nullptr;
  unsigned burst = 32;
  bool idle = false;
};

class Worker {
 public:
  explicit Worker(WorkerSetup setup);

  // On the lcore; returns after `stop`.
  void run();
  void stop() { stopping_.store(true, std::memory_order_relaxed); }
  // Ports have been started: the worker may poll them. It runs before, because it has to be online
  // when the first packet arrives.
  void start_polling() { polling_.store(true, std::memory_order_release); }

  [[nodiscard]] const WorkerCounters& counters() const { return *counters_; }
  // Whether the worker has sent by this adjacency since the last call.
  bool take_used(AdjacencyIndex adjacency) { return used_.take(adjacency); }

 private:
  unsigned serve_injects();
  unsigned serve_queues();
  unsigned help();
  unsigned serve_taken();
  unsigned serve_adopted();
  void nap();
  static auto receiving_into(std::span<rte_mbuf*> packets) {
    return [packets](const PollQueue& queue, unsigned most) -> unsigned {
      return rte_eth_rx_burst(queue.device, queue.queue, packets.data(),
                              static_cast<std::uint16_t>(most));
    };
  }
  unsigned serve(Lane& lane, const Lane::Burst& burst, std::span<rte_mbuf* const> packets);

  WorkerSetup setup_;
  CycleClock clock_;
  std::unique_ptr<WorkerCounters> counters_;
  UseMarks used_;
  Transmitter transmitter_;
  Handoff handoff_;
  std::vector<HandedFrames> handed_;
  MbufEnvironment environment_;
  Pipeline<MbufEnvironment> pipeline_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> polling_ = false;
  std::uint64_t last_busy_ = 0;  // cycles
  std::uint64_t last_wake_ = 0;  // cycles
  unsigned nap_us_ = 0;
  unsigned next_to_help_ = 0;
};

}  // namespace anyhome::dataplane
