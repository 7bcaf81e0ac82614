// A lane: the receive queues of a worker and the way out of what came in by them.
//
// Whoever sends much through one pair of addresses, as the HAHA link of a peer does, fills one
// receive queue, and one worker. So a worker that has nothing to do may serve a burst of a lane
// that is behind. Nothing of a packet crosses from core to core then: who receives it does all of
// it.
//
// Order is kept by tickets. Receiving is for one at a time, and each burst takes the next ticket;
// sending is in the order of the tickets, by whoever has them. So what came in by a queue leaves by
// the lane's transmit queues in the same order, and both are used by one thread at a time, as
// ethdev demands. Workers write what they share once for a burst.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <utility>
#include <vector>

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

  // `shared`: others than the owner may serve it.
  Lane(std::vector<PollQueue> receive, std::vector<TransmitPath> transmit, bool shared)
      : receive_(std::move(receive)), transmit_(std::move(transmit)), shared_(shared) {}

  [[nodiscard]] const std::vector<PollQueue>& queues() const { return receive_; }
  [[nodiscard]] const std::vector<TransmitPath>& transmit() const { return transmit_; }

  struct Burst {
    unsigned packets = 0;
    Ticket ticket = 0;  // if there are any
  };

  // The owner. receive(queue, most) says how many packets it got of so many at most. A burst that
  // is full means that there may be more: then the next one is of kMaxBurst, since what workers pay
  // for sharing they pay by the burst.
  template <class Receive>
  Burst take(std::size_t queue, unsigned most, Receive&& receive) {
    if (!shared_) {
      return {receive(receive_[queue], most), 0};
    }
    const auto mark = static_cast<std::uint32_t>(queue + 1);
    const std::uint32_t marked = behind_.load(std::memory_order_relaxed);
    const unsigned wanted = marked == mark ? kMaxBurst : most;
    enter();
    const Burst burst = receive_behind_the_door(queue, wanted, receive);
    rte_spinlock_unlock(&door_.lock);
    if (burst.packets == wanted) {
      if (marked != mark) {
        behind_.store(mark, std::memory_order_relaxed);
      }
    } else if (marked == mark) {
      behind_.store(kNone, std::memory_order_relaxed);
    }
    return burst;
  }

  // Anybody else: nothing unless the owner is behind.
  template <class Receive>
  Burst help(Receive&& receive) {
    const std::uint32_t mark = behind_.load(std::memory_order_relaxed);
    if (mark == kNone || rte_spinlock_trylock(&door_.lock) == 0) {
      return {};
    }
    const Burst burst = receive_behind_the_door(mark - 1, kMaxBurst, receive);
    rte_spinlock_unlock(&door_.lock);
    return burst;
  }

  // For what the owner sends of its own: after all that has been received so far.
  Ticket ticket() {
    if (!shared_) {
      return 0;
    }
    enter();
    const Ticket ticket = door_.next++;
    rte_spinlock_unlock(&door_.lock);
    return ticket;
  }

  // Before anything is sent with a ticket. Those before it are bursts under way, so it is soon.
  void await(Ticket ticket) const {
    if (shared_) {
      wait_until([&] { return door_.sending.load(std::memory_order_acquire) == ticket; });
    }
  }

  // It is going to be our turn soon: has what `await` looks at fetched, to be written.
  void prepare() const {
    if (shared_) {
      asm volatile("prefetchw %0" : : "m"(door_));
    }
  }

  // Every ticket has to be given back, after `await`.
  void done(Ticket ticket) {
    if (shared_) {
      door_.sending.store(ticket + 1, std::memory_order_release);
    }
  }

 private:
  static constexpr std::uint32_t kNone = 0;

  template <class Condition>
  static void wait_until(Condition&& condition) {
    // Longer than a burst takes: whoever is in the way is not running, for want of a processor.
    constexpr unsigned kPauses = 100;
    for (unsigned pauses = 0; !condition();) {
      if (++pauses < kPauses) {
        rte_pause();
      } else {
        std::this_thread::yield();
      }
    }
  }

  void enter() {
    wait_until([&] { return rte_spinlock_trylock(&door_.lock) != 0; });
  }

  template <class Receive>
  Burst receive_behind_the_door(std::size_t queue, unsigned most, Receive& receive) {
    const unsigned packets = receive(receive_[queue], most);
    return {packets, packets == 0 ? 0 : door_.next++};
  }

  // In one line: who has just sent is going to receive again.
  struct alignas(kCacheLine) Door {
    rte_spinlock_t lock = RTE_SPINLOCK_INITIALIZER;
    Ticket next = 0;
    std::atomic<Ticket> sending = 0;
  };

  std::vector<PollQueue> receive_;
  std::vector<TransmitPath> transmit_;
  bool shared_;
  Door door_;
  // The queue, plus one, whose last burst was full. Read by all who have nothing to do, so written
  // only when it changes.
  alignas(kCacheLine) std::atomic<std::uint32_t> behind_ = kNone;
};

}  // namespace anyhome::dataplane
