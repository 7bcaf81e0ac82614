// What the control core asks of the forwarding tables.
//
// The control plane decides everything once (which of a bound and a global binding wins, which
// claimant of a prefix is active); the tables are told only results. Updates come in the order in
// which they have to take effect.
#pragma once

#include <cstdint>
#include <variant>

#include "common/address.h"
#include "common/prefix.h"

namespace anyhome::forwarding {

enum class BindingKind : std::uint8_t {
  Bound,   // registered here: tunnel to the care-of address
  Global,  // registered at a peer: tunnel to that peer's locator (draft §5.6)
};

inline constexpr std::uint16_t kPathMtuUnknown = 0xffff;

// Creates or replaces, in place, what happens to packets for a home address.
struct SetBinding {
  HomeAddress home_address;
  BindingKind kind = BindingKind::Bound;
  Ipv6Address tunnel_source;       // home agent address, or own locator for a global binding
  Ipv6Address tunnel_destination;  // care-of address, or the primary's locator
  // Path MTU of the tunnel in bytes, outer header included; the port's own MTU bounds it too.
  std::uint16_t path_mtu = kPathMtuUnknown;
  // Global only: reverse-tunnel packets from this care-of address are still let out, because the
  // mobile node has just been registered here (rulings §6); `::`: from nobody.
  CareOfAddress former_care_of_address = {};
  friend bool operator==(const SetBinding&, const SetBinding&) = default;
};

// Also removes the prefixes that still point at the binding.
struct RemoveBinding {
  HomeAddress home_address;
  friend bool operator==(const RemoveBinding&, const RemoveBinding&) = default;
};

// Packets for a mobile network prefix go where packets for `owner` go (RFC 3963 §6.5).
struct SetPrefix {
  Prefix prefix;
  HomeAddress owner;
  friend bool operator==(const SetPrefix&, const SetPrefix&) = default;
};

struct RemovePrefix {
  Prefix prefix;
  friend bool operator==(const RemovePrefix&, const RemovePrefix&) = default;
};

// What happens to native packets for another home agent's address.
enum class PeerReach : std::uint8_t {
  Relayed,  // over the HAHA link, uninspected (R90a)
  Dead,  // to the control thread, within a budget: its mobile nodes are to be moved (rulings §7)
};

struct SetPeer {
  std::uint16_t peer = 0;  // index in the configuration
  HomeAgentAddress address;
  Locator locator;
  Locator own_locator;
  PeerReach reach = PeerReach::Relayed;
  friend bool operator==(const SetPeer&, const SetPeer&) = default;
};

using ForwardingUpdate = std::variant<SetBinding, RemoveBinding, SetPrefix, RemovePrefix, SetPeer>;

// Why the tables refuse an update; nothing has changed then.
enum class Refusal : std::uint8_t {
  TableFull,         // no room for another key
  EntriesExhausted,  // every entry is in use or waits for its grace period
  ReclaimBacklog,    // too much waits for readers; try again later
  UnknownOwner,      // a prefix for a home address without a binding
  AddressReserved,   // a home address that is an agent's own, or that routers answer to: the first
                     // of a pool's prefix (subnet-router anycast, RFC 4291 §2.6.1)
};

}  // namespace anyhome::forwarding
