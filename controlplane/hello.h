// HA-HELLO and what it says about the links and the set: liveness, boot epochs, readiness (draft
// §5.1, §5.2; rulings §1, §2).
#pragma once

#include "common/wire/haha.h"
#include "controlplane/core.h"

namespace anyhome::control {

// Before anything else: peers get their entries in the tables and are asked.
void start_set(Core& core, const Now& now, Effects& effects);

// A HELLO to our locator; `sender` is null for a locator that is no member's.
void process_hello(Core& core, const Now& now, PeerState* sender, const Ipv6Address& source,
                   ByteView message, Effects& effects);

// Everything that is due for this peer: HELLOs, the end of its lifetime, repetitions.
void peer_timer(Core& core, PeerState& peer, const Now& now, Effects& effects);
// Arms the peer's timer for what is next.
void schedule_peer(Core& core, PeerState& peer);

// A HELLO to everybody at once: the A flag has changed, or we are leaving (lifetime 0).
void announce_to_set(Core& core, const Now& now, bool leaving, Effects& effects);

// Whether the set is synchronized enough to serve (rulings §2); told once.
void watch_readiness(Core& core, const Now& now, Effects& effects);

}  // namespace anyhome::control
