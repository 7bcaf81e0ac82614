// The program around the pure mobile node: one thread, one epoll, packets and time in, effects out.
#pragma once

#include "apps/anyhome-mn/options.h"

namespace anyhome::mobile {

// Runs until told to stop. Exit code: 0, or 1 when it could not start.
int run_daemon(const Options& options);

}  // namespace anyhome::mobile
