// What the mobile node wants done, in order: packets for the access network, packets for the host
// (the TUN device), and events for people and statistics.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/address.h"
#include "common/time.h"
#include "common/wire/mobility.h"

namespace anyhome::mobile {

using Bytes = std::vector<std::byte>;

// A whole IPv6 packet whose source is a care-of address.
struct SendToNetwork {
  Bytes packet;
};

// A whole IPv6 packet for the home address or the mobile network.
struct DeliverToHost {
  Bytes packet;
};

enum class EventKind : std::uint8_t {
  Registered,             // new binding, or a new care-of address; value: lifetime in seconds
  Refreshed,              // value: lifetime in seconds
  Deregistered,           // at the home agent
  Acknowledged,           // every matching acknowledgement; for statistics: status, latency
  Retransmitted,          // a Binding Update goes out again; value: transmission number
  Rejected,               // status; value: seconds until the next attempt, 0 when there is none
  NoMobileRouterSupport,  // accepted without the R flag (RFC 3963 §5.3)
  Unanswered,             // this home agent is given up
  BindingExpired,
  SequenceAdopted,  // status 135; value: the home agent's number
  ClockAdopted,     // status 144; value: the difference in seconds
  SwitchFollowed,   // home agent: the target
  SwitchFailed,     // home agent: the one we stay with
  DiscoveryStarted,
  DiscoverySucceeded,     // home agent: the chosen one; value: how many were listed
  DiscoveryFailed,        // value: seconds until the next attempt
  PathMtuLowered,         // value: path MTU to the home agent
  BindingErrorReceived,   // status of the Binding Error
  UnauthenticatedAnswer,  // an acknowledgement was ignored: no or wrong authenticator; its status
  SignallingError,        // ICMPv6 error about our signalling; status: its type, value: its code
  PrefixAdvertised,       // value: number of prefixes
};

struct Event {
  EventKind kind = EventKind::Registered;
  HomeAddress home_address;
  std::optional<HomeAgentAddress> home_agent;
  std::optional<CareOfAddress> care_of;
  std::uint8_t status = 0;
  std::int64_t value = 0;
  Duration latency{};

  friend bool operator==(const Event&, const Event&) = default;
};

using Effect = std::variant<SendToNetwork, DeliverToHost, Event>;
using Effects = std::vector<Effect>;

// "registered" and so on.
std::string_view to_string(EventKind kind);
// A line for people.
std::string describe(const Event& event);
// Events that happen all the time when all is well.
bool is_routine(EventKind kind);

}  // namespace anyhome::mobile
