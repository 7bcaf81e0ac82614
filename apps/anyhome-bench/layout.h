// Numbers, targets and verdicts as text, the same in all tables.
#pragma once

#include <optional>
#include <string>

#include "apps/anyhome-bench/figure.h"
#include "apps/anyhome-bench/record.h"
#include "apps/anyhome-bench/targets.h"

namespace anyhome::bench {

std::string number_text(const std::optional<double>& value);
// "75 / 60", or "60" of what has no goal.
std::string target_text(const Target& target);
// "goal", "must, 7 % from goal", "missed by 40 %".
std::string verdict_text(const std::string& name, const Figure& figure, const Target& target);
// Both, with room between them, or nothing of what has no target.
std::string judged_text(const std::string& name, const Figure& figure);
// How many times the reference, in the quiet state or, of what was not seen in that, in the busy
// one; never across.
std::string ratio_text(const Record& record, const Figure& figure, const std::string& reference);

}  // namespace anyhome::bench
