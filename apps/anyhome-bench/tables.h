// Figures as people read them: tables with targets and verdicts, CSV, and what has changed.
#pragma once

#include <string>

#include "apps/anyhome-bench/record.h"

namespace anyhome::bench {

std::string as_tables(const Record& record);
std::string as_csv(const Record& record);
// Figure by figure, what both have; the last line counts.
std::string as_comparison(const Record& before, const Record& now);

}  // namespace anyhome::bench
