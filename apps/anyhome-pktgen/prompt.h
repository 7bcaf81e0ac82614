// Commands from standard input, for people who try things out and for scripts.
#pragma once

#include "apps/anyhome-pktgen/actions.h"

namespace anyhome::pktgen {

// Until `quit` or the end of the input; the exit code.
int run_prompt(const Options& options, Generator& generator, Actions& actions);

}  // namespace anyhome::pktgen
