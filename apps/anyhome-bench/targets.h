// What figures have to be, and whether they are; and whether a figure has changed.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "apps/anyhome-bench/figure.h"

namespace anyhome::bench {

struct Target {
  double must = 0;
  std::optional<double> goal;
};

// Of the figure of that name, if it has one.
std::optional<Target> target_of(const std::string& name);

// Of the index that a home agent does not use by default, and which is there to be compared with.
bool is_alternative(std::string_view name);

// Cycles of the core in a tick of the time stamp counter where cycles per packet were demanded:
// what computes takes more ticks on a core that does less in one.
inline constexpr double kClockOfTargets = 1.40;

enum class Verdict : unsigned char {
  Goal,    // as good as was hoped for; of what has no goal, as good as it must be
  Must,    // as good as it must be
  Near,    // not so, but by no more than two runs differ
  Missed,  // by more
  NotSeenQuiet,
};
std::string_view name_of(Verdict verdict);

// How far beyond what must be a figure is near it, as a share: 10 % below 100,000 bindings, 25 %
// from there on, where the third-level cache decides, which machines share.
double tolerance_of(const std::string& name);
// By the median of the quiet phases; without one there is nothing to judge.
Verdict judge(const std::string& name, const Figure& figure, const Target& target);

// The share of a figure by which two runs differ for nothing: what both spread by, and at least
// what two runs an hour apart differ by anyway: 5 % of what fits into the caches, 12 % of what does
// not, 15 % of what was measured once or in few phases, a cycle of a stage; instructions and bytes
// are counted, and half a per cent is a change.
double noise_of(const std::string& name, const Figure& before, const Figure& now);

enum class Change : unsigned char { Better, Worse, WithinNoise, NotSeenQuiet };
// What moves by less than that is noise. What was not quiet in both runs is not compared: how busy
// a core was is no property of ours.
Change compare(const std::string& name, const Figure& before, const Figure& now);

}  // namespace anyhome::bench
