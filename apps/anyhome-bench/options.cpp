#include "apps/anyhome-bench/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cstdio>
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
      "sizes of the tables (1000 10000 100000 1000000 4000000)");
  add("binding-index", po::value<std::string>(),
      "which, or both: how home addresses are looked up (a home agent's default)");
  add("quiet-phases", po::value<std::string>(),
      "phases of each path, with the core to ourselves, that are enough (20)");
  add("seconds", po::value<std::string>(),
      "for tables of one size, when there are not enough of them (20)");
  add("packets", po::value<std::string>(), "packets of a phase (50000)");
  add("best-speed", po::value<std::string>(),
      "CLOCK,WIDTH: the most additions per tick, in a chain and side by side, that earlier runs "
      "saw");
  add("only", po::value<std::vector<std::string>>()->multitoken(),
      "paths, routes, stages, workers, churn, tables; or single paths and references (all)");
  add("json", po::value<std::string>(), "write the figures there (else tables are printed)");
  return described;
}

bool is_path_or_reference(std::string_view name) {
  return std::ranges::any_of(kPaths, [&](Path path) { return name_of(path) == name; }) ||
         std::ranges::any_of(kReferences,
                             [&](Reference reference) { return name_of(reference) == name; });
}

bool is_part(std::string_view name) {
  return name == kCounted || std::ranges::find(kParts, name) != std::end(kParts);
}

}  // namespace

bool Options::wants_part(std::string_view part) const {
  return (only.empty() && part != kCounted) || std::ranges::find(only, part) != only.end() ||
         (part == "paths" && std::ranges::any_of(only, is_path_or_reference));
}

bool Options::wants(std::string_view name) const {
  return std::ranges::none_of(only, is_path_or_reference) ||
         std::ranges::find(only, name) != only.end();
}

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
  if (values.contains("bindings")) {
    options.sizes.clear();
    for (const auto& text : values["bindings"].as<std::vector<std::string>>()) {
      options.sizes.push_back(static_cast<std::uint32_t>(number("bindings", text, 1, 16'000'000)));
    }
  }
  if (values.contains("quiet-phases")) {
    options.quiet_phases = static_cast<unsigned>(
        number("quiet-phases", values["quiet-phases"].as<std::string>(), 1, 10'000));
  }
  if (values.contains("seconds")) {
    options.seconds =
        static_cast<double>(number("seconds", values["seconds"].as<std::string>(), 1, 3600));
  }
  if (values.contains("best-speed")) {
    const auto& text = values["best-speed"].as<std::string>();
    char end = 0;
    if (std::sscanf(text.c_str(), "%lf,%lf%c", &options.best.clock, &options.best.width, &end) !=
            2 ||
        options.best.clock < 0 || options.best.width < 0) {
      result.mistakes.push_back(fmt::format("--best-speed {}: not CLOCK,WIDTH", text));
    }
  }
  if (values.contains("packets")) {
    options.packets =
        number("packets", values["packets"].as<std::string>(), Runner::kBurst, 1'000'000'000);
  }
  if (values.contains("binding-index")) {
    const auto& name = values["binding-index"].as<std::string>();
    const auto* const index = std::ranges::find(
        kIndexes, name, [](dataplane::BindingIndex which) { return name_of(which); });
    if (name == "both") {
      options.indexes.assign(std::begin(kIndexes), std::end(kIndexes));
    } else if (index != std::end(kIndexes)) {
      options.indexes = {*index};
    } else {
      result.mistakes.push_back(fmt::format("--binding-index {}: neither {} nor {} nor both", name,
                                            name_of(kIndexes[0]), name_of(kIndexes[1])));
    }
  }
  if (values.contains("only")) {
    options.only = values["only"].as<std::vector<std::string>>();
    for (const std::string& name : options.only) {
      if (!is_part(name) && !is_path_or_reference(name)) {
        result.mistakes.push_back(fmt::format("--only {}: no such part, path or reference", name));
      }
    }
  }
  if (values.contains("json")) {
    options.json = values["json"].as<std::string>();
  }
  return result;
}

}  // namespace anyhome::bench
