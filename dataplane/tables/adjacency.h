// Ports, neighbours, and the adjacencies that packets leave by.
//
// An adjacency is an Ethernet header ready to be copied, and never changes: a neighbour whose
// address or state changes gets another one, the leaves and groups that led to the old one are
// stored anew, and the old one is retired. A neighbour exists because the host told us of it, or
// because a route names it as gateway. Each port has one neighbour more, `::`: what a connected
// prefix leads to, where each destination is its own next hop and is yet to be resolved.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/address.h"
#include "dataplane/pipeline/entry.h"
#include "dataplane/tables/index_pool.h"
#include "dataplane/tables/memory.h"
#include "dataplane/tables/refusal.h"

namespace anyhome::dataplane {

using MacAddress = std::array<std::uint8_t, 6>;

struct PortLink {
  MacAddress mac{};
  std::optional<std::uint16_t> vlan;  // every frame carries this tag
  std::uint16_t mtu = 1500;           // L3 MTU in bytes
};

// The adjacency toward a next hop on a port. `mac` counts in state Forward only.
Adjacency make_adjacency(const PortLink& link, std::uint16_t port, const Ipv6Address& next_hop,
                         AdjacencyState state, const MacAddress& mac);

using NeighborIndex = std::uint32_t;
using NextHopSetIndex = std::uint32_t;

struct NeighborKey {
  std::uint16_t port = 0;
  Ipv6Address address;
  friend bool operator==(const NeighborKey&, const NeighborKey&) = default;
};
struct NeighborKeyHash {
  std::size_t operator()(const NeighborKey& key) const {
    return static_cast<std::size_t>(hash_address(key.address, key.port));
  }
};

struct Neighbor {
  NeighborKey key;
  MacAddress mac{};
  AdjacencyState state = AdjacencyState::Unresolved;
  bool used = false;     // this element of the array
  bool learned = false;  // the host told us; otherwise only routes name it
  AdjacencyIndex adjacency = 0;
  std::optional<LeafIndex> host_route;  // its /128
  std::vector<NextHopSetIndex> sets;    // of routes that name it
};

class Neighbors {
 public:
  // `max_neighbors` besides the one of each port; `spare` adjacencies for replaced ones.
  static std::expected<Neighbors, std::string> create(const std::vector<PortLink>& ports,
                                                      std::uint32_t max_neighbors,
                                                      std::uint32_t spare, int socket);

  [[nodiscard]] bool has_port(std::uint16_t port) const { return port < ports_.size(); }
  [[nodiscard]] bool port_up(std::uint16_t port) const { return up_[port]; }
  void set_port_up(std::uint16_t port, bool up) { up_[port] = up; }

  [[nodiscard]] std::optional<NeighborIndex> find(const NeighborKey& key) const;
  [[nodiscard]] Neighbor& operator[](NeighborIndex index) { return neighbors_[index]; }
  [[nodiscard]] const Neighbor& operator[](NeighborIndex index) const { return neighbors_[index]; }
  // Forwards, on a port with a link.
  [[nodiscard]] bool usable(NeighborIndex index) const;

  // A neighbour that is not there yet, with its adjacency.
  std::expected<NeighborIndex, TableRefusal> create_neighbor(const NeighborKey& key,
                                                             AdjacencyState state,
                                                             const MacAddress& mac);
  // Gives it another adjacency; returns the one it had, which readers may still see.
  std::expected<AdjacencyIndex, TableRefusal> change(NeighborIndex index, AdjacencyState state,
                                                     const MacAddress& mac);
  // Forgets it; returns its adjacency, likewise. No route may name it any more.
  AdjacencyIndex remove(NeighborIndex index);

  void free_adjacency(AdjacencyIndex index) { adjacency_pool_.release(index); }

  // No index at or above it is in use.
  [[nodiscard]] std::uint32_t high_water() const { return pool_.high_water(); }
  [[nodiscard]] const Adjacency* adjacencies() const { return adjacencies_.data(); }
  [[nodiscard]] const IndexPool& pool() const { return pool_; }
  [[nodiscard]] const IndexPool& adjacency_pool() const { return adjacency_pool_; }
  [[nodiscard]] std::size_t bytes() const { return adjacencies_.bytes(); }

 private:
  Neighbors(std::vector<PortLink> ports, std::uint32_t neighbors, RteArray<Adjacency> adjacencies);

  std::expected<AdjacencyIndex, TableRefusal> create_adjacency(const NeighborKey& key,
                                                               AdjacencyState state,
                                                               const MacAddress& mac);

  std::vector<PortLink> ports_;
  std::vector<bool> up_;
  IndexPool pool_;
  std::vector<Neighbor> neighbors_;
  std::unordered_map<NeighborKey, NeighborIndex, NeighborKeyHash> by_key_;
  IndexPool adjacency_pool_;
  RteArray<Adjacency> adjacencies_;
};

}  // namespace anyhome::dataplane
