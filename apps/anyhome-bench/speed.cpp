#include "apps/anyhome-bench/speed.h"

namespace anyhome::bench {

void BestSpeed::note(const Speed& speed) {
  const auto count = [](Histogram& histogram, double value) {
    const double place = std::clamp(value / kStep, 0.0, static_cast<double>(histogram.size() - 1));
    ++histogram[static_cast<std::size_t>(place)];
  };
  count(clock_, speed.clock);
  count(width_, speed.width);
  ++count_;
}

Speed BestSpeed::speed() const { return fastest(known_, {reached(clock_), reached(width_)}); }

double BestSpeed::reached(const Histogram& histogram) const {
  unsigned above = 0;
  for (std::size_t place = histogram.size(); place-- > 0;) {
    above += histogram[place];
    if (above != 0 && above * 20 >= count_) {
      return static_cast<double>(place) * kStep;
    }
  }
  return 0;
}

}  // namespace anyhome::bench
