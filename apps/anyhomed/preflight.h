// What would keep the daemon from starting, found before EAL fails at it in its own words.
#pragma once

#include <string>
#include <vector>

#include "common/config/config.h"

namespace anyhome {

// A problem with its remedy; empty when nothing stands in the way.
std::string preflight(const config::Config& config, const std::vector<std::string>& eal_arguments);

// A virtual device that EAL was told to make and could not: EAL starts without it. Empty: none.
std::string explain_missing_device(const config::Config& config,
                                   const std::vector<std::string>& eal_arguments);

}  // namespace anyhome
