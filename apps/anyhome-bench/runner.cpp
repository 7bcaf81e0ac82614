#include "apps/anyhome-bench/runner.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include <rte_cycles.h>

#include "apps/anyhome-bench/calibration.h"
#include "apps/anyhome-bench/reader.h"

namespace anyhome::bench {
namespace {

using namespace dataplane;  // NOLINT(google-build-using-namespace)

constexpr unsigned kPunts = 512;
// As many as fit into the second-level cache with their headers.
constexpr unsigned kBuffers = 511;

// Trains between two calibrations: a neighbour that comes within a phase is seen.
constexpr unsigned kCalibrationInterval = 16;

PacketPool make_pool() {
  PacketPoolSetup setup;
  static unsigned number = 0;
  setup.name = fmt::format("bench-pool{}", number++);
  setup.buffers = kBuffers;
  setup.cache = 256;
  setup.socket = -1;
  auto pool = PacketPool::create(setup);
  if (!pool) {
    throw NoMemory(pool.error());
  }
  return std::move(*pool);
}

PacketRing make_ring(std::string_view what, unsigned packets) {
  static unsigned number = 0;
  auto ring = PacketRing::create(fmt::format("bench-{}{}", what, number++), packets, -1);
  if (!ring) {
    throw NoMemory(ring.error());
  }
  return std::move(*ring);
}

}  // namespace

Runner::Runner(World& world, unsigned worker, bool shared, BestSpeed* best)
    : world_(world),
      worker_(worker),
      sender_(world),
      best_(best),
      pool_(make_pool()),
      in_(make_ring("in", 2 * kTrain)),
      out_(make_ring("out", 2 * kTrain)),
      punts_(make_ring("punts", kPunts)),
      counters_(std::make_unique<WorkerCounters>()),
      lane_({}, {{0, 0, true, &out_, nullptr}}, shared),
      transmitter_(lane_, *counters_),
      handoff_({}, *counters_),
      used_(world.tables().adjacency_capacity()),
      environment_(world.tables().readers(), pool_.get(), punts_, transmitter_, handoff_,
                   *counters_, used_),
      pipeline_(world.config(), environment_) {
  environment_.set_now(Instant(std::chrono::seconds(100)));
}

Runner::~Runner() { drain(); }

// The next burst. What it costs is not counted: the sender's work.
void Runner::fill(const Template& frames) {
  for (unsigned i = 0; i < kBurst; ++i) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool_.get());
    if (packet == nullptr) {
      throw std::runtime_error("the packet pool is empty: buffers are lost");
    }
    sender_.write(frames, packet);
    if (!in_.push(packet)) {
      throw std::runtime_error("the ring in front is full");
    }
  }
}

void Runner::drain() {
  std::array<rte_mbuf*, kBurst> packets;
  while (const unsigned count = out_.pop(packets)) {
    rte_pktmbuf_free_bulk(packets.data(), count);
    out_count_ += count;
  }
}

// The one place that calls the pipeline: what a compiler inlines into what goes by how many callers
// there are, and a worker is one.
[[gnu::noinline]] void Runner::receive(std::span<rte_mbuf* const> burst) {
  pipeline_.receive(0, burst);
}

// By itself, so that callgrind can be told to count in here only.
template <class Forward>
[[gnu::noinline]] void Runner::forward_train(Forward& forward) {
  for (unsigned burst = 0; burst < kBurstsOfTrain; ++burst) {
    std::array<rte_mbuf*, kBurst> taken;
    const unsigned count = in_.pop(taken);
    forward(std::span(taken).first(count));
    rte_rcu_qsbr_quiescent(world_.qsbr(), worker_);
  }
}

std::uint64_t Runner::warm_up() const {
  constexpr std::uint64_t kMost = 200'000;
  return std::min(2 * std::uint64_t{world_.bindings()}, kMost);
}

Speed Runner::calibrate() {
  const Speed speed = current_speed();
  if (best_ != nullptr) {
    best_->note(speed);
  }
  return speed;
}

// The clock is read around several bursts in a row: reading it waits for all that is under way,
// which a worker never does.
template <class Forward>
Phase Runner::measure(const Template& frames, std::uint64_t packets, std::uint64_t uncounted,
                      Forward forward) {
  const Reader reader(world_.qsbr(), worker_);
  const std::uint64_t warm_up = uncounted == 0 ? 0 : trains_of(uncounted);
  const std::uint64_t trains = trains_of(packets);
  Phase phase;
  phase.packets = (warm_up + trains) * kTrain;
  long preempted = 0;
  std::uint64_t cycles = 0;
  for (std::uint64_t i = 0; i < warm_up + trains; ++i) {
    if (i == warm_up) {
      cycles = 0;
      preempted = preemptions();
      phase.speed = calibrate();
    } else if (i > warm_up && (i - warm_up) % kCalibrationInterval == 0) {
      phase.speed = slowest(phase.speed, calibrate());
    }
    for (unsigned burst = 0; burst < kBurstsOfTrain; ++burst) {
      fill(frames);
    }
    const std::uint64_t start = rte_rdtsc_precise();
    forwarding_.store(true, std::memory_order_relaxed);
    forward_train(forward);
    forwarding_.store(false, std::memory_order_relaxed);
    cycles += rte_rdtsc_precise() - start;
    drain();
  }
  phase.speed = slowest(phase.speed, calibrate());
  if (preemptions() != preempted) {
    phase.speed = {};  // as far as it was ours at all
  }
  phase.cycles = static_cast<double>(cycles) / static_cast<double>(trains * kTrain);
  return phase;
}

std::string Runner::drops() const {
  std::string text;
  for (const auto& info : forwarding::kDropReasons) {
    if (const auto n = counters_->drops[static_cast<std::size_t>(info.reason)].value(); n != 0) {
      text += fmt::format(" {}={}", info.name, n);
    }
  }
  return text;
}

Phase Runner::run(Path path, std::uint64_t packets, std::uint64_t uncounted) {
  out_count_ = 0;
  const Phase phase =
      measure(world_.make_template(path), packets, uncounted, [&](std::span<rte_mbuf*> burst) {
        serve(lane_, lane_.shared() ? lane_.ticket() : 0, burst);
      });
  // What has to come out has: a figure of a path that drops is none.
  if (path != Path::Miss && out_count_ != phase.packets) {
    throw std::runtime_error(fmt::format("{}: {} of {} packets came out;{}", name_of(path),
                                         out_count_, phase.packets, drops()));
  }
  return phase;
}

Phase Runner::run(Reference reference, References& tables, std::uint64_t packets,
                  std::uint64_t uncounted) {
  const Template frames =
      reference == Reference::Lpm ? world_.make_routed() : world_.make_template(Path::ToMobileNode);
  return measure(frames, packets, uncounted, [&](std::span<rte_mbuf*> burst) {
    if (reference == Reference::ExactMatch) {
      tables.look_up_exactly(burst);
    } else if (reference == Reference::Lpm) {
      tables.look_up_longest(burst);
    } else if (reference == Reference::Macswap) {
      swap_addresses(burst);
    }
    for (rte_mbuf* packet : burst) {
      transmitter_.send(0, packet);
    }
    transmitter_.flush_all();
  });
}

void Runner::serve(Lane& lane, Lane::Ticket ticket, std::span<rte_mbuf* const> burst) {
  dataplane::prefetch_frames(burst);
  transmitter_.begin(lane, ticket);
  receive(burst);
  transmitter_.flush_all();
}

}  // namespace anyhome::bench
