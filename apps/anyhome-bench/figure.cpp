#include "apps/anyhome-bench/figure.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace anyhome::bench {
namespace {

std::optional<unsigned long> number(const std::string& text) {
  unsigned long value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc() && at == end ? std::optional(value) : std::nullopt;
}

}  // namespace

Figure ratio(const Figure& a, const Figure& b, Better better) {
  Figure result;
  result.unit = "times";
  result.better = better;
  if (a.quiet && b.quiet) {
    result.quiet = *a.quiet / *b.quiet;
  }
  if (a.busy && b.busy) {
    result.busy = *a.busy / *b.busy;
  }
  result.spread = a.spread + b.spread;
  const auto phases = [](const Figure& one, const Figure& other, unsigned Figure::*count) {
    return !one.phased()     ? other.*count
           : !other.phased() ? one.*count
                             : std::min(one.*count, other.*count);
  };
  result.quiet_phases = phases(a, b, &Figure::quiet_phases);
  result.busy_phases = phases(a, b, &Figure::busy_phases);
  return result;
}

std::vector<std::string> split_name(const std::string& name) {
  std::vector<std::string> parts;
  std::size_t from = 0;
  while (true) {
    const std::size_t to = name.find('/', from);
    parts.push_back(name.substr(from, to - from));
    if (to == std::string::npos) {
      return parts;
    }
    from = to + 1;
  }
}

unsigned long size_in(const std::string& name) {
  unsigned long largest = 0;
  for (const std::string& part : split_name(name)) {
    largest = std::max(largest, number(part).value_or(0));
  }
  return largest;
}

bool NumberAware::operator()(const std::string& a, const std::string& b) const {
  const auto left = split_name(a);
  const auto right = split_name(b);
  return std::ranges::lexicographical_compare(
      left, right, [](const std::string& one, const std::string& other) {
        const auto first = number(one);
        const auto second = number(other);
        return first && second ? *first < *second : one < other;
      });
}

double quantile(const std::vector<double>& sorted, double share) {
  const double at = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (at - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

PhaseCount Samples::count(const Speed& best) const {
  PhaseCount count;
  for (const Sample& sample : taken_) {
    ++(is_quiet(sample.speed, best) ? count.quiet : count.busy);
  }
  return count;
}

Figure Samples::figure(const Speed& best, std::string unit, Better better) const {
  std::vector<double> quiet;
  std::vector<double> busy;
  for (const Sample& sample : taken_) {
    (is_quiet(sample.speed, best) ? quiet : busy).push_back(sample.value);
  }
  std::ranges::sort(quiet);
  std::ranges::sort(busy);
  Figure figure;
  figure.unit = std::move(unit);
  figure.better = better;
  figure.quiet_phases = static_cast<unsigned>(quiet.size());
  figure.busy_phases = static_cast<unsigned>(busy.size());
  const auto describe = [&](const std::vector<double>& sorted, std::optional<double>& median,
                            std::optional<double>& best_value) {
    if (!sorted.empty()) {
      median = quantile(sorted, 0.5);
      best_value = better == Better::Less ? sorted.front() : sorted.back();
    }
  };
  describe(quiet, figure.quiet, figure.best);
  describe(busy, figure.busy, figure.busy_best);
  const auto& compared = quiet.empty() ? busy : quiet;
  if (!compared.empty()) {
    figure.spread =
        (quantile(compared, 0.75) - quantile(compared, 0.25)) / 2 / quantile(compared, 0.5);
  }
  return figure;
}

}  // namespace anyhome::bench
