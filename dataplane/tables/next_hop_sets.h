// The next hops of routes, shared: routes that name the same ones have the same set.
//
// A full table of routes through two gateways has a handful of sets, and each is worked out once
// when a gateway changes; what remains is one store per route. A set of several usable next hops
// becomes a multipath group, immutable like an adjacency.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/pipeline/entry.h"
#include "dataplane/tables/adjacency.h"
#include "dataplane/tables/index_pool.h"
#include "dataplane/tables/memory.h"
#include "dataplane/tables/refusal.h"

namespace anyhome::dataplane {

struct NextHopMember {
  NeighborIndex neighbor = 0;
  unsigned weight = 1;
  friend auto operator<=>(const NextHopMember&, const NextHopMember&) = default;
};

class NextHopSets {
 public:
  // `leaves` bounds the leaf indices that may be attached.
  static std::expected<NextHopSets, std::string> create(std::uint32_t max_groups,
                                                        std::uint32_t leaves, int socket);

  // The set of these members (distinct, sorted, 1..kMultipathSlots), made if it is new; it lives
  // as long as a leaf is attached.
  NextHopSetIndex intern(const std::vector<NextHopMember>& members, Neighbors& neighbors);
  void attach(LeafIndex leaf, NextHopSetIndex set);
  void detach(LeafIndex leaf);
  [[nodiscard]] std::optional<NextHopSetIndex> set_of(LeafIndex leaf) const;

  [[nodiscard]] const std::vector<NextHopMember>& members(NextHopSetIndex set) const {
    return sets_[set].members;
  }
  [[nodiscard]] LeafValue value(NextHopSetIndex set) const { return sets_[set].value; }

  // Works out the set's value from its members' state. Returns the group it no longer needs: to be
  // retired, after the new value is stored in the attached leaves.
  std::optional<std::uint32_t> refresh(NextHopSetIndex set, const Neighbors& neighbors);
  // Dissolves a set without leaves; returns its group, likewise.
  std::optional<std::uint32_t> dissolve(NextHopSetIndex set, Neighbors& neighbors);
  [[nodiscard]] bool unattached(NextHopSetIndex set) const { return sets_[set].first == kNone; }

  // Calls visit(leaf) for every leaf attached to the set.
  template <class Visit>
  void for_each_leaf(NextHopSetIndex set, Visit&& visit) const {
    for (LeafIndex leaf = sets_[set].first; leaf != kNone; leaf = links_[leaf].next) {
      visit(leaf);
    }
  }

  void free_group(std::uint32_t index) { group_pool_.release(index); }
  // A set that lacked a group when it was worked out, and leads to one next hop only.
  [[nodiscard]] std::optional<NextHopSetIndex> degraded() const;

  [[nodiscard]] const MultipathGroup* groups() const { return groups_.data(); }
  [[nodiscard]] const IndexPool& group_pool() const { return group_pool_; }
  [[nodiscard]] std::size_t bytes() const { return groups_.bytes(); }

 private:
  static constexpr std::uint32_t kNone = ~0U;

  struct Set {
    std::vector<NextHopMember> members;
    LeafValue value;
    LeafIndex first = kNone;
    bool degraded = false;
  };
  // An attached leaf, in the doubly linked list of its set.
  struct Link {
    NextHopSetIndex set = kNone;
    LeafIndex previous = kNone;
    LeafIndex next = kNone;
  };

  NextHopSets(RteArray<MultipathGroup> groups, std::uint32_t leaves);

  // The adjacency behind each slot; one slot when all lead to the same.
  [[nodiscard]] MultipathGroup group_of(const Set& set, const Neighbors& neighbors) const;

  RteArray<MultipathGroup> groups_;
  IndexPool group_pool_;
  std::vector<Set> sets_;
  std::vector<NextHopSetIndex> free_sets_;
  std::map<std::vector<NextHopMember>, NextHopSetIndex> by_members_;
  std::vector<Link> links_;
  std::uint32_t degraded_ = 0;
};

}  // namespace anyhome::dataplane
