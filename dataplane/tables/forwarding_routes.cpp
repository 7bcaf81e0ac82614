// ForwardingTables: routes, neighbours, ports.
#include <algorithm>
#include <utility>

#include "dataplane/tables/forwarding_tables.h"

namespace anyhome::dataplane {

// --- Routes ---

std::expected<void, TableRefusal> ForwardingTables::set_route(const Prefix& prefix,
                                                              std::span<const NextHop> next_hops) {
  relieve();
  if (auto admitted = admit_route(prefix); !admitted) {
    return admitted;
  }
  const auto members = gather(next_hops);
  if (!members) {
    return std::unexpected(members.error());
  }
  const NextHopSetIndex set = sets_.intern(*members, neighbors_);
  put_route(prefix, sets_.value(set), set);
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::set_prohibited_route(const Prefix& prefix) {
  relieve();
  if (auto admitted = admit_route(prefix); !admitted) {
    return admitted;
  }
  put_route(prefix, LeafValue::of(LeafKind::Prohibited, 0), std::nullopt);
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::remove_route(const Prefix& prefix) {
  relieve();
  const auto leaf = routes_->find(prefix, Claim::Route);
  if (!leaf) {
    return {};
  }
  if (!has_room_for_route(kRouteReplacement)) {
    return std::unexpected(TableRefusal::ReclaimBacklog);
  }
  const bool was_connected = connected_port(leaf).has_value();
  routes_->withdraw(*leaf, Claim::Route);
  detach_route(*leaf);
  reconsider_host_routes(prefix, was_connected);
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::admit_route(const Prefix& prefix) {
  if (!routes_->find(prefix, Claim::Route) && routes_->claimed(Claim::Route) == sizes_.max_routes) {
    return std::unexpected(TableRefusal::RoutesFull);
  }
  if (!has_room_for_route(kRouteReplacement)) {
    return std::unexpected(TableRefusal::ReclaimBacklog);
  }
  return routes_->admits(prefix);
}

// Everything that could refuse it has been asked.
void ForwardingTables::put_route(const Prefix& prefix, LeafValue value,
                                 std::optional<NextHopSetIndex> set) {
  const auto existing = routes_->find(prefix, Claim::Route);
  if (existing && set && sets_.set_of(*existing) == set) {
    return;
  }
  const bool was_connected = connected_port(existing).has_value();
  const LeafIndex leaf = *routes_->set(prefix, Claim::Route, value);
  detach_route(leaf);
  if (set) {
    sets_.attach(leaf, *set);
  }
  reconsider_host_routes(prefix, was_connected);
}

// The leaf no longer shows its set's value. Whatever only this route needed goes.
void ForwardingTables::detach_route(LeafIndex leaf) {
  const auto set = sets_.set_of(leaf);
  if (!set) {
    return;
  }
  sets_.detach(leaf);
  if (!sets_.unattached(*set)) {
    return;
  }
  const std::vector<NextHopMember> members = sets_.members(*set);
  if (const auto group = sets_.dissolve(*set, neighbors_)) {
    reclaimer_.retire(RetiredKind::GroupSlot, *group);
  }
  for (const NextHopMember& member : members) {
    const Neighbor& neighbor = neighbors_[member.neighbor];
    if (neighbor.sets.empty() && !neighbor.learned) {
      reclaimer_.retire(RetiredKind::AdjacencySlot, neighbors_.remove(member.neighbor));
    }
  }
}

// The members of a set for these next hops: sorted, each once. Gateways that are not known yet
// become unresolved neighbours.
std::expected<std::vector<NextHopMember>, TableRefusal> ForwardingTables::gather(
    std::span<const NextHop> next_hops) {
  struct Merged {
    NeighborKey key;
    unsigned weight;
  };
  std::vector<Merged> merged;
  for (const NextHop& hop : next_hops) {
    if (!neighbors_.has_port(hop.port)) {
      return std::unexpected(TableRefusal::UnknownPort);
    }
    if (hop.weight == 0) {
      return std::unexpected(TableRefusal::NoNextHop);
    }
    const NeighborKey key{hop.port, hop.gateway.value_or(Ipv6Address{})};
    const auto same = std::find_if(merged.begin(), merged.end(),
                                   [&](const Merged& other) { return other.key == key; });
    if (same == merged.end()) {
      merged.push_back({key, hop.weight});
    } else {
      same->weight += hop.weight;
    }
  }
  if (merged.empty()) {
    return std::unexpected(TableRefusal::NoNextHop);
  }
  if (merged.size() > kMultipathSlots) {
    return std::unexpected(TableRefusal::TooManyNextHops);
  }
  std::vector<NextHopMember> members;
  std::vector<NeighborIndex> created;
  for (const Merged& hop : merged) {
    auto neighbor = neighbors_.find(hop.key);
    if (!neighbor) {
      const auto fresh =
          neighbors_.create_neighbor(hop.key, AdjacencyState::Unresolved, MacAddress{});
      if (!fresh) {
        for (const NeighborIndex undone : created) {
          neighbors_.free_adjacency(neighbors_.remove(undone));  // nobody has seen it
        }
        return std::unexpected(fresh.error());
      }
      neighbor = *fresh;
      created.push_back(*fresh);
    }
    members.push_back({*neighbor, hop.weight});
  }
  std::sort(members.begin(), members.end());
  return members;
}

// A member changed. One store per route of the set, and none per binding.
void ForwardingTables::refresh_set(NextHopSetIndex set) {
  const LeafValue before = sets_.value(set);
  const auto group = sets_.refresh(set, neighbors_);
  const LeafValue after = sets_.value(set);
  if (after != before) {
    sets_.for_each_leaf(set, [&](LeafIndex leaf) { routes_->update(leaf, Claim::Route, after); });
  }
  if (group) {
    reclaimer_.retire(RetiredKind::GroupSlot, *group);
  }
}

// --- Neighbours ---

std::expected<void, TableRefusal> ForwardingTables::set_neighbor(std::uint16_t port,
                                                                 const Ipv6Address& address,
                                                                 const MacAddress& mac) {
  return learn({port, address}, AdjacencyState::Forward, mac);
}

std::expected<void, TableRefusal> ForwardingTables::neighbor_failed(std::uint16_t port,
                                                                    const Ipv6Address& address) {
  return learn({port, address}, AdjacencyState::Failed, MacAddress{});
}

std::expected<void, TableRefusal> ForwardingTables::learn(const NeighborKey& key,
                                                          AdjacencyState state,
                                                          const MacAddress& mac) {
  relieve();
  if (!neighbors_.has_port(key.port)) {
    return std::unexpected(TableRefusal::UnknownPort);
  }
  if (key.address.is_unspecified() || key.address.is_multicast()) {
    return std::unexpected(TableRefusal::AddressReserved);
  }
  auto neighbor = neighbors_.find(key);
  if (neighbor && neighbors_[*neighbor].state == state && neighbors_[*neighbor].mac == mac) {
    return {};
  }
  const bool is_gateway = neighbor && !neighbors_[*neighbor].sets.empty();
  if (!is_gateway && is_on_link(key)) {
    // A host that cannot have its own route is of no use. A gateway is: its routes come first.
    if (auto admitted = routes_->admits(Prefix(key.address, Prefix::kMaxLength)); !admitted) {
      return admitted;
    }
  }
  if (neighbor) {
    if (auto changed = change_neighbor(*neighbor, state, mac); !changed) {
      return changed;
    }
  } else {
    const auto fresh = neighbors_.create_neighbor(key, state, mac);
    if (!fresh) {
      return std::unexpected(fresh.error());
    }
    neighbor = *fresh;
  }
  neighbors_[*neighbor].learned = true;
  reconsider_host_route(*neighbor);
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::change_neighbor(NeighborIndex index,
                                                                    AdjacencyState state,
                                                                    const MacAddress& mac) {
  Neighbor& neighbor = neighbors_[index];
  if (!has_room_for_route(1 + static_cast<std::uint32_t>(neighbor.sets.size()))) {
    return std::unexpected(TableRefusal::ReclaimBacklog);
  }
  const auto old = neighbors_.change(index, state, mac);
  if (!old) {
    return std::unexpected(old.error());
  }
  if (neighbor.host_route) {
    routes_->update(*neighbor.host_route, Claim::Neighbor,
                    LeafValue::of(LeafKind::Adjacency, neighbor.adjacency));
  }
  for (const NextHopSetIndex set : neighbor.sets) {
    refresh_set(set);
  }
  reclaimer_.retire(RetiredKind::AdjacencySlot, *old);
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::remove_neighbor(std::uint16_t port,
                                                                    const Ipv6Address& address) {
  relieve();
  const auto index = neighbors_.find({port, address});
  if (!index || !neighbors_[*index].learned) {
    return {};
  }
  Neighbor& neighbor = neighbors_[*index];
  if (!neighbor.sets.empty()) {
    if (auto changed = change_neighbor(*index, AdjacencyState::Unresolved, MacAddress{});
        !changed) {
      return changed;
    }
    neighbor.learned = false;
    reconsider_host_route(*index);
    return {};
  }
  if (!has_room_for_route(1)) {
    return std::unexpected(TableRefusal::ReclaimBacklog);
  }
  neighbor.learned = false;
  reconsider_host_route(*index);
  reclaimer_.retire(RetiredKind::AdjacencySlot, neighbors_.remove(*index));
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::set_port_up(std::uint16_t port, bool up) {
  relieve();
  if (!neighbors_.has_port(port)) {
    return std::unexpected(TableRefusal::UnknownPort);
  }
  if (neighbors_.port_up(port) == up) {
    return {};
  }
  std::vector<NextHopSetIndex> affected;
  for (NeighborIndex i = 0; i < neighbors_.high_water(); ++i) {
    const Neighbor& neighbor = neighbors_[i];
    if (neighbor.used && neighbor.key.port == port) {
      affected.insert(affected.end(), neighbor.sets.begin(), neighbor.sets.end());
    }
  }
  std::sort(affected.begin(), affected.end());
  affected.erase(std::unique(affected.begin(), affected.end()), affected.end());
  if (!has_room_for_route(static_cast<std::uint32_t>(affected.size()))) {
    return std::unexpected(TableRefusal::ReclaimBacklog);
  }
  neighbors_.set_port_up(port, up);
  for (const NextHopSetIndex set : affected) {
    refresh_set(set);
  }
  return {};
}

// --- Hosts on connected prefixes ---

std::optional<std::uint16_t> ForwardingTables::connected_port(std::optional<LeafIndex> leaf) const {
  const auto set = leaf ? sets_.set_of(*leaf) : std::nullopt;
  if (!set || sets_.members(*set).size() != 1) {
    return std::nullopt;
  }
  const NeighborKey& next_hop = neighbors_[sets_.members(*set).front().neighbor].key;
  return next_hop.address.is_unspecified() ? std::optional(next_hop.port) : std::nullopt;
}

// A neighbour is taken for a destination of its own only where the routes say that it is on the
// link. Otherwise one solicitation with a foreign source address would pull that address's traffic
// to whoever sent it.
bool ForwardingTables::is_on_link(const NeighborKey& key) const {
  return !key.address.is_link_local() &&
         connected_port(routes_->longest(key.address, Prefix::kMaxLength, Claim::Route)) ==
             key.port;
}

void ForwardingTables::reconsider_host_route(NeighborIndex index) {
  withdraw_unwanted_host_route(index);
  claim_wanted_host_route(index);
}

void ForwardingTables::withdraw_unwanted_host_route(NeighborIndex index) {
  Neighbor& neighbor = neighbors_[index];
  if (neighbor.host_route && !(neighbor.learned && is_on_link(neighbor.key))) {
    routes_->withdraw(*neighbor.host_route, Claim::Neighbor);
    neighbor.host_route.reset();
  }
}

void ForwardingTables::claim_wanted_host_route(NeighborIndex index) {
  Neighbor& neighbor = neighbors_[index];
  if (neighbor.host_route || !neighbor.learned || !is_on_link(neighbor.key)) {
    return;
  }
  const auto leaf = routes_->set(Prefix(neighbor.key.address, Prefix::kMaxLength), Claim::Neighbor,
                                 LeafValue::of(LeafKind::Adjacency, neighbor.adjacency));
  if (leaf) {
    neighbor.host_route = *leaf;
  } else {
    ++host_routes_refused_;
  }
}

// A route came, went or changed. That decides about hosts inside of it only where it is, was, or
// divides a connected prefix, which is rare; so that a full table of routes costs no walks.
void ForwardingTables::reconsider_host_routes(const Prefix& prefix, bool was_connected) {
  const auto is_connected = [&] {
    return connected_port(routes_->find(prefix, Claim::Route)).has_value();
  };
  const auto divides_connected = [&] {
    return prefix.length() > 0 &&
           connected_port(routes_->longest(prefix.address(), prefix.length() - 1, Claim::Route))
               .has_value();
  };
  if (!was_connected && !is_connected() && !divides_connected()) {
    return;
  }
  const auto for_each_inside = [&](auto&& visit) {
    for (NeighborIndex i = 0; i < neighbors_.high_water(); ++i) {
      if (neighbors_[i].used && prefix.contains(neighbors_[i].key.address)) {
        visit(i);
      }
    }
  };
  // When a prefix moves from one port to another, one host may be a neighbour on both: the first
  // gives its claim back before the second makes it.
  for_each_inside([this](NeighborIndex i) { withdraw_unwanted_host_route(i); });
  for_each_inside([this](NeighborIndex i) { claim_wanted_host_route(i); });
}

}  // namespace anyhome::dataplane
