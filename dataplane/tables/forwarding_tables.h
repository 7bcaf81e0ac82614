// The tables that packets are forwarded by, and their only writer.
//
// The idea. A packet for a mobile node costs a worker one hash lookup and three dependent loads:
//
//   address --BindingTable--> Entry (64 bytes: outer addresses, leaf index)
//                               |
//               leaves[index] --+--> adjacency index, or multipath group --> Adjacency (64 bytes)
//
// Each arrow is a place where the world can change with one store and without touching what lies
// before it. A care-of address changes: another entry behind the same key. A gateway fails: another
// value in the leaves of the routes that used it, whatever number of bindings point at those. A
// route comes or goes: another copy of the longest-prefix match, and later, in slices, other
// entries for the bindings whose leaf is no longer the one that a lookup would give. Until a slice
// gets to them they forward: a removed route's leaf shows its covering route's value.
//
// The rules. (1) What a worker may see is never written, but for the leaves, the pointers in the
// hash and in prefix_entries, and the published copy, each of which is one atomic word. (2) A thing
// is complete before the word that leads to it is stored, with release; a worker loads that word
// with acquire. (3) A thing is retired after the last word that led to it is gone, and reused after
// every worker has been quiescent since (reclaimer.h). (4) An operation is refused, by name, before
// it has changed anything. (5) Nothing here waits, and what an operation leaves for later is worked
// off by `maintain` in bounded steps.
//
// A binding is a record, which keeps its index for the binding's life (it is what listings go by),
// and an entry of the moment for each of its keys: its home address, and its prefixes (RFC 3963)
// inside of pools. They are replaced together. Prefixes outside of the pools point at the home
// address's entry.
//
// Everything but `readers()` is the control thread's. The tables outlive their workers.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <rte_rcu_qsbr.h>

#include "common/address.h"
#include "common/config/config.h"
#include "common/forwarding/forwarding_update.h"
#include "common/prefix.h"
#include "dataplane/tables/adjacency.h"
#include "dataplane/tables/binding_table.h"
#include "dataplane/tables/next_hop_sets.h"
#include "dataplane/tables/reader_view.h"
#include "dataplane/tables/reclaimer.h"
#include "dataplane/tables/refusal.h"
#include "dataplane/tables/route_table.h"

namespace anyhome::dataplane {

// Limits that an operator knows. 0 where it says so: derived from the others.
struct TableSizes {
  std::uint32_t max_bindings = 65536;
  std::uint32_t max_prefixes = 16384;               // mobile network prefixes in all
  std::uint32_t max_prefixes_outside_pools = 1024;  // of them, in the longest-prefix match
  std::uint32_t max_agent_addresses = 256;          // home agents', peers' and our own
  std::uint32_t max_routes = 4096;
  std::uint32_t max_neighbors = 4096;
  std::uint32_t max_multipath_groups = 256;  // different sets of next hops, not routes
  // Former care-of addresses, each kept for seconds; 0: one for each eighth binding, at least 1024.
  std::uint32_t max_former = 0;
  // Entries for changes that wait for their grace period, besides one per binding and prefix; 0: a
  // 32nd of the bindings, at least 1024.
  // At 100,000 changes a second that is 40 ms of a stuck worker for 131,072 bindings.
  std::uint32_t spare_entries = 0;
  // Records that may wait for their grace period; 0: two per spare entry, all prefixes (a binding
  // goes with all of its own at once), and the routes' reserve. Rounded up to a power of two.
  std::uint32_t reclaim_backlog = 0;
  // Second-level tables of rte_lpm6, 1 KiB each and twice; 0: derived_tbl8_groups.
  std::uint32_t tbl8_groups = 0;
};

// Per route and prefix 2: a /48 needs 3 of its own at worst, and shares its first ones. Per
// neighbour 8: those of its interface identifier, when the 5 of its /64 are shared. Per address of
// ours 13.
constexpr std::uint32_t derived_tbl8_groups(const TableSizes& sizes) {
  return 2 * (sizes.max_routes + sizes.max_prefixes_outside_pools) + 8 * sizes.max_neighbors +
         13 * sizes.max_agent_addresses;
}

struct TableSetup {
  std::string name = "anyhome";  // of DPDK's objects: unique in the process, at most 16 characters
  TableSizes sizes;
  std::vector<PortLink> ports;
  std::vector<Prefix> home_prefixes;
  std::vector<config::NemoPool> pools;
  std::uint8_t tunnel_hop_limit = 64;  // toward care-of addresses (RFC 2473 §6.3)
  rte_rcu_qsbr* qsbr = nullptr;        // workers report to it; outlives the tables
  int socket = 0;                      // NUMA
  std::uint64_t hash_seed = 0;         // random in the daemon: keeps addresses from being chosen
  BindingIndex binding_index = BindingIndex::Buckets;
  GracePeriod grace_period = GracePeriod::Awaited;
};

struct NextHop {
  std::uint16_t port = 0;
  std::optional<Ipv6Address> gateway;  // nullopt: on link
  unsigned weight = 1;
};

// One row of `show tables`.
struct TableFill {
  std::string_view name;
  std::uint64_t used = 0;  // with what waits for its grace period
  std::uint64_t capacity = 0;
  std::uint64_t bytes = 0;  // of memory that grows with the capacity; 0: counted elsewhere
};
inline constexpr std::size_t kTableCount = 14;

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): workers' and writer's lines are apart
class ForwardingTables {
 public:
  static std::expected<std::unique_ptr<ForwardingTables>, std::string> create(
      const TableSetup& setup);
  ForwardingTables(const ForwardingTables&) = delete;
  ForwardingTables& operator=(const ForwardingTables&) = delete;

  [[nodiscard]] const ReaderView& readers() const { return view_; }

  // --- What the control core says ---
  std::expected<void, forwarding::Refusal> apply(const forwarding::ForwardingUpdate& update);
  // What setting and removing these bindings will touch is brought nearer, of all of them together.
  void prefetch(std::span<const HomeAddress> home_addresses) const;

  // --- Home agents (forwarding_bindings.cpp) ---
  // A peer's home agent address is relayed to its locator (R90a); peers come before bindings that
  // are global through them, whose entries carry their index. Once the address is there, a change
  // of `reach` cannot be refused: it is one store.
  std::expected<void, TableRefusal> set_peer(
      const HomeAgentAddress& address, const Locator& peer_locator, const Locator& own_locator,
      std::uint16_t peer, forwarding::PeerReach reach = forwarding::PeerReach::Relayed);
  std::expected<void, TableRefusal> remove_peer(const HomeAgentAddress& address);
  // An address of ours: a key of the hash inside a home prefix or pool, else a route of 128 bits.
  std::expected<void, TableRefusal> set_local(const Ipv6Address& address, LocalRole role);
  std::expected<void, TableRefusal> remove_local(const Ipv6Address& address);

  // --- Routes and neighbours (forwarding_routes.cpp) ---
  // Adds or replaces. Next hops of one port and gateway are one, of the sum of their weights.
  std::expected<void, TableRefusal> set_route(const Prefix& prefix,
                                              std::span<const NextHop> next_hops);
  // Blackhole, unreachable, prohibit.
  std::expected<void, TableRefusal> set_prohibited_route(const Prefix& prefix);
  std::expected<void, TableRefusal> remove_route(const Prefix& prefix);
  std::expected<void, TableRefusal> set_neighbor(std::uint16_t port, const Ipv6Address& address,
                                                 const MacAddress& mac);
  std::expected<void, TableRefusal> neighbor_failed(std::uint16_t port, const Ipv6Address& address);
  std::expected<void, TableRefusal> remove_neighbor(std::uint16_t port, const Ipv6Address& address);
  std::expected<void, TableRefusal> set_port_up(std::uint16_t port, bool up);

  // --- Background ---
  // One step: frees what is due, publishes routes, moves bindings; at most `budget` of each.
  // Returns has_work().
  bool maintain(std::uint32_t budget);
  [[nodiscard]] bool has_work() const;

  // Every adjacency's index is below it.
  [[nodiscard]] std::uint32_t adjacency_capacity() const {
    return neighbors_.adjacency_pool().capacity();
  }

  // --- Show ---
  [[nodiscard]] std::array<TableFill, kTableCount> report() const;
  // Global bindings that went without their former care-of address because there was no room.
  [[nodiscard]] std::uint64_t former_refused() const { return former_refused_; }
  // Host routes of gateways that did not fit: their packets go by the connected prefix.
  [[nodiscard]] std::uint64_t host_routes_refused() const { return host_routes_refused_; }
  // Entries that the background scan has moved to another leaf.
  [[nodiscard]] std::uint64_t bindings_moved() const { return bindings_moved_; }
  [[nodiscard]] std::uint64_t match_failures() const { return routes_->match_failures(); }
  [[nodiscard]] const Reclaimer& reclaimer() const { return reclaimer_; }

  // Listings: up to `limit` elements of the table from `cursor` (0 at first) on; returns the next
  // cursor, or nullopt at the end. What is there throughout is visited once, however much changes.
  // visit(address, entry): bindings and home agents.
  template <class Visit>
  std::optional<std::uint32_t> visit_bindings(std::uint32_t cursor, std::uint32_t limit,
                                              Visit&& visit) const {
    return walk(cursor, limit, record_pool_.high_water(), [&](std::uint32_t i) {
      if (records_[i].entry != kNone) {
        visit(records_[i].address, *bindings_->entry(records_[i].entry));
      }
    });
  }
  // visit(prefix, home address of its owner).
  template <class Visit>
  std::optional<std::uint32_t> visit_prefixes(std::uint32_t cursor, std::uint32_t limit,
                                              Visit&& visit) const {
    return walk(cursor, limit, prefix_pool_.high_water(), [&](std::uint32_t i) {
      if (prefixes_[i].owner != kNone) {
        visit(prefixes_[i].prefix, records_[prefixes_[i].owner].address);
      }
    });
  }
  // visit(prefix, leaf value): everything that the longest-prefix match knows.
  template <class Visit>
  std::optional<std::uint32_t> visit_routes(std::uint32_t cursor, std::uint32_t limit,
                                            Visit&& visit) const {
    return routes_->visit(cursor, limit, visit);
  }
  // visit(neighbor): with those that only routes name, and each port's `::`.
  template <class Visit>
  std::optional<std::uint32_t> visit_neighbors(std::uint32_t cursor, std::uint32_t limit,
                                               Visit&& visit) const {
    return walk(cursor, limit, neighbors_.high_water(), [&](std::uint32_t i) {
      if (neighbors_[i].used) {
        visit(neighbors_[i]);
      }
    });
  }

 private:
  static constexpr std::uint32_t kNone = ~0U;
  static constexpr std::uint32_t kReclaimInPassing = 1024;  // records
  static constexpr std::uint32_t kScanBulk = 64;            // bindings looked up together
  // What a route that is replaced or removed may retire: a group and each next hop's adjacency.
  static constexpr std::uint32_t kRouteReplacement = 1 + kMultipathSlots;

  struct BindingRecord {
    Ipv6Address address;
    std::uint32_t entry = kNone;         // kNone: not in use
    std::uint32_t first_prefix = kNone;  // list of its prefixes
  };
  struct PrefixRecord {
    Prefix prefix;
    std::uint32_t owner = kNone;  // kNone: not in use
    std::uint32_t next = kNone;
    std::uint32_t slot = kNone;   // outside of the pools: of prefix_entries_
    std::uint32_t entry = kNone;  // inside: its own
  };
  struct Parts;  // what create() makes

  ForwardingTables(const TableSetup& setup, Parts parts);

  template <class Visit>
  static std::optional<std::uint32_t> walk(std::uint32_t cursor, std::uint32_t limit,
                                           std::uint32_t end, Visit&& visit) {
    for (; cursor < end; ++cursor, --limit) {
      if (limit == 0) {
        return cursor;
      }
      visit(cursor);
    }
    return std::nullopt;
  }

  // Reclamation. Bindings leave the routes' reserve of the backlog alone, so that a failing next
  // hop can be replaced even when a flood of registrations has filled the rest.
  [[nodiscard]] bool has_room_for_binding(std::uint32_t records) const {
    return reclaimer_.room() >= records + routes_reserve_;
  }
  [[nodiscard]] bool has_room_for_route(std::uint32_t records) const {
    return reclaimer_.room() >= records;
  }
  void relieve();
  void reclaim(std::uint32_t limit);
  void free(Retired item);

  // Bindings.
  std::expected<void, TableRefusal> set_binding(const forwarding::SetBinding& update);
  std::expected<void, TableRefusal> remove_binding(const forwarding::RemoveBinding& update);
  std::expected<void, TableRefusal> set_prefix(const forwarding::SetPrefix& update);
  std::expected<void, TableRefusal> remove_prefix(const forwarding::RemovePrefix& update);
  [[nodiscard]] bool is_pool_prefix(const Prefix& prefix) const;
  [[nodiscard]] bool is_reserved(const Ipv6Address& address) const;
  [[nodiscard]] bool is_served(const Ipv6Address& address) const;
  [[nodiscard]] std::optional<std::uint32_t> find_record(const Ipv6Address& address) const;
  [[nodiscard]] std::optional<std::uint32_t> find_peer(const HomeAgentAddress& address) const;
  [[nodiscard]] std::optional<std::uint32_t> find_prefix(const Prefix& prefix) const;
  std::expected<void, TableRefusal> put(const Ipv6Address& address, const Entry& wanted,
                                        const Ipv6Address& former = {});
  std::expected<void, TableRefusal> put_content(const Ipv6Address& address,
                                                std::optional<std::uint32_t> record,
                                                Entry& content);
  [[nodiscard]] std::uint32_t keep_former(const Ipv6Address& former, std::uint32_t current);
  std::expected<void, TableRefusal> add_record(const Ipv6Address& address, const Entry& content);
  std::expected<void, TableRefusal> remove_record(std::uint32_t record);
  std::expected<void, TableRefusal> replace_entry(std::uint32_t record, const Entry& content);
  std::expected<void, TableRefusal> add_prefix(const Prefix& prefix, std::uint32_t owner);
  [[nodiscard]] bool has_entries(std::uint32_t count) const {
    const IndexPool& pool = bindings_->entries();
    return pool.capacity() - pool.used() >= count;
  }
  // A new entry of this key, complete but not published. There has to be one.
  Entry* make_entry(const Ipv6Address& key, const Entry& content);
  // Puts it in the place of the one with this index, which is retired.
  void swap_entry(std::uint32_t& index, Entry* entry, std::uint32_t owner);
  [[nodiscard]] std::uint32_t keys_of(std::uint32_t record) const;
  void withdraw_prefix(std::uint32_t prefix);
  void unlink_prefix(std::uint32_t prefix);
  void move_bindings(std::uint32_t budget);
  [[nodiscard]] LeafIndex leaf_of(const Entry& content) const;

  // Routes.
  std::expected<std::vector<NextHopMember>, TableRefusal> gather(
      std::span<const NextHop> next_hops);
  std::expected<void, TableRefusal> admit_route(const Prefix& prefix);
  void put_route(const Prefix& prefix, LeafValue value, std::optional<NextHopSetIndex> set);
  void detach_route(LeafIndex leaf);
  void refresh_set(NextHopSetIndex set);
  std::expected<void, TableRefusal> learn(const NeighborKey& key, AdjacencyState state,
                                          const MacAddress& mac);
  std::expected<void, TableRefusal> change_neighbor(NeighborIndex neighbor, AdjacencyState state,
                                                    const MacAddress& mac);
  [[nodiscard]] std::optional<std::uint16_t> connected_port(std::optional<LeafIndex> leaf) const;
  [[nodiscard]] bool is_on_link(const NeighborKey& key) const;
  void withdraw_unwanted_host_route(NeighborIndex neighbor);
  void claim_wanted_host_route(NeighborIndex neighbor);
  void reconsider_host_route(NeighborIndex neighbor);
  void reconsider_host_routes(const Prefix& prefix, bool was_connected);

  TableSizes sizes_;
  std::vector<Prefix> home_prefixes_;
  std::vector<config::NemoPool> pools_;
  std::uint8_t tunnel_hop_limit_;
  std::uint32_t routes_reserve_;

  // Read by workers, who never write; the rest is written all the time.
  alignas(kCacheLine) ReaderView view_;
  alignas(kCacheLine) Reclaimer reclaimer_;
  std::unique_ptr<BindingTable> bindings_;
  std::unique_ptr<RouteTable> routes_;
  Neighbors neighbors_;
  NextHopSets sets_;

  RteArray<BindingRecord> records_;
  IndexPool record_pool_;
  std::uint32_t binding_count_ = 0;
  std::uint32_t agent_count_ = 0;
  std::unordered_map<Ipv6Address, std::uint16_t, AddressHash> peers_;  // by locator

  // Care-of addresses of Entry::former; never written while an entry leads there. The first is
  // nobody's.
  RteArray<Ipv6Address> former_;
  IndexPool former_pool_;
  std::uint64_t former_refused_ = 0;

  RteArray<PrefixRecord> prefixes_;
  IndexPool prefix_pool_;
  RteArray<std::atomic<const Entry*>> prefix_entries_;
  IndexPool prefix_slot_pool_;
  std::vector<std::uint32_t> prefix_of_slot_;

  // The scan goes round the records; new ones beyond its end have the right leaf already.
  std::uint32_t scan_end_ = 0;
  std::uint32_t scan_cursor_ = 0;
  std::uint32_t scan_left_ = 0;
  std::uint64_t bindings_moved_ = 0;
  std::uint64_t host_routes_refused_ = 0;

  // Read by workers for every packet to a peer.
  alignas(kCacheLine) PeerStates peer_states_;
  // Read by workers for every packet of a pool: alone on its line.
  alignas(kCacheLine) std::atomic<std::uint32_t> prefixes_outside_pools_ = 0;
};

}  // namespace anyhome::dataplane
