// Runs seeds and tells of those that break a promise.
#pragma once

#include "apps/anyhome-sim/options.h"

namespace anyhome::sim {

// 0: all promises were kept.
int run_check(const CheckOptions& options);

}  // namespace anyhome::sim
