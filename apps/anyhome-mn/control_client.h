// `anyhome-mn ctl`: one command to a running anyhome-mn.
#pragma once

#include <span>
#include <string_view>

namespace anyhome::mobile {

// `arguments` are those behind "ctl". Exit code: 0 done, 1 failed, 2 usage.
int run_control_client(std::span<const std::string_view> arguments);

}  // namespace anyhome::mobile
