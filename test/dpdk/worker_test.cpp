// Workers that run: on rings instead of wires, with real tables, in threads of their own. What they
// do is waited for, never slept for.
#include "dataplane/worker/worker.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include <poll.h>

#include "test/dpdk/chained_packets.h"
#include "test/dpdk/ring_port.h"
#include "test/dpdk/tables_fixture.h"
#include "test/support/pipeline_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using forwarding::Counter;
using forwarding::DropReason;
using DataWorker = dataplane::Worker;

namespace {

template <class Condition>
bool wait_for(const Condition& condition, std::chrono::seconds limit = 20s) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

// One port with two receive queues and one transmit queue, and two workers: the first owns the
// transmit queue, the second hands its frames over.
class World {
 public:
  explicit World(bool idle = false)
      : pool_(make_pool()), port_(pool_, 2, 1), tables_(make_tables()), handover_(make_ring(256)) {
    for (unsigned i = 0; i < 2; ++i) {
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
      setup.receive = {{0, port_.id(), static_cast<std::uint16_t>(i)}};
      TransmitPath path{port_.id(), 0, true, i == 0 ? nullptr : &handover_, nullptr};
      setup.transmit = {path, path};
      if (i == 0) {
        setup.adopted = {{0, &handover_}};
      }
      setup.punts = punts_[i].get();
      setup.injects = injects_[i].get();
      setup.wake = &wake_;
      setup.idle = idle;
      workers_.push_back(std::make_unique<DataWorker>(std::move(setup)));
    }
    for (auto& worker : workers_) {
      threads_.emplace_back([&worker] { worker->run(); });
    }
  }
  ~World() { stop(); }

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

  const PipelineFixture& facts() const { return facts_; }
  RingPort& port() { return port_; }
  PacketPool& pool() { return pool_; }
  WakeSignal& wake() { return wake_; }
  PacketRing& punts(unsigned worker) { return *punts_[worker]; }
  PacketRing& injects(unsigned worker) { return *injects_[worker]; }
  DataWorker& worker(unsigned i) { return *workers_[i]; }
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
  PacketRing handover_;
  std::vector<std::unique_ptr<PacketRing>> punts_;
  std::vector<std::unique_ptr<PacketRing>> injects_;
  WakeSignal wake_;
  std::vector<std::unique_ptr<DataWorker>> workers_;
  std::vector<std::thread> threads_;
};

Bytes to_home(const World& world) {
  return build({world.facts().correspondent, world.facts().home});
}
// For the control thread.
Bytes signalling(const World& world) {
  return build({world.facts().care_of, world.facts().agent, wire::protocol::kMobility, 64, 0, 0,
                hex("3b 01 05 00 0000 0001 0000 0000 0000 0000")});
}

// How often the eventfd was written since it was read last; not at all reads as 0.
std::uint64_t wakes(const WakeSignal& wake) {
  std::uint64_t count = 0;
  return read(wake.fd(), &count, sizeof count) == sizeof count ? count : 0;
}

}  // namespace

TEST_CASE("nothing is received before the ports have been started", "[worker]") {
  World world;
  world.port().give(0, world.framed(to_home(world)));
  world.one_loop_later(0);
  world.one_loop_later(1);
  CHECK(world.counted(0, Counter::Received) == 0);
  world.start_polling();
  REQUIRE(wait_for([&] { return world.counted(0, Counter::Sent) == 1; }));
}

TEST_CASE("each worker serves its queue; one owns the way out", "[worker]") {
  World world;
  world.start_polling();
  const unsigned queue = GENERATE(0U, 1U);
  world.port().give(queue, world.framed(to_home(world)));
  rte_mbuf* out = nullptr;
  REQUIRE(wait_for([&] { return (out = world.port().take(0)) != nullptr; }));
  const Bytes sent = without_link_header(bytes_of_chain(out));
  CHECK(wire::Ipv6Header::parse(sent)->destination == world.facts().care_of);
  rte_pktmbuf_free(out);
  // Counted where it was forwarded, not where it was handed to the port.
  CHECK(world.counted(queue, Counter::Received) == 1);
  CHECK(world.counted(queue, Counter::Sent) == 1);
  CHECK(world.counted(1 - queue, Counter::Sent) == 0);
  world.stop();
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("frames handed over keep their order, and nothing is lost", "[worker]") {
  constexpr unsigned kFrames = 100;
  World world;
  world.start_polling();
  for (unsigned i = 0; i < kFrames; ++i) {
    Bytes packet = to_home(world);
    packet.back() = static_cast<std::byte>(i);
    world.port().give(1, world.framed(packet));
  }
  for (unsigned i = 0; i < kFrames; ++i) {
    rte_mbuf* out = nullptr;
    REQUIRE(wait_for([&] { return (out = world.port().take(0)) != nullptr; }));
    CHECK(bytes_of_chain(out).back() == static_cast<std::byte>(i));
    rte_pktmbuf_free(out);
  }
  world.stop();
  CHECK(world.port().take(0) == nullptr);
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("what the control thread injects goes the way of its kind", "[worker]") {
  World world;
  const auto inject = [&](InjectKind kind, const Bytes& bytes) {
    rte_mbuf* packet = make_chain(world.pool(), bytes, {});
    note_of(packet, mbuf_note_offset()).inject = {kind, 0};
    REQUIRE(world.injects(1).push(packet));
    rte_mbuf* out = nullptr;
    REQUIRE(wait_for([&] { return (out = world.port().take(0)) != nullptr; }));
    const Bytes sent = bytes_of_chain(out);
    rte_pktmbuf_free(out);
    return sent;
  };
  const Bytes packet = build({world.facts().agent, world.facts().home});
  // A frame of the twin goes out as it is.
  const Bytes finished = frame({2, 1, 2, 3, 4, 5}, packet);
  CHECK(inject(InjectKind::Frame, finished) == finished);
  // Signalling goes by routes alone, everything else through the binding.
  CHECK(wire::Ipv6Header::parse(without_link_header(inject(InjectKind::Signalling, packet)))
            ->destination == world.facts().home);
  for (const InjectKind kind : {InjectKind::Host, InjectKind::Data}) {
    CHECK(wire::Ipv6Header::parse(without_link_header(inject(kind, packet)))->destination ==
          world.facts().care_of);
  }
  CHECK(world.counted(1, Counter::Injected) == 4);
  CHECK(world.counted(1, Counter::Sent) == 4);
  world.stop();
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("a control thread that is awake is not woken", "[worker][wake]") {
  World world;
  world.start_polling();
  world.wake().awake();
  for (unsigned i = 1; i <= 20; ++i) {
    world.port().give(0, world.framed(signalling(world)));
    REQUIRE(wait_for([&] { return world.counted(0, Counter::PuntedMobility) == i; }));
  }
  world.one_loop_later(0);
  CHECK(wakes(world.wake()) == 0);
}

TEST_CASE("a sleeping control thread is woken, and not more than once in 100 microseconds",
          "[worker][wake]") {
  World world;
  world.start_polling();
  world.wake().going_to_sleep();
  const auto start = std::chrono::steady_clock::now();
  for (unsigned i = 1; i <= 50; ++i) {
    world.port().give(0, world.framed(signalling(world)));
    REQUIRE(wait_for([&] { return world.counted(0, Counter::PuntedMobility) == i; }));
  }
  // As epoll would see it.
  pollfd ready{world.wake().fd(), POLLIN, 0};
  CHECK(poll(&ready, 1, 20'000) == 1);
  world.one_loop_later(0);
  const auto elapsed = std::chrono::steady_clock::now() - start;
  const std::uint64_t written = wakes(world.wake());
  CHECK(written >= 1);
  CHECK(written <= static_cast<std::uint64_t>(elapsed / 100us) + 1);
  // Awake again: the next packet waits in the ring for it.
  world.wake().awake();
  world.port().give(0, world.framed(signalling(world)));
  REQUIRE(wait_for([&] { return world.counted(0, Counter::PuntedMobility) == 51; }));
  world.one_loop_later(0);
  CHECK(wakes(world.wake()) == 0);
  CHECK(world.punts(0).count() == 51);
}

TEST_CASE("a worker's heart beats with and without packets, and stops with it", "[worker]") {
  World world;
  world.one_loop_later(0);
  world.one_loop_later(1);
  world.stop();
  const std::uint64_t last = world.loops(0);
  CHECK(world.loops(0) == last);
  CHECK(last > 0);
}

TEST_CASE("an idle worker sleeps, and nobody waits for it to be quiescent", "[worker]") {
  World world(true);
  REQUIRE(wait_for([&] { return world.worker(0).counters().sleeps.value() > 3; }));
  for (unsigned i = 0; i < 3; ++i) {
    const std::uint64_t token = rte_rcu_qsbr_start(world.qsbr());
    CHECK(wait_for([&] { return rte_rcu_qsbr_check(world.qsbr(), token, false) == 1; }));
  }
  // A packet wakes it up by being there.
  world.start_polling();
  world.port().give(0, world.framed(to_home(world)));
  CHECK(wait_for([&] { return world.counted(0, Counter::Sent) == 1; }));
}

TEST_CASE("a busy worker does not sleep", "[worker]") {
  World world;
  REQUIRE(wait_for([&] { return world.loops(0) > 1000; }));
  CHECK(world.worker(0).counters().sleeps.value() == 0);
}

TEST_CASE("a worker that has stopped holds up no grace period", "[worker]") {
  World world;
  world.one_loop_later(0);
  world.stop();
  const std::uint64_t token = rte_rcu_qsbr_start(world.qsbr());
  CHECK(rte_rcu_qsbr_check(world.qsbr(), token, false) == 1);
}

TEST_CASE("used next hops are noted, once until asked", "[worker]") {
  World world;
  world.start_polling();
  world.port().give(0, world.framed(to_home(world)));
  REQUIRE(wait_for([&] { return world.counted(0, Counter::Sent) == 1; }));
  world.stop();
  unsigned used = 0;
  for (AdjacencyIndex i = 0; i < 32; ++i) {
    used += world.worker(0).take_used(i) ? 1 : 0;
    CHECK_FALSE(world.worker(0).take_used(i));
  }
  CHECK(used == 1);
}
