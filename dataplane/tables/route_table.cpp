#include "dataplane/tables/route_table.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace anyhome::dataplane {

std::expected<std::unique_ptr<RouteTable>, std::string> RouteTable::create(const Setup& setup) {
  const std::uint64_t leaf_count = std::uint64_t{setup.prefixes} + setup.spare_leaves + 1;
  if (leaf_count > kMaxLeaves) {
    return std::unexpected(
        fmt::format("{} route leaves are more than rte_lpm6 can tell apart ({}): lower max-routes, "
                    "max-neighbors or max-prefixes",
                    leaf_count, kMaxLeaves));
  }
  auto match = Lpm6Pair::create({setup.name, setup.prefixes, setup.tbl8_groups, setup.socket});
  if (!match) {
    return std::unexpected(std::move(match.error()));
  }
  auto leaves = RteArray<Leaf>::create("route leaves", leaf_count, setup.socket);
  if (!leaves) {
    return std::unexpected(std::move(leaves.error()));
  }
  return std::unique_ptr<RouteTable>(new RouteTable(std::move(*match), setup, std::move(*leaves)));
}

RouteTable::RouteTable(std::unique_ptr<Lpm6Pair> match, const Setup& setup, RteArray<Leaf> leaves)
    : match_(std::move(match)),
      leaves_(std::move(leaves)),
      max_prefixes_(setup.prefixes),
      pool_(static_cast<std::uint32_t>(leaves_.size())),
      tbl8_(setup.tbl8_groups),
      records_(leaves_.size()) {
  pool_.allocate();  // leaf 0 is kNoRouteLeaf, for ever
}

LeafValue RouteTable::Record::winner() const {
  const auto first = std::find_if(claims.begin(), claims.end(), [](LeafValue claim) {
    return claim.kind() != LeafKind::NoRoute;
  });
  return first == claims.end() ? LeafValue{} : *first;
}

std::expected<void, TableRefusal> RouteTable::admits(const Prefix& prefix) const {
  const auto leaf = find(prefix);
  if (leaf && records_[*leaf].state == State::Active) {
    return {};
  }
  if (active_ == max_prefixes_) {
    return std::unexpected(TableRefusal::RoutesFull);
  }
  if (!leaf && pool_.exhausted()) {
    return std::unexpected(TableRefusal::LeavesExhausted);
  }
  if (!tbl8_.admits(prefix)) {
    return std::unexpected(TableRefusal::Tbl8Exhausted);
  }
  return {};
}

std::expected<LeafIndex, TableRefusal> RouteTable::set(const Prefix& prefix, Claim claim,
                                                       LeafValue value) {
  if (const auto admitted = admits(prefix); !admitted) {
    return std::unexpected(admitted.error());
  }
  auto leaf = find(prefix);
  if (!leaf) {
    leaf = pool_.allocate();
    records_[*leaf].prefix = prefix;
    by_prefix_.emplace(prefix, *leaf);
    ++lengths_[prefix.length()];
  }
  Record& record = records_[*leaf];
  LeafValue& slot = record.claims[static_cast<std::size_t>(claim)];
  claims_[static_cast<std::size_t>(claim)] += slot.kind() == LeafKind::NoRoute ? 1U : 0U;
  slot = value;
  if (record.state != State::Active) {
    activate(*leaf);
  }
  store(*leaf, record.winner());
  return *leaf;
}

void RouteTable::update(LeafIndex leaf, Claim claim, LeafValue value) {
  Record& record = records_[leaf];
  record.claims[static_cast<std::size_t>(claim)] = value;
  store(leaf, record.winner());
}

void RouteTable::withdraw(LeafIndex leaf, Claim claim) {
  Record& record = records_[leaf];
  record.claims[static_cast<std::size_t>(claim)] = LeafValue{};
  --claims_[static_cast<std::size_t>(claim)];
  const LeafValue left = record.winner();
  if (left.kind() != LeafKind::NoRoute) {
    store(leaf, left);
  } else {
    deactivate(leaf);
  }
}

void RouteTable::store(LeafIndex leaf, LeafValue value) {
  // Publication of whatever the value leads to: the adjacency, group or prefix slot was filled
  // before, and its reader's load of the leaf is an acquire. What the old value led to is retired
  // by the caller after this store.
  leaves_[leaf].store(value.raw, std::memory_order_release);
  if (followers_.empty()) {
    return;
  }
  const auto [first, last] = followers_.equal_range(leaf);
  for (auto follower = first; follower != last; ++follower) {
    leaves_[follower->second].store(value.raw, std::memory_order_release);
  }
}

void RouteTable::activate(LeafIndex leaf) {
  Record& record = records_[leaf];
  if (record.state == State::Withdrawn) {
    stop_following(leaf);
  }
  record.state = State::Active;
  ++active_;
  tbl8_.add(record.prefix);
  if (!record.matched && !record.adding) {
    record.adding = true;
    additions_.push_back(leaf);
  }
}

void RouteTable::deactivate(LeafIndex leaf) {
  Record& record = records_[leaf];
  record.state = State::Withdrawn;
  --active_;
  tbl8_.remove(record.prefix);
  record.covering = covering_of(record.prefix);
  // Leaves that followed this one follow its covering leaf from now on, so that there are no chains
  // and none follows a leaf that is gone.
  std::vector<LeafIndex> followers{leaf};
  const auto [first, last] = followers_.equal_range(leaf);
  for (auto follower = first; follower != last; ++follower) {
    followers.push_back(follower->second);
  }
  followers_.erase(first, last);
  for (const LeafIndex follower : followers) {
    records_[follower].covering = record.covering;
    followers_.emplace(record.covering, follower);
  }
  const LeafValue inherited = value(record.covering);
  for (const LeafIndex follower : followers) {
    leaves_[follower].store(inherited.raw, std::memory_order_release);
  }
  if (record.matched && !record.removing) {
    record.removing = true;
    removals_.push_back(leaf);
  }
  consider_retiring(leaf);
}

void RouteTable::stop_following(LeafIndex leaf) {
  const auto [first, last] = followers_.equal_range(records_[leaf].covering);
  followers_.erase(
      std::find_if(first, last, [leaf](const auto& item) { return item.second == leaf; }));
}

void RouteTable::release(LeafIndex leaf) {
  --records_[leaf].bindings;
  consider_retiring(leaf);
}

void RouteTable::consider_retiring(LeafIndex leaf) {
  Record& record = records_[leaf];
  if (record.state == State::Withdrawn && !record.matched && record.bindings == 0 &&
      !record.retiring) {
    record.retiring = true;
    retiring_.push_back(leaf);
  }
}

bool RouteTable::advance(std::uint32_t limit, Reclaimer& reclaimer) {
  bool scan = false;
  if (match_->ready() && reclaimer.room() > 0) {
    std::vector<RouteChange> changes = collect(limit, scan);
    if (!changes.empty()) {
      match_->publish(std::move(changes));
      reclaimer.retire(RetiredKind::RouteCopy, 0);
    }
  }
  while (!retiring_.empty() && reclaimer.room() > 0) {
    const LeafIndex leaf = retiring_.front();
    retiring_.pop_front();
    Record& record = records_[leaf];
    record.retiring = false;
    if (record.state != State::Withdrawn || record.matched || record.bindings != 0) {
      continue;  // the prefix came back meanwhile
    }
    stop_following(leaf);
    record.state = State::Retired;
    by_prefix_.erase(record.prefix);
    --lengths_[record.prefix.length()];
    reclaimer.retire(RetiredKind::LeafSlot, leaf);
  }
  return scan;
}

std::vector<RouteChange> RouteTable::collect(std::uint32_t limit, bool& scan) {
  std::vector<RouteChange> changes;
  while (!removals_.empty() && changes.size() < limit) {
    const LeafIndex leaf = removals_.front();
    removals_.pop_front();
    Record& record = records_[leaf];
    record.removing = false;
    if (record.state == State::Withdrawn && record.matched) {
      record.matched = false;
      scan = scan || record.bindings > 0;
      changes.push_back({record.prefix, kNoRouteLeaf});
      consider_retiring(leaf);
    }
  }
  // Additions come when no removal is left, which is when there is room below the limit: what the
  // match then holds is part of what the second-level tables were promised for, so none of it can
  // fail.
  while (!additions_.empty() && changes.size() < limit) {
    const LeafIndex leaf = additions_.front();
    additions_.pop_front();
    Record& record = records_[leaf];
    record.adding = false;
    if (record.state == State::Active && !record.matched) {
      // Bindings that belong to the new prefix hold the leaf of the one that covered it.
      const auto covering =
          longest_where(record.prefix.address(), record.prefix.length(),
                        [this](LeafIndex other) { return records_[other].matched; });
      scan = scan || records_[covering.value_or(kNoRouteLeaf)].bindings > 0;
      record.matched = true;
      changes.push_back({record.prefix, leaf});
    }
  }
  return changes;
}

bool RouteTable::has_work() const {
  return !additions_.empty() || !removals_.empty() || !retiring_.empty() || !match_->ready();
}

void RouteTable::free_leaf(LeafIndex leaf) {
  leaves_[leaf].store(LeafValue{}.raw, std::memory_order_release);
  records_[leaf].state = State::Unused;
  pool_.release(leaf);
}

std::optional<LeafIndex> RouteTable::find(const Prefix& prefix) const {
  const auto found = by_prefix_.find(prefix);
  return found == by_prefix_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<LeafIndex> RouteTable::find(const Prefix& prefix, Claim claim) const {
  const auto leaf = find(prefix);
  if (!leaf ||
      records_[*leaf].claims[static_cast<std::size_t>(claim)].kind() == LeafKind::NoRoute) {
    return std::nullopt;
  }
  return leaf;
}

template <class Accept>
std::optional<LeafIndex> RouteTable::longest_where(const Ipv6Address& address, unsigned max_length,
                                                   Accept&& accept) const {
  for (unsigned length = max_length + 1; length-- > 0;) {
    if (lengths_[length] == 0) {
      continue;
    }
    const auto leaf = find(Prefix(address, length));
    if (leaf && accept(*leaf)) {
      return leaf;
    }
  }
  return std::nullopt;
}

std::optional<LeafIndex> RouteTable::longest(const Ipv6Address& address, unsigned max_length,
                                             Claim claim) const {
  return longest_where(address, max_length, [this, claim](LeafIndex leaf) {
    return records_[leaf].claims[static_cast<std::size_t>(claim)].kind() != LeafKind::NoRoute;
  });
}

LeafIndex RouteTable::covering_of(const Prefix& prefix) const {
  if (prefix.length() == 0) {
    return kNoRouteLeaf;
  }
  return longest_where(prefix.address(), prefix.length() - 1,
                       [this](LeafIndex leaf) { return records_[leaf].state == State::Active; })
      .value_or(kNoRouteLeaf);
}

}  // namespace anyhome::dataplane
