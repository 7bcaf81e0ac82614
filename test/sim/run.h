// A whole run: a scenario, everybody who watches it, and what is to be said of it afterwards.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "test/sim/scenario.h"
#include "test/sim/world.h"

namespace anyhome::sim {

struct RunResult {
  std::optional<Violation> violation;
  std::uint64_t events = 0;
  std::uint64_t data_sent = 0;
  std::uint64_t data_delivered = 0;
  std::string losses;   // "reason=count ..."
  std::string history;  // only when asked for
};

// `history_lines` is how many of the last lines are kept; 0: none.
RunResult run(const Scenario& scenario, std::size_t history_lines);

// The line that repeats a run.
std::string replay_line(const Scenario& scenario);

}  // namespace anyhome::sim
