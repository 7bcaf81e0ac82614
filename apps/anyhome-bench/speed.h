// How fast a core is at a moment. A neighbour on its other hardware thread slows down what computes
// by half, comes and goes within milliseconds, and does not show in our load; the clock drifts with
// heat and with what the other cores do. Both show in how many additions a core does in a tick of
// the time stamp counter, which drifts with neither.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace anyhome::bench {

// Additions per tick.
struct Speed {
  double clock = 0;  // each waits for the one before: once per cycle of the core, whoever shares it
  double width = 0;  // four chains side by side: what of the core is left to us

  friend bool operator==(const Speed&, const Speed&) = default;
};

// Of what was seen, the least of each.
inline Speed slowest(const Speed& a, const Speed& b) {
  return {std::min(a.clock, b.clock), std::min(a.width, b.width)};
}
inline Speed fastest(const Speed& a, const Speed& b) {
  return {std::max(a.clock, b.clock), std::max(a.width, b.width)};
}

// A core by itself runs at its nominal clock at least, which is that of the time stamp counter,
// and does more than three additions in a cycle.
inline constexpr Speed kAlone{0.95, 3.0};
// What may lack to the best of a run: steps of the clock; what a calibration itself is off by.
inline constexpr Speed kShareOfBest{0.93, 0.90};

// Whether nobody shares a core that is so fast. The best is what has been seen in the same run, but
// where a neighbour was there all the time that says little: then what a core alone does at least
// decides.
inline bool is_quiet(const Speed& speed, const Speed& best) {
  return speed.clock >= std::max(kAlone.clock, kShareOfBest.clock * best.clock) &&
         speed.width >= std::max(kAlone.width * speed.clock, kShareOfBest.width * best.width);
}

// The best speed of a run: what at least one calibration in twenty has reached, so that a clock
// that was raised for a moment does not make everything else a disturbance.
class BestSpeed {
 public:
  // `known` is what earlier runs on the same core have found.
  explicit BestSpeed(const Speed& known = {}) : known_(known) {}
  void note(const Speed& speed);
  [[nodiscard]] Speed speed() const;

 private:
  static constexpr double kStep = 0.01;
  using Histogram = std::array<unsigned, 1000>;
  [[nodiscard]] double reached(const Histogram& histogram) const;

  Speed known_;
  Histogram clock_{};
  Histogram width_{};
  unsigned count_ = 0;
};

}  // namespace anyhome::bench
