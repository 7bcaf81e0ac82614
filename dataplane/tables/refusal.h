// Why the tables refuse a change. Nothing has changed then, and the caller may try again: after
// something was removed, or, where the reason is a grace period, after the next `maintain`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/forwarding/forwarding_update.h"

namespace anyhome::dataplane {

enum class TableRefusal : std::uint8_t {
  TableFull,            // bindings, prefixes, agent addresses, or keys of the hash
  EntriesExhausted,     // every entry is in use or waits for its grace period
  ReclaimBacklog,       // too much waits for readers
  AddressReserved,      // an agent's own address, or a pool's subnet-router anycast address
  UnknownOwner,         // a prefix for a home address without a binding
  UnknownPort,          // no port of that index
  NoNextHop,            // a route without next hops, or with one of weight 0
  TooManyNextHops,      // more than kMultipathSlots different ones
  RoutesFull,           // max-routes
  LeavesExhausted,      // removed routes still wait for their bindings to be moved
  Tbl8Exhausted,        // rte_lpm6 has no table left for the prefix's last bits
  NeighborsFull,        // max-neighbors
  AdjacenciesExhausted  // replaced adjacencies still wait for their grace period
};
inline constexpr std::size_t kTableRefusalCount =
    static_cast<std::size_t>(TableRefusal::AdjacenciesExhausted) + 1;

inline constexpr std::array<std::string_view, kTableRefusalCount> kTableRefusalNames = {
    "table-full",           "entries-exhausted", "reclaim-backlog", "address-reserved",
    "unknown-owner",        "unknown-port",      "no-next-hop",     "too-many-next-hops",
    "routes-full",          "leaves-exhausted",  "tbl8-exhausted",  "neighbors-full",
    "adjacencies-exhausted"};

constexpr std::string_view to_string(TableRefusal refusal) {
  return kTableRefusalNames[static_cast<std::size_t>(refusal)];
}

// In the words of the control core, which does not care in which table the room ran out.
constexpr forwarding::Refusal to_forwarding(TableRefusal refusal) {
  switch (refusal) {
    case TableRefusal::EntriesExhausted:
      return forwarding::Refusal::EntriesExhausted;
    case TableRefusal::ReclaimBacklog:
      return forwarding::Refusal::ReclaimBacklog;
    case TableRefusal::UnknownOwner:
      return forwarding::Refusal::UnknownOwner;
    case TableRefusal::AddressReserved:
      return forwarding::Refusal::AddressReserved;
    default:
      return forwarding::Refusal::TableFull;
  }
}

}  // namespace anyhome::dataplane
