// One core that forwards frames from a ring to a ring, by our pipeline or by a reference loop, in
// short phases; each phase says what it cost and how fast the core was meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_mbuf.h>

#include "apps/anyhome-bench/references.h"
#include "apps/anyhome-bench/speed.h"
#include "apps/anyhome-bench/world.h"
#include "dataplane/io/packet_pool.h"
#include "dataplane/io/packet_ring.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/worker/mbuf_environment.h"

namespace anyhome::bench {

struct Phase {
  double cycles = 0;  // per packet
  double waited = 0;  // of them, for another worker
  Speed speed;        // the lowest of the core before, during and after it
  std::uint64_t packets = 0;
};

// A runner's place among workers.
struct Seat {
  std::uint32_t worker = 0;
  // Rings to the others, by worker, null for oneself; as a worker has them. One from another.
  std::vector<dataplane::PacketRing*> hand_to{};
  dataplane::PacketRing* taken_from = nullptr;
  // What is taken is told to who gave it.
  std::atomic<std::uint64_t>* taken = nullptr;
  // Between two looks at the clock.
  unsigned bursts = 8;
  // As many as fit into the second-level cache with their headers.
  unsigned buffers = 511;
};

class Runner {
 public:
  static constexpr unsigned kBurst = 32;

  // `best`, if there is one, learns how fast the core is.
  explicit Runner(World& world, Seat seat = {}, BestSpeed* best = nullptr);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // What was measured before has left its own lines in the caches: that many packets before a
  // phase, and each entry has been used once or twice, as far as the caches hold them.
  [[nodiscard]] std::uint64_t warm_up() const;

  // About `packets` packets after `uncounted` ones; throws when one of them does not come out as it
  // has to.
  Phase run(Path path, std::uint64_t packets, std::uint64_t uncounted = 0);
  Phase run(Reference reference, References& tables, std::uint64_t packets,
            std::uint64_t uncounted = 0);

  // Whether this is what is timed and counted, and not what is around it.
  [[nodiscard]] static bool is_forwarding() { return forwarding_.load(std::memory_order_relaxed); }

  // Packets of one HAHA link, half of which are another worker's by their flow. It takes as long as
  // both need.
  Phase share(std::uint64_t packets);
  // That other worker, until `enough`: what it takes is counted by the packet.
  Phase serve(const std::atomic<bool>& enough);

 private:
  void fill(const Template& frames);
  void drain();
  void receive(std::span<rte_mbuf*> burst);
  template <class Forward>
  void forward_train(Forward& forward);
  [[nodiscard]] std::uint64_t trains_of(std::uint64_t packets) const {
    return std::max<std::uint64_t>(packets / (std::uint64_t{seat_.bursts} * kBurst), 1);
  }
  template <class Forward>
  Phase measure(const Template& frames, std::uint64_t packets, std::uint64_t uncounted,
                Forward forward);
  void wait_for_other();
  Speed calibrate();
  [[nodiscard]] std::string drops() const;

  static inline std::atomic<bool> forwarding_ = false;

  World& world_;
  Seat seat_;
  BestSpeed* best_;
  dataplane::PipelineConfig config_;
  dataplane::PacketPool pool_;
  dataplane::PacketRing in_;
  dataplane::PacketRing out_;
  dataplane::PacketRing punts_;
  std::unique_ptr<dataplane::WorkerCounters> counters_;
  dataplane::Transmitter transmitter_;
  dataplane::Handoff handoff_;
  dataplane::UseMarks used_;
  dataplane::MbufEnvironment environment_;
  dataplane::Pipeline<dataplane::MbufEnvironment> pipeline_;
  std::uint64_t random_ = 0x9e3779b97f4a7c15;
  std::uint64_t out_count_ = 0;
};

}  // namespace anyhome::bench
