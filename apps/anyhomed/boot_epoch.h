// The boot epoch of a home agent: the seconds of its start, and always more than in any earlier
// life, even when the clock was set back meanwhile (rulings §1). Peers tell lives apart by it.
#pragma once

#include <cstdint>
#include <string>

#include "common/time.h"

namespace anyhome {

// Reads the last one from `file`, and writes this one there; a file that cannot be read or written
// is logged, and the clock has to do.
std::uint32_t next_boot_epoch(const std::string& file, WallTime now);

}  // namespace anyhome
