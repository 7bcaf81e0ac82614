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
      // Times as many cycles, while 100,000 bindings a second come, change and go.
      {"churn/slowdown/100000", {1.15, {}}},
      {"churn/slowdown/1000000", {1.15, {}}},
      {"churn/rate/100000", {295'000, {}}},
      {"churn/rate/1000000", {295'000, {}}},
      // Times as much as one worker.
      {"workers/scaling/1000/2", {1.9, {}}},
      {"workers/scaling/1000000/2", {1.7, {}}},
      {"workers/scaling/one-haha-link", {1.5, {}}},
      // Events per second and control core.
      {"control/registrations-per-second", {450'000, 600'000}},
      {"control/refreshes-per-second", {450'000, 600'000}},
      {"control/movements-per-second", {450'000, 600'000}},
      {"control/registrations-authenticated-per-second", {200'000, 300'000}},
      {"control/refreshes-authenticated-per-second", {200'000, 300'000}},
      {"control/movements-authenticated-per-second", {200'000, 300'000}},
      {"control/global-bindings-per-second", {700'000, 1'200'000}},
      {"control/takeover-seconds", {3, {}}},
      {"control/longest-step-ms", {10, {}}},
      {"control/longest-acknowledgement-ms", {10, {}}},
      {"control/longest-acknowledgement-live-ms", {10, {}}},
      {"control/bytes-per-binding", {350, {}}},
      {"start-up/empty-tables/1000000", {1, {}}},
      {"start-up/empty-tables/10000000", {1, {}}},
      {"start-up/agent", {1, {}}},
      {"idle/processor", {5, {}}},
      // Times fewer cycles than VPP was seen to take.
      {"to-vpp/to-mobile-node/1000", {2.2, 2.7}},
      {"to-vpp/to-mobile-node/100000", {5, {}}},
      {"to-vpp/from-mobile-node/1000", {5, {}}},
      {"to-vpp/from-mobile-node/10000", {12, {}}},
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
  if (parts[0] == "to-vpp" && parts.size() == 4) {  // whatever the index
    const auto vpp = others().find(parts[0] + '/' + parts[1] + '/' + parts[2]);
    return vpp == others().end() ? std::nullopt : std::optional(vpp->second);
  }
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

bool is_alternative(std::string_view name) { return name.ends_with("/rte-hash"); }

std::string_view name_of(Verdict verdict) {
  constexpr std::string_view kNames[] = {"goal", "must", "near", "missed", "not seen quiet"};
  return kNames[static_cast<std::size_t>(verdict)];
}

double tolerance_of(const std::string& name) { return size_in(name) < 100000 ? 0.10 : 0.25; }

Verdict judge(const std::string& name, const Figure& figure, const Target& target) {
  if (!figure.quiet) {
    return Verdict::NotSeenQuiet;
  }
  const auto reaches = [&](double limit, double tolerance) {
    return figure.better == Better::Less ? *figure.quiet <= limit * (1 + tolerance)
                                         : *figure.quiet >= limit * (1 - tolerance);
  };
  if (reaches(target.goal.value_or(target.must), 0)) {
    return Verdict::Goal;
  }
  return reaches(target.must, 0)                    ? Verdict::Must
         : reaches(target.must, tolerance_of(name)) ? Verdict::Near
                                                    : Verdict::Missed;
}

double noise_of(const std::string& name, const Figure& before, const Figure& now) {
  if (now.unit == "instructions" || now.unit == "bytes") {
    return 0.005;
  }
  // So few show no spread that could be relied upon.
  constexpr unsigned kEnough = 4;
  const bool few = before.quiet_phases < kEnough || now.quiet_phases < kEnough;
  const double floor = few ? 0.15 : size_in(name) < 100'000 ? 0.05 : 0.12;
  // A stage has so many samples that a cycle is one or two of a hundred.
  const bool sampled = name.starts_with("stage-cycles/") && !now.phased();
  const double cycle = sampled && before.quiet ? 1 / std::max(*before.quiet, 1.0) : 0;
  return std::max({floor, cycle, before.spread + now.spread});
}

Change compare(const std::string& name, const Figure& before, const Figure& now) {
  if (!before.quiet || !now.quiet) {
    return Change::NotSeenQuiet;
  }
  const double moved = *now.quiet - *before.quiet;
  if (std::abs(moved) <= std::abs(*before.quiet) * noise_of(name, before, now)) {
    return Change::WithinNoise;
  }
  return (moved < 0) == (now.better == Better::Less) ? Change::Better : Change::Worse;
}

}  // namespace anyhome::bench
