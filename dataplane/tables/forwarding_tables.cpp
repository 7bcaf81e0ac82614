#include "dataplane/tables/forwarding_tables.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace anyhome::dataplane {

namespace {

struct Capacities {
  std::uint32_t records;
  std::uint32_t spare_entries;
  std::uint32_t entries;
  std::uint32_t prefixes;  // in the longest-prefix match
  std::uint32_t prefix_slots;
  std::uint32_t former;
  std::uint32_t spare_leaves;
  std::uint32_t tbl8_groups;
  std::uint32_t spare_adjacencies;
  std::uint32_t groups;
  std::uint32_t routes_reserve;
  std::uint32_t reclaim_backlog;
};

Capacities capacities_of(const TableSizes& sizes) {
  Capacities result{};
  result.records = sizes.max_bindings + sizes.max_agent_addresses;
  result.spare_entries =
      sizes.spare_entries != 0 ? sizes.spare_entries : std::max(1024U, result.records / 32);
  result.entries = result.records + sizes.max_prefixes + result.spare_entries;
  result.prefixes = sizes.max_routes + sizes.max_neighbors + sizes.max_prefixes_outside_pools +
                    sizes.max_agent_addresses;
  result.prefix_slots =
      sizes.max_prefixes_outside_pools + std::max(16U, sizes.max_prefixes_outside_pools / 4);
  result.former = std::min(
      {sizes.max_bindings, kEntryIndexMask - 1,
       sizes.max_former != 0 ? sizes.max_former : std::max(1024U, sizes.max_bindings / 8)});
  result.spare_leaves = std::max(256U, result.prefixes / 8);
  result.tbl8_groups = sizes.tbl8_groups != 0 ? sizes.tbl8_groups : derived_tbl8_groups(sizes);
  result.tbl8_groups = std::clamp(result.tbl8_groups, 1U, kMaxTbl8Groups);
  result.spare_adjacencies = std::max(64U, sizes.max_neighbors / 4);
  // When a next hop fails every group that has it is replaced, and the old ones wait.
  result.groups = 2 * sizes.max_multipath_groups;
  // That failure's adjacency and groups; what replacing a route may free; a publication.
  result.routes_reserve = 1 + result.groups + static_cast<std::uint32_t>(kMultipathSlots) + 1 + 1;
  result.reclaim_backlog =
      sizes.reclaim_backlog != 0
          ? sizes.reclaim_backlog
          : 2 * result.spare_entries + sizes.max_prefixes + result.former + result.routes_reserve;
  return result;
}

// What would make two keys of the hash one, or numbers that do not fit.
std::optional<std::string> mistake_in(const TableSetup& setup, const Capacities& capacities) {
  if (setup.qsbr == nullptr) {
    return "the tables need a quiescent-state variable";
  }
  if (setup.ports.size() > std::numeric_limits<std::uint16_t>::max()) {
    return "too many ports";
  }
  for (std::size_t i = 0; i < setup.pools.size(); ++i) {
    const config::NemoPool& pool = setup.pools[i];
    if (pool.prefix_length < pool.pool.length() || pool.prefix_length > Prefix::kMaxLength) {
      return fmt::format("pool {}: prefixes of {} bits do not fit into it", pool.pool.to_string(),
                         pool.prefix_length);
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (pool.pool.overlaps(setup.pools[j].pool)) {
        return fmt::format("pools {} and {} overlap: a prefix would belong to both",
                           setup.pools[j].pool.to_string(), pool.pool.to_string());
      }
    }
  }
  if (capacities.reclaim_backlog <= capacities.routes_reserve) {
    return fmt::format("a reclaim backlog of {} leaves bindings nothing: routes reserve {}",
                       capacities.reclaim_backlog, capacities.routes_reserve);
  }
  return std::nullopt;
}

}  // namespace

struct ForwardingTables::Parts {
  Capacities capacities;
  std::unique_ptr<BindingTable> bindings;
  std::unique_ptr<RouteTable> routes;
  Neighbors neighbors;
  NextHopSets sets;
  RteArray<BindingRecord> records;
  RteArray<Ipv6Address> former;
  RteArray<PrefixRecord> prefixes;
  RteArray<std::atomic<const Entry*>> prefix_entries;
};

std::expected<std::unique_ptr<ForwardingTables>, std::string> ForwardingTables::create(
    const TableSetup& setup) {
  const TableSizes& sizes = setup.sizes;
  const Capacities capacities = capacities_of(sizes);
  if (auto mistake = mistake_in(setup, capacities)) {
    return std::unexpected(std::move(*mistake));
  }
  auto bindings = BindingTable::create(
      {setup.name + "_b", capacities.entries, setup.hash_seed, setup.socket, setup.binding_index});
  if (!bindings) {
    return std::unexpected(std::move(bindings.error()));
  }
  auto routes = RouteTable::create({setup.name + "_r", capacities.prefixes, capacities.spare_leaves,
                                    capacities.tbl8_groups, setup.socket});
  if (!routes) {
    return std::unexpected(std::move(routes.error()));
  }
  auto neighbors = Neighbors::create(setup.ports, sizes.max_neighbors, capacities.spare_adjacencies,
                                     setup.socket);
  if (!neighbors) {
    return std::unexpected(std::move(neighbors.error()));
  }
  auto sets =
      NextHopSets::create(capacities.groups, (*routes)->leaf_pool().capacity(), setup.socket);
  if (!sets) {
    return std::unexpected(std::move(sets.error()));
  }
  auto records =
      RteArray<BindingRecord>::create("binding records", capacities.records, setup.socket);
  if (!records) {
    return std::unexpected(std::move(records.error()));
  }
  auto former = RteArray<Ipv6Address>::create("former care-of addresses", capacities.former + 1,
                                              setup.socket);
  if (!former) {
    return std::unexpected(std::move(former.error()));
  }
  auto prefixes =
      RteArray<PrefixRecord>::create("prefix records", sizes.max_prefixes, setup.socket);
  if (!prefixes) {
    return std::unexpected(std::move(prefixes.error()));
  }
  auto prefix_entries = RteArray<std::atomic<const Entry*>>::create(
      "prefixes outside of the pools", capacities.prefix_slots, setup.socket);
  if (!prefix_entries) {
    return std::unexpected(std::move(prefix_entries.error()));
  }
  return std::unique_ptr<ForwardingTables>(new ForwardingTables(
      setup, Parts{capacities, std::move(*bindings), std::move(*routes), std::move(*neighbors),
                   std::move(*sets), std::move(*records), std::move(*former), std::move(*prefixes),
                   std::move(*prefix_entries)}));
}

ForwardingTables::ForwardingTables(const TableSetup& setup, Parts parts)
    : sizes_(setup.sizes),
      home_prefixes_(setup.home_prefixes),
      pools_(setup.pools),
      tunnel_hop_limit_(setup.tunnel_hop_limit),
      routes_reserve_(parts.capacities.routes_reserve),
      reclaimer_(setup.qsbr, parts.capacities.reclaim_backlog, setup.grace_period),
      bindings_(std::move(parts.bindings)),
      routes_(std::move(parts.routes)),
      neighbors_(std::move(parts.neighbors)),
      sets_(std::move(parts.sets)),
      records_(std::move(parts.records)),
      record_pool_(static_cast<std::uint32_t>(records_.size())),
      former_(std::move(parts.former)),
      former_pool_(parts.capacities.former),
      prefixes_(std::move(parts.prefixes)),
      prefix_pool_(static_cast<std::uint32_t>(prefixes_.size())),
      prefix_entries_(std::move(parts.prefix_entries)),
      prefix_slot_pool_(static_cast<std::uint32_t>(prefix_entries_.size())),
      prefix_of_slot_(prefix_entries_.size(), kNone) {
  view_ = {bindings_.get(),          routes_.get(),  routes_->leaves(),
           neighbors_.adjacencies(), sets_.groups(), prefix_entries_.data(),
           &prefixes_outside_pools_, former_.data(), &peer_states_};
}

// Every operation begins with it: where something is near its end, what is due is freed first, so
// that nobody is refused for want of a call of `maintain`.
void ForwardingTables::relieve() {
  if (reclaimer_.room() < reclaimer_.capacity() / 2 || bindings_->entries().exhausted() ||
      former_pool_.exhausted() || prefix_slot_pool_.exhausted() ||
      neighbors_.adjacency_pool().exhausted() || routes_->leaf_pool().exhausted()) {
    reclaim(kReclaimInPassing);
  }
}

void ForwardingTables::reclaim(std::uint32_t limit) {
  reclaimer_.poll(limit, [this](Retired item) { free(item); });
}

void ForwardingTables::free(Retired item) {
  switch (item.kind) {
    case RetiredKind::EntrySlot:
      bindings_->free_entry(item.index);
      break;
    case RetiredKind::FormerSlot:
      former_pool_.release(item.index - 1);
      break;
    case RetiredKind::PrefixSlot:
      prefix_entries_[item.index].store(nullptr, std::memory_order_relaxed);
      prefix_slot_pool_.release(item.index);
      break;
    case RetiredKind::LeafSlot:
      routes_->free_leaf(item.index);
      break;
    case RetiredKind::AdjacencySlot:
      neighbors_.free_adjacency(item.index);
      break;
    case RetiredKind::GroupSlot:
      sets_.free_group(item.index);
      break;
    case RetiredKind::RouteCopy:
      routes_->grace_period_over();
      break;
  }
}

bool ForwardingTables::maintain(std::uint32_t budget) {
  reclaim(budget);
  if (routes_->advance(budget, reclaimer_)) {
    scan_end_ = record_pool_.high_water();
    scan_left_ = scan_end_;
  }
  move_bindings(budget);
  for (auto set = sets_.degraded(); set && !sets_.group_pool().exhausted() && has_room_for_route(1);
       set = sets_.degraded()) {
    refresh_set(*set);
  }
  return has_work();
}

bool ForwardingTables::has_work() const {
  return reclaimer_.backlog() > 0 || scan_left_ > 0 || routes_->has_work();
}

std::array<TableFill, kTableCount> ForwardingTables::report() const {
  const auto of_pool = [](std::string_view name, const IndexPool& pool, std::size_t bytes) {
    return TableFill{name, pool.used(), pool.capacity(), bytes};
  };
  return {{
      {"bindings", binding_count_, sizes_.max_bindings, records_.bytes()},
      {"agent-addresses", agent_count_, sizes_.max_agent_addresses, 0},
      of_pool("prefixes", prefix_pool_, prefixes_.bytes()),
      {"prefixes-outside-pools", prefixes_outside_pools_.load(std::memory_order_relaxed),
       sizes_.max_prefixes_outside_pools, prefix_entries_.bytes()},
      of_pool("former-care-of-addresses", former_pool_, former_.bytes()),
      of_pool("entries", bindings_->entries(), bindings_->slab_bytes()),
      {"keys", bindings_->keys(), bindings_->entries().capacity(), bindings_->index_bytes()},
      {"routes", routes_->claimed(Claim::Route), sizes_.max_routes, routes_->match_bytes()},
      of_pool("route-leaves", routes_->leaf_pool(), routes_->leaf_bytes()),
      {"tbl8-groups", routes_->tbl8().used(), routes_->tbl8().capacity(), 0},
      of_pool("neighbors", neighbors_.pool(), neighbors_.pool().capacity() * sizeof(Neighbor)),
      of_pool("adjacencies", neighbors_.adjacency_pool(), neighbors_.bytes()),
      of_pool("multipath-groups", sets_.group_pool(), sets_.bytes()),
      {"reclaim-backlog", reclaimer_.backlog(), reclaimer_.capacity(),
       reclaimer_.capacity() * sizeof(Retired)},
  }};
}

}  // namespace anyhome::dataplane
