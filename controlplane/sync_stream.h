// What one peer has still to be told, and what it has not acknowledged yet (rulings §4).
//
// The backlog is a set of home addresses, never a log: a peer that is away for an hour costs one
// mark per binding, and what changed twice is told once. A message gets an Identifier and a set of
// (home address, V) that never changes; acknowledgements are matched to both. An Identifier is not
// used again while it is outstanding, nor for a minute afterwards, so that no late acknowledgement
// is credited to other content.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "common/address.h"
#include "common/time.h"
#include "controlplane/binding_cache.h"
#include "controlplane/version.h"

namespace anyhome::control {

// One Binding Cache Information of a message.
struct SyncItem {
  static constexpr BindingSlot kNobody = 0xffff'ffff;

  HomeAddress home_address;  // `::`: the end mark of the request `slot`
  BindingSlot slot = 0;      // kNobody: a home address that was asked for and is not known
  Version version;
  bool returned = false;  // the peer's own binding, given back (rulings §5)

  [[nodiscard]] bool is_end_mark() const { return home_address == HomeAddress{}; }
  [[nodiscard]] bool is_nobody() const { return slot == kNobody; }
  // Says what a binding of ours is, as opposed to answering a question.
  [[nodiscard]] bool is_news() const { return !is_end_mark() && !is_nobody() && !returned; }
};

struct Outstanding {
  std::vector<SyncItem> items;
  Instant first_sent;
  Instant next_try;
  unsigned tries = 1;
  bool dump = false;  // part of an answer to a request
};

class SyncStream {
 public:
  explicit SyncStream(std::uint16_t max_outstanding) : max_outstanding_(max_outstanding) {}

  // ---- Backlog ----
  void mark(BindingSlot slot);
  [[nodiscard]] std::optional<BindingSlot> take();
  [[nodiscard]] std::size_t backlog() const { return order_.size(); }
  // It is all told in another way.
  void forget_backlog();

  // ---- Outstanding messages ----
  [[nodiscard]] bool has_room() const { return outstanding_.size() < max_outstanding_; }
  [[nodiscard]] std::size_t outstanding() const { return outstanding_.size(); }
  [[nodiscard]] std::size_t outstanding_of_dump() const { return dump_outstanding_; }
  [[nodiscard]] bool idle() const { return outstanding_.empty() && order_.empty(); }
  [[nodiscard]] std::uint16_t last_identifier() const { return last_identifier_; }
  [[nodiscard]] std::optional<Instant> oldest() const;

  // Whether there is an Identifier that is neither outstanding nor in quarantine.
  [[nodiscard]] bool has_identifier(Instant now);
  // Outstanding or in quarantine, as of the last look.
  [[nodiscard]] std::size_t identifiers_used() const {
    return outstanding_.size() + quarantine_.size();
  }
  // Gives the items an Identifier; there must be one.
  std::uint16_t open(Instant now, std::vector<SyncItem> items, bool dump);

  // What an acknowledgement did.
  struct Credit {
    std::optional<SyncItem> item;  // nullopt: unknown Identifier or a home address not in it
    bool finished = false;         // nothing of the message is left
  };
  Credit acknowledge(Instant now, std::uint16_t identifier, const HomeAddress& home_address);
  [[nodiscard]] bool knows(std::uint16_t identifier) const {
    return outstanding_.contains(identifier);
  }

  [[nodiscard]] std::optional<Instant> next_try() const;
  // The Identifier that is to be sent again by now; the caller removes what is superseded.
  [[nodiscard]] std::optional<std::uint16_t> due(Instant now) const;
  Outstanding& at(std::uint16_t identifier) { return outstanding_.at(identifier); }
  // Sent again at `now`; tries once more later, with back-off.
  void retried(Instant now, std::uint16_t identifier);
  // Ends a message whatever is left of it, and returns that.
  std::vector<SyncItem> abandon(Instant now, std::uint16_t identifier);
  // The peer is away: what was outstanding goes back into the backlog. Items of dumps do not.
  void suspend(Instant now);
  // The peer has started anew: nothing that was said before counts (rulings §1).
  void reset();

  // Measured from first transmissions that were acknowledged; the first try waits this long.
  [[nodiscard]] Duration timeout() const { return timeout_; }

  static constexpr Duration kQuarantine = std::chrono::seconds(60);
  static constexpr Duration kFirstTimeout = std::chrono::seconds(1);
  static constexpr Duration kLongestTimeout = std::chrono::seconds(16);
  // After so many tries in vain the peer is asked whether it is there at all.
  static constexpr unsigned kTriesBeforeProbe = 4;

 private:
  void schedule(std::uint16_t identifier, Outstanding& message, Instant at);
  std::vector<SyncItem> close(Instant now, std::uint16_t identifier);

  std::uint16_t max_outstanding_;
  std::vector<bool> marked_;
  std::deque<BindingSlot> order_;

  std::map<std::uint16_t, Outstanding> outstanding_;
  std::set<std::pair<Instant, std::uint16_t>> tries_;
  std::size_t dump_outstanding_ = 0;
  std::uint16_t last_identifier_ = 0;
  std::deque<std::pair<Instant, std::uint16_t>> quarantine_;  // until when, in order
  std::vector<bool> quarantined_;
  Duration timeout_ = kFirstTimeout;
};

}  // namespace anyhome::control
