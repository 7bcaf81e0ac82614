#include "apps/anyhome-bench/layout.h"

#include <cmath>

#include <fmt/format.h>

namespace anyhome::bench {

std::string number_text(const std::optional<double>& value) {
  if (!value) {
    return "-";
  }
  return *value >= 100 || *value == 0 ? fmt::format("{:.0f}", *value)
         : *value >= 10               ? fmt::format("{:.1f}", *value)
                                      : fmt::format("{:.2f}", *value);
}

std::string target_text(const Target& target) {
  const auto plain = [](double value) { return fmt::format("{:.10g}", value); };
  return plain(target.must) + (target.goal ? " / " + plain(*target.goal) : "");
}

std::string verdict_text(const std::string& name, const Figure& figure, const Target& target) {
  const Verdict verdict = judge(name, figure, target);
  const auto beyond = [&](double limit) {
    const double percent = std::abs(*figure.quiet / limit - 1) * 100;
    return percent < 1 ? std::string("less than 1 %") : fmt::format("{:.0f} %", percent);
  };
  switch (verdict) {
    case Verdict::Must:
      return fmt::format("must, {} from goal", beyond(*target.goal));
    case Verdict::Near:
      return fmt::format("near, {} from must", beyond(target.must));
    case Verdict::Missed:
      return fmt::format("missed by {}", beyond(target.must));
    case Verdict::Goal:
    case Verdict::NotSeenQuiet:
      return std::string(name_of(verdict));
  }
  return {};
}

std::string judged_text(const std::string& name, const Figure& figure) {
  const auto target = target_of(name);
  return target
             ? fmt::format("{:>17}  {}", target_text(*target), verdict_text(name, figure, *target))
             : "";
}

std::string ratio_text(const Record& record, const Figure& figure, const std::string& reference) {
  const auto at = record.figures.find(reference);
  if (at == record.figures.end()) {
    return "-";
  }
  const Figure times = ratio(figure, at->second, Better::Less);
  const auto& value = figure.quiet ? times.quiet : times.busy;
  return value ? fmt::format("{:.2f}", *value) : "-";
}

}  // namespace anyhome::bench
