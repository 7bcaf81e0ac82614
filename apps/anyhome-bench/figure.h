// What a benchmark says about one thing: median and best of the phases in which the core was alone,
// and of the others.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "apps/anyhome-bench/speed.h"

namespace anyhome::bench {

enum class Better : unsigned char { Less, More };

struct Figure {
  std::optional<double> quiet;  // median; of what is not measured in phases, the value itself
  std::optional<double> best;   // of the quiet phases
  std::optional<double> busy;   // median
  std::optional<double> busy_best;
  double spread = 0;          // half of the middle half, as a share of the median
  unsigned quiet_phases = 0;  // none at all: not measured in phases
  unsigned busy_phases = 0;
  std::optional<double> committed;  // what a count is held to
  std::string unit = "cycles";
  Better better = Better::Less;

  [[nodiscard]] bool phased() const { return quiet_phases + busy_phases != 0; }
  // What it is compared by.
  [[nodiscard]] std::optional<double> value() const { return quiet ? quiet : busy; }
  friend bool operator==(const Figure&, const Figure&) = default;
};

inline Figure single(double value, std::string unit, Better better = Better::Less) {
  Figure figure;
  figure.quiet = value;
  figure.unit = std::move(unit);
  figure.better = better;
  return figure;
}

// How many times `a` is of `b`, in the quiet state; and in the busy one, where both were seen in
// it.
Figure ratio(const Figure& a, const Figure& b, Better better);

// By names whose parts are separated by slashes: part/what/size/variant, as far as they apply.
// Sizes are decimal, and so sorted as numbers by NumberAware.
struct NumberAware {
  bool operator()(const std::string& a, const std::string& b) const;
};
using Figures = std::map<std::string, Figure, NumberAware>;

struct PhaseCount {
  unsigned quiet = 0;
  unsigned busy = 0;
};

// What phases gave, each with the lowest speed of the core that was seen before, during or after
// it. Which of them were quiet is decided in the end, when the best speed of the run is known.
class Samples {
 public:
  void add(double value, const Speed& speed) { taken_.push_back({value, speed}); }
  void clear() { taken_.clear(); }
  [[nodiscard]] PhaseCount count(const Speed& best) const;
  [[nodiscard]] Figure figure(const Speed& best, std::string unit = "cycles",
                              Better better = Better::Less) const;

 private:
  struct Sample {
    double value;
    Speed speed;
  };
  std::vector<Sample> taken_;
};

// Of sorted values, between two of them by their distance; share is 0 to 1. Not of none.
double quantile(const std::vector<double>& sorted, double share);

// The parts of a name.
std::vector<std::string> split_name(const std::string& name);
// The number of bindings that a name speaks of: its largest number; 0: it speaks of none.
unsigned long size_in(const std::string& name);

}  // namespace anyhome::bench
