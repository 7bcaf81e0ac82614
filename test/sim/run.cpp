#include "test/sim/run.h"

#include <fmt/format.h>

#include "test/sim/invariants.h"

namespace anyhome::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// A refresh or a late switch may be under way at any instant, but not for long.
constexpr Duration kPatience = seconds(5);

bool is_quiet(World& world) {
  const Duration until = world.elapsed() + kPatience;
  Finding finding = find_unrest(world);
  while (finding && world.elapsed() < until &&
         world.run_until(world.elapsed() + milliseconds(250))) {
    finding = find_unrest(world);
  }
  if (finding) {
    world.fail(finding->invariant, finding->what);
  }
  return !world.violation();
}

bool is_kept(World& world, Finding (*find)(const World&)) {
  if (const Finding finding = find(world)) {
    world.fail(finding->invariant, finding->what);
  }
  return !world.violation();
}

// The parts of a run in their order; false: something was violated.
bool play(World& world) {
  const Scenario& scenario = world.scenario();
  // Flows end a little before the rest, so that what is under way has arrived.
  if (!world.run_until(scenario.quiet_at) || !is_quiet(world) ||
      !world.run_until(scenario.watch_until - seconds(2))) {
    return false;
  }
  world.stop_flows();
  if (!world.run_until(scenario.watch_until) || !is_kept(world, find_unaccounted)) {
    return false;
  }
  if (scenario.theme != Theme::Crosswise && !is_quiet(world)) {
    return false;
  }
  return scenario.baseline_at == Duration{} ||
         (world.run_until(scenario.baseline_at) && is_kept(world, find_leftovers));
}

}  // namespace

RunResult run(const Scenario& scenario, std::size_t history_lines) {
  World world(scenario, history_lines);
  const auto watchers = make_watchers(scenario);
  for (const auto& watcher : watchers) {
    world.watch(*watcher);
  }
  play(world);
  RunResult result;
  result.violation = world.violation();
  result.events = world.events();
  result.data_sent = world.ledger().sent();
  result.data_delivered = world.ledger().delivered();
  for (const auto& [reason, count] : world.ledger().lost()) {
    result.losses += fmt::format("{}{}={}", result.losses.empty() ? "" : " ", reason, count);
  }
  for (const std::string& line : world.history().lines()) {
    result.history += line + "\n";
  }
  return result;
}

std::string replay_line(const Scenario& scenario) {
  return fmt::format("anyhome-sim --seed {} --theme {} --trace", scenario.seed,
                     to_string(scenario.theme));
}

}  // namespace anyhome::sim
