// The options of anyhome-sim: one table, every mistake reported at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "test/sim/scenario.h"

namespace anyhome::sim {

// Which seeds are run, and what of them is told.
struct CheckOptions {
  std::uint64_t first_seed = 0;
  std::uint64_t last_seed = 999;
  std::optional<Theme> theme;  // nullopt: it follows from the seed
  bool trace = false;
  std::size_t trace_lines = 1'000'000;
  double soak_hours = 0;  // 0: the seeds that were asked for
  unsigned jobs = 1;
};

// A network whose costs are to be known (plan.h).
struct PlanOptions {
  unsigned pops = 3;
  std::uint64_t mobile_nodes = 1000;
  double moves_per_hour = 4;  // of each mobile node
  double local_moves = 0;     // share of moves that stay with the nearest POP
  double loss = 0;            // share of packets, on links between POPs and elsewhere
  double jitter_ms = 5;
  double farthest_ms = 80;  // one way across the map
  double bfd_ms = 300;
  std::chrono::seconds lifetime{600};
  std::uint64_t simulated = 0;  // mobile nodes; 0: what memory allows
  double minutes = 5;           // of virtual time that is measured
  unsigned failures = 3;        // POPs that die, one after the other
  std::uint64_t seed = 1;
  std::string csv;   // file, or none
  std::string plot;  // file, or none
};

struct Information {
  std::string text;
};

using Mistakes = std::vector<std::string>;
using Command = std::variant<CheckOptions, PlanOptions, Information>;

std::expected<Command, Mistakes> parse_options(int argc, const char* const* argv);

}  // namespace anyhome::sim
