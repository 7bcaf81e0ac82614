// The global home agent list: the other members of the set and what is known of each (draft
// §5.2.1).
//
// An entry has addresses, lifetime and what the peer says of itself; the group is that of the set
// (R10). Members are configured (draft §5.1), so an entry always exists; what comes and goes is its
// life: a link is up while the peer answers (two-way), and an entry without a HELLO for its
// lifetime is dead (R12). The link-local address and the preference of the RFC 6275 list have no
// place here (R11).
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <vector>

#include "common/config/config.h"
#include "common/sequence.h"
#include "common/time.h"
#include "common/token_bucket.h"
#include "controlplane/digest.h"
#include "controlplane/hello_window.h"
#include "controlplane/sync_stream.h"
#include "controlplane/timer_wheel.h"

namespace anyhome::control {

// Index of a peer in the configuration, as everywhere between the planes.
using PeerIndex = std::uint16_t;

// What a State Synchronization Request asks for (rulings §4).
struct SyncSelector {
  enum class Kind : std::uint8_t { Everything, HomeAddress, Prefix, Bucket };
  Kind kind = Kind::Everything;
  anyhome::HomeAddress home_address;
  anyhome::Prefix prefix;
  std::uint16_t bucket = 0;
  friend bool operator==(const SyncSelector&, const SyncSelector&) = default;
};

// An answer that is being given: a walk over all slots, then the end mark.
struct SyncDump {
  SyncSelector selector;
  std::uint16_t request = 0;  // Identifier of the request
  BindingSlot cursor = 0;
  bool end_mark_sent = false;
};

// A request of ours that has not been answered in full.
struct SyncRequest {
  SyncSelector selector;
  std::uint16_t identifier = 0;
  std::uint8_t round = 0;  // of confirmations: what is not confirmed in it goes at the end mark
  Instant next_try;
  unsigned tries = 0;
};

struct PeerState {
  PeerState(const config::Peer& peer, PeerIndex own_index, std::uint16_t max_outstanding)
      : config(&peer), index(own_index), stream(max_outstanding) {}

  const config::Peer* config;
  PeerIndex index;
  MemberRank rank = 0;

  // ---- Liveness ----
  bool up = false;      // answered our R within its lifetime
  bool active = false;  // A: accepts new registrations
  bool ever_up = false;
  bool not_member = false;  // says that we are none (status 130)
  bool not_member_told = false;
  std::uint32_t epoch = 0;
  bool epoch_known = false;
  HelloWindow hellos;
  Duration lifetime{};
  Duration interval{};
  std::optional<Instant> heard_until;     // end of the entry's lifetime
  std::optional<Instant> answered_until;  // end of two-way liveness
  Instant last_heard;

  SequenceNumber next_hello;        // our own counter toward this peer
  Instant hello_at;                 // when the next periodic one goes out
  bool probe = false;               // ask at once
  TokenBucket answers{1, 2};        // HELLOs in answer, per second (A7)
  std::uint16_t digest_cursor = 0;  // bucket that the next HELLO starts with

  // ---- State synchronization: toward the peer ----
  SyncStream stream;
  std::deque<SyncDump> dumps;
  std::map<BindingSlot, Instant> refused;  // told again then (R99)
  std::uint32_t bindings_sent = 0;         // since the start, for `show`
  Instant told_at{};                       // the last message with changes
  Instant identifiers_at{};                // when all were in use: looked again then

  // ---- State synchronization: from the peer ----
  std::optional<SyncRequest> request;
  std::uint16_t next_request = 1;
  std::uint8_t round = 0;
  bool dump_finished = false;  // its end mark has come, in its epoch and our life
  std::optional<Instant> last_reply;
  Instant repeats_from{};             // the next repetitions, when many were due at once
  std::uint16_t last_identifier = 0;  // of its SS-REPs
  Digest digest;                      // of what we hold of it
  // Buckets that differed in the last HELLO that told of them.
  std::vector<bool> suspicious = std::vector<bool>(kDigestBuckets);

  TimerHandle timer = kNoTimer;
  Instant timer_at;
  bool other_group = false;  // says its last HELLO: none is sent to it (R22)
  bool sync_lag_told = false;
  bool skew_told = false;
  std::optional<std::int64_t> skew_seconds;  // how far its T was ahead of our clock, last seen

  [[nodiscard]] bool may_be_switched_to() const { return up && active && !not_member; }
};

class HomeAgentList {
 public:
  HomeAgentList(const config::Haha& set, const std::optional<Locator>& own_locator) {
    std::vector<Locator> order;
    for (const config::Peer& peer : set.peers) {
      order.push_back(peer.locator);
    }
    if (own_locator) {
      order.push_back(*own_locator);
    }
    std::ranges::sort(order);
    const auto rank = [&](const Locator& locator) {
      return static_cast<MemberRank>(std::ranges::lower_bound(order, locator) - order.begin());
    };
    by_rank_.resize(order.size() + 1);
    for (std::size_t i = 0; i < set.peers.size(); ++i) {
      PeerState& peer =
          peers_.emplace_back(set.peers[i], static_cast<PeerIndex>(i), set.max_outstanding);
      peer.rank = rank(peer.config->locator);
      by_rank_[peer.rank] = static_cast<PeerIndex>(i);
    }
    own_rank_ = own_locator ? rank(*own_locator) : MemberRank{0};
  }

  [[nodiscard]] std::vector<PeerState>& peers() { return peers_; }
  [[nodiscard]] const std::vector<PeerState>& peers() const { return peers_; }
  [[nodiscard]] bool alone() const { return peers_.empty(); }
  [[nodiscard]] MemberRank own_rank() const { return own_rank_; }
  [[nodiscard]] PeerState& of_rank(MemberRank rank) { return peers_[by_rank_[rank]]; }
  [[nodiscard]] const PeerState& of_rank(MemberRank rank) const { return peers_[by_rank_[rank]]; }

  [[nodiscard]] PeerState* find(const Ipv6Address& locator) {
    const auto found = std::ranges::find_if(
        peers_, [&](const PeerState& peer) { return peer.config->locator.address() == locator; });
    return found == peers_.end() ? nullptr : &*found;
  }
  [[nodiscard]] PeerState* find_by_address(const Ipv6Address& home_agent_address) {
    const auto found = std::ranges::find_if(peers_, [&](const PeerState& peer) {
      return peer.config->address.address() == home_agent_address;
    });
    return found == peers_.end() ? nullptr : &*found;
  }
  [[nodiscard]] unsigned links_up() const {
    return static_cast<unsigned>(std::ranges::count_if(peers_, &PeerState::up));
  }

 private:
  std::vector<PeerState> peers_;
  std::vector<PeerIndex> by_rank_;
  MemberRank own_rank_ = 0;
};

}  // namespace anyhome::control
