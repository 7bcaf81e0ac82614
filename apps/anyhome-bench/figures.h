// Figures of a run: medians, targets, and what one run says of another.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace anyhome::bench {

// Cycles per packet of the phases of one path or reference. `quiet`: the core was its own.
struct Figures {
  std::vector<double> quiet;
  std::vector<double> busy;

  void add(double cycles, bool in_quiet) { (in_quiet ? quiet : busy).push_back(cycles); }
};

std::optional<double> median(std::vector<double> values);
std::optional<double> least(const std::vector<double>& values);

// Of a path, by the number of bindings; nullopt: nothing is demanded of such a table.
struct Target {
  double must = 0;
  double goal = 0;
};
std::optional<Target> target_of(std::string_view path, std::uint32_t bindings);

// What may be added to a target before it counts as missed: the third-level cache, which decides
// from a hundred thousand bindings on, is shared.
constexpr double tolerance(std::uint32_t bindings) { return bindings < 100'000 ? 1.10 : 1.25; }

// "goal met", "must met", "missed", or "no quiet phase".
std::string verdict_of(const std::optional<double>& quiet, const Target& target,
                       std::uint32_t bindings);

// The result of a run by name, as `--json` writes it.
using Values = std::map<std::string, double>;

struct Difference {
  std::string name;
  double before = 0;
  double after = 0;
  std::string judgement;  // "faster", "slower", "within noise"
};
// Of what both runs have. Below a tenth, and a quarter for tables of 100,000 bindings and more, a
// difference is noise.
std::vector<Difference> compare(const Values& before, const Values& after);

}  // namespace anyhome::bench
