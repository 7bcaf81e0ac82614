#include "apps/anyhome-bench/one_link.h"

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

constexpr unsigned kBurst = Runner::kBurst;
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

  Device device;
  Lane lane;
};

// Each counts its own, and writes it once for a burst.
struct alignas(dataplane::kCacheLine) Served {
  std::atomic<std::uint64_t> packets = 0;
  void add(std::uint64_t more) {
    packets.store(packets.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
  }
};

// What a worker does once per loop; `forward` has the burst.
template <class Take, class Forward>
void serve(Link& link, Served& served, Take take, Forward forward) {
  std::array<rte_mbuf*, dataplane::kMaxBurst> packets;
  const Lane::Burst burst = take([&](const dataplane::PollQueue& /*queue*/, unsigned most) {
    return link.device.receive(std::span(packets).first(most));
  });
  if (burst.packets != 0) {
    forward(burst.ticket, std::span(packets).first(burst.packets));
    served.add(burst.packets);
  }
}

template <class Forward>
void serve_own(Link& link, Served& served, Forward forward) {
  serve(
      link, served, [&](auto receive) { return link.lane.take(0, kBurst, receive); }, forward);
}

// Of both together, as long as `runner`, the owner, takes for `packets` packets of its own.
template <class Forward>
Phase measure(Link& link, Runner& runner, std::uint64_t packets, const Served* other,
              Forward forward) {
  constexpr unsigned kSegment = 256;  // bursts between two looks at the clock
  Served served;
  const auto all = [&] {
    return served.packets.load(std::memory_order_relaxed) +
           (other == nullptr ? 0 : other->packets.load(std::memory_order_relaxed));
  };
  Phase phase;
  const long preempted = preemptions();
  phase.speed = runner.calibrate();
  std::uint64_t cycles = 0;
  while (served.packets < packets) {
    const std::uint64_t before = all();
    const std::uint64_t start = rte_rdtsc_precise();
    for (unsigned burst = 0; burst < kSegment; ++burst) {
      serve_own(link, served, forward);
    }
    cycles += rte_rdtsc_precise() - start;
    phase.packets += all() - before;
    phase.speed = slowest(phase.speed, runner.calibrate());
  }
  if (preemptions() != preempted) {
    phase.speed = {};
  }
  phase.cycles = static_cast<double>(cycles) / static_cast<double>(phase.packets);
  return phase;
}

void check(const Runner& runner) {
  if (const std::string lost = runner.drops(); !lost.empty()) {
    throw std::runtime_error("one HAHA link:" + lost);
  }
}

}  // namespace

void measure_one_link(const Plan& plan, Record& record) {
  Shape shape;
  shape.index = plan.indexes.front();
  World world(shape);
  Runner owner(world, 0, plan.best);
  Runner helper(world, 1, nullptr);
  Link own(world, false);
  Link shared(world, true);
  SampleSets samples;
  const auto forward_by = [&](Runner& runner, Link& link) {
    return [&](Lane::Ticket ticket, std::span<rte_mbuf* const> burst) {
      runner.serve(link.lane, ticket, burst);
      rte_rcu_qsbr_quiescent(world.qsbr(), &runner == &owner ? 0 : 1);
    };
  };
  const auto send_back = [](Link& link) {
    return [&link](Lane::Ticket ticket, std::span<rte_mbuf*> burst) {
      const dataplane::TransmitPath path = link.device.transmit_path();
      link.lane.await(ticket);
      rte_eth_tx_burst(path.device, path.queue, burst.data(),
                       static_cast<std::uint16_t>(burst.size()));
      link.lane.done(ticket);
    };
  };
  const auto run = [&] {
    const Reader first(world.qsbr(), 0);
    // What the device costs is no worker's: it is taken off.
    const Phase device = measure(own, owner, plan.packets, nullptr, send_back(own));
    const Phase shared_device = measure(shared, owner, plan.packets, nullptr, send_back(shared));
    const Phase alone = measure(own, owner, plan.packets, nullptr, forward_by(owner, own));
    Phase both;
    Served helped;
    Speed other{};
    together(
        [&] { both = measure(shared, owner, plan.packets, &helped, forward_by(owner, shared)); },
        [&](std::atomic<unsigned>& running, const std::atomic<bool>& enough) {
          const Reader second(world.qsbr(), 1);
          const long preempted = preemptions();
          other = helper.calibrate();
          ++running;
          while (!enough.load(std::memory_order_relaxed)) {
            serve(
                shared, helped, [&](auto receive) { return shared.lane.help(receive); },
                forward_by(helper, shared));
          }
          other = preemptions() == preempted ? slowest(other, helper.calibrate()) : Speed{};
        });
    const double one = alone.cycles - device.cycles;
    const double each = 2 * both.cycles - shared_device.cycles;
    const Speed speed_of_one = slowest(device.speed, alone.speed);
    const Speed speed_of_both = slowest(shared_device.speed, slowest(both.speed, other));
    samples["workers/one/one-haha-link"].add(one, speed_of_one);
    samples["workers/each/one-haha-link"].add(each, speed_of_both);
    samples["workers/scaling/one-haha-link"].add(2 * one / each,
                                                 slowest(speed_of_one, speed_of_both));
  };
  take_turns(plan, samples, {{"workers/scaling/one-haha-link", run}});
  check(owner);
  check(helper);
  record_cycles(plan, samples, record);
  record.figures["workers/scaling/one-haha-link"] =
      samples["workers/scaling/one-haha-link"].figure(plan.best->speed(), "times", Better::More);
}

}  // namespace anyhome::bench
