// Dynamic home agent address discovery (RFC 6275 §10.5, draft §5.7) and mobile prefix discovery
// (RFC 6275 §10.6).
#pragma once

#include "controlplane/core.h"

namespace anyhome::control {

// A DHAAD request; `message` is the ICMPv6 message, its checksum not yet checked.
void process_discovery_request(Core& core, const Now& now, const wire::Ipv6Header& header,
                               ByteView message, Effects& effects);

// A Mobile Prefix Solicitation from a care-of address, with the home address out of its option. The
// binding has been checked.
void process_prefix_solicitation(Core& core, const Now& now, const wire::Ipv6Header& header,
                                 Binding& binding, ByteView message, Effects& effects);

}  // namespace anyhome::control
