// Prefix to leaf to value: which way an address goes, and how that changes without touching
// bindings.
//
// A prefix has a leaf, the longest-prefix match answers leaf indices, and the leaf is one 32-bit
// word that says what to do (entry.h). Bindings remember the leaf of their outer destination. So a
// route that changes its next hop is one store, whatever number of bindings is behind it.
//
// A prefix may be claimed by several parties at once: an address of ours, a mobile network, a
// resolved neighbour, a route. The leaf shows the first claim in that order; when the last claim
// goes, the leaf is *withdrawn*: it shows its covering prefix's value from then on, follows that
// one's changes, is deleted from the match with the next publication, and is retired when no
// binding holds it any more. Should the prefix come back before that, it gets its leaf back, and
// nothing had to be moved.
//
// Who moves the bindings is ForwardingTables' scan; `advance` says when one is needed.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/prefix.h"
#include "dataplane/pipeline/entry.h"
#include "dataplane/tables/index_pool.h"
#include "dataplane/tables/lpm6_pair.h"
#include "dataplane/tables/memory.h"
#include "dataplane/tables/reclaimer.h"
#include "dataplane/tables/refusal.h"
#include "dataplane/tables/tbl8_budget.h"

namespace anyhome::dataplane {

// In order of precedence. A neighbour claims its /128 only where the route to it is a connected one
// on its port, so it may precede a route of 128 bits.
enum class Claim : std::uint8_t {
  Local,
  Binding,
  Neighbor,
  Route,
};
inline constexpr std::size_t kClaimCount = 4;

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): workers' and writer's lines are apart
class RouteTable {
 public:
  struct Setup {
    std::string name;
    std::uint32_t prefixes = 0;      // claimed at the same time
    std::uint32_t spare_leaves = 0;  // for withdrawn ones
    std::uint32_t tbl8_groups = 0;
    int socket = 0;
  };
  static std::expected<std::unique_ptr<RouteTable>, std::string> create(const Setup& setup);

  // Readers. The leaf of the longest prefix for each of n addresses; kNoRouteLeaf without one.
  void lookup_bulk(const Ipv6Address* addresses, unsigned n, LeafIndex* out) const {
    match_->lookup_bulk(addresses, n, out);
  }
  [[nodiscard]] const Leaf* leaves() const { return leaves_.data(); }

  // Control thread from here on.

  // Whether `set` would take a prefix that has no claim yet.
  [[nodiscard]] std::expected<void, TableRefusal> admits(const Prefix& prefix) const;
  // Adds or replaces a claim; refused only for a prefix without any.
  std::expected<LeafIndex, TableRefusal> set(const Prefix& prefix, Claim claim, LeafValue value);
  // Another value for a claim that is there: one store, or none if another claim precedes it.
  void update(LeafIndex leaf, Claim claim, LeafValue value);
  void withdraw(LeafIndex leaf, Claim claim);

  // The leaf of exactly this prefix, if it has that claim.
  [[nodiscard]] std::optional<LeafIndex> find(const Prefix& prefix, Claim claim) const;
  // The leaf of the longest prefix of at most max_length bits that contains the address and has
  // that claim.
  [[nodiscard]] std::optional<LeafIndex> longest(const Ipv6Address& address, unsigned max_length,
                                                 Claim claim) const;
  [[nodiscard]] LeafValue value(LeafIndex leaf) const {
    return LeafValue{leaves_[leaf].load(std::memory_order_relaxed)};
  }

  [[nodiscard]] LeafValue value_of(LeafIndex leaf, Claim claim) const {
    return records_[leaf].claims[static_cast<std::size_t>(claim)];
  }

  // A binding's entry, published or about to be, holds the leaf; or no longer does.
  void hold(LeafIndex leaf) { ++records_[leaf].bindings; }
  void release(LeafIndex leaf);

  // Publishes up to `limit` changes when the copies allow it, and retires leaves. Returns true when
  // bindings may hold another leaf than a lookup gives now: all of them have to be looked up again.
  // One that an earlier scan has not come to yet needs no more than that scan.
  bool advance(std::uint32_t limit, Reclaimer& reclaimer);
  [[nodiscard]] bool has_work() const;
  // What was retired is due.
  void grace_period_over() { match_->replay(); }
  void free_leaf(LeafIndex leaf);

  // visit(prefix, leaf value) for up to `limit` leaves from index `cursor` on; returns where to go
  // on, or nullopt at the end.
  template <class Visit>
  std::optional<LeafIndex> visit(LeafIndex cursor, std::uint32_t limit, Visit&& visit) const {
    for (; cursor < pool_.high_water(); ++cursor, --limit) {
      if (limit == 0) {
        return cursor;
      }
      if (records_[cursor].state == State::Active) {
        visit(records_[cursor].prefix, value(cursor));
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] std::uint32_t prefixes_used() const { return active_; }
  [[nodiscard]] std::uint32_t claimed(Claim claim) const {
    return claims_[static_cast<std::size_t>(claim)];
  }
  [[nodiscard]] const IndexPool& leaf_pool() const { return pool_; }
  [[nodiscard]] const Tbl8Budget& tbl8() const { return tbl8_; }
  [[nodiscard]] std::uint64_t match_failures() const { return match_->failures(); }
  [[nodiscard]] std::size_t match_bytes() const { return match_->bytes(); }
  [[nodiscard]] std::size_t leaf_bytes() const {
    return leaves_.bytes() + records_.size() * sizeof(Record);
  }

 private:
  enum class State : std::uint8_t {
    Unused,
    Active,     // has a claim
    Withdrawn,  // has none, but the match or a binding may still lead to it
    Retired,    // waits for readers
  };
  struct Record {
    Prefix prefix;
    State state = State::Unused;
    bool matched = false;  // the published copy of the match leads to it
    bool adding = false;   // queued in additions_
    bool removing = false;
    bool retiring = false;
    std::array<LeafValue, kClaimCount> claims{};  // kind NoRoute: no such claim
    std::uint32_t bindings = 0;                   // entries that hold it
    LeafIndex covering = kNoRouteLeaf;            // Withdrawn: whose value it shows

    [[nodiscard]] LeafValue winner() const;
  };

  RouteTable(std::unique_ptr<Lpm6Pair> match, const Setup& setup, RteArray<Leaf> leaves);

  [[nodiscard]] std::optional<LeafIndex> find(const Prefix& prefix) const;
  template <class Accept>
  std::optional<LeafIndex> longest_where(const Ipv6Address& address, unsigned max_length,
                                         Accept&& accept) const;
  [[nodiscard]] LeafIndex covering_of(const Prefix& prefix) const;
  void store(LeafIndex leaf, LeafValue value);
  void activate(LeafIndex leaf);
  void deactivate(LeafIndex leaf);
  void stop_following(LeafIndex leaf);
  void consider_retiring(LeafIndex leaf);
  std::vector<RouteChange> collect(std::uint32_t limit, bool& scan);

  std::unique_ptr<Lpm6Pair> match_;
  RteArray<Leaf> leaves_;
  // Only the control thread from here on.
  alignas(kCacheLine) std::uint32_t max_prefixes_;
  IndexPool pool_;
  Tbl8Budget tbl8_;
  std::vector<Record> records_;
  std::unordered_map<Prefix, LeafIndex, PrefixHash> by_prefix_;  // Active and Withdrawn
  std::array<std::uint32_t, Prefix::kMaxLength + 1> lengths_{};  // prefixes of each in by_prefix_
  // Covering leaf to the withdrawn leaves that show its value.
  std::unordered_multimap<LeafIndex, LeafIndex> followers_;
  std::uint32_t active_ = 0;
  std::array<std::uint32_t, kClaimCount> claims_{};
  std::deque<LeafIndex> additions_;  // to the match
  std::deque<LeafIndex> removals_;
  std::deque<LeafIndex> retiring_;  // ready, as soon as the reclaimer has room
};

}  // namespace anyhome::dataplane
