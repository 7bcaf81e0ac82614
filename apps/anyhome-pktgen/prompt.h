// Commands from standard input, for people who try things out and for scripts.
#pragma once

#include "apps/anyhome-pktgen/actions.h"

namespace anyhome::pktgen {

// Until `quit`, the end of the input or an interrupt; the exit code, kFailed when a command of a
// file could not be carried out.
int run_prompt(const Options& options, Generator& generator, Actions& actions);

}  // namespace anyhome::pktgen
