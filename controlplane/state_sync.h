// State Synchronization (draft §5.4.2, §5.4.3; rulings §4, §5): what the peers say, what is asked,
// and what is repeated. What they are told is sync_replies.h.
#pragma once

#include "common/wire/haha.h"
#include "controlplane/core.h"

namespace anyhome::control {

// A State Synchronization message to our locator; `message` is the whole, checked Mobility Header.
// `sender` is null for a locator that is no member's.
void process_state_synchronization(Core& core, const Now& now, PeerState* sender,
                                   const Ipv6Address& source, ByteView message, Effects& effects);

// Asks a peer; the question is repeated until its end mark comes.
void request_state(Core& core, PeerState& peer, const SyncSelector& selector, const Now& now);

// Sends what windows and backlogs allow, to all peers, bounded. True: there is more now.
bool pump(Core& core, const Now& now, Effects& effects);

// What is due for this peer: repetitions of replies and of our request.
void sync_timer(Core& core, PeerState& peer, const Now& now, Effects& effects);
[[nodiscard]] std::optional<Instant> sync_deadline(const PeerState& peer);

}  // namespace anyhome::control
