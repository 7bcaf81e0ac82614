// In which order a stream of traffic comes to its mobile nodes.
//
// Sequential is the kindest order to caches, uniform the harshest, Zipf what users look like: the
// node of rank k gets a share in proportion to 1 / k^exponent. Ranks are spread over the numbers,
// so that the busy ones are no neighbours in memory.
#pragma once

#include <cstdint>

#include "apps/anyhome-pktgen/random.h"

namespace anyhome::pktgen {

enum class Order : std::uint8_t {
  Sequential,
  Uniform,
  Zipf,
};

struct PatternSettings {
  Order order = Order::Sequential;
  double exponent = 1.0;  // of Zipf, above 0

  friend bool operator==(const PatternSettings&, const PatternSettings&) = default;
};

// Zipf by rejection-inversion (Hörmann and Derflinger 1996): no table, whatever the count.
class Zipf {
 public:
  // `count` at least 1.
  Zipf(std::uint64_t count, double exponent);
  // A rank, 1 to count.
  std::uint64_t next(Random& random) const;

 private:
  [[nodiscard]] double integral(double x) const;
  [[nodiscard]] double inverse(double y) const;
  [[nodiscard]] double density(double x) const;

  std::uint64_t count_;
  double exponent_;
  double low_;
  double high_;
  double shortcut_;
};

class Pattern {
 public:
  Pattern(const PatternSettings& settings, std::uint64_t count);

  // 0 to count - 1.
  std::uint64_t next(Random& random) {
    switch (settings_.order) {
      case Order::Sequential: {
        const std::uint64_t result = next_;
        next_ = next_ + 1 == count_ ? 0 : next_ + 1;
        return result;
      }
      case Order::Uniform:
        return random.below(count_);
      case Order::Zipf:
        break;
    }
    return spread(zipf_.next(random) - 1);
  }

 private:
  // One to one: the stride has no divisor in common with the count.
  [[nodiscard]] std::uint64_t spread(std::uint64_t rank) const {
    __extension__ using Wide = unsigned __int128;
    return static_cast<std::uint64_t>(static_cast<Wide>(rank) * stride_ % count_);
  }

  PatternSettings settings_;
  std::uint64_t count_;
  std::uint64_t next_ = 0;
  std::uint64_t stride_ = 1;
  Zipf zipf_;
};

}  // namespace anyhome::pktgen
