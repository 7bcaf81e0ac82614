// What a second worker is worth when all that comes is one HAHA link, and so in one receive queue.
#pragma once

#include "apps/anyhome-bench/measurements.h"

namespace anyhome::bench {

// workers/.../one-haha-link. Needs a second processor; throws NoMemory.
void measure_one_link(const Plan& plan, Record& record);

}  // namespace anyhome::bench
