// How many cycles a packet costs, on every path and for tables of several sizes, beside what DPDK's
// own tables cost in the same seconds. docs/performance/README.md says what the figures mean.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include <rte_eal.h>

#include "apps/anyhome-bench/concurrency.h"
#include "apps/anyhome-bench/options.h"
#include "apps/anyhome-bench/report.h"
#include "apps/anyhome-bench/runner.h"

namespace anyhome::bench {
namespace {

using dataplane::BindingIndex;

constexpr std::uint32_t kRoutes = 1000;

std::string_view name_of(BindingIndex index) {
  return index == BindingIndex::Chained ? "chained" : "rte-hash";
}

bool wanted(const Options& options, std::string_view name) {
  return options.only.empty() || std::ranges::find(options.only, name) != options.only.end();
}

bool wants_paths(const Options& options) {
  return std::ranges::any_of(kPaths, [&](Path path) { return wanted(options, name_of(path)); }) ||
         std::ranges::any_of(
             kReferences, [&](Reference reference) { return wanted(options, name_of(reference)); });
}

// Paths and references in turn, round by round: what slows one down slows down its neighbours.
void bench_table(const Options& options, std::uint32_t size, BindingIndex index, Values& values) {
  World world(size, kRoutes, index);
  Runner runner(world);
  std::map<std::string, Figures> figures;
  const auto note = [&](std::string_view name, const Phase& phase, unsigned round) {
    if (round != 0) {  // the first one warms up
      figures[std::string(name)].add(phase.cycles, phase.quiet);
    }
  };
  for (unsigned round = 0; round <= options.rounds; ++round) {
    for (const Reference reference : kReferences) {
      if (wanted(options, name_of(reference))) {
        note(name_of(reference), runner.run(reference, options.packets), round);
      }
    }
    for (const Path path : kPaths) {
      if (wanted(options, name_of(path))) {
        note(name_of(path), runner.run(path, options.packets), round);
      }
    }
  }
  const auto exact = median(figures[std::string(name_of(Reference::ExactMatch))].quiet);
  const auto report = [&](std::string_view name) {
    if (!wanted(options, name)) {
      return;
    }
    const Figures& one = figures[std::string(name)];
    print_row(size, name_of(index), name, one, exact);
    const std::string key = fmt::format("{}-{}-{}", size, name_of(index), name);
    if (const auto quiet = median(one.quiet)) {
      values[key] = *quiet;
    }
    if (const auto busy = median(one.busy)) {
      values[key + "-busy"] = *busy;
    }
  };
  for (const Reference reference : kReferences) {
    report(name_of(reference));
  }
  for (const Path path : kPaths) {
    report(name_of(path));
  }
}

// What a second worker is worth: twice the packets, divided by how much slower each is.
void bench_workers(const Options& options, Values& values) {
  struct Wanted {
    std::uint32_t size;
    double must;
  };
  for (const Wanted& wanted : {Wanted{1000, 1.9}, Wanted{1'000'000, 1.7}}) {
    if (std::ranges::find(options.sizes, wanted.size) == options.sizes.end()) {
      continue;
    }
    World world(wanted.size, kRoutes, options.indexes.front());
    const auto scaling =
        measure_workers(world, Path::ToMobileNode, options.rounds, options.packets);
    if (!scaling) {
      fmt::print("no second lcore: two workers are not measured\n");
      return;
    }
    const auto alone = median(scaling->alone.quiet);
    const auto together = median(scaling->together.quiet);
    if (!alone || !together) {
      fmt::print("{:>9}  two workers: no phase in which both cores were free\n", wanted.size);
      continue;
    }
    const double gain = 2 * *alone / *together;
    fmt::print("{:>9}  two workers forward {:.2f} times what one does (must {})  {}\n", wanted.size,
               gain, wanted.must, gain >= wanted.must ? "met" : "missed");
    values[fmt::format("{}-two-workers-gain-per-second", wanted.size)] = gain;
  }
}

void bench_churn(const Options& options, Values& values) {
  for (const std::uint32_t size : options.sizes) {
    World world(size, kRoutes, options.indexes.front());
    const auto churn = measure_churn(world, options.rounds, options.packets);
    if (!churn) {
      fmt::print("no second lcore: changes of the tables are not measured\n");
      return;
    }
    const auto still = median(churn->still.quiet);
    const auto changing = median(churn->changing.quiet);
    if (!still || !changing) {
      fmt::print("{:>9}  churn: no phase in which both cores were free\n", size);
      continue;
    }
    const double more = 100 * (*changing / *still - 1);
    fmt::print(
        "{:>9}  {:.0f} changes per second cost {:.1f} % more cycles per packet (must 15), no "
        "packet "
        "lost  {}\n",
        size, churn->changes_per_second, more, more <= 15 ? "met" : "missed");
    values[fmt::format("{}-churn-percent", size)] = more;
  }
}

void bench(const Options& options) {
  const Values before = options.against.empty() ? Values{} : read_json(options.against);
  Values values;
  fmt::print(
      "cycles per packet of one core, 64-byte packets inside, bursts of {}, from a ring to a "
      "ring\n",
      Runner::kBurst);
  if (wants_paths(options)) {
    print_heading();
  }
  for (const std::uint32_t size : options.sizes) {
    if (!wants_paths(options)) {
      break;
    }
    for (const BindingIndex index : options.indexes) {
      bench_table(options, size, index, values);
      std::fflush(stdout);
    }
  }
  if (wanted(options, kWorkers)) {
    bench_workers(options, values);
  }
  if (wanted(options, kChurn)) {
    bench_churn(options, values);
  }
  if (!options.json.empty()) {
    write_json(options.json, values);
  }
  if (!options.csv.empty()) {
    write_csv(options.csv, values);
  }
  if (!options.against.empty()) {
    print_differences(before, values);
  }
}

int main_with(int argc, char** argv) {
  char** const separator = std::find(argv + 1, argv + argc, std::string_view("--"));
  const CommandLine command_line =
      read_options(separator == argv + argc ? std::vector<std::string>{}
                                            : std::vector<std::string>(separator + 1, argv + argc));
  if (!command_line.mistakes.empty()) {
    for (const std::string& mistake : command_line.mistakes) {
      fmt::print(stderr, "anyhome-bench: {}\n", mistake);
    }
    return 2;
  }
  if (command_line.options.help) {
    fmt::print("Usage: anyhome-bench EAL-OPTIONS -- OPTIONS\n\n{}", options_help());
    return 0;
  }
  if (rte_eal_init(static_cast<int>(separator - argv), argv) < 0) {
    fmt::print(stderr, "anyhome-bench: EAL does not start; the lines above say more\n");
    return 1;
  }
  int result = 0;
  try {
    bench(command_line.options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "anyhome-bench: {}\n", error.what());
    result = 1;
  }
  rte_eal_cleanup();
  return result;
}

}  // namespace
}  // namespace anyhome::bench

int main(int argc, char** argv) { return anyhome::bench::main_with(argc, argv); }
