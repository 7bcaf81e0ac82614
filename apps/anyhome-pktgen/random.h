// Random numbers that are the same on every machine for the same seed.
#pragma once

#include <bit>
#include <cstdint>

namespace anyhome::pktgen {

// Spreads neighbouring seeds far apart (the finaliser of SplitMix64).
constexpr std::uint64_t mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31U);
}

// xoroshiro128+: a few instructions a number, which is what a sender has time for.
class Random {
 public:
  constexpr explicit Random(std::uint64_t seed) : a_(mix(seed)), b_(mix(seed + 1)) {}

  constexpr std::uint64_t next() {
    const std::uint64_t result = a_ + b_;
    const std::uint64_t x = a_ ^ b_;
    a_ = std::rotl(a_, 24) ^ x ^ (x << 16U);
    b_ = std::rotl(x, 37);
    return result;
  }

  // 0 to bound - 1, by multiplication: no division, a bias below bound / 2^64.
  constexpr std::uint64_t below(std::uint64_t bound) {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>((static_cast<Wide>(next()) * bound) >> 64U);
  }

  // [0, 1), 53 bits.
  constexpr double unit() { return static_cast<double>(next() >> 11U) * 0x1p-53; }

 private:
  std::uint64_t a_;
  std::uint64_t b_;
};

}  // namespace anyhome::pktgen
