// One core that forwards frames from a ring to a ring, by our pipeline or by a reference loop, in
// short phases; each phase says what it cost and how fast the core was meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <rte_mbuf.h>

#include "apps/anyhome-bench/references.h"
#include "apps/anyhome-bench/sender.h"
#include "apps/anyhome-bench/speed.h"
#include "apps/anyhome-bench/world.h"
#include "dataplane/io/packet_pool.h"
#include "dataplane/io/packet_ring.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/worker/lane.h"
#include "dataplane/worker/mbuf_environment.h"

namespace anyhome::bench {

struct Phase {
  double cycles = 0;  // per packet
  Speed speed;        // the lowest of the core before, during and after it
  std::uint64_t packets = 0;
};

class Runner {
 public:
  static constexpr unsigned kBurst = 32;

  // Of several workers out of one set of tables each has its number, and a lane that the others
  // could serve too. `best`, if there is one, learns how fast the core is.
  explicit Runner(World& world, BestSpeed* best = nullptr) : Runner(world, 0, false, best) {}
  Runner(World& world, unsigned worker, BestSpeed* best) : Runner(world, worker, true, best) {}
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

  // As a worker serves a burst that it has received from a lane: sends in the ticket's turn.
  void serve(dataplane::Lane& lane, dataplane::Lane::Ticket ticket,
             std::span<rte_mbuf* const> burst);
  // What has been lost since the start, by name; empty: nothing.
  [[nodiscard]] std::string drops() const;
  Speed calibrate();

 private:
  Runner(World& world, unsigned worker, bool shared, BestSpeed* best);
  void fill(const Template& frames);
  void drain();
  void receive(std::span<rte_mbuf* const> burst);
  template <class Forward>
  void forward_train(Forward& forward);
  [[nodiscard]] static std::uint64_t trains_of(std::uint64_t packets) {
    return std::max<std::uint64_t>(packets / kTrain, 1);
  }
  template <class Forward>
  Phase measure(const Template& frames, std::uint64_t packets, std::uint64_t uncounted,
                Forward forward);

  // Between two looks at the clock.
  static constexpr unsigned kBurstsOfTrain = 8;
  static constexpr std::uint64_t kTrain = std::uint64_t{kBurstsOfTrain} * kBurst;
  static inline std::atomic<bool> forwarding_ = false;

  World& world_;
  unsigned worker_;
  Sender sender_;
  BestSpeed* best_;
  dataplane::PacketPool pool_;
  dataplane::PacketRing in_;
  dataplane::PacketRing out_;
  dataplane::PacketRing punts_;
  std::unique_ptr<dataplane::WorkerCounters> counters_;
  dataplane::Lane lane_;
  dataplane::Transmitter transmitter_;
  dataplane::Handoff handoff_;
  dataplane::UseMarks used_;
  dataplane::MbufEnvironment environment_;
  dataplane::Pipeline<dataplane::MbufEnvironment> pipeline_;
  std::uint64_t out_count_ = 0;
};

}  // namespace anyhome::bench
