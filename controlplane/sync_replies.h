// SS-REP (draft §5.4.3; rulings §4): what a peer is told of our bindings, out of its backlog of
// changes and the answers that it has asked for, in messages as full as they may be.
#pragma once

#include "common/wire/haha.h"
#include "controlplane/core.h"

namespace anyhome::control {

// The largest State Synchronization message that the links carry (rulings §4).
[[nodiscard]] std::size_t max_message(const Core& core);

// A live binding with less than a unit of lifetime left would read as withdrawn; its end is told.
bool can_be_told(const Binding& binding, const Now& now);

// Any State Synchronization message, from locator to locator.
void send_to(Core& core, const PeerState& peer, const wire::StateSynchronization& message,
             Effects& effects);

// One that has been opened in the peer's stream, as the bindings are now.
void send_reply(Core& core, PeerState& peer, std::uint16_t identifier, const Now& now,
                Effects& effects);

// Sends what window and backlog of a peer allow, bounded. True: there is more now.
bool pump_peer(Core& core, PeerState& peer, const Now& now, Effects& effects);

}  // namespace anyhome::control
