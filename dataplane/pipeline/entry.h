// What the tables hold for the workers: binding entries, route leaves, adjacencies.
//
// An entry and an adjacency are one cache line each and never change once a reader may see them; a
// change is a new one, a swapped pointer or index, and a grace period. A leaf is the one thing
// that is stored in place: 32 bits, so that one store moves every binding behind it
// (docs/architecture.md, "The fast path").
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "common/address.h"
#include "common/wire/ipv6.h"

namespace anyhome::dataplane {

inline constexpr std::size_t kCacheLine = 64;

using LeafIndex = std::uint32_t;
// Numbers of leaves and of former care-of addresses have 24 bits in an entry.
inline constexpr std::uint32_t kEntryIndexMask = (1U << 24U) - 1;
using AdjacencyIndex = std::uint32_t;

enum class EntryKind : std::uint8_t {
  Bound,   // tunnel to the care-of address
  Global,  // tunnel to the primary's locator
  Peer,    // another home agent's own address: relay to its locator
  Local,   // an address of ours inside the home prefix
};

// What an address of ours is for.
enum class LocalRole : std::uint8_t {
  Host,       // the kernel's
  HomeAgent,  // mobile nodes register with it; reverse tunnels end here
  Locator,    // HAHA links end here
  Discovery,  // the home agents' anycast address; never a source
};

// Everything that one lookup has to bring, in one cache line: the key that it is found by, and what
// is written around a packet. The first eight bytes of an outer header are made for each packet.
struct alignas(kCacheLine) Entry {
  Ipv6Address key;
  Ipv6Address source;       // of the outer header
  Ipv6Address destination;  // likewise; behind the source, as in the header
  LeafIndex leaf : 24 = 0;  // of the route that covers the outer destination
  EntryKind kind : 4 = EntryKind::Bound;
  LocalRole role : 4 = LocalRole::Host;  // Local only
  std::uint32_t former : 24 = 0;    // Global: where its former care-of address is kept; 0: nowhere
  std::uint32_t hop_limit : 8 = 0;  // of the outer header
  std::uint32_t next = 0;           // the table's own (tables/bucket_index.h)
  std::uint16_t path_mtu = 0;       // of the outer packet in bytes
  std::uint16_t peer = 0;           // Global, Peer: index of the home agent

  void set_leaf(LeafIndex index) { leaf = index & kEntryIndexMask; }
  void set_former(std::uint32_t index) { former = index & kEntryIndexMask; }
};
static_assert(sizeof(Entry) == kCacheLine);

enum class LeafKind : std::uint8_t {
  NoRoute,     // index unused
  Adjacency,   // index of an adjacency
  Multipath,   // index of a multipath group
  Local,       // index is a LocalRole
  Binding,     // index into the prefixes' entries: a mobile network prefix outside of the pools
  Prohibited,  // blackhole, unreachable or prohibit route
};

// A leaf's value: kind in the high 4 bits, index in the low 28.
struct LeafValue {
  std::uint32_t raw = 0;

  static constexpr std::uint32_t kIndexBits = 28;
  static constexpr LeafValue of(LeafKind kind, std::uint32_t index) {
    return {(static_cast<std::uint32_t>(kind) << kIndexBits) | index};
  }
  [[nodiscard]] constexpr LeafKind kind() const { return static_cast<LeafKind>(raw >> kIndexBits); }
  [[nodiscard]] constexpr std::uint32_t index() const { return raw & ((1U << kIndexBits) - 1U); }
  friend constexpr bool operator==(LeafValue, LeafValue) = default;
};

using Leaf = std::atomic<std::uint32_t>;
static_assert(Leaf::is_always_lock_free && sizeof(Leaf) == 4);

// Leaf 0 is never a route's: it is what a lookup without a match answers.
inline constexpr LeafIndex kNoRouteLeaf = 0;

enum class AdjacencyState : std::uint8_t {
  Forward,     // the link-layer address is known
  Unresolved,  // not known yet: punt for resolution
  Failed,      // does not answer
};

// Ethernet header with room for one VLAN tag.
inline constexpr std::size_t kMaxLinkHeader = 18;

struct alignas(kCacheLine) Adjacency {
  std::array<std::byte, kMaxLinkHeader> link_header{};
  std::uint8_t link_header_size = 14;
  AdjacencyState state = AdjacencyState::Unresolved;
  std::uint16_t port = 0;
  std::uint16_t mtu = 0;  // L3 MTU of the port in bytes
  // The next hop; `::` when each destination on the link is its own next hop (a connected prefix).
  Ipv6Address next_hop;
  std::array<std::byte, 24> spare{};
};
static_assert(sizeof(Adjacency) == kCacheLine);

// A multipath route: flow hash modulo slots picks an adjacency. A next hop that fails is replaced
// by publishing another group.
inline constexpr std::size_t kMultipathSlots = 15;
struct alignas(kCacheLine) MultipathGroup {
  std::uint32_t used = 0;  // slots in use, 1..kMultipathSlots
  std::array<AdjacencyIndex, kMultipathSlots> slots{};
};
static_assert(sizeof(MultipathGroup) == kCacheLine);

}  // namespace anyhome::dataplane
