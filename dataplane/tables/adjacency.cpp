#include "dataplane/tables/adjacency.h"

#include <utility>

#include "common/bytes.h"

namespace anyhome::dataplane {

namespace {

constexpr std::uint16_t kEthertypeIpv6 = 0x86dd;
constexpr std::uint16_t kEthertypeVlan = 0x8100;  // IEEE 802.1Q customer tag

void write(Writer& writer, const MacAddress& mac) {
  for (const std::uint8_t octet : mac) {
    writer.u8(octet);
  }
}

}  // namespace

Adjacency make_adjacency(const PortLink& link, std::uint16_t port, const Ipv6Address& next_hop,
                         AdjacencyState state, const MacAddress& mac) {
  Adjacency adjacency;
  Writer writer(adjacency.link_header);
  write(writer, state == AdjacencyState::Forward ? mac : MacAddress{});
  write(writer, link.mac);
  if (link.vlan) {
    writer.u16(kEthertypeVlan);
    writer.u16(*link.vlan);  // priority 0
  }
  writer.u16(kEthertypeIpv6);
  adjacency.link_header_size = static_cast<std::uint8_t>(writer.size());
  adjacency.state = state;
  adjacency.port = port;
  adjacency.mtu = link.mtu;
  adjacency.next_hop = next_hop;
  return adjacency;
}

std::expected<Neighbors, std::string> Neighbors::create(const std::vector<PortLink>& ports,
                                                        std::uint32_t max_neighbors,
                                                        std::uint32_t spare, int socket) {
  const auto neighbors = static_cast<std::uint32_t>(max_neighbors + ports.size());
  auto adjacencies =
      RteArray<Adjacency>::create("adjacencies", std::size_t{neighbors} + spare, socket);
  if (!adjacencies) {
    return std::unexpected(std::move(adjacencies.error()));
  }
  return Neighbors(ports, neighbors, std::move(*adjacencies));
}

Neighbors::Neighbors(std::vector<PortLink> ports, std::uint32_t neighbors,
                     RteArray<Adjacency> adjacencies)
    : ports_(std::move(ports)),
      up_(ports_.size(), true),
      pool_(neighbors),
      neighbors_(neighbors),
      adjacency_pool_(static_cast<std::uint32_t>(adjacencies.size())),
      adjacencies_(std::move(adjacencies)) {}

std::optional<NeighborIndex> Neighbors::find(const NeighborKey& key) const {
  const auto found = by_key_.find(key);
  return found == by_key_.end() ? std::nullopt : std::optional(found->second);
}

bool Neighbors::usable(NeighborIndex index) const {
  const Neighbor& neighbor = neighbors_[index];
  // A connected prefix has no neighbour that could fail: it is as good as its link.
  const bool forwards =
      neighbor.state == AdjacencyState::Forward || neighbor.key.address.is_unspecified();
  return forwards && up_[neighbor.key.port];
}

std::expected<AdjacencyIndex, TableRefusal> Neighbors::create_adjacency(const NeighborKey& key,
                                                                        AdjacencyState state,
                                                                        const MacAddress& mac) {
  const auto index = adjacency_pool_.allocate();
  if (!index) {
    return std::unexpected(TableRefusal::AdjacenciesExhausted);
  }
  // Nobody sees this slot: it was never used, or its grace period is over.
  adjacencies_[*index] = make_adjacency(ports_[key.port], key.port, key.address, state, mac);
  return *index;
}

std::expected<NeighborIndex, TableRefusal> Neighbors::create_neighbor(const NeighborKey& key,
                                                                      AdjacencyState state,
                                                                      const MacAddress& mac) {
  const auto index = pool_.allocate();
  if (!index) {
    return std::unexpected(TableRefusal::NeighborsFull);
  }
  const auto adjacency = create_adjacency(key, state, mac);
  if (!adjacency) {
    pool_.release(*index);
    return std::unexpected(adjacency.error());
  }
  Neighbor& neighbor = neighbors_[*index];
  neighbor = Neighbor{};
  neighbor.key = key;
  neighbor.mac = mac;
  neighbor.state = state;
  neighbor.used = true;
  neighbor.adjacency = *adjacency;
  by_key_.emplace(key, *index);
  return *index;
}

std::expected<AdjacencyIndex, TableRefusal> Neighbors::change(NeighborIndex index,
                                                              AdjacencyState state,
                                                              const MacAddress& mac) {
  Neighbor& neighbor = neighbors_[index];
  const auto adjacency = create_adjacency(neighbor.key, state, mac);
  if (!adjacency) {
    return std::unexpected(adjacency.error());
  }
  neighbor.state = state;
  neighbor.mac = mac;
  return std::exchange(neighbor.adjacency, *adjacency);
}

AdjacencyIndex Neighbors::remove(NeighborIndex index) {
  Neighbor& neighbor = neighbors_[index];
  by_key_.erase(neighbor.key);
  neighbor.used = false;
  pool_.release(index);
  return neighbor.adjacency;
}

}  // namespace anyhome::dataplane
