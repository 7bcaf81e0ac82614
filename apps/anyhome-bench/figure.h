// What a benchmark says about one thing: the median and the best of the phases in which the core
// was alone, and the median of the others.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace anyhome::bench {

enum class Better : unsigned char { Less, More };

struct Figure {
  std::optional<double> quiet;  // median; of what is no time, or is not phased, the value itself
  std::optional<double> best;   // of the quiet phases
  std::optional<double> busy;   // median
  double spread = 0;            // half of the quiet phases' middle half, as a share of the median
  std::string unit = "cycles";
  Better better = Better::Less;

  // What it is judged and compared by.
  [[nodiscard]] std::optional<double> value() const { return quiet ? quiet : busy; }
  friend bool operator==(const Figure&, const Figure&) = default;
};

inline Figure single(double value, std::string unit, Better better = Better::Less) {
  return {value, std::nullopt, std::nullopt, 0, std::move(unit), better};
}

// By names whose parts are separated by slashes: part/what/size/variant, as far as they apply.
// Sizes are decimal, and so sorted as numbers by NumberAware.
struct NumberAware {
  bool operator()(const std::string& a, const std::string& b) const;
};
using Figures = std::map<std::string, Figure, NumberAware>;

class Samples {
 public:
  void add(double value, bool quiet) { (quiet ? quiet_ : busy_).push_back(value); }
  [[nodiscard]] Figure figure(std::string unit = "cycles", Better better = Better::Less) const;

 private:
  std::vector<double> quiet_, busy_;
};

// Of sorted values, between two of them by their distance; share is 0 to 1. Not of none.
double quantile(const std::vector<double>& sorted, double share);

// The parts of a name.
std::vector<std::string> split_name(const std::string& name);
// The number of bindings that a name speaks of: its largest number; 0: it speaks of none.
unsigned long size_in(const std::string& name);

}  // namespace anyhome::bench
