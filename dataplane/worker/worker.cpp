#include "dataplane/worker/worker.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <rte_ethdev.h>

namespace anyhome::dataplane {
namespace {

// Control-originated packets a worker serves before it looks at its queues again.
constexpr unsigned kInjectsPerLoop = 8;
// With `idle`: this long without packets, then naps of 50 µs, doubling to 1 ms.
constexpr Duration kIdleAfter = std::chrono::milliseconds(10);
constexpr unsigned kFirstNapUs = 50;
constexpr unsigned kLongestNapUs = 1000;
// Not more than one write to the eventfd in this time.
constexpr Duration kWakeInterval = std::chrono::microseconds(100);

Origin origin_of(InjectKind kind) {
  return kind == InjectKind::Host ? Origin::Host : Origin::Control;
}

}  // namespace

Worker::Worker(WorkerSetup setup)
    : setup_(std::move(setup)),
      counters_(std::make_unique<WorkerCounters>()),
      used_(setup_.adjacencies),
      transmitter_(*setup_.lane, *counters_),
      handoff_(setup_.hand_to, *counters_),
      handed_(setup_.taken_from.begin(), setup_.taken_from.end()),
      environment_(setup_.tables, setup_.pool, *setup_.punts, transmitter_, handoff_, *counters_,
                   used_),
      pipeline_(setup_.pipeline, environment_) {}

void Worker::run() {
  rte_rcu_qsbr_thread_online(setup_.qsbr, setup_.index);
  std::uint64_t before = CycleClock::cycles();
  last_busy_ = before;
  while (!stopping_.load(std::memory_order_relaxed)) {
    environment_.set_now(clock_.instant(before));
    counters_->loops.add(1);
    unsigned served = serve_injects() + serve_queues() + serve_taken() + serve_adopted();
    if (served == 0 && !setup_.others.empty()) {
      served = help();
    }
    pipeline_.on_time();
    transmitter_.flush_all();
    handoff_.flush_all();
    if (environment_.take_punted() && setup_.wake->sleeper_needs_waking() &&
        clock_.duration(before - last_wake_) >= kWakeInterval) {
      setup_.wake->wake();
      last_wake_ = before;
    }
    rte_rcu_qsbr_quiescent(setup_.qsbr, setup_.index);
    const std::uint64_t after = CycleClock::cycles();
    counters_->total_cycles.add(after - before);
    if (served != 0) {
      counters_->busy_cycles.add(after - before);
      last_busy_ = after;
      nap_us_ = 0;
    } else if (setup_.idle && clock_.duration(after - last_busy_) >= kIdleAfter) {
      nap();
    }
    before = after;
  }
  rte_rcu_qsbr_thread_offline(setup_.qsbr, setup_.index);
}

unsigned Worker::serve_injects() {
  std::array<rte_mbuf*, kInjectsPerLoop> packets;
  const unsigned taken = setup_.injects->pop(packets);
  const int offset = mbuf_note_offset();
  for (unsigned i = 0; i < taken; ++i) {
    const InjectMetadata inject = note_of(packets[i], offset).inject;
    if (inject.kind == InjectKind::Frame) {
      environment_.count(forwarding::Counter::Injected, 1);
      environment_.count(forwarding::Counter::Sent, 1);
      environment_.count(forwarding::Counter::SentBytes, packets[i]->pkt_len);
      transmitter_.send(inject.port, packets[i]);
    } else {
      pipeline_.originate(origin_of(inject.kind), inject.kind != InjectKind::Signalling,
                          std::span<rte_mbuf* const>(&packets[i], 1));
    }
  }
  return taken;
}

unsigned Worker::serve_queues() {
  if (!polling_.load(std::memory_order_acquire)) [[unlikely]] {
    return 0;
  }
  Lane& lane = *setup_.lane;
  unsigned served = 0;
  std::array<rte_mbuf*, kMaxBurst> packets;
  for (std::size_t queue = 0; queue < lane.queues(); ++queue) {
    const Lane::Burst burst = lane.take(queue, setup_.burst, receiving_into(packets));
    served += serve(lane, burst, packets);
  }
  return served;
}

// One burst of the next one who is behind.
unsigned Worker::help() {
  if (!polling_.load(std::memory_order_acquire)) [[unlikely]] {
    return 0;
  }
  transmitter_.flush_all();  // what waits is not that lane's
  std::array<rte_mbuf*, kMaxBurst> packets;
  for (std::size_t i = 0; i < setup_.others.size(); ++i) {
    Lane& lane = *setup_.others[next_to_help_++ % setup_.others.size()];
    const Lane::Burst burst = lane.help(receiving_into(packets));
    if (burst.packets != 0) {
      counters_->helped.add(burst.packets);
      return serve(lane, burst, packets);
    }
  }
  return 0;
}

// A burst of ours, or of a lane that we help.
unsigned Worker::serve(Lane& lane, const Lane::Burst& burst, std::span<rte_mbuf* const> packets) {
  if (burst.packets == 0) {
    return 0;
  }
  packets = packets.first(burst.packets);
  counters_->bursts.add(1);
  prefetch_frames(packets);
  if (lane.shared()) {
    transmitter_.begin(lane, burst.ticket);
  }
  pipeline_.receive(burst.port, packets);
  if (lane.shared()) {
    transmitter_.flush_all();
  }
  return burst.packets;
}

// What others have received for us.
unsigned Worker::serve_taken() {
  unsigned served = 0;
  for (HandedFrames& handed : handed_) {
    served += handed.serve(kMaxBurst,
                           [&](auto ports, auto frames) { pipeline_.take_over(ports, frames); });
  }
  return served;
}

unsigned Worker::serve_adopted() {
  unsigned served = 0;
  for (const WorkerSetup::Adopted& adopted : setup_.adopted) {
    // All of it: several workers may have filled it, while we were at a burst of our own.
    std::array<rte_mbuf*, kMaxBurst> frames;
    for (unsigned left = adopted.ring->count(); left != 0;) {
      const unsigned taken = adopted.ring->pop(std::span(frames).first(std::min(left, kMaxBurst)));
      for (unsigned i = 0; i < taken; ++i) {
        transmitter_.send(adopted.port, frames[i]);
      }
      left -= taken;
      served += taken;
    }
  }
  return served;
}

void Worker::nap() {
  nap_us_ = std::clamp(nap_us_ * 2, kFirstNapUs, kLongestNapUs);
  counters_->sleeps.add(1);
  // Whoever waits for us to be quiescent need not wait for the nap.
  rte_rcu_qsbr_thread_offline(setup_.qsbr, setup_.index);
  const timespec duration{0, static_cast<long>(nap_us_) * 1000};
  nanosleep(&duration, nullptr);
  rte_rcu_qsbr_thread_online(setup_.qsbr, setup_.index);
}

}  // namespace anyhome::dataplane
