#include "apps/anyhome-bench/one_link.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <expected>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

#include <rte_cycles.h>
#include <rte_dev.h>
#include <rte_ethdev.h>

#include "apps/anyhome-bench/other_cores.h"
#include "apps/anyhome-bench/reader.h"
#include "apps/anyhome-bench/runner.h"
#include "apps/anyhome-bench/turns.h"
#include "dataplane/io/packet_pool.h"
#include "dataplane/io/port.h"
#include "dataplane/worker/lane.h"

namespace anyhome::bench {
namespace {

using dataplane::Lane;
using dataplane::PacketPool;
using dataplane::Port;

constexpr unsigned kMaxBurst = dataplane::kMaxBurst;
// Few enough for the second-level caches, as everywhere in this program, and more than both workers
// keep in their own.
constexpr unsigned kBuffers = 1023;
constexpr unsigned kPoolCache = 256;

template <class T>
T or_no_memory(std::expected<T, std::string> made) {
  if (!made) {
    throw NoMemory(made.error());
  }
  return std::move(*made);
}

// Stands for a device with one receive queue that is never empty, and one transmit queue: net_null,
// whose frames are written as it gives them, by the core that asks for them. What is sent is freed
// at once.
class Device {
 public:
  explicit Device(const World& world)
      : name_(fmt::format("net_null_bench{}", next_number())),
        sender_(world),
        frames_(world.make_template(Path::FromLink)),
        pool_(or_no_memory(PacketPool::create(
            {.name = name_, .buffers = kBuffers, .cache = kPoolCache, .socket = -1}))),
        port_(open()) {}
  ~Device() {
    port_.reset();
    rte_eal_hotplug_remove("vdev", name_.c_str());
  }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  // One thread at a time, as for a queue of a device; so with what is sent.
  unsigned receive(std::span<rte_mbuf*> packets) {
    const unsigned count = rte_eth_rx_burst(port_->id(), 0, packets.data(),
                                            static_cast<std::uint16_t>(packets.size()));
    for (rte_mbuf* packet : packets.first(count)) {
      sender_.write(frames_, packet);
    }
    return count;
  }
  [[nodiscard]] dataplane::TransmitPath transmit_path() const { return {port_->id(), 0, true}; }
  // Nothing else than this can be at its end.
  [[nodiscard]] bool all_came_out() const {
    const dataplane::PortStatistics statistics = port_->statistics();
    return statistics.sent == statistics.received;
  }

 private:
  static unsigned next_number() {
    static unsigned number = 0;
    return number++;
  }
  std::unique_ptr<Port> open() {
    if (rte_eal_hotplug_add("vdev", name_.c_str(), "") != 0) {
      throw NoMemory("DPDK's net_null is not there");
    }
    dataplane::PortSetup setup;
    setup.name = name_;
    setup.device = name_;
    setup.pool = pool_.get();
    auto port = std::make_unique<Port>(
        or_no_memory(Port::open(setup, or_no_memory(dataplane::find_device(name_)))));
    if (auto started = port->start(); !started) {
      throw NoMemory(started.error());
    }
    return port;
  }

  std::string name_;
  Sender sender_;
  Template frames_;
  PacketPool pool_;
  std::unique_ptr<Port> port_;
};

// A device, and the lane of the worker whose it is.
struct Link {
  Link(const World& world, bool shared)
      : device(world), lane({{0, 0, 0}}, {device.transmit_path()}, shared) {}

  // Of a lane that is asked by `take`.
  auto receiving_into(std::span<rte_mbuf*> packets) {
    return [this, packets](const dataplane::PollQueue& /*queue*/, unsigned most) {
      return device.receive(packets.first(most));
    };
  }

  Device device;
  Lane lane;
};

// Packets of one worker, which it writes once for a burst.
struct alignas(dataplane::kCacheLine) Tally {
  std::atomic<std::uint64_t> packets = 0;
  void add(std::uint64_t more) {
    packets.store(packets.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const { return packets.load(std::memory_order_relaxed); }
};

// Runs `burst`, which says how many packets it was, until these are `packets`; per packet of these
// and of another worker's in the same time. Two workers that take turns show at once when a
// hypervisor takes a processor from either, which no speed does: such times are left out.
template <class Burst>
Phase measure(Runner& runner, std::uint64_t packets, const Tally& other, Burst burst) {
  constexpr unsigned kSegment = 64;             // bursts that are counted, or left out
  constexpr std::uint64_t kTakenAway = 50'000;  // cycles; a burst takes a tenth of that
  Phase phase;
  const long preempted = preemptions();
  phase.speed = runner.calibrate();
  std::uint64_t cycles = 0;
  for (std::uint64_t own = 0; own < packets;) {
    const std::uint64_t before = own;
    const std::uint64_t others_before = other.value();
    const std::uint64_t start = rte_rdtsc_precise();
    std::uint64_t last = start;
    std::uint64_t longest = 0;
    for (unsigned i = 0; i < kSegment; ++i) {
      own += burst();
      const std::uint64_t now = rte_rdtsc();
      longest = std::max(longest, now - last);
      last = now;
    }
    const std::uint64_t elapsed = rte_rdtsc_precise() - start;
    const Speed speed = runner.calibrate();
    if (longest < kTakenAway) {
      cycles += elapsed;
      phase.packets += own - before + other.value() - others_before;
      phase.speed = slowest(phase.speed, speed);
    }
  }
  if (preemptions() != preempted) {
    phase.speed = {};
  }
  phase.cycles = static_cast<double>(cycles) / static_cast<double>(phase.packets);
  return phase;
}

class OneLink {
 public:
  explicit OneLink(const Plan& plan)
      : plan_(plan),
        world_(shape(plan)),
        owner_(world_, 0, plan.best),
        helper_(world_, 1, nullptr),
        alone_(world_, false),
        shared_(world_, true) {}

  // Everything once; all of it has to come out.
  void run(SampleSets& samples) {
    const Reader reader(world_.qsbr(), 0);
    const Phase device = measure_device();
    const Phase one = measure_lane(alone_, nobody_);
    Phase both;
    Tally helped;
    Speed speed_of_helper{};
    together([&] { both = measure_lane(shared_, helped); },
             [&](std::atomic<unsigned>& running, const std::atomic<bool>& enough) {
               speed_of_helper = help(running, enough, helped);
             });
    if (helped.value() == 0) {
      throw std::runtime_error("one HAHA link: the second worker had no packet");
    }
    if (!alone_.device.all_came_out() || !shared_.device.all_came_out()) {
      throw std::runtime_error("one HAHA link: packets are missing;" + owner_.drops() +
                               helper_.drops());
    }
    if (device.packets == 0 || one.packets == 0 || both.packets == 0) {
      return;  // nothing is left of one of them
    }
    // What the device costs is no worker's.
    const double by_one = one.cycles - device.cycles;
    const double by_each = 2 * both.cycles - device.cycles;
    const Speed speed_of_one = slowest(device.speed, one.speed);
    const Speed speed_of_both = slowest(device.speed, slowest(both.speed, speed_of_helper));
    samples["workers/one/one-haha-link"].add(by_one, speed_of_one);
    samples["workers/each/one-haha-link"].add(by_each, speed_of_both);
    samples["workers/scaling/one-haha-link"].add(2 * by_one / by_each,
                                                 slowest(speed_of_one, speed_of_both));
  }

 private:
  static Shape shape(const Plan& plan) {
    Shape shape;
    shape.index = plan.indexes.front();
    return shape;
  }

  // Frames are received and sent back at once.
  Phase measure_device() {
    Device& device = alone_.device;
    const dataplane::TransmitPath path = device.transmit_path();
    return measure(owner_, plan_.packets, nobody_, [&] {
      std::array<rte_mbuf*, kMaxBurst> packets;
      const unsigned count = device.receive(packets);
      rte_eth_tx_burst(path.device, path.queue, packets.data(), static_cast<std::uint16_t>(count));
      return count;
    });
  }

  Phase measure_lane(Link& link, const Tally& other) {
    return measure(owner_, plan_.packets, other, [&] {
      std::array<rte_mbuf*, kMaxBurst> packets;
      const Lane::Burst burst = link.lane.take(0, Runner::kBurst, link.receiving_into(packets));
      return serve(link, owner_, 0, burst, packets);
    });
  }

  Speed help(std::atomic<unsigned>& running, const std::atomic<bool>& enough, Tally& helped) {
    const Reader reader(world_.qsbr(), 1);
    const long preempted = preemptions();
    const Speed before = helper_.calibrate();
    ++running;
    while (!enough.load(std::memory_order_relaxed)) {
      std::array<rte_mbuf*, kMaxBurst> packets;
      const Lane::Burst burst = shared_.lane.help(shared_.receiving_into(packets));
      helped.add(serve(shared_, helper_, 1, burst, packets));
    }
    return preemptions() == preempted ? slowest(before, helper_.calibrate()) : Speed{};
  }

  unsigned serve(Link& link, Runner& runner, unsigned reader, const Lane::Burst& burst,
                 std::span<rte_mbuf* const> packets) {
    if (burst.packets != 0) {
      runner.serve(link.lane, burst.ticket, packets.first(burst.packets));
    }
    rte_rcu_qsbr_quiescent(world_.qsbr(), reader);
    return burst.packets;
  }

  const Plan& plan_;
  World world_;
  Runner owner_;
  Runner helper_;
  Link alone_;
  Link shared_;
  const Tally nobody_;
};

}  // namespace

void measure_one_link(const Plan& plan, Record& record) {
  OneLink link(plan);
  SampleSets samples;
  take_turns(plan, samples, {{"workers/scaling/one-haha-link", [&] { link.run(samples); }}});
  record_cycles(plan, samples, record);
  record.figures["workers/scaling/one-haha-link"] =
      samples["workers/scaling/one-haha-link"].figure(plan.best->speed(), "times", Better::More);
}

}  // namespace anyhome::bench
