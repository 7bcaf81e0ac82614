// The timers of the core: what a payload in the wheel means, and when a binding needs looking at.
#pragma once

#include <cstdint>

#include "controlplane/core.h"

namespace anyhome::control {

enum class TimerKind : std::uint8_t {
  Binding,  // a slot: expiry, refresh request, refresh of the peers' copies, ...
  Former,   // a slot whose former care-of address is not believed any longer
  Switch,   // a slot with a pending Home Agent Switch
  Peer,     // a peer: HELLO, liveness, retransmission
};

constexpr std::uint64_t timer_payload(TimerKind kind, std::uint32_t index) {
  return (std::uint64_t{static_cast<std::uint8_t>(kind)} << 32U) | index;
}
constexpr TimerKind timer_kind(std::uint64_t payload) {
  return static_cast<TimerKind>(payload >> 32U);
}
constexpr std::uint32_t timer_index(std::uint64_t payload) {
  return static_cast<std::uint32_t>(payload);
}

// Requests per lifetime, each at half of what is left: the last one leaves an eighth of the lead.
inline constexpr unsigned kMaxRefreshRequests = 4;

// When the next Binding Refresh Request for the binding is due; nullopt: none is.
std::optional<Instant> next_refresh_request(const Core& core, const Binding& binding);

// Arms the binding's timer for the next thing that happens to it by itself.
void schedule(Core& core, Binding& binding);

}  // namespace anyhome::control
