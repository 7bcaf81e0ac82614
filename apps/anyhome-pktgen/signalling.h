// Whole signalling packets: Binding Updates of mobile nodes, and what a peer of a global home agent
// set says.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/anyhome-pktgen/settings.h"
#include "common/bytes.h"
#include "common/sequence.h"
#include "common/time.h"

namespace anyhome::pktgen {

using Packet = std::vector<std::byte>;

// "{}" in the pattern becomes the node's number.
std::string identifier_of(const std::string& pattern, std::uint32_t node);
// A line of anyhomed's mobile-nodes-file; the settings have a key.
std::string mobile_nodes_line(const TrafficSettings& settings, std::uint32_t node);

// `kind` says what is wrong with it, or nothing.
Packet binding_update(const TrafficSettings& settings, Kind kind, std::uint32_t node,
                      std::uint64_t care_of_steps, SequenceNumber sequence, WallTime now);

// How many bindings an SS-REP has.
std::uint32_t bindings_in_message(const TrafficSettings& settings);
// An SS-REP with as many bindings, from number `first` on, round and round.
Packet state_reply(const TrafficSettings& settings, std::uint32_t first, std::uint16_t identifier,
                   WallTime now);
// An HA-HELLO, valid for 30 s. It asks for nothing: so it counts as the answer to one, and the link
// is up (rulings §1).
Packet hello(const TrafficSettings& settings, SequenceNumber sequence);
// What a peer answers to a State Synchronization message for it: to an SS-REQ that it has told all
// it has, to an SS-REP a status for each of its bindings. Empty: it says nothing.
Packet answer_state(const TrafficSettings& settings, ByteView packet);

}  // namespace anyhome::pktgen
