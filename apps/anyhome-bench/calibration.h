// How fast this processor is at the moment: a neighbour on its other hardware thread slows down
// what computes by half, comes and goes within a fraction of a second, and does not show in our
// load.
#pragma once

#include <cstdint>

#include <rte_cycles.h>

namespace anyhome::bench {

// Dependent additions per tick of the time stamp counter. Above kQuiet nobody shares the core.
inline double additions_per_tick() {
  constexpr std::uint64_t kAdditions = 20000;
  std::uint64_t sum = 1;
  const std::uint64_t start = rte_rdtsc_precise();
  for (std::uint64_t i = 0; i < kAdditions / 8; ++i) {
    asm volatile(
        "add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0\n"
        "add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0\n"
        : "+r"(sum));
  }
  return static_cast<double>(kAdditions) / static_cast<double>(rte_rdtsc_precise() - start);
}

inline constexpr double kQuiet = 1.2;

}  // namespace anyhome::bench
