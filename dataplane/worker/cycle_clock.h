// Time out of the cycle counter: what a worker can afford to read once per loop.
#pragma once

#include <cstdint>

#include <rte_cycles.h>

#include "common/time.h"

namespace anyhome::dataplane {

class CycleClock {
 public:
  CycleClock() : hz_(rte_get_tsc_hz()) {
    // Nanoseconds per cycle as a fraction of 2^32.
    __extension__ using Wide = unsigned __int128;
    scale_ = static_cast<std::uint64_t>((Wide{1'000'000'000ULL} << 32U) / hz_);
  }

  static std::uint64_t cycles() { return rte_rdtsc(); }
  [[nodiscard]] std::uint64_t hz() const { return hz_; }
  [[nodiscard]] Duration duration(std::uint64_t cycles) const {
    __extension__ using Wide = unsigned __int128;
    return Duration(static_cast<std::int64_t>((Wide{cycles} * scale_) >> 32U));
  }
  [[nodiscard]] Instant instant(std::uint64_t cycles) const { return Instant(duration(cycles)); }

 private:
  std::uint64_t hz_;
  std::uint64_t scale_;
};

}  // namespace anyhome::dataplane
