// A lane: the receive queues of a worker and the way out of what came in by them.
//
// Whoever sends much through one pair of addresses, as the HAHA link of a peer does, fills one
// receive queue, and one worker. So a worker that has nothing to do may serve a burst of a lane
// that is behind. No frame crosses from core to core then: who receives it does all of it.
//
// Order is kept by tickets. Receiving is for one at a time, and each burst takes the next ticket;
// sending is in the order of the tickets, by whoever has them. So what came in by a queue leaves by
// the lane's transmit queues in the same order, and both are used by one thread at a time, as
// ethdev demands. Workers write what they share once for a burst.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_spinlock.h>

#include "dataplane/io/packet_ring.h"
#include "dataplane/pipeline/entry.h"
#include "dataplane/pipeline/environment.h"

namespace anyhome::dataplane {

// A receive queue in DPDK's numbers, and the port it belongs to in ours.
struct PollQueue {
  std::uint16_t port = 0;
  std::uint16_t device = 0;
  std::uint16_t queue = 0;
};

// Where a lane's frames for one port go.
struct TransmitPath {
  std::uint16_t device = 0;  // DPDK's port number
  std::uint16_t queue = 0;
  bool multi_segment = false;
  PacketRing* to_owner = nullptr;           // set: another lane owns the queue
  const std::atomic<bool>* down = nullptr;  // set: says that the port has no link
};

class Lane {
 public:
  using Ticket = std::uint64_t;

  // `shared`: others than the owner may serve it. Only such a lane has tickets.
  Lane(std::vector<PollQueue> receive, std::vector<TransmitPath> transmit, bool shared)
      : queues_(receive.begin(), receive.end()), transmit_(std::move(transmit)), shared_(shared) {}

  [[nodiscard]] std::size_t queues() const { return queues_.size(); }
  [[nodiscard]] const std::vector<TransmitPath>& transmit() const { return transmit_; }
  [[nodiscard]] bool shared() const { return shared_; }

  struct Burst {
    unsigned packets = 0;
    std::uint16_t port = 0;  // that they came in on
    Ticket ticket = 0;       // if there are any
  };

  // The owner. receive(queue, most) says how many packets it got of so many at most. A queue that
  // gives full bursts until they come to kMaxBurst packets is behind, until one gives less than
  // half of that. While it is, bursts are of kMaxBurst, whatever `usual` is: there is no delay left
  // to be kept short, and what sharing costs it costs by the burst.
  template <class Receive>
  Burst take(std::size_t queue, unsigned usual, Receive&& receive) {
    const bool behind = is_behind(queue);
    const unsigned most = behind ? kMaxBurst : usual;
    if (shared_) {
      enter();
    }
    const Burst burst = receive_from(queue, most, receive);
    if (shared_) {
      leave();
    }
    if (behind) {
      if (burst.packets < kStillBehind) {
        set_behind(queue, false);
      }
    } else if (burst.packets < most) {
      queues_[queue].in_full_bursts = 0;
    } else if ((queues_[queue].in_full_bursts += burst.packets) >= kMaxBurst) {
      queues_[queue].in_full_bursts = 0;
      set_behind(queue, true);
    }
    return burst;
  }

  // Anybody else: nothing unless a queue is behind and nobody is receiving at this moment. Of
  // several queues each has its turn.
  template <class Receive>
  Burst help(Receive&& receive) {
    const std::uint64_t marks = behind_.load(std::memory_order_relaxed);
    if (marks == 0 || rte_spinlock_is_locked(&door_.lock) != 0 ||
        rte_spinlock_trylock(&door_.lock) == 0) {
      return {};
    }
    const std::uint64_t from_there = std::rotr(marks, static_cast<int>(door_.helped_next));
    const auto queue =
        (door_.helped_next + static_cast<unsigned>(std::countr_zero(from_there))) % kMarks;
    door_.helped_next = (queue + 1) % kMarks;
    const Burst burst = receive_from(queue, kMaxBurst, receive);
    leave();
    if (burst.packets < kStillBehind) {
      set_behind(queue, false);
    }
    return burst;
  }

  // For what the owner sends of its own: after all that has been received so far.
  Ticket ticket() {
    enter();
    const Ticket ticket = door_.next++;
    leave();
    return ticket;
  }

  // It is going to be our turn soon: has what `await` looks at fetched, to be written. An
  // instruction by name: __builtin_prefetch makes a read of it for processors that may lack it.
  void prepare() const { asm volatile("prefetchw %0" : : "m"(door_)); }

  // Before anything is sent with a ticket. Those before it are bursts under way, so it is soon.
  // Returns how many cycles it took.
  std::uint64_t await(Ticket ticket) const {
    return wait_until([&] { return door_.sending.load(std::memory_order_acquire) == ticket; });
  }

  // Every ticket has to be given back, after `await`.
  void done(Ticket ticket) { door_.sending.store(ticket + 1, std::memory_order_release); }

 private:
  struct Queue {
    explicit Queue(const PollQueue& which) : device(which) {}
    PollQueue device;
    unsigned in_full_bursts = 0;  // packets since the last burst that was not full
  };
  // Queues beyond them are never helped.
  static constexpr unsigned kMarks = 64;
  static constexpr unsigned kStillBehind = kMaxBurst / 2;

  [[nodiscard]] bool is_behind(std::size_t queue) const {
    return queue < kMarks && (behind_.load(std::memory_order_relaxed) >> queue & 1U) != 0;
  }
  void set_behind(std::size_t queue, bool behind) {
    if (queue >= kMarks) {
      return;
    }
    const std::uint64_t mark = std::uint64_t{1} << queue;
    if (behind) {
      behind_.fetch_or(mark, std::memory_order_relaxed);
    } else {
      behind_.fetch_and(~mark, std::memory_order_relaxed);
    }
  }

  // Returns how many cycles it took, if it took any time at all.
  template <class Condition>
  static std::uint64_t wait_until(Condition&& condition) {
    if (condition()) [[likely]] {
      return 0;
    }
    // Longer than a burst takes: whoever is in the way is not running, for want of a processor.
    constexpr std::uint64_t kLong = 50'000;
    const std::uint64_t start = rte_rdtsc();
    std::uint64_t waited = 0;
    do {
      if (waited < kLong) {
        rte_pause();
      } else {
        std::this_thread::yield();
      }
      waited = rte_rdtsc() - start;
    } while (!condition());
    return waited;
  }

  void enter() {
    wait_until([&] { return rte_spinlock_trylock(&door_.lock) != 0; });
  }
  void leave() { rte_spinlock_unlock(&door_.lock); }

  template <class Receive>
  Burst receive_from(std::size_t queue, unsigned most, Receive& receive) {
    const PollQueue& from = queues_[queue].device;
    Burst burst{receive(from, most), from.port, 0};
    if (shared_ && burst.packets != 0) {
      burst.ticket = door_.next++;
    }
    return burst;
  }

  // In one line: who has just sent is going to receive again.
  struct alignas(kCacheLine) Door {
    rte_spinlock_t lock = RTE_SPINLOCK_INITIALIZER;
    unsigned helped_next = 0;  // queue
    Ticket next = 0;
    std::atomic<Ticket> sending = 0;
  };

  std::vector<Queue> queues_;
  std::vector<TransmitPath> transmit_;
  bool shared_;
  Door door_;
  // A bit for each queue that is behind. Read by all who have nothing to do, so written only when
  // it changes.
  alignas(kCacheLine) std::atomic<std::uint64_t> behind_ = 0;
};

}  // namespace anyhome::dataplane
