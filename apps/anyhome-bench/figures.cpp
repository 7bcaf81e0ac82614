#include "apps/anyhome-bench/figures.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace anyhome::bench {
namespace {

constexpr std::uint32_t kSizes[] = {1'000, 100'000, 1'000'000, 4'000'000};

struct Row {
  std::string_view path;
  std::array<Target, std::size(kSizes)> targets;
};
// Of a miss there is no goal beyond the must.
constexpr Row kTargets[] = {
    {"to-mobile-node", {{{75, 60}, {125, 85}, {195, 160}, {215, 180}}}},
    {"to-haha-link", {{{75, 60}, {125, 85}, {195, 160}, {215, 180}}}},
    {"from-haha-link", {{{100, 85}, {150, 110}, {220, 185}, {240, 205}}}},
    {"from-mobile-node", {{{95, 80}, {155, 120}, {220, 190}, {240, 210}}}},
    {"miss", {{{60, 60}, {60, 60}, {75, 75}, {100, 100}}}},
};

// Names begin with the size of the table, if there is one.
std::uint32_t bindings_in(std::string_view name) {
  std::uint32_t bindings = 0;
  std::from_chars(name.data(), name.data() + name.size(), bindings);
  return bindings;
}

}  // namespace

std::optional<double> median(std::vector<double> values) {
  if (values.empty()) {
    return std::nullopt;
  }
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

std::optional<double> least(const std::vector<double>& values) {
  return values.empty() ? std::nullopt : std::optional(*std::ranges::min_element(values));
}

std::optional<Target> target_of(std::string_view path, std::uint32_t bindings) {
  const auto* const row = std::ranges::find(kTargets, path, &Row::path);
  const auto* const size = std::ranges::find(kSizes, bindings);
  if (row == std::end(kTargets) || size == std::end(kSizes)) {
    return std::nullopt;
  }
  return row->targets[static_cast<std::size_t>(size - kSizes)];
}

std::string verdict_of(const std::optional<double>& quiet, const Target& target,
                       std::uint32_t bindings) {
  if (!quiet) {
    return "no quiet phase";
  }
  return *quiet <= target.goal * tolerance(bindings)   ? "goal met"
         : *quiet <= target.must * tolerance(bindings) ? "must met"
                                                       : "missed";
}

std::vector<Difference> compare(const Values& before, const Values& after) {
  std::vector<Difference> differences;
  for (const auto& [name, now] : after) {
    const auto old = before.find(name);
    if (old == before.end() || old->second <= 0 || now <= 0) {
      continue;
    }
    const double noise = tolerance(bindings_in(name));
    // Rates are better when they are higher, everything else when it is lower.
    const bool rate = name.ends_with("per-second");
    const double ratio = rate ? old->second / now : now / old->second;
    differences.push_back({name, old->second, now,
                           ratio > noise       ? "slower"
                           : ratio < 1 / noise ? "faster"
                                               : "within noise"});
  }
  return differences;
}

}  // namespace anyhome::bench
