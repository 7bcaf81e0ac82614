// What can be wrong about a global home agent set (draft §5.1, rulings §1 and §9).
#pragma once

#include <vector>

#include "common/config/option_table.h"

namespace anyhome::config {

void validate_set(const Config& config, std::vector<Mistake>& mistakes);

}  // namespace anyhome::config
