// The one place where the daemon reads a clock.
#pragma once

#include <ctime>

#include "common/time.h"

namespace anyhome {

inline Duration read_clock(clockid_t id) {
  timespec time{};
  clock_gettime(id, &time);
  return std::chrono::seconds(time.tv_sec) + Duration(time.tv_nsec);
}

inline Now read_now() {
  return {Instant(read_clock(CLOCK_MONOTONIC)), WallTime(read_clock(CLOCK_REALTIME))};
}

}  // namespace anyhome
