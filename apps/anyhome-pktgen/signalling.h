// Whole signalling packets: Binding Updates of mobile nodes, and what a peer of a global home agent
// set says.
#pragma once

#include <cstdint>
#include <vector>

#include "apps/anyhome-pktgen/settings.h"
#include "common/bytes.h"
#include "common/sequence.h"
#include "common/time.h"

namespace anyhome::pktgen {

using Packet = std::vector<std::byte>;

// `kind` says what is wrong with it, or nothing.
Packet binding_update(const TrafficSettings& settings, Kind kind, std::uint32_t node,
                      std::uint64_t care_of_steps, SequenceNumber sequence, WallTime now);

// An SS-REP with `bindings_per_message` bindings, from number `first` on, round and round.
Packet state_reply(const TrafficSettings& settings, std::uint32_t first, std::uint16_t identifier,
                   WallTime now);
// An HA-HELLO, valid for 30 s; it asks for an answer when `request`.
Packet hello(const TrafficSettings& settings, SequenceNumber sequence, bool request);

}  // namespace anyhome::pktgen
