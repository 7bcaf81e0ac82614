// How many cycles a packet costs, on every path and for tables of several sizes, beside what DPDK's
// own tables cost in the same seconds. docs/performance/README.md says what the figures mean.
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "apps/anyhome-bench/calibrate_command.h"
#include "apps/anyhome-bench/measurements.h"
#include "apps/anyhome-bench/options.h"
#include "apps/anyhome-bench/report_command.h"
#include "apps/anyhome-bench/tables.h"
#include "apps/eal/eal.h"

namespace anyhome::bench {
namespace {

void measure(const Options& options) {
  using Measure = void (*)(const Plan&, Record&);
  constexpr std::pair<std::string_view, Measure> kMeasures[] = {
      {"paths", measure_paths},     {"routes", measure_routes}, {"stages", measure_stages},
      {"workers", measure_workers}, {"churn", measure_churn},   {"tables", measure_tables},
      {kCounted, count_paths},
  };
  BestSpeed best(options.best);
  const Plan plan{options.sizes,
                  options.indexes,
                  options.quiet_phases,
                  options.seconds,
                  options.packets,
                  [&](std::string_view name) { return options.wants(name); },
                  &best};
  Record record;
  for (const auto& [part, how] : kMeasures) {
    if (options.wants_part(part)) {
      how(plan, record);
    }
  }
  record.best = best.speed();
  if (options.json.empty()) {
    fmt::print("{}", as_tables(record));
  } else if (const auto done = write_record(options.json, record); !done) {
    throw std::runtime_error(done.error());
  }
}

int main_with(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "report") {
    return report_command({argv + 2, argv + argc});
  }
  if (argc > 1 && std::string_view(argv[1]) == "calibrate") {
    return calibrate_command({argv + 2, argv + argc});
  }
  const eal::Arguments arguments = eal::split_arguments(argc, argv);
  const CommandLine command_line = read_options(arguments.own);
  if (!command_line.mistakes.empty()) {
    for (const std::string& mistake : command_line.mistakes) {
      fmt::print(stderr, "anyhome-bench: {}\n", mistake);
    }
    return 2;
  }
  if (command_line.options.help) {
    fmt::print(
        "Usage: anyhome-bench EAL-OPTIONS -- OPTIONS\n"
        "       anyhome-bench report FILE... [--json FILE] [--csv FILE] [--against FILE]\n"
        "                            [--sections DIR]\n"
        "       anyhome-bench calibrate\n\n{}",
        options_help());
    return 0;
  }
  return eal::run("anyhome-bench", arguments.eal, [&] {
    measure(command_line.options);
    return 0;
  });
}

}  // namespace
}  // namespace anyhome::bench

int main(int argc, char** argv) { return anyhome::bench::main_with(argc, argv); }
