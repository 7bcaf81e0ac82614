// The one source of chance in a simulation: a seed gives the same numbers everywhere.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/time.h"

namespace anyhome::sim {

// splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31U);
  }

  // 0..bound-1; the bias of a modulo is of no importance for bounds this small.
  std::uint64_t below(std::uint64_t bound) { return bound == 0 ? 0 : next() % bound; }
  std::uint64_t between(std::uint64_t least, std::uint64_t most) {
    return least + below(most - least + 1);
  }
  Duration between(Duration least, Duration most) {
    return least + Duration(static_cast<std::int64_t>(
                       below(static_cast<std::uint64_t>((most - least).count()) + 1)));
  }
  double unit() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }
  bool chance(double probability) { return probability > 0 && unit() < probability; }

  // A stream of its own, so that what one part draws does not depend on another part.
  Random split() { return Random(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace anyhome::sim
