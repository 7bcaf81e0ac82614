// What this agent was made for, and the memory that takes: printed at start, so that an operator
// sees what a limit costs before it is reached.
#pragma once

#include "apps/anyhomed/data_plane.h"
#include "common/config/config.h"

namespace anyhome {

// Places of the queues for the control thread: as configured, or by the number of bindings.
std::uint32_t control_queue_places(const config::Config& config);

void log_sizing(const config::Config& config, const DataPlane& plane);

}  // namespace anyhome
