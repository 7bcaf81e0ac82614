// What one worker counts. It alone writes; anybody may read, any time. Sums over workers and
// differences to a baseline are the reader's.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/forwarding/counters.h"
#include "common/forwarding/drop_reason.h"
#include "dataplane/pipeline/entry.h"

namespace anyhome::dataplane {

// A counter with one writer: a plain addition, no locked instruction.
class Tally {
 public:
  void add(std::uint64_t by) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

struct alignas(kCacheLine) WorkerCounters {
  std::array<Tally, forwarding::kCounterCount> counters;
  std::array<Tally, forwarding::kDropReasonCount> drops;
  Tally loops;          // heartbeat
  Tally busy_cycles;    // of loops that had packets
  Tally total_cycles;   // of all loops, sleep included
  Tally sleeps;         // with `idle`
  Tally bursts;         // receive calls that gave packets
  Tally helped;         // packets of other workers' queues
  Tally waited_cycles;  // for the turn to send, where work is shared
};

}  // namespace anyhome::dataplane
