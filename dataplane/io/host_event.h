// What the kernel of this host tells the data path: interfaces, addresses, routes and neighbours,
// as typed events in the order in which they took effect.
//
// The events are a mirror, not a log: a consumer that applies every one of them holds what the
// kernel holds, after an overrun of the socket too. Only interfaces that are watched appear in
// them; so do only routes that a packet could take: the best one of each prefix.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/address.h"
#include "common/prefix.h"

namespace anyhome::host {

// The kernel's number of an interface; a type of its own, so that no metric is taken for it.
enum class InterfaceIndex : std::uint32_t {};
inline constexpr InterfaceIndex kNoInterface{0};

constexpr std::uint32_t to_number(InterfaceIndex interface) {
  return static_cast<std::uint32_t>(interface);
}

using MacAddress = std::array<std::uint8_t, 6>;

// An address that packets may be sent to: not tentative, and not refused by DAD (RFC 4862 §5.4).
struct AddressAdded {
  InterfaceIndex interface = kNoInterface;
  Ipv6Address address;
  std::uint8_t prefix_length = 128;
  friend bool operator==(const AddressAdded&, const AddressAdded&) = default;
};

struct AddressRemoved {
  InterfaceIndex interface = kNoInterface;
  Ipv6Address address;
  friend bool operator==(const AddressRemoved&, const AddressRemoved&) = default;
};

struct NextHop {
  InterfaceIndex interface = kNoInterface;
  Ipv6Address gateway;       // `::`: on link, each destination is its own next hop
  std::uint32_t weight = 1;  // share among the next hops of a multipath route
  friend auto operator<=>(const NextHop&, const NextHop&) = default;
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

enum class RouteKind : std::uint8_t {
  Unicast,
  Local,        // an address of this host, or an anycast address it serves
  Blackhole,    // dropped in silence
  Unreachable,  // Destination Unreachable, code 0
  Prohibit,     // Destination Unreachable, code 1
};

// The best route of a prefix: creates it or replaces it. Next hops are in ascending order, so that
// the same route always looks the same; there are none in a route that forwards nothing.
struct RouteSet {
  Prefix prefix;
  RouteKind kind = RouteKind::Unicast;
  std::vector<NextHop> next_hops;
  friend bool operator==(const RouteSet&, const RouteSet&) = default;
};

struct RouteRemoved {
  Prefix prefix;
  friend bool operator==(const RouteRemoved&, const RouteRemoved&) = default;
};

enum class NeighborState : std::uint8_t {
  Usable,      // REACHABLE, STALE, DELAY, PROBE, PERMANENT, NOARP
  Unresolved,  // INCOMPLETE: the kernel is asking
  Failed,      // FAILED: it asked in vain
  Removed,     // the kernel holds nothing about it
};

struct NeighborChanged {
  InterfaceIndex interface = kNoInterface;
  Ipv6Address address;
  NeighborState state = NeighborState::Removed;
  bool permanent = false;  // put there by the operator: usable for ever, never to be asked for
  // Known when usable; unset on interfaces without link-layer addresses.
  std::optional<MacAddress> mac;
  friend bool operator==(const NeighborChanged&, const NeighborChanged&) = default;
};

struct LinkChanged {
  InterfaceIndex interface = kNoInterface;
  std::string name;
  bool up = false;       // the operator wants it up
  bool carrier = false;  // and there is a link; never without `up`
  std::uint32_t mtu = 0;
  std::optional<MacAddress> mac;
  friend bool operator==(const LinkChanged&, const LinkChanged&) = default;
};

struct LinkRemoved {
  InterfaceIndex interface = kNoInterface;
  friend bool operator==(const LinkRemoved&, const LinkRemoved&) = default;
};

// Everything the kernel held has been told, at the start and after each overrun.
struct Synchronized {
  friend bool operator==(const Synchronized&, const Synchronized&) = default;
};

using HostEvent = std::variant<AddressAdded, AddressRemoved, RouteSet, RouteRemoved,
                               NeighborChanged, LinkChanged, LinkRemoved, Synchronized>;

}  // namespace anyhome::host
