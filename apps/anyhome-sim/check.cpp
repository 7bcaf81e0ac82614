#include "apps/anyhome-sim/check.h"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "test/sim/run.h"

namespace anyhome::sim {
namespace {

using Clock = std::chrono::steady_clock;

// Lines of the history that are shown of a run that failed unasked; --trace shows all.
constexpr std::size_t kLinesOnFailure = 200;

struct Totals {
  std::atomic<std::uint64_t> runs = 0;
  std::atomic<std::uint64_t> failures = 0;
  std::atomic<std::uint64_t> events = 0;
  std::atomic<std::uint64_t> data_sent = 0;
  std::atomic<std::uint64_t> data_delivered = 0;
};

void tell_failure(const Scenario& scenario, const RunResult& result) {
  fmt::print("{}", result.history);
  fmt::print("{}\n", scenario.summary());
  fmt::print("FAILED {} at {:.6f} s: {}\nreplay: {}\n", result.violation->invariant,
             std::chrono::duration<double>(result.violation->at.time_since_epoch()).count(),
             result.violation->what, replay_line(scenario));
  std::fflush(stdout);
}

// One seed; the lines of a failure stay together.
void run_seed(const CheckOptions& options, std::uint64_t seed, Totals& totals, std::mutex& output) {
  const Scenario scenario = make_scenario(seed, options.theme);
  RunResult result = run(scenario, options.trace ? options.trace_lines : 0);
  ++totals.runs;
  totals.events += result.events;
  totals.data_sent += result.data_sent;
  totals.data_delivered += result.data_delivered;
  if (result.violation && !options.trace) {
    result = run(scenario, kLinesOnFailure);  // does the same again, and tells of it
  }
  const std::lock_guard lock(output);
  if (result.violation) {
    ++totals.failures;
    tell_failure(scenario, result);
  } else if (options.trace) {
    fmt::print("{}{}\n{} events, data {} sent {} delivered, lost: {}\n", result.history,
               scenario.summary(), result.events, result.data_sent, result.data_delivered,
               result.losses.empty() ? "none" : result.losses);
  }
}

}  // namespace

int run_check(const CheckOptions& options) {
  const Clock::time_point start = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
  const bool soak = options.soak_hours > 0;
  constexpr double kSecondsPerHour = 3600;
  std::atomic<std::uint64_t> next = options.first_seed;
  Totals totals;
  std::mutex output;
  const auto work = [&] {
    while (true) {
      const std::uint64_t seed = next++;
      const bool over =
          soak ? elapsed() > options.soak_hours * kSecondsPerHour : seed > options.last_seed;
      if (over || totals.failures != 0) {
        return;
      }
      run_seed(options, seed, totals, output);
    }
  };
  std::vector<std::thread> others;
  for (unsigned job = 1; job < options.jobs; ++job) {
    others.emplace_back(work);
  }
  work();
  for (std::thread& other : others) {
    other.join();
  }
  fmt::print("{} runs, {} failed; {} events, {} data packets sent, {} delivered; {:.1f} s\n",
             totals.runs.load(), totals.failures.load(), totals.events.load(),
             totals.data_sent.load(), totals.data_delivered.load(), elapsed());
  return totals.failures == 0 ? 0 : 1;
}

}  // namespace anyhome::sim
