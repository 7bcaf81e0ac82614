// A small world whose every piece can be told to be right or wrong by itself: what a binding's
// outer header says follows from its number and a generation, a next hop's MAC address from its
// address and a generation, and which next hops are right for a destination from the destination.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "common/address.h"
#include "common/forwarding/forwarding_update.h"
#include "dataplane/tables/adjacency.h"
#include "dataplane/tables/entry_content.h"

namespace anyhome::test::world {

using dataplane::Adjacency;
using dataplane::AdjacencyState;
using dataplane::Entry;
using dataplane::MacAddress;

inline constexpr unsigned kStable = 256;    // bindings 0..255 are always there
inline constexpr unsigned kBindings = 384;  // the others come and go
inline constexpr unsigned kPooled = 64;     // of the stable ones have a prefix of the pool
inline constexpr unsigned kRouted = 16;     // have one outside
inline constexpr unsigned kRegions = 6;     // of care-of addresses, each with a route at times
inline constexpr unsigned kHosts = 8;       // on the connected prefix; 0 is always resolved

// --- Next hops: family f has gateways fe80::f:1 and fe80::f:2 ---
inline constexpr unsigned kDefaultFamily = 0x40;  // of the default route
inline constexpr unsigned kForeignFamily = 0x50;  // of routes that no binding belongs to

inline Ipv6Address gateway(unsigned family, unsigned number) {
  Ipv6Address address;
  address.octets = {0xfe, 0x80};
  address.octets[13] = static_cast<std::uint8_t>(family);
  address.octets[15] = static_cast<std::uint8_t>(number);
  return address;
}

inline MacAddress mac_of(const Ipv6Address& next_hop, unsigned generation) {
  const std::uint64_t check = hash_address(next_hop, generation);
  return {0x02,
          static_cast<std::uint8_t>(generation >> 8U),
          static_cast<std::uint8_t>(generation),
          static_cast<std::uint8_t>(check >> 16U),
          static_cast<std::uint8_t>(check >> 8U),
          static_cast<std::uint8_t>(check)};
}

inline bool is_whole(const Adjacency& adjacency) {
  MacAddress found{};
  for (std::size_t i = 0; i < found.size(); ++i) {
    found[i] = std::to_integer<std::uint8_t>(adjacency.link_header[i]);
  }
  return adjacency.state == AdjacencyState::Forward &&
         found == mac_of(adjacency.next_hop, (found[1] << 8U) | found[2]);
}

// --- Bindings: 2001:db8:c0RR:: | number, generation, check; R is the region ---
inline Ipv6Address home_address(unsigned number) {
  Ipv6Address address;
  address.octets = {0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0x10};
  address.octets[14] = static_cast<std::uint8_t>(number >> 8U);
  address.octets[15] = static_cast<std::uint8_t>(number);
  return address;
}

inline Prefix region(unsigned number) {
  Ipv6Address address;
  address.octets = {0x20, 0x01, 0x0d, 0xb8, 0xc0};
  address.octets[5] = static_cast<std::uint8_t>(number);
  return {address, 48};
}

// An address deep inside of the region, under routes of many lengths.
inline Ipv6Address probe(unsigned number) {
  Ipv6Address address = region(number).address();
  for (std::size_t i = 6; i < Ipv6Address::kSize; ++i) {
    address.octets[i] = static_cast<std::uint8_t>(0xa0U + i);
  }
  return address;
}

inline Ipv6Address care_of_address(unsigned number, unsigned generation, unsigned where) {
  Ipv6Address address = region(where).address();
  address.octets[8] = static_cast<std::uint8_t>(number >> 8U);
  address.octets[9] = static_cast<std::uint8_t>(number);
  address.octets[10] = static_cast<std::uint8_t>(generation >> 8U);
  address.octets[11] = static_cast<std::uint8_t>(generation);
  const std::uint64_t check = hash_address(address);
  address.octets[14] = static_cast<std::uint8_t>(check >> 8U);
  address.octets[15] = static_cast<std::uint8_t>(check);
  return address;
}

inline Ipv6Address tunnel_source(const Ipv6Address& care_of) {
  Ipv6Address source = care_of;
  for (auto& octet : source.octets) {
    octet = static_cast<std::uint8_t>(~octet);
  }
  return source;
}

inline forwarding::SetBinding binding(unsigned number, unsigned generation, unsigned where) {
  const Ipv6Address care_of = care_of_address(number, generation, where);
  return {HomeAddress(home_address(number)), forwarding::BindingKind::Bound, tunnel_source(care_of),
          care_of, static_cast<std::uint16_t>(1280 + hash_address(care_of) % 200)};
}

// Whether the entry is binding `number`'s, complete, of whatever generation.
inline bool is_whole(const Entry& entry, unsigned number) {
  const Ipv6Address care_of = entry.destination;
  const unsigned found = (care_of.octets[8] << 8U) | care_of.octets[9];
  const unsigned generation = (care_of.octets[10] << 8U) | care_of.octets[11];
  return found == number && care_of.octets[5] < kRegions &&
         care_of == care_of_address(number, generation, care_of.octets[5]) &&
         entry.source == tunnel_source(care_of) &&
         entry.path_mtu == 1280 + hash_address(care_of) % 200;
}

// What is inside of a region is behind the region's gateways, or behind the default route's.
inline bool is_right_way(const Ipv6Address& destination, const Adjacency& adjacency) {
  const unsigned family = adjacency.next_hop.octets[13];
  return is_whole(adjacency) && (family == kDefaultFamily || family == destination.octets[5] + 1U);
}

inline Prefix pooled_prefix(unsigned number) {
  Ipv6Address address;
  address.octets = {0x20, 0x01, 0x0d, 0xb8, 0x01};
  address.octets[7] = static_cast<std::uint8_t>(number);
  return {address, 64};
}
inline Prefix routed_prefix(unsigned number) {
  Ipv6Address address;
  address.octets = {0x20, 0x01, 0x0d, 0xb8, 0x09};
  address.octets[7] = static_cast<std::uint8_t>(number);
  return {address, 64};
}
// Routes that come and go and lead elsewhere, of all lengths.
inline Prefix foreign_prefix(unsigned number) {
  Ipv6Address address;
  address.octets = {0x20, 0x01, 0x0d, 0xb8, 0xf0};
  address.octets[5] = static_cast<std::uint8_t>(number);
  address.octets[7] = static_cast<std::uint8_t>(number * 7);
  return {address, 41 + number % 80};
}
inline Prefix link() {
  Ipv6Address address;
  address.octets = {0x20, 0x01, 0x0d, 0xb8, 0x00, 0x1a};
  return {address, 64};
}
inline Ipv6Address host(unsigned number) {
  Ipv6Address address = link().address();
  address.octets[8] = static_cast<std::uint8_t>(number * 37);
  address.octets[15] = static_cast<std::uint8_t>(number + 1);
  return address;
}

}  // namespace anyhome::test::world
