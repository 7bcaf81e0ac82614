// Workers that run: what they receive, send, are given by the control thread and tell it.
#include <poll.h>

#include "test/dpdk/running_workers.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using forwarding::Counter;

namespace {

// How often the eventfd was written since it was read last; not at all reads as 0.
std::uint64_t wakes(const WakeSignal& wake) {
  std::uint64_t count = 0;
  return read(wake.fd(), &count, sizeof count) == sizeof count ? count : 0;
}

}  // namespace

TEST_CASE("nothing is received before the ports have been started", "[worker]") {
  RunningWorkers world;
  world.port().give(0, world.framed(to_home(world)));
  world.one_loop_later(0);
  world.one_loop_later(1);
  CHECK(world.counted(0, Counter::Received) == 0);
  world.start_polling();
  REQUIRE(wait_for([&] { return world.counted(0, Counter::Sent) == 1; }));
}

TEST_CASE("each worker serves its queue; one owns the way out", "[worker]") {
  RunningWorkers world;
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
  RunningWorkers world;
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
  RunningWorkers world;
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
  RunningWorkers world;
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
  RunningWorkers world;
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
  RunningWorkers world;
  world.one_loop_later(0);
  world.one_loop_later(1);
  world.stop();
  const std::uint64_t last = world.loops(0);
  CHECK(world.loops(0) == last);
  CHECK(last > 0);
}

TEST_CASE("an idle worker sleeps, and nobody waits for it to be quiescent", "[worker]") {
  RunningWorkers world({.idle = true});
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
  RunningWorkers world;
  REQUIRE(wait_for([&] { return world.loops(0) > 1000; }));
  CHECK(world.worker(0).counters().sleeps.value() == 0);
}

TEST_CASE("a worker that has stopped holds up no grace period", "[worker]") {
  RunningWorkers world;
  world.one_loop_later(0);
  world.stop();
  const std::uint64_t token = rte_rcu_qsbr_start(world.qsbr());
  CHECK(rte_rcu_qsbr_check(world.qsbr(), token, false) == 1);
}

TEST_CASE("used next hops are noted, once until asked", "[worker]") {
  RunningWorkers world;
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
