#include "apps/anyhome-bench/report.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include <fmt/format.h>

namespace anyhome::bench {
namespace {

std::string text(const std::optional<double>& value) {
  return value ? fmt::format("{:.0f}", *value) : "-";
}

std::ofstream open(const std::string& file) {
  std::ofstream stream(file);
  if (!stream) {
    throw std::runtime_error(fmt::format("{}: {}", file, std::strerror(errno)));
  }
  return stream;
}

}  // namespace

void print_heading() {
  fmt::print("{:>9}  {:<9} {:<17} {:>6} {:>6} {:>6} {:>6} {:>11}\n", "bindings", "index", "path",
             "quiet", "least", "busy", "ratio", "must / goal");
}

void print_row(std::uint32_t bindings, std::string_view index, std::string_view name,
               const Figures& figures, const std::optional<double>& exact) {
  const auto quiet = median(figures.quiet);
  const auto target = target_of(name, bindings);
  const std::string ratio = quiet && exact ? fmt::format("{:.2f}", *quiet / *exact) : "-";
  fmt::print("{:>9}  {:<9} {:<17} {:>6} {:>6} {:>6} {:>6} {:>11}  {}\n", bindings, index, name,
             text(quiet), text(least(figures.quiet)), text(median(figures.busy)), ratio,
             target ? fmt::format("{:.0f} / {:.0f}", target->must, target->goal) : "",
             target ? verdict_of(quiet, *target, bindings) : "");
}

void print_differences(const Values& before, const Values& after) {
  fmt::print("\n{:<44} {:>10} {:>10}\n", "compared", "before", "now");
  for (const Difference& one : compare(before, after)) {
    fmt::print("{:<44} {:>10.1f} {:>10.1f}  {}\n", one.name, one.before, one.after, one.judgement);
  }
}

Values read_json(const std::string& file) {
  std::ifstream stream(file);
  const auto json = nlohmann::json::parse(stream, nullptr, false);
  if (!json.is_object()) {
    throw std::runtime_error(fmt::format("{}: not a file that --json has written", file));
  }
  Values values;
  for (const auto& [name, value] : json.items()) {
    if (value.is_number()) {
      values[name] = value.get<double>();
    }
  }
  return values;
}

void write_json(const std::string& file, const Values& values) {
  open(file) << nlohmann::json(values).dump(2) << '\n';
}

void write_csv(const std::string& file, const Values& values) {
  std::ofstream stream = open(file);
  stream << "figure,value\n";
  for (const auto& [name, value] : values) {
    stream << fmt::format("{},{:.2f}\n", name, value);
  }
}

}  // namespace anyhome::bench
