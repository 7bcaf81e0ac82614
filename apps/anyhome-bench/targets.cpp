#include "apps/anyhome-bench/targets.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

namespace anyhome::bench {
namespace {

constexpr std::array<unsigned long, 4> kSizes = {1000, 100000, 1000000, 4000000};
using Row = std::array<Target, 4>;  // by size

// Cycles per packet with bindings hit at random, bursts of 32.
const std::map<std::string, Row>& paths() {
  static const std::map<std::string, Row> kPaths = {
      {"to-mobile-node", {{{75, 60}, {125, 85}, {195, 160}, {215, 180}}}},
      {"to-haha-link", {{{75, 60}, {125, 85}, {195, 160}, {215, 180}}}},
      {"from-haha-link", {{{100, 85}, {150, 110}, {220, 185}, {240, 205}}}},
      {"from-mobile-node", {{{95, 80}, {155, 120}, {220, 190}, {240, 210}}}},
      {"miss", {{{60, {}}, {60, {}}, {75, {}}, {100, {}}}}},
  };
  return kPaths;
}

const std::map<std::string, Target>& others() {
  static const std::map<std::string, Target> kOthers = {
      {"churn/slowdown/100000", {1.15, {}}},        {"churn/slowdown/1000000", {1.15, {}}},
      {"workers/scaling/1000", {1.9, {}}},          {"workers/scaling/1000000", {1.7, {}}},
      {"workers/scaling/one-haha-link", {1.5, {}}}, {"memory/bytes-per-binding/1000000", {350, {}}},
      {"start-up/empty-tables/1000000", {1, {}}},   {"start-up/empty-tables/10000000", {1, {}}},
  };
  return kOthers;
}

// Below DPDK's own loop times this; of what is encapsulated, where both look one address up.
std::optional<Target> to_exact_match(unsigned long size) {
  return Target{size == 100000 ? 2.4 : 1.8, 1.5};
}

}  // namespace

std::optional<Target> target_of(const std::string& name) {
  const auto parts = split_name(name);
  if (const auto other = others().find(name); other != others().end()) {
    return other->second;
  }
  if (parts.size() < 3) {
    return std::nullopt;
  }
  const unsigned long size = size_in(name);
  const auto* const at = std::ranges::find(kSizes, size);
  if (at == kSizes.end()) {
    return std::nullopt;
  }
  if (parts[0] == "to-exact-match") {
    return to_exact_match(size);
  }
  const auto row = paths().find(parts[1]);
  if (parts[0] != "path" || row == paths().end()) {
    return std::nullopt;
  }
  return row->second[static_cast<std::size_t>(at - kSizes.begin())];
}

std::string_view name_of(Verdict verdict) {
  constexpr std::string_view kNames[] = {"met", "near", "missed", "no quiet phase"};
  return kNames[static_cast<std::size_t>(verdict)];
}

double tolerance_of(const std::string& name) { return size_in(name) < 100000 ? 0.10 : 0.25; }

Verdict judge(const std::string& name, const Figure& figure, double target) {
  if (!figure.quiet) {
    return Verdict::Unjudged;
  }
  const double value = *figure.quiet;
  const double tolerance = tolerance_of(name);
  if (figure.better == Better::Less) {
    return value <= target                     ? Verdict::Met
           : value <= target * (1 + tolerance) ? Verdict::Near
                                               : Verdict::Missed;
  }
  return value >= target                     ? Verdict::Met
         : value >= target * (1 - tolerance) ? Verdict::Near
                                             : Verdict::Missed;
}

Change compare(const std::string& name, const Figure& before, const Figure& now) {
  const bool counted = now.unit == "instructions" || now.unit == "bytes";
  const double floor = counted ? 0.005 : size_in(name) < 100000 ? 0.05 : 0.12;
  // The quiet are compared with the quiet, if both were.
  const bool alike = before.quiet.has_value() && now.quiet.has_value();
  const auto old_value = alike ? before.quiet : before.busy;
  const auto new_value = alike ? now.quiet : now.busy;
  if (!old_value || !new_value) {
    return Change::WithinNoise;
  }
  const double noise = std::abs(*old_value) * std::max(floor, before.spread + now.spread);
  const double moved = *new_value - *old_value;
  if (std::abs(moved) <= noise) {
    return Change::WithinNoise;
  }
  return (moved < 0) == (now.better == Better::Less) ? Change::Better : Change::Worse;
}

}  // namespace anyhome::bench
