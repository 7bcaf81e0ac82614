// What the pipeline needs from the world around it.
//
// The pipeline is DPDK-free: everything it does to packets and tables goes through an environment,
// a template parameter, so that the same code runs on rte_mbuf in a worker, on plain heap memory in
// unit tests and fuzzers, and on a synthetic packet for `explain`. Calls are inlined; there is no
// virtual function.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/address.h"
#include "common/forwarding/counters.h"
#include "common/forwarding/drop_reason.h"
#include "common/forwarding/punt.h"
#include "common/time.h"
#include "dataplane/pipeline/entry.h"

namespace anyhome::dataplane {

// Packets in one call to the pipeline.
inline constexpr unsigned kMaxBurst = 64;

template <class E>
concept Environment = requires(E env, typename E::Packet* packet, std::byte* bytes,
                               std::size_t size, const Ipv6Address* addresses,
                               const std::byte* const* keys, const Entry** entries,
                               LeafIndex* leaves, std::uint16_t port) {
  // ---- A packet: bytes with room in front, perhaps in several segments ----
  // First byte and number of bytes of the first segment; bytes of all segments together.
  { env.data(packet) } -> std::same_as<std::byte*>;
  { env.contiguous(packet) } -> std::same_as<std::size_t>;
  { env.length(packet) } -> std::same_as<std::size_t>;
  // Makes `bytes`, a place inside the first segment or its headroom, the first byte of the packet.
  // False, and nothing changed, when there is no such room.
  { env.set_front(packet, bytes) } -> std::same_as<bool>;
  // Cuts the packet to `size` bytes in all.
  {env.truncate(packet, size)};
  // Tries to bring the first `size` bytes into the first segment.
  { env.make_contiguous(packet, size) } -> std::same_as<bool>;
  // Copies `size` bytes from an offset; the caller knows that they are there.
  {env.copy_out(packet, size, bytes, size)};
  // Puts the bytes of the second packet behind those of the first, which takes it over.
  {env.append(packet, packet)};
  // An empty packet with headroom for all headers, and room for `size` bytes; nullptr: pool empty.
  { env.allocate(size) } -> std::same_as<typename E::Packet*>;

  // ---- Where packets end; each call takes the packet over ----
  {env.drop(packet, forwarding::DropReason::NoRoute)};
  // Counts a drop whose buffer lives on, as an ICMPv6 error.
  {env.count_drop(forwarding::DropReason::NoRoute)};
  // Frees a packet that has become others, without counting anything.
  {env.release(packet)};
  {env.transmit(port, packet)};
  // To another worker, as it came in on `port`; what does not fit is dropped by name.
  {env.hand_off(packet, 0U, port)};
  // False: the ring is full, and the packet still the caller's.
  { env.punt(packet, forwarding::PuntMetadata{}) } -> std::same_as<bool>;

  // ---- Tables ----
  // Bit i of the result: keys[i] was found and entries[i] is its entry. Keys are 16-byte addresses.
  { env.lookup_bindings(keys, 1U, entries) } -> std::same_as<std::uint64_t>;
  {env.lookup_routes(addresses, 1U, leaves)};
  { env.leaf(LeafIndex{}) } -> std::same_as<LeafValue>;
  { env.adjacency(AdjacencyIndex{}) } -> std::same_as<const Adjacency&>;
  { env.groups() } -> std::same_as<const MultipathGroup*>;
  // Entry behind a leaf of kind Binding; nullptr when it has just gone.
  { env.prefix_entry(std::uint32_t{}) } -> std::same_as<const Entry*>;
  // A care-of address by Entry::former, which is not 0.
  { env.former_care_of_address(std::uint32_t{}) } -> std::same_as<const Ipv6Address&>;
  // Whether the control core has found this home agent dead; false for kNoPeer.
  { env.peer_is_dead(std::uint16_t{}) } -> std::same_as<bool>;
  // Whether mobile network prefixes outside of the pools exist, that only the routes know.
  { env.has_routed_prefixes() } -> std::same_as<bool>;

  // A packet leaves by this adjacency; whoever keeps neighbours alive wants to know.
  {env.note_used(AdjacencyIndex{})};

  // ---- The rest ----
  {env.count(forwarding::Counter::Received, std::uint64_t{})};
  { env.now() } -> std::same_as<Instant>;  // of this burst
  // With kTracing each decision is told to `trace`; otherwise the calls vanish.
  { E::kTracing } -> std::convertible_to<bool>;
  {env.trace(std::string{})};
};

}  // namespace anyhome::dataplane
