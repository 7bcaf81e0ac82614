// ICMPv6 errors about the packets of our own tunnels (RFC 2473 §8): told on to whoever sent the
// packet inside, and Packet Too Big learnt for the tunnel.
#pragma once

#include "controlplane/core.h"

namespace anyhome::control {

// An ICMPv6 error addressed to us; `message` is the ICMPv6 message. Anybody can forge one, so it
// counts only when it quotes a packet of a live binding (RFC 8201 §4: and never goes below 1280).
void process_tunnel_error(Core& core, const Now& now, const wire::Ipv6Header& header,
                          ByteView message, Effects& effects);

}  // namespace anyhome::control
