// `anyhome-bench calibrate`: how fast a processor is at the moment, for who measures other
// programs.
#pragma once

#include <string>
#include <vector>

namespace anyhome::bench {

// For each line of standard input, the number of a processor, a line with its speed: CLOCK WIDTH.
int calibrate_command(const std::vector<std::string>& arguments);

}  // namespace anyhome::bench
