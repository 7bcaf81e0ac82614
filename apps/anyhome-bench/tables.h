// Figures as people read them.
#pragma once

#include <string>
#include <vector>

#include "apps/anyhome-bench/record.h"

namespace anyhome::bench {

// What belongs together, with a name by which documents refer to it.
struct Section {
  std::string name;
  std::string text;
};
// Only of what was measured.
std::vector<Section> sections_of(const Record& record);

std::string as_tables(const Record& record);
std::string as_csv(const Record& record);
// Every figure that both have: faster, slower, or within noise.
std::string as_comparison(const Record& before, const Record& now);

}  // namespace anyhome::bench
