// Measures how fast this core is, in some microseconds.
#pragma once

#include <cstdint>

#include <rte_cycles.h>

#include "apps/anyhome-bench/speed.h"

namespace anyhome::bench {

// Registers are added, not constants: processors do additions of constants several at once.
inline double additions_in_a_chain() {
  constexpr std::uint64_t kAdditions = 8000;
  std::uint64_t sum = 1;
  const std::uint64_t step = 3;
  const std::uint64_t start = rte_rdtsc_precise();
  for (std::uint64_t i = 0; i < kAdditions / 8; ++i) {
    asm volatile(
        "add %1, %0\n add %1, %0\n add %1, %0\n add %1, %0\n"
        "add %1, %0\n add %1, %0\n add %1, %0\n add %1, %0\n"
        : "+r"(sum)
        : "r"(step));
  }
  return static_cast<double>(kAdditions) / static_cast<double>(rte_rdtsc_precise() - start);
}

inline double additions_side_by_side() {
  constexpr std::uint64_t kAdditions = 16000;
  std::uint64_t a = 1;
  std::uint64_t b = 1;
  std::uint64_t c = 1;
  std::uint64_t d = 1;
  const std::uint64_t step = 3;
  const std::uint64_t start = rte_rdtsc_precise();
  for (std::uint64_t i = 0; i < kAdditions / 16; ++i) {
    asm volatile(
        "add %4, %0\n add %4, %1\n add %4, %2\n add %4, %3\n"
        "add %4, %0\n add %4, %1\n add %4, %2\n add %4, %3\n"
        "add %4, %0\n add %4, %1\n add %4, %2\n add %4, %3\n"
        "add %4, %0\n add %4, %1\n add %4, %2\n add %4, %3\n"
        : "+r"(a), "+r"(b), "+r"(c), "+r"(d)
        : "r"(step));
  }
  return static_cast<double>(kAdditions) / static_cast<double>(rte_rdtsc_precise() - start);
}

inline Speed current_speed() { return {additions_in_a_chain(), additions_side_by_side()}; }

}  // namespace anyhome::bench
