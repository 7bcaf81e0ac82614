// How many Binding Updates and global bindings a control thread takes in a second, cold, beside
// what is demanded. docs/performance/README.md says what the figures mean.
#include <boost/program_options.hpp>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include <fmt/format.h>

#include "apps/anyhome-bench-control/loads.h"
#include "apps/eal/eal.h"

namespace anyhome::bench {
namespace {

namespace po = boost::program_options;

struct Options {
  LoadSettings loads;
  std::string json;
};

std::string verdict(double value, double must, double goal) {
  return must == 0 ? "" : value >= goal ? "goal met" : value >= must ? "must met" : "missed";
}

void report(const Results& results, const Options& options) {
  fmt::print("{:<28} {:>10} {:>8} {:>10} {:>10}\n", "events", "per second", "cycles", "must",
             "goal");
  for (const Rate& rate : results.rates) {
    fmt::print("{:<28} {:>10.0f} {:>8.0f} {:>10.0f} {:>10.0f}  {}\n", rate.name, rate.per_second,
               rate.cycles, rate.must, rate.goal, verdict(rate.per_second, rate.must, rate.goal));
  }
  fmt::print(
      "a booting home agent takes over {} bindings in {:.2f} s of its control core (must 3), the "
      "longest step of either took {:.2f} ms (must 10)\n"
      "{:.0f} bytes per binding, forwarding tables included (must 350)\n",
      options.loads.bindings, results.takeover_seconds, results.longest_step_ms,
      results.bytes_per_binding);
  if (!options.json.empty()) {
    nlohmann::ordered_json values;
    for (const Rate& rate : results.rates) {
      values["control-" + rate.name + "-per-second"] = rate.per_second;
    }
    values["control-takeover-seconds"] = results.takeover_seconds;
    values["control-longest-step-ms"] = results.longest_step_ms;
    values["bytes-per-binding"] = results.bytes_per_binding;
    std::ofstream(options.json) << values.dump(2) << '\n';
  }
}

int main_with(int argc, char** argv) {
  Options options;
  po::options_description described("Options");
  described.add_options()("help,h", "this text")("bindings", po::value(&options.loads.bindings),
                                                 "in the tables (1000000)")(
      "events", po::value(&options.loads.events), "refreshes and movements (300000)")(
      "json", po::value(&options.json), "write the figures there, too");
  const eal::Arguments arguments = eal::split_arguments(argc, argv);
  po::variables_map values;
  try {
    po::store(po::command_line_parser(arguments.own).options(described).run(), values);
    po::notify(values);
    if (options.loads.bindings == 0 || options.loads.bindings > 16'000'000 ||
        options.loads.events == 0) {
      throw std::runtime_error("bindings are 1 to 16000000, events at least 1");
    }
  } catch (const std::exception& error) {
    fmt::print(stderr, "anyhome-bench-control: {}\n", error.what());
    return 2;
  }
  if (values.contains("help")) {
    fmt::print("Usage: anyhome-bench-control EAL-OPTIONS -- OPTIONS\n\n{}",
               (std::ostringstream() << described).str());
    return 0;
  }
  return eal::run("anyhome-bench-control", arguments.eal, [&] {
    report(run_loads(options.loads), options);
    return 0;
  });
}

}  // namespace
}  // namespace anyhome::bench

int main(int argc, char** argv) { return anyhome::bench::main_with(argc, argv); }
