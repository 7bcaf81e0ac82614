#include "apps/anyhome-pktgen/engine.h"

#include <algorithm>

#include <rte_cycles.h>
#include <rte_ethdev.h>

#include "apps/anyhome-pktgen/node_table.h"
#include "common/wire/mobility.h"

namespace anyhome::pktgen {
namespace {

constexpr std::uint16_t kBurst = 32;
// With --idle, a loop that has nothing to do sleeps so long.
constexpr unsigned kIdleMicroseconds = 30;
// A driver that takes nothing for so long after the end takes nothing any more.
constexpr std::chrono::milliseconds kFlushPatience{20};
// Where time stands in packets: so much for each, from 2026-01-01 on.
constexpr std::chrono::microseconds kReproducibleStep{1};
constexpr WallTime kReproducibleStart{std::chrono::seconds(1'767'225'600)};

}  // namespace

TickClock::TickClock()
    : start_(rte_rdtsc()),
      nanoseconds_per_cycle_(1e9 / static_cast<double>(rte_get_tsc_hz())),
      wall_start_(std::chrono::duration_cast<Duration>(
          std::chrono::system_clock::now().time_since_epoch())) {}

std::chrono::nanoseconds TickClock::now() const {
  return std::chrono::nanoseconds(static_cast<std::int64_t>(
      static_cast<double>(rte_rdtsc() - start_) * nanoseconds_per_cycle_));
}

void Engine::run() {
  while (!command_.quit.load(std::memory_order_relaxed)) {
    take_preparation();
    const bool sent = send();
    const bool received = receive();
    const bool spoke = setup_.speaks_for_peer && speak_for_peer();
    if (setup_.idle && !sent && !received && !spoke) {
      rte_delay_us_sleep(kIdleMicroseconds);
    }
  }
  for (Waiting& waiting : waiting_) {
    rte_pktmbuf_free_bulk(waiting.frames.data(), static_cast<unsigned>(waiting.count));
    waiting.count = 0;
  }
}

void Engine::take_preparation() {
  const std::uint32_t number = command_.prepared.load(std::memory_order_acquire);
  if (number == prepared_.load(std::memory_order_relaxed)) {
    return;
  }
  run_ = std::move(next_);
  prepared_.store(number, std::memory_order_release);
}

bool Engine::send() {
  const std::uint32_t number = command_.go.load(std::memory_order_acquire);
  if (number == 0 || number != prepared_.load(std::memory_order_relaxed) ||
      number == finished_.load(std::memory_order_relaxed)) {
    return false;
  }
  // Then the first packet is due, even when this thread loses its processor in between.
  const bool first = sending_ != number;
  if (first) {
    sending_ = number;
    started_ = clock_.now();
    composed_ = 0;
    exhausted_ = run_->composer == nullptr;
    over_since_.reset();
  }
  const auto since = first ? std::chrono::nanoseconds{0} : clock_.now() - started_;
  const bool over = exhausted_ || composed_ >= run_->share.count || since >= run_->share.duration ||
                    command_.stop.load(std::memory_order_relaxed);
  bool busy = false;
  if (!over) {
    const std::uint64_t due = std::min(packets_due(run_->share.rate, since), run_->share.count);
    busy = due > composed_ && compose(since, due - composed_);
  }
  for (std::size_t port = 0; port < waiting_.size(); ++port) {
    flush(port);
  }
  run_->sent.nanoseconds.set(
      static_cast<std::uint64_t>(std::min(since, run_->share.duration).count()));
  if (over && has_flushed(since)) {
    finish(since);
  }
  return busy;
}

// At most a burst, and no more than every port has room for; whether there was anything.
bool Engine::compose(std::chrono::nanoseconds since, std::uint64_t wanted) {
  std::size_t room = kBurst;
  for (const Waiting& waiting : waiting_) {
    room = std::min(room, Waiting::kRoom - waiting.count);
  }
  const auto count = static_cast<std::uint16_t>(std::min<std::uint64_t>(wanted, room));
  std::array<rte_mbuf*, kBurst> frames{};
  if (count == 0 || rte_pktmbuf_alloc_bulk(setup_.pool, frames.data(), count) != 0) {
    return false;
  }
  const std::size_t largest = run_->composer->largest();
  const auto moment = started_ + since;
  for (std::uint16_t i = 0; i < count; ++i) {
    const Duration step = kReproducibleStep * static_cast<std::int64_t>(composed_);
    const auto ticks = TickClock::ticks(run_->reproducible ? step : moment);
    const WallTime wall = run_->reproducible ? kReproducibleStart + step : clock_.wall(moment);
    auto* data = rte_pktmbuf_mtod(frames[i], std::byte*);
    const Composed composed = run_->composer->compose({data, largest}, ticks, wall);
    if (composed.size == 0) {
      exhausted_ = true;
      rte_pktmbuf_free_bulk(frames.data() + i, count - i);
      return true;
    }
    frames[i]->data_len = static_cast<std::uint16_t>(composed.size);
    frames[i]->pkt_len = static_cast<std::uint32_t>(composed.size);
    Waiting& waiting = waiting_[composed.port];
    waiting.frames[waiting.count] = frames[i];
    waiting.entries[waiting.count++] = composed.entry;
    ++composed_;
  }
  return true;
}

void Engine::flush(std::size_t port) {
  Waiting& waiting = waiting_[port];
  if (waiting.count == 0) {
    return;
  }
  // Lengths before the frames are the driver's.
  std::array<std::uint32_t, Waiting::kRoom> bytes{};
  for (std::size_t i = 0; i < waiting.count; ++i) {
    bytes[i] = waiting.frames[i]->pkt_len + kFcs;
  }
  const PortQueue& queue = setup_.queues.transmit[port];
  const std::uint16_t taken = rte_eth_tx_burst(queue.port, queue.queue, waiting.frames.data(),
                                               static_cast<std::uint16_t>(waiting.count));
  for (std::uint16_t i = 0; i < taken; ++i) {
    SentCounts::Entry& entry = run_->sent.entries[waiting.entries[i]];
    entry.packets.add(1);
    entry.bytes.add(bytes[i]);
  }
  std::copy(waiting.frames.begin() + taken,
            waiting.frames.begin() + static_cast<std::ptrdiff_t>(waiting.count),
            waiting.frames.begin());
  std::copy(waiting.entries.begin() + taken,
            waiting.entries.begin() + static_cast<std::ptrdiff_t>(waiting.count),
            waiting.entries.begin());
  waiting.count -= taken;
}

bool Engine::all_flushed() const {
  return std::ranges::all_of(waiting_, [](const Waiting& waiting) { return waiting.count == 0; });
}

// Or nothing more will come of it.
bool Engine::has_flushed(std::chrono::nanoseconds since) {
  if (!over_since_) {
    over_since_ = since;
  }
  return all_flushed() || since - *over_since_ >= kFlushPatience;
}

void Engine::finish(std::chrono::nanoseconds since) {
  // What the driver does not take has not been sent.
  for (Waiting& waiting : waiting_) {
    rte_pktmbuf_free_bulk(waiting.frames.data(), static_cast<unsigned>(waiting.count));
    waiting.count = 0;
  }
  run_->sent.nanoseconds.set(
      static_cast<std::uint64_t>(std::min(since, run_->share.duration).count()));
  finished_.store(sending_, std::memory_order_release);
}

bool Engine::speak_for_peer() {
  const auto now = clock_.now();
  const PeerDuty::Frame due = setup_.peer->next(now, clock_.wall(now));
  if (due.frame == nullptr) {
    return false;
  }
  const PortQueue& queue = setup_.queues.transmit[due.port];
  rte_mbuf* frame = due.frame;
  if (rte_eth_tx_burst(queue.port, queue.queue, &frame, 1) == 0) {
    rte_pktmbuf_free(frame);
  }
  return true;
}

bool Engine::receive() {
  bool any = false;
  for (const PortQueue& queue : setup_.queues.receive) {
    std::array<rte_mbuf*, kBurst> frames{};
    const std::uint16_t count =
        rte_eth_rx_burst(queue.port, queue.queue, frames.data(), frames.size());
    if (count == 0) {
      continue;
    }
    any = true;
    const std::uint32_t ticks = TickClock::ticks(clock_.now());
    for (std::uint16_t i = 0; i < count; ++i) {
      rte_prefetch0(rte_pktmbuf_mtod(frames[i], void*));
    }
    for (std::uint16_t i = 0; i < count; ++i) {
      take(*frames[i], queue, ticks);
    }
    rte_pktmbuf_free_bulk(frames.data(), count);
  }
  return any;
}

void Engine::take(const rte_mbuf& frame, const PortQueue& from, std::uint32_t ticks) {
  ReceivedCounts& counts = run_->received;
  const Inspected seen = inspect({rte_pktmbuf_mtod(&frame, const std::byte*), frame.data_len},
                                 run_->settings->network.code_points);
  switch (seen.seen) {
    case Seen::Marked:
      if (seen.mark.run != static_cast<std::uint8_t>(prepared_.load(std::memory_order_relaxed)) ||
          seen.mark.stream >= counts.streams.size()) {
        counts.stale.add(1);
        break;
      }
      counts.count(seen.mark, seen.tunnels, frame.pkt_len + kFcs, ticks);
      break;
    case Seen::BindingAcknowledgement:
      take_acknowledgement(seen);
      break;
    case Seen::StateAcknowledgement:
      take_state_acknowledgement(seen);
      break;
    case Seen::StateQuestion:
      counts.state_questions.add(1);
      if (setup_.peer != nullptr) {
        setup_.peer->take(seen.packet, from.index);
      }
      break;
    case Seen::Hello:
      counts.hellos.add(1);
      break;
    case Seen::Icmpv6Error:
      counts.icmpv6_errors[seen.status].add(1);
      break;
    case Seen::NeighborSolicitation:
      counts.neighbor_solicitations.add(1);
      break;
    case Seen::Other:
      counts.other.add(1);
      break;
  }
}

void Engine::take_state_acknowledgement(const Inspected& seen) {
  const auto acknowledgement =
      wire::parse_state_synchronization(seen.message, run_->settings->network.code_points);
  if (acknowledgement) {
    run_->received.count_state_acknowledgement(acknowledgement->statuses);
  } else {
    run_->received.other.add(1);
  }
}

void Engine::take_acknowledgement(const Inspected& seen) {
  run_->received.acknowledgements[seen.status].add(1);
  const Ipv6Address& first = run_->settings->network.first_home.address();
  const std::uint64_t node = lower_half(seen.node) - lower_half(first);
  if (node >= run_->nodes->size() || counted_on(first, node) != seen.node) {
    return;
  }
  const auto status = static_cast<wire::BindingStatus>(seen.status);
  if (wire::is_accepted(status)) {
    run_->nodes->set_registered(static_cast<std::uint32_t>(node));
    run_->nodes->set_accepted(static_cast<std::uint32_t>(node), seen.sequence);
  } else if (status == wire::BindingStatus::SequenceOutOfWindow) {
    run_->nodes->restart_sequence(static_cast<std::uint32_t>(node), seen.sequence);
  }
}

}  // namespace anyhome::pktgen
