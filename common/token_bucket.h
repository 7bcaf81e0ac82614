// A token bucket (RFC 4443 §2.4 (f)): `rate` tokens per second, at most `burst` saved up.
#pragma once

#include <algorithm>
#include <cstdint>

#include "common/time.h"

namespace anyhome {

class TokenBucket {
 public:
  // A rate of 0 never gives a token. Starts full.
  constexpr TokenBucket(std::uint32_t rate_per_second, std::uint32_t burst)
      : rate_(rate_per_second),
        capacity_(std::int64_t{burst} * kUnitsPerToken),
        level_(capacity_),
        enough_(rate_ == 0 ? 0 : capacity_ / rate_ + 1) {}

  constexpr bool take(Instant now) {
    refill(now);
    if (level_ < kUnitsPerToken || rate_ == 0) {
      return false;
    }
    level_ -= kUnitsPerToken;
    return true;
  }

 private:
  // One token is a second's worth of nanoseconds, so that a nanosecond adds exactly `rate_` units.
  static constexpr std::int64_t kUnitsPerToken = 1'000'000'000;

  constexpr void refill(Instant now) {
    const std::int64_t elapsed = (now - last_).count();
    last_ = std::max(last_, now);
    if (elapsed <= 0 || rate_ == 0) {
      return;
    }
    level_ = std::min(capacity_, level_ + std::min(elapsed, enough_) * rate_);
  }

  std::int64_t rate_;
  std::int64_t capacity_;
  std::int64_t level_;
  // More than the time to fill the bucket is not worth counting, and could overflow.
  std::int64_t enough_;
  Instant last_{};
};

}  // namespace anyhome
