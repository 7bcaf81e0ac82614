// The time that this thread has worked, without what others had of the processor in between.
//
// The time stamp counter is cheap, but runs on while another thread has the processor; the
// thread's own clock does not, but a look at it costs half a microsecond. So both are read, the
// dear one outside of what is measured, and the smaller one counts.
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>

#include <rte_cycles.h>

#include "common/time.h"

namespace anyhome::bench {

class Stopwatch {
 public:
  void go() {
    processor_ = processor_time();
    ticks_ = rte_rdtsc_precise();
  }
  // What has passed since `go`.
  Duration stop() {
    const auto ticks = static_cast<double>(rte_rdtsc_precise() - ticks_);
    const Duration processor = processor_time() - processor_;
    const Duration passed(
        static_cast<std::int64_t>(ticks * 1e9 / static_cast<double>(rte_get_tsc_hz())));
    const Duration worked = std::min(passed, processor);
    total_ += worked;
    return worked;
  }
  [[nodiscard]] Duration total() const { return total_; }

 private:
  static Duration processor_time() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + Duration(now.tv_nsec);
  }

  std::uint64_t ticks_ = 0;
  Duration processor_{};
  Duration total_{};
};

inline double seconds_of(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace anyhome::bench
