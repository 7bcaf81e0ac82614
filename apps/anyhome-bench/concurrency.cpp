// What a second processor does to the first: another worker, or the control thread that changes the
// tables.
#include <algorithm>
#include <atomic>
#include <initializer_list>
#include <iterator>
#include <memory>

#include <fmt/format.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "apps/anyhome-bench/measurements.h"
#include "apps/anyhome-bench/one_link.h"
#include "apps/anyhome-bench/other_cores.h"
#include "apps/anyhome-bench/runner.h"
#include "apps/anyhome-bench/turns.h"

namespace anyhome::bench {
namespace {

// As many bindings get another care-of address, as many come and as many go.
constexpr std::uint64_t kBindingsPerSecond = 100'000;
constexpr std::uint64_t kChangesPerSecond = 3 * kBindingsPerSecond;
// Bindings at a time that come and go.
constexpr std::uint32_t kVisitors = 10'000;

bool has_second_core(std::string_view what, Record& record) {
  if (other_cores().empty()) {
    record.notes.push_back(fmt::format("{}: not measured: there is one processor only", what));
    return false;
  }
  return true;
}

Shape shape_of(std::uint32_t size, const Plan& plan) {
  Shape shape;
  shape.bindings = size;
  shape.index = plan.indexes.front();
  return shape;
}

// `workers` workers out of one set of tables, each with flows of its own, and one by itself.
void measure_own_flows(const Plan& plan, std::uint32_t size, unsigned workers, Record& record) {
  Shape shape = shape_of(size, plan);
  shape.readers = workers;
  World world(shape);
  std::vector<std::unique_ptr<Runner>> runners;
  for (unsigned i = 0; i < workers; ++i) {
    runners.push_back(std::make_unique<Runner>(world, i, i == 0 ? plan.best : nullptr));
  }
  Runner single(world, plan.best);
  Runner& one = *runners.front();
  const std::string end = fmt::format("{}/{}", size, workers);
  SampleSets samples;
  const auto run = [&] {
    const Phase alone = single.run(Path::ToMobileNode, plan.packets, one.warm_up());
    std::vector<Phase> phases(workers);
    std::atomic<bool> started = false;
    std::vector<Work> others;
    for (unsigned i = 1; i < workers; ++i) {
      others.push_back([&, i](std::atomic<unsigned>& running, const std::atomic<bool>& enough) {
        phases[i] = runners[i]->run(Path::ToMobileNode, plan.packets, one.warm_up());
        ++running;
        // What counts begins after all have begun and ends before the first ends.
        while (!enough) {
          const bool all = started;
          const Phase phase = runners[i]->run(Path::ToMobileNode, plan.packets);
          if (all && !enough) {
            phases[i] = phase;
          }
        }
      });
    }
    together(
        [&] {
          started = true;
          phases[0] = one.run(Path::ToMobileNode, plan.packets, 2 * plan.packets);
        },
        others);
    Speed speed = phases[0].speed;
    double cycles = 0;
    double times = 0;
    for (const Phase& phase : phases) {
      speed = slowest(speed, phase.speed);
      cycles += phase.cycles / workers;
      times += alone.cycles / phase.cycles;
    }
    samples["workers/one/" + end].add(alone.cycles, alone.speed);
    samples["workers/each/" + end].add(cycles, speed);
    samples["workers/scaling/" + end].add(times, slowest(speed, alone.speed));
  };
  take_turns(plan, samples, {{"workers/scaling/" + end, run}});
  record_cycles(plan, samples, record);
  record.figures["workers/scaling/" + end] =
      samples["workers/scaling/" + end].figure(plan.best->speed(), "times", Better::More);
}

// Changes the tables at the rate that is demanded, until `enough`.
struct Churn {
  std::uint64_t changes = 0;
  std::uint64_t ticks = 0;

  void run(World& world, std::atomic<unsigned>& running, const std::atomic<bool>& enough) {
    const std::uint64_t start = rte_rdtsc();
    const std::uint64_t apart = rte_get_tsc_hz() / kChangesPerSecond;
    std::uint64_t done = 0;
    while (!enough) {
      world.change_something();
      if (++done == 1) {
        ++running;
      }
      while (rte_rdtsc() - start < done * apart && !enough) {
        rte_pause();
      }
    }
    changes += done;
    ticks += rte_rdtsc() - start;
  }
};

void measure_churn_of(const Plan& plan, std::uint32_t size, Record& record) {
  Shape shape = shape_of(size, plan);
  shape.visitors = kVisitors;
  World world(shape);
  Runner runner(world, plan.best);
  // Long enough for thousands of changes.
  const std::uint64_t packets = 4 * plan.packets;
  const std::string end = fmt::format("{}", size);
  SampleSets samples;
  Churn churn;
  const auto run = [&] {
    const Phase before = runner.run(Path::ToMobileNode, packets, runner.warm_up());
    Phase meanwhile;
    together([&] { meanwhile = runner.run(Path::ToMobileNode, packets); },
             [&](std::atomic<unsigned>& running, const std::atomic<bool>& enough) {
               churn.run(world, running, enough);
             });
    samples["churn/still/" + end].add(before.cycles, before.speed);
    samples["churn/changing/" + end].add(meanwhile.cycles, meanwhile.speed);
    samples["churn/slowdown/" + end].add(meanwhile.cycles / before.cycles,
                                         slowest(before.speed, meanwhile.speed));
  };
  take_turns(plan, samples, {{"churn/slowdown/" + end, run}});
  record_cycles(plan, samples, record);
  record.figures["churn/slowdown/" + end] =
      samples["churn/slowdown/" + end].figure(plan.best->speed(), "times");
  record.figures["churn/rate/" + end] =
      single(static_cast<double>(churn.changes) * static_cast<double>(rte_get_tsc_hz()) /
                 static_cast<double>(churn.ticks),
             "changes/s", Better::More);
}

// Two, twice as many, and so on, and all that there may be.
std::vector<unsigned> worker_counts(std::size_t most) {
  std::vector<unsigned> counts;
  for (unsigned count = 2; count < most; count *= 2) {
    counts.push_back(count);
  }
  counts.push_back(static_cast<unsigned>(most));
  return counts;
}

// Of the sizes that are wanted those that tell most, or all of them if there is none.
std::vector<std::uint32_t> sizes_of(const Plan& plan,
                                    std::initializer_list<std::uint32_t> telling) {
  std::vector<std::uint32_t> sizes;
  std::ranges::copy_if(plan.sizes, std::back_inserter(sizes), [&](std::uint32_t size) {
    return std::ranges::find(telling, size) != telling.end();
  });
  return sizes.empty() ? plan.sizes : sizes;
}

template <class Measure>
void unless_memory_lacks(std::string_view what, Record& record, Measure measure) {
  try {
    measure();
  } catch (const NoMemory& error) {
    record.notes.push_back(fmt::format("{}: not measured: {}", what, error.what()));
  }
}

}  // namespace

void measure_workers(const Plan& plan, Record& record) {
  if (!has_second_core("workers", record)) {
    return;
  }
  for (const std::uint32_t size : sizes_of(plan, {1000, 1'000'000})) {
    for (const unsigned workers : worker_counts(other_cores().size() + 1)) {
      unless_memory_lacks("workers", record,
                          [&] { measure_own_flows(plan, size, workers, record); });
    }
  }
  unless_memory_lacks("workers", record, [&] { measure_one_link(plan, record); });
}

void measure_churn(const Plan& plan, Record& record) {
  if (!has_second_core("churn", record)) {
    return;
  }
  for (const std::uint32_t size : sizes_of(plan, {100'000, 1'000'000})) {
    unless_memory_lacks("churn", record, [&] { measure_churn_of(plan, size, record); });
  }
}

}  // namespace anyhome::bench
