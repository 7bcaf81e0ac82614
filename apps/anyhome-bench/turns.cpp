#include "apps/anyhome-bench/turns.h"

#include <algorithm>
#include <chrono>

#include <rte_pause.h>

#include "apps/anyhome-bench/calibration.h"

namespace anyhome::bench {
namespace {

using Clock = std::chrono::steady_clock;

void wait_for_quiet(const Plan& plan, Clock::time_point deadline) {
  while (Clock::now() < deadline) {
    const Speed speed = current_speed();
    plan.best->note(speed);
    if (is_quiet(speed, plan.best->speed())) {
      return;
    }
    for (int i = 0; i < 1000; ++i) {
      rte_pause();
    }
  }
}

}  // namespace

void take_turns(const Plan& plan, SampleSets& samples, const std::vector<Turn>& turns) {
  for (const Turn& turn : turns) {
    turn.run();
  }
  for (auto& [name, taken] : samples) {
    taken.clear();
  }
  const auto deadline = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                           std::chrono::duration<double>(plan.seconds));
  bool first = true;
  bool enough = false;
  while (!enough && (first || Clock::now() < deadline)) {
    enough = true;
    for (const Turn& turn : turns) {
      const PhaseCount count = samples[turn.figure].count(plan.best->speed());
      if (!first && (count.quiet >= plan.quiet_phases || Clock::now() >= deadline)) {
        continue;
      }
      if (count.busy >= plan.quiet_phases) {
        wait_for_quiet(plan, deadline);
      }
      turn.run();
      enough = false;
    }
    first = false;
  }
}

void record_cycles(const Plan& plan, const SampleSets& samples, Record& record) {
  for (const auto& [name, taken] : samples) {
    record.figures[name] = taken.figure(plan.best->speed());
  }
}

}  // namespace anyhome::bench
