#include "apps/anyhome-bench/runner.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>

#include <rte_cycles.h>
#include <rte_pause.h>
#include <sys/resource.h>

#include "apps/anyhome-bench/calibration.h"

namespace anyhome::bench {
namespace {

using namespace dataplane;  // NOLINT(google-build-using-namespace)

constexpr unsigned kPunts = 512;

// Trains between two calibrations: a neighbour that comes within a phase is seen.
constexpr unsigned kCalibrationInterval = 16;

PacketPool make_pool(unsigned buffers) {
  PacketPoolSetup setup;
  static unsigned number = 0;
  setup.name = fmt::format("bench-pool{}", number++);
  setup.buffers = buffers;
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

PipelineConfig config_at(const World& world, const Seat& seat) {
  PipelineConfig config = world.config();
  config.worker = seat.worker;
  config.workers = std::max<std::uint32_t>(static_cast<std::uint32_t>(seat.hand_to.size()), 1);
  return config;
}

// How often this thread has lost its processor to another one of ours.
long preemptions() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

// Readers are online while they forward, and only then.
class Online {
 public:
  Online(rte_rcu_qsbr* qsbr, unsigned reader) : qsbr_(qsbr), reader_(reader) {
    rte_rcu_qsbr_thread_register(qsbr_, reader_);
    rte_rcu_qsbr_thread_online(qsbr_, reader_);
  }
  ~Online() {
    rte_rcu_qsbr_thread_offline(qsbr_, reader_);
    rte_rcu_qsbr_thread_unregister(qsbr_, reader_);
  }
  Online(const Online&) = delete;
  Online& operator=(const Online&) = delete;

 private:
  rte_rcu_qsbr* qsbr_;
  unsigned reader_;
};

}  // namespace

Runner::Runner(World& world, Seat seat, BestSpeed* best)
    : world_(world),
      seat_(std::move(seat)),
      best_(best),
      config_(config_at(world, seat_)),
      pool_(make_pool(seat_.buffers)),
      in_(make_ring("in", 2 * seat_.bursts * kBurst)),
      out_(make_ring("out", 2 * seat_.bursts * kBurst)),
      punts_(make_ring("punts", kPunts)),
      counters_(std::make_unique<WorkerCounters>()),
      transmitter_({{0, 0, true, &out_, nullptr}}, *counters_),
      handoff_(seat_.hand_to, *counters_),
      used_(world.tables().adjacency_capacity()),
      environment_(world.tables().readers(), pool_.get(), punts_, transmitter_, handoff_,
                   *counters_, used_),
      pipeline_(config_, environment_) {
  environment_.set_now(Instant(std::chrono::seconds(100)));
}

Runner::~Runner() { drain(); }

// The next burst, each for a binding at random. What it costs is not counted: the sender's work.
void Runner::fill(const Template& frames) {
  for (unsigned i = 0; i < kBurst; ++i) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool_.get());
    if (packet == nullptr) {
      throw std::runtime_error("the packet pool is empty: buffers are lost");
    }
    auto* data = rte_pktmbuf_mtod(packet, std::byte*);
    std::memcpy(data, frames.frame.data(), frames.frame.size());
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::uint64_t number = (random_ >> 33U) * world_.bindings() >> 31U;
    // Bits that decide little about the number above.
    const std::uint64_t route = (random_ >> 13U & 0xfffff) * world_.routes() >> 20U;
    for (const Stamp& stamp : frames.stamps) {
      if (stamp.by == Stamp::By::Flow) {
        constexpr std::uint32_t kVersion6 = 0x6000'0000;
        store_be32(data + stamp.at, kVersion6 | (static_cast<std::uint32_t>(random_ >> 44U) | 1U));
      } else {
        const bool binding = stamp.by == Stamp::By::Binding;
        store_be64(data + stamp.at, binding ? stamp.base + number : world_.route(route));
      }
    }
    packet->data_len = static_cast<std::uint16_t>(frames.frame.size());
    packet->pkt_len = packet->data_len;
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
[[gnu::noinline]] void Runner::receive(std::span<rte_mbuf*> burst) { pipeline_.receive(0, burst); }

// By itself, so that callgrind can be told to count in here only.
template <class Forward>
[[gnu::noinline]] void Runner::forward_train(Forward& forward) {
  for (unsigned burst = 0; burst < seat_.bursts; ++burst) {
    std::array<rte_mbuf*, kBurst> taken;
    const unsigned count = in_.pop(taken);
    forward(std::span(taken).first(count));
    rte_rcu_qsbr_quiescent(world_.qsbr(), seat_.worker);
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
  const Online online(world_.qsbr(), seat_.worker);
  const std::uint64_t warm_up = uncounted == 0 ? 0 : trains_of(uncounted);
  const std::uint64_t trains = trains_of(packets);
  Phase phase;
  const std::uint64_t train = std::uint64_t{seat_.bursts} * kBurst;
  phase.packets = (warm_up + trains) * train;
  long preempted = 0;
  std::uint64_t cycles = 0;
  std::uint64_t waited = 0;
  for (std::uint64_t i = 0; i < warm_up + trains; ++i) {
    if (i == warm_up) {
      cycles = waited = 0;
      preempted = preemptions();
      phase.speed = calibrate();
    } else if (i > warm_up && (i - warm_up) % kCalibrationInterval == 0) {
      phase.speed = slowest(phase.speed, calibrate());
    }
    for (unsigned burst = 0; burst < seat_.bursts; ++burst) {
      fill(frames);
    }
    const std::uint64_t start = rte_rdtsc_precise();
    forwarding_.store(true, std::memory_order_relaxed);
    forward_train(forward);
    forwarding_.store(false, std::memory_order_relaxed);
    if (!seat_.hand_to.empty()) {
      const std::uint64_t done = rte_rdtsc_precise();
      wait_for_other();
      waited += rte_rdtsc_precise() - done;
    }
    cycles += rte_rdtsc_precise() - start;
    drain();
  }
  phase.speed = slowest(phase.speed, calibrate());
  if (preemptions() != preempted) {
    phase.speed = {};  // as far as it was ours at all
  }
  phase.cycles = static_cast<double>(cycles) / static_cast<double>(trains * train);
  phase.waited = static_cast<double>(waited) / static_cast<double>(trains * train);
  return phase;
}

// Until it has taken all that it was given, and served it.
void Runner::wait_for_other() {
  handoff_.flush_all();
  handoff_.flush_all();  // what waited for more
  const auto& given = counters_->counters[static_cast<std::size_t>(forwarding::Counter::HandedOff)];
  while (seat_.taken->load(std::memory_order_acquire) != given.value()) {
    rte_rcu_qsbr_quiescent(world_.qsbr(), seat_.worker);
    rte_pause();
  }
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
        receive(burst);
        transmitter_.flush_all();
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

Phase Runner::share(std::uint64_t packets) {
  const Phase phase = measure(world_.make_template(Path::FromLink), packets, warm_up(),
                              [&](std::span<rte_mbuf*> burst) {
                                receive(burst);
                                handoff_.flush_all();
                                transmitter_.flush_all();
                              });
  if (const std::string lost = drops(); !lost.empty()) {
    throw std::runtime_error("one HAHA link:" + lost);
  }
  return phase;
}

Phase Runner::serve(const std::atomic<bool>& enough) {
  const Online online(world_.qsbr(), seat_.worker);
  const long preempted = preemptions();
  Speed speed = calibrate();
  std::uint64_t cycles = 0;
  std::uint64_t packets = 0;
  std::uint64_t total = seat_.taken->load(std::memory_order_relaxed);
  HandedFrames handed(seat_.taken_from);
  while (!enough.load(std::memory_order_relaxed)) {
    if (seat_.taken_from->empty()) {
      rte_rcu_qsbr_quiescent(world_.qsbr(), seat_.worker);
      continue;
    }
    // As long as there is something: reading the clock waits for all that is under way, which a
    // worker never does.
    const std::uint64_t start = rte_rdtsc_precise();
    unsigned served = 0;
    unsigned before = 0;
    do {
      before = served;
      served += handed.serve(kBurst,
                             [&](auto ports, auto frames) { pipeline_.take_over(ports, frames); });
      transmitter_.flush_all();
      rte_rcu_qsbr_quiescent(world_.qsbr(), seat_.worker);
      seat_.taken->store(total + served, std::memory_order_release);
    } while (served != before && served < seat_.bursts * kBurst);
    total += served;
    cycles += rte_rdtsc_precise() - start;
    packets += served;
    drain();
  }
  speed = preemptions() == preempted ? slowest(speed, calibrate()) : Speed{};
  if (packets == 0) {
    throw std::runtime_error("one HAHA link: no packet was handed to the second worker");
  }
  return {static_cast<double>(cycles) / static_cast<double>(packets), 0, speed, packets};
}

}  // namespace anyhome::bench
