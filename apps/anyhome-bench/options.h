// The command line of anyhome-bench, behind EAL's; scripts/bench is what people call.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "apps/anyhome-bench/speed.h"
#include "apps/anyhome-bench/world.h"

namespace anyhome::bench {

// What `--only` takes besides paths and references.
inline constexpr std::string_view kParts[] = {"paths",   "routes", "stages",
                                              "workers", "churn",  "tables"};
// Only by name, and then alone: each path once, for callgrind.
inline constexpr std::string_view kCounted = "counted";

struct Options {
  bool help = false;
  std::vector<std::uint32_t> sizes{1000, 10'000, 100'000, 1'000'000, 4'000'000};
  std::vector<dataplane::BindingIndex> indexes{kIndexes[0]};
  unsigned quiet_phases = 20;
  double seconds = 20;             // for tables of one size
  std::uint64_t packets = 50'000;  // per phase
  Speed best;                      // of earlier runs
  std::vector<std::string> only;   // parts, paths and references by name; empty: all
  std::string json;

  [[nodiscard]] bool wants_part(std::string_view part) const;
  // A path or a reference of the part `paths`.
  [[nodiscard]] bool wants(std::string_view name) const;
};

struct CommandLine {
  Options options;
  std::vector<std::string> mistakes;
};

// What is behind `--`, program name left out.
CommandLine read_options(const std::vector<std::string>& arguments);
std::string options_help();

}  // namespace anyhome::bench
