// `anyhome-bench report FILE...`: the figures of several records as one, as tables, JSON and CSV,
// and beside those of an earlier run. Needs no DPDK.
#pragma once

#include <string>
#include <vector>

namespace anyhome::bench {

// FILE... [--json FILE] [--csv FILE] [--against FILE]; returns an exit code.
int report_command(const std::vector<std::string>& arguments);

}  // namespace anyhome::bench
