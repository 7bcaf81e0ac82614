// Where packets for the home agent are taken apart, in the order of RFC 6275 §9.2 and §9.3.1.
#pragma once

#include "common/forwarding/punt.h"
#include "controlplane/core.h"

namespace anyhome::control {

void process_packet(Core& core, const Now& now, const forwarding::PuntMetadata& metadata,
                    ByteView packet, Effects& effects);

}  // namespace anyhome::control
