// How registrations went: answers by status and their latency.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "common/time.h"

namespace anyhome::mobile {

// Log-linear buckets over microseconds: 32 per power of two, so a quantile is off by 3 % at most.
class LatencyHistogram {
 public:
  void add(Duration latency) {
    const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::microseconds>(latency).count()));
    ++buckets_[bucket(us)];
    min_ = count_ == 0 ? us : std::min(min_, us);
    max_ = std::max(max_, us);
    sum_ += us;
    ++count_;
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t min_us() const { return min_; }
  [[nodiscard]] std::uint64_t max_us() const { return max_; }
  [[nodiscard]] std::uint64_t average_us() const { return count_ == 0 ? 0 : sum_ / count_; }

  // The latency that `percent` of all answers did not exceed: upper end of its bucket.
  [[nodiscard]] std::uint64_t percentile_us(unsigned percent) const {
    const std::uint64_t rank = (count_ * percent + 99) / 100;
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen >= rank && seen != 0) {
        return std::min(upper_end(i), max_);
      }
    }
    return max_;
  }

 private:
  static constexpr unsigned kSubBits = 5;
  static constexpr std::uint64_t kSub = 1U << kSubBits;
  static constexpr unsigned kMaxBits = 32;  // 71 minutes; anything longer counts as that

  static std::size_t bucket(std::uint64_t us) {
    us = std::min(us, (std::uint64_t{1} << kMaxBits) - 1);
    if (us < kSub) {
      return us;
    }
    const auto shift = static_cast<unsigned>(std::bit_width(us)) - kSubBits - 1;
    return (shift + 1) * kSub + ((us >> shift) - kSub);
  }
  static std::uint64_t upper_end(std::size_t index) {
    if (index < kSub) {
      return index;
    }
    const auto shift = static_cast<unsigned>(index / kSub - 1);
    return ((index % kSub + kSub + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (kMaxBits - kSubBits + 1) * kSub> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t min_ = 0;
  std::uint64_t max_ = 0;
};

struct Statistics {
  std::array<std::uint64_t, 256> by_status{};
  LatencyHistogram latency;
};

}  // namespace anyhome::mobile
