#include "apps/anyhome-pktgen/pattern.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace anyhome::pktgen {

// The density x^-s is integrated in closed form; a random point under that hat is inverted to a
// real number, rounded to a rank and nearly always accepted.
Zipf::Zipf(std::uint64_t count, double exponent)
    : count_(count),
      exponent_(exponent),
      low_(0),
      high_(integral(static_cast<double>(count) + 0.5)),
      shortcut_(0) {
  low_ = integral(1.5) - 1;
  shortcut_ = 2 - inverse(integral(2.5) - density(2));
}

double Zipf::density(double x) const { return std::exp(-exponent_ * std::log(x)); }

double Zipf::integral(double x) const {
  const double log_x = std::log(x);
  const double t = (1 - exponent_) * log_x;
  // (x^(1-s) - 1) / (1 - s), and its limit where s is 1.
  return std::abs(t) > 1e-8 ? std::expm1(t) / t * log_x : (1 + t / 2) * log_x;
}

double Zipf::inverse(double y) const {
  const double t = std::max(y * (1 - exponent_), -1.0);
  return std::exp(std::abs(t) > 1e-8 ? std::log1p(t) / t * y : (1 - t / 2) * y);
}

std::uint64_t Zipf::next(Random& random) const {
  while (true) {
    const double u = high_ + random.unit() * (low_ - high_);
    const double x = inverse(u);
    const double rank = std::clamp(std::floor(x + 0.5), 1.0, static_cast<double>(count_));
    if (rank - x <= shortcut_ || u >= integral(rank + 0.5) - density(rank)) {
      return static_cast<std::uint64_t>(rank);
    }
  }
}

Pattern::Pattern(const PatternSettings& settings, std::uint64_t count)
    : settings_(settings), count_(count), zipf_(count, settings.exponent) {
  if (settings.order == Order::Zipf) {
    // Near the golden section of the count, so that neighbours in rank lie far apart.
    stride_ =
        std::max<std::uint64_t>(1, static_cast<std::uint64_t>(static_cast<double>(count) * 0.618));
    while (std::gcd(stride_, count) != 1) {
      ++stride_;
    }
  }
}

}  // namespace anyhome::pktgen
