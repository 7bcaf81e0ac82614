#include "dataplane/tables/next_hop_sets.h"

#include <algorithm>
#include <array>
#include <utility>

#include "dataplane/tables/multipath.h"

namespace anyhome::dataplane {

std::expected<NextHopSets, std::string> NextHopSets::create(std::uint32_t max_groups,
                                                            std::uint32_t leaves, int socket) {
  auto groups = RteArray<MultipathGroup>::create("multipath groups", max_groups, socket);
  if (!groups) {
    return std::unexpected(std::move(groups.error()));
  }
  return NextHopSets(std::move(*groups), leaves);
}

NextHopSets::NextHopSets(RteArray<MultipathGroup> groups, std::uint32_t leaves)
    : groups_(std::move(groups)),
      group_pool_(static_cast<std::uint32_t>(groups_.size())),
      links_(leaves) {}

NextHopSetIndex NextHopSets::intern(const std::vector<NextHopMember>& members,
                                    Neighbors& neighbors) {
  if (const auto found = by_members_.find(members); found != by_members_.end()) {
    return found->second;
  }
  NextHopSetIndex set = 0;
  if (free_sets_.empty()) {
    set = static_cast<NextHopSetIndex>(sets_.size());
    sets_.emplace_back();
  } else {
    set = free_sets_.back();
    free_sets_.pop_back();
  }
  sets_[set] = Set{};
  sets_[set].members = members;
  by_members_.emplace(members, set);
  for (const NextHopMember& member : members) {
    neighbors[member.neighbor].sets.push_back(set);
  }
  refresh(set, neighbors);  // it had no group
  return set;
}

void NextHopSets::attach(LeafIndex leaf, NextHopSetIndex set) {
  links_[leaf] = {set, kNone, sets_[set].first};
  if (sets_[set].first != kNone) {
    links_[sets_[set].first].previous = leaf;
  }
  sets_[set].first = leaf;
}

void NextHopSets::detach(LeafIndex leaf) {
  const Link link = std::exchange(links_[leaf], Link{});
  if (link.previous == kNone) {
    sets_[link.set].first = link.next;
  } else {
    links_[link.previous].next = link.next;
  }
  if (link.next != kNone) {
    links_[link.next].previous = link.previous;
  }
}

std::optional<NextHopSetIndex> NextHopSets::set_of(LeafIndex leaf) const {
  const NextHopSetIndex set = links_[leaf].set;
  return set == kNone ? std::nullopt : std::optional(set);
}

MultipathGroup NextHopSets::group_of(const Set& set, const Neighbors& neighbors) const {
  std::array<MultipathMember, kMultipathSlots> members{};
  bool any = false;
  for (std::size_t i = 0; i < set.members.size(); ++i) {
    members[i] = {set.members[i].weight, neighbors.usable(set.members[i].neighbor)};
    any = any || members[i].usable;
  }
  MultipathGroup group;
  if (!any) {
    // None forwards. One that is not resolved yet comes first: its packets make the host resolve
    // it. Failing that the first, whose state says by which name the packets are dropped.
    const auto hopeful =
        std::find_if(set.members.begin(), set.members.end(), [&](const NextHopMember& member) {
          const Neighbor& neighbor = neighbors[member.neighbor];
          return neighbor.state == AdjacencyState::Unresolved &&
                 neighbors.port_up(neighbor.key.port);
        });
    const NextHopMember& chosen = hopeful == set.members.end() ? set.members.front() : *hopeful;
    group.used = 1;
    group.slots[0] = neighbors[chosen.neighbor].adjacency;
    return group;
  }
  const SlotLayout layout = lay_out({members.data(), set.members.size()});
  for (std::uint32_t i = 0; i < layout.used; ++i) {
    group.slots[i] = neighbors[set.members[layout.member[i]].neighbor].adjacency;
  }
  group.used = layout.used;
  if (std::all_of(group.slots.begin(), group.slots.begin() + group.used,
                  [&](AdjacencyIndex slot) { return slot == group.slots[0]; })) {
    group.used = 1;
  }
  return group;
}

std::optional<std::uint32_t> NextHopSets::refresh(NextHopSetIndex index,
                                                  const Neighbors& neighbors) {
  Set& set = sets_[index];
  const std::optional<std::uint32_t> old =
      set.value.kind() == LeafKind::Multipath ? std::optional(set.value.index()) : std::nullopt;
  const MultipathGroup group = group_of(set, neighbors);
  if (old && groups_[*old].used == group.used && groups_[*old].slots == group.slots) {
    return std::nullopt;
  }
  degraded_ -= set.degraded ? 1U : 0U;
  set.degraded = false;
  set.value = LeafValue::of(LeafKind::Adjacency, group.slots[0]);
  if (group.used > 1) {
    if (const auto fresh = group_pool_.allocate()) {
      groups_[*fresh] = group;  // not seen by readers before the leaves are stored
      set.value = LeafValue::of(LeafKind::Multipath, *fresh);
    } else {
      // Better one next hop than a refusal: the old group may lead to one that just failed.
      set.degraded = true;
      ++degraded_;
    }
  }
  return old;
}

std::optional<std::uint32_t> NextHopSets::dissolve(NextHopSetIndex index, Neighbors& neighbors) {
  Set& set = sets_[index];
  for (const NextHopMember& member : set.members) {
    std::erase(neighbors[member.neighbor].sets, index);
  }
  by_members_.erase(set.members);
  degraded_ -= set.degraded ? 1U : 0U;
  const std::optional<std::uint32_t> old =
      set.value.kind() == LeafKind::Multipath ? std::optional(set.value.index()) : std::nullopt;
  set = Set{};
  free_sets_.push_back(index);
  return old;
}

std::optional<NextHopSetIndex> NextHopSets::degraded() const {
  if (degraded_ == 0) {
    return std::nullopt;
  }
  const auto found =
      std::find_if(sets_.begin(), sets_.end(), [](const Set& set) { return set.degraded; });
  return static_cast<NextHopSetIndex>(found - sets_.begin());
}

}  // namespace anyhome::dataplane
