#include "apps/anyhome-bench/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <sstream>

#include <fmt/format.h>

#include "apps/anyhome-bench/runner.h"

namespace anyhome::bench {
namespace {

namespace po = boost::program_options;

po::options_description description() {
  po::options_description described("Options");
  auto add = described.add_options();
  add("help,h", "this text");
  add("bindings", po::value<std::vector<std::string>>()->multitoken(),
      "sizes of the tables (1000 100000 1000000)");
  add("binding-index", po::value<std::string>(),
      "chained, rte-hash or both: how home addresses are looked up (chained)");
  add("rounds", po::value<std::string>(), "phases of each path that are measured (15)");
  add("packets", po::value<std::string>(), "packets of a phase (200000)");
  add("quick", "five rounds, tables up to 100000 bindings");
  add("only", po::value<std::vector<std::string>>()->multitoken(),
      "paths and references by name, workers, churn (all)");
  add("json", po::value<std::string>(), "write the figures there, too");
  add("csv", po::value<std::string>(), "likewise");
  add("against", po::value<std::string>(), "compare with a file that --json has written");
  return described;
}

bool is_name(std::string_view name) {
  return name == kWorkers || name == kChurn ||
         std::ranges::any_of(kPaths, [&](Path path) { return name_of(path) == name; }) ||
         std::ranges::any_of(kReferences,
                             [&](Reference reference) { return name_of(reference) == name; });
}

}  // namespace

std::string options_help() { return (std::ostringstream() << description()).str(); }

CommandLine read_options(const std::vector<std::string>& arguments) {
  CommandLine result;
  Options& options = result.options;
  po::variables_map values;
  try {
    po::store(po::command_line_parser(arguments).options(description()).run(), values);
  } catch (const std::exception& error) {
    result.mistakes.emplace_back(error.what());
    return result;
  }
  const auto number = [&](const char* name, const std::string& text, std::uint64_t low,
                          std::uint64_t high) -> std::uint64_t {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < low || value > high) {
      result.mistakes.push_back(
          fmt::format("--{} {}: not a number from {} to {}", name, text, low, high));
      return low;
    }
    return value;
  };
  options.help = values.contains("help");
  if (values.contains("quick")) {
    options.sizes = {1000, 100'000};
    options.rounds = 5;
  }
  if (values.contains("bindings")) {
    options.sizes.clear();
    for (const auto& text : values["bindings"].as<std::vector<std::string>>()) {
      options.sizes.push_back(static_cast<std::uint32_t>(number("bindings", text, 1, 16'000'000)));
    }
  }
  if (values.contains("rounds")) {
    options.rounds =
        static_cast<unsigned>(number("rounds", values["rounds"].as<std::string>(), 1, 10'000));
  }
  if (values.contains("packets")) {
    options.packets =
        number("packets", values["packets"].as<std::string>(), Runner::kBurst, 1'000'000'000);
  }
  if (values.contains("binding-index")) {
    using dataplane::BindingIndex;
    const auto& name = values["binding-index"].as<std::string>();
    if (name == "both") {
      options.indexes = {BindingIndex::Chained, BindingIndex::RteHash};
    } else if (name == "rte-hash") {
      options.indexes = {BindingIndex::RteHash};
    } else if (name != "chained") {
      result.mistakes.push_back(
          fmt::format("--binding-index {}: neither chained nor rte-hash nor both", name));
    }
  }
  if (values.contains("only")) {
    options.only = values["only"].as<std::vector<std::string>>();
    for (const std::string& name : options.only) {
      if (!is_name(name)) {
        result.mistakes.push_back(fmt::format("--only {}: no such path or reference", name));
      }
    }
  }
  for (auto* file : {&options.json, &options.csv, &options.against}) {
    const char* name = file == &options.json ? "json" : file == &options.csv ? "csv" : "against";
    if (values.contains(name)) {
      *file = values[name].as<std::string>();
    }
  }
  return result;
}

}  // namespace anyhome::bench
