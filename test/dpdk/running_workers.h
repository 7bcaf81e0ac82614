// Workers that run: on rings instead of wires, with real tables, in threads of their own. What they
// do is waited for, never slept for.
#pragma once

#include <chrono>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "dataplane/worker/lane.h"
#include "dataplane/worker/worker.h"
#include "test/dpdk/chained_packets.h"
#include "test/dpdk/ring_port.h"
#include "test/dpdk/tables_fixture.h"
#include "test/support/pipeline_fixture.h"

namespace anyhome::test {

using forwarding::Counter;

template <class Condition>
bool wait_for(const Condition& condition, std::chrono::seconds limit = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

// One port with a receive queue for each worker and one transmit queue: the first worker's, to whom
// the others hand their frames over.
class RunningWorkers {
 public:
  struct How {
    unsigned workers = 2;
    unsigned burst = 32;
    bool idle = false;
    bool sharing = false;
  };

  RunningWorkers() : RunningWorkers(How{}) {}
  explicit RunningWorkers(How how)
      : pool_(make_pool()),
        port_(pool_, static_cast<std::uint16_t>(how.workers), 1),
        tables_(make_tables()) {
    for (unsigned i = 0; i < how.workers; ++i) {
      if (i != 0) {
        handovers_.push_back(std::make_unique<PacketRing>(make_ring(256)));
      }
      TransmitPath path{port_.id(), 0, true, i == 0 ? nullptr : handovers_.back().get(), nullptr};
      lanes_.push_back(std::make_unique<Lane>(
          std::vector<PollQueue>{{0, port_.id(), static_cast<std::uint16_t>(i)}},
          std::vector<TransmitPath>{path, path}, how.sharing));
    }
    for (unsigned i = 0; i < how.workers; ++i) {
      punts_.push_back(std::make_unique<PacketRing>(make_ring(256)));
      injects_.push_back(std::make_unique<PacketRing>(make_ring(256)));
      rte_rcu_qsbr_thread_register(qsbr_.get(), i);
      WorkerSetup setup;
      setup.index = i;
      setup.pipeline = facts_.config;
      setup.tables = tables_->readers();
      setup.adjacencies = tables_->adjacency_capacity();
      setup.qsbr = qsbr_.get();
      setup.pool = pool_.get();
      setup.lane = lanes_[i].get();
      for (unsigned other = 1; other < how.workers && how.sharing; ++other) {
        setup.others.push_back(lanes_[(i + other) % how.workers].get());
      }
      if (i == 0) {
        for (const auto& ring : handovers_) {
          setup.adopted.push_back({0, ring.get()});
        }
      }
      setup.punts = punts_[i].get();
      setup.injects = injects_[i].get();
      setup.wake = &wake_;
      setup.burst = how.burst;
      setup.idle = how.idle;
      workers_.push_back(std::make_unique<dataplane::Worker>(std::move(setup)));
    }
    for (auto& worker : workers_) {
      threads_.emplace_back([&worker] { worker->run(); });
    }
  }
  ~RunningWorkers() { stop(); }

  void stop() {
    for (auto& worker : workers_) {
      worker->stop();
    }
    for (std::thread& thread : threads_) {
      thread.join();
    }
    threads_.clear();
  }
  void start_polling() {
    for (auto& worker : workers_) {
      worker->start_polling();
    }
  }

  rte_mbuf* framed(const Bytes& packet) {
    return make_chain(pool_, frame(facts_.config.ports[0].mac, packet), {});
  }
  [[nodiscard]] std::uint64_t helped() const {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < workers_.size(); ++i) {
      sum += helped(i);
    }
    return sum;
  }
  [[nodiscard]] std::uint64_t helped(unsigned worker) const {
    return workers_[worker]->counters().helped.value();
  }
  [[nodiscard]] std::uint64_t counted(Counter counter) const {
    std::uint64_t sum = 0;
    for (unsigned i = 0; i < workers_.size(); ++i) {
      sum += counted(i, counter);
    }
    return sum;
  }
  [[nodiscard]] std::uint64_t counted(unsigned worker, Counter counter) const {
    return workers_[worker]->counters().counters[static_cast<std::size_t>(counter)].value();
  }
  [[nodiscard]] std::uint64_t loops(unsigned worker) const {
    return workers_[worker]->counters().loops.value();
  }
  // A whole loop of it has begun and ended.
  void one_loop_later(unsigned worker) const {
    const std::uint64_t now = loops(worker);
    REQUIRE(wait_for([&] { return loops(worker) >= now + 2; }));
  }

  // Frames on their way to the first worker.
  [[nodiscard]] unsigned handed_over() const {
    unsigned sum = 0;
    for (const auto& ring : handovers_) {
      sum += ring->count();
    }
    return sum;
  }

  const PipelineFixture& facts() const { return facts_; }
  RingPort& port() { return port_; }
  PacketPool& pool() { return pool_; }
  WakeSignal& wake() { return wake_; }
  PacketRing& punts(unsigned worker) { return *punts_[worker]; }
  PacketRing& injects(unsigned worker) { return *injects_[worker]; }
  dataplane::Worker& worker(unsigned i) { return *workers_[i]; }
  rte_rcu_qsbr* qsbr() { return qsbr_.get(); }

 private:
  std::unique_ptr<ForwardingTables> make_tables() {
    TableSetup setup = small_setup(qsbr_);
    setup.name = fresh_name("workers");
    setup.ports = {{facts_.config.ports[0].mac, std::nullopt, 1500},
                   {facts_.config.ports[1].mac, std::nullopt, 1500}};
    setup.pools.clear();
    auto tables = test::make_tables(setup);
    const Ipv6Address gateway = ip6("fe80::aa");
    tables->set_neighbor(0, gateway, mac(0xaa)).value();
    const NextHop internet[] = {{0, gateway, 1}};
    tables->set_route(prefix("2001:db8::/32"), internet).value();
    REQUIRE(tables->apply(forwarding::SetBinding{
        HomeAddress(facts_.home), forwarding::BindingKind::Bound, facts_.agent, facts_.care_of}));
    settle(*tables);
    return tables;
  }

  PipelineFixture facts_;
  Qsbr qsbr_;
  PacketPool pool_;
  RingPort port_;
  std::unique_ptr<ForwardingTables> tables_;
  std::vector<std::unique_ptr<PacketRing>> handovers_;
  std::vector<std::unique_ptr<PacketRing>> punts_;
  std::vector<std::unique_ptr<PacketRing>> injects_;
  WakeSignal wake_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::unique_ptr<dataplane::Worker>> workers_;
  std::vector<std::thread> threads_;
};

inline Bytes to_home(const RunningWorkers& world) {
  return build({world.facts().correspondent, world.facts().home});
}
// For the control thread.
inline Bytes signalling(const RunningWorkers& world) {
  return build({world.facts().care_of, world.facts().agent, wire::protocol::kMobility, 64, 0, 0,
                hex("3b 01 05 00 0000 0001 0000 0000 0000 0000")});
}

}  // namespace anyhome::test
