// The state of the mobile nodes as JSON, one object per line.
#pragma once

#include <string>
#include <string_view>

#include "apps/anyhome-mn/fleet.h"
#include "apps/anyhome-mn/mobile_node.h"
#include "common/time.h"

namespace anyhome::mobile {

enum class CounterDetail : std::uint8_t {
  All,
  NonZero,
};

// One line, with its end.
std::string node_line(const MobileNode& node, Now now, CounterDetail detail);
// States, totals and latency; `program_counters` are further members ("\"a\": 1") or empty.
std::string summary_line(const Fleet& fleet, std::string_view program_counters);
// A JSON string with its quotes.
std::string quoted(std::string_view text);

}  // namespace anyhome::mobile
