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

enum class Verdict : unsigned char { Met, Near, Missed, Unjudged };
std::string_view name_of(Verdict verdict);

// How far beyond a target a figure is near it, as a share: 10 % below 100,000 bindings, 25 % from
// there on, where the third-level cache decides, which machines share.
double tolerance_of(const std::string& name);
// Met: not beyond it. Without a quiet phase there is no verdict on what was measured in phases.
Verdict judge(const std::string& name, const Figure& figure, double target);

enum class Change : unsigned char { Better, Worse, WithinNoise };
// What moves by less than what both spread by is noise, and so is what two runs an hour apart
// differ by anyway: 5 % of what fits into the caches, 12 % of what does not; instructions and
// bytes are counted, and half a per cent is a change.
Change compare(const std::string& name, const Figure& before, const Figure& now);

}  // namespace anyhome::bench
