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

Figure Samples::figure(std::string unit, Better better) const {
  Figure figure;
  figure.unit = std::move(unit);
  figure.better = better;
  const auto sorted = [](std::vector<double> values) {
    std::ranges::sort(values);
    return values;
  };
  const auto quiet = sorted(quiet_);
  const auto busy = sorted(busy_);
  if (!busy.empty()) {
    figure.busy = quantile(busy, 0.5);
  }
  const auto& judged = quiet.empty() ? busy : quiet;
  if (!quiet.empty()) {
    figure.quiet = quantile(quiet, 0.5);
    figure.best = better == Better::Less ? quiet.front() : quiet.back();
  }
  if (!judged.empty()) {
    figure.spread = (quantile(judged, 0.75) - quantile(judged, 0.25)) / 2 / quantile(judged, 0.5);
  }
  return figure;
}

}  // namespace anyhome::bench
