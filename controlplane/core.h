// The state of the control core that its parts share. Each part is a file of free functions or a
// small class over this; nothing here has a clock, a thread or a socket.
#pragma once

#include <algorithm>
#include <deque>
#include <memory>
#include <unordered_map>

#include "common/config/config.h"
#include "common/token_bucket.h"
#include "controlplane/authenticator.h"
#include "controlplane/binding_cache.h"
#include "controlplane/control_counters.h"
#include "controlplane/digest.h"
#include "controlplane/effects.h"
#include "controlplane/home_agent_list.h"
#include "controlplane/mobile_nodes.h"
#include "controlplane/signalling.h"
#include "controlplane/timer_wheel.h"

namespace anyhome::control {

// Everything a Binding Acknowledgement needs to know about the Binding Update it answers.
struct ReplyContext {
  Envelope envelope;
  HomeAddress home_address;
  SequenceNumber sequence;
  std::uint16_t flags = 0;  // of the Binding Update
  ReplyProtection protection;
};

// Where a mobile node was that has registered at a peer since (rulings §6).
struct Former {
  CareOfAddress care_of_address;
  Instant until;
  MemberRank successor = 0;
};

// Options that came with a Binding Cache Information (R65).
struct Supplement {
  std::vector<std::byte> aaa;
  std::vector<wire::VendorSpecific> vendor;
};

// A walk over all slots for what a peer has not confirmed.
struct Sweep {
  PeerIndex peer = 0;
  std::uint8_t round = 0;
  std::optional<std::uint16_t> bucket;
  BindingSlot cursor = 0;
};

// A walk over all slots for mobile nodes of a dead peer that are ours to move (rulings §7).
struct Rescue {
  PeerIndex peer = 0;
  BindingSlot cursor = 0;
};

// Why a mobile node is asked to change its home agent.
enum class SwitchReason : std::uint8_t {
  Nearer,  // its Binding Update came through that home agent (R78)
  Rescue,  // its primary is dead, and we are not (rulings §7)
  Drain,   // we are about to stop
  Operator,
};

struct PendingSwitch {
  SwitchReason reason = SwitchReason::Nearer;
  std::optional<PeerIndex> target;  // nullopt: ourselves
  CareOfAddress care_of_address;    // where the mobile node is asked
  Version awaited;                  // not sent before the target has acknowledged this
  bool acknowledged = false;
  unsigned sent = 0;
  Instant next;
  TimerHandle timer = kNoTimer;
};

// Stopping without losing anybody: the mobile nodes are moved one by one.
struct Drain {
  bool active = false;
  TokenBucket tokens{0, 0};
  BindingSlot cursor = 0;
  Instant next_pass;
};

// Vendor sub-types of the profile (rulings §4, §5).
inline constexpr std::uint8_t kVendorDigest = 1;
inline constexpr std::uint8_t kVendorBucket = 2;
inline constexpr std::uint8_t kVendorReturnedCopy = 3;

struct Core {
  Core(const config::HomeAgent& home_agent, const Now& start, std::uint64_t hash_seed,
       std::uint32_t epoch)
      : config(home_agent),
        mobile_nodes(config.mobile_nodes),
        bindings(home_agent.max_bindings, hash_seed),
        timers(start.instant),
        authenticator(make_authenticator(config)),
        binding_errors(home_agent.binding_error_rate, home_agent.binding_error_rate),
        icmp_errors(home_agent.binding_error_rate, home_agent.binding_error_rate),
        discovery(home_agent.discovery_rate, home_agent.discovery_rate),
        discovery_addresses(home_agent.discovery_addresses()),
        members(config.haha, config.locator),
        digest_hash(config.haha.set_key),
        strangers(kStrangersPerSecond, kStrangersPerSecond),
        rescue_tokens(home_agent.haha.switch_rate, home_agent.haha.switch_rate),
        boot_epoch(epoch),
        started(start.instant) {
    for (std::size_t i = 0; i < members.peers().size(); ++i) {
      switch_tokens.emplace_back(home_agent.haha.switch_rate, home_agent.haha.switch_rate);
    }
  }

  static constexpr std::uint32_t kStrangersPerSecond = 10;

  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  const config::HomeAgent config;
  MobileNodes mobile_nodes;
  BindingCache bindings;
  TimerWheel timers;
  std::unique_ptr<Authenticator> authenticator;
  ControlCounters counters;
  TokenBucket binding_errors;
  TokenBucket icmp_errors;
  TokenBucket discovery;
  const std::vector<Ipv6Address> discovery_addresses;

  // ---- The global home agent set ----
  HomeAgentList members;
  DigestHash digest_hash;
  Digest own_digest;
  // The latest T that was accepted here; our own clock may have been set back since (I15).
  Timestamp latest;
  std::unordered_map<BindingSlot, Former> formers;
  std::unordered_map<BindingSlot, Supplement> supplements;
  std::unordered_map<BindingSlot, PendingSwitch> switches;
  std::size_t unsent_switches = 0;         // of them
  std::vector<TokenBucket> switch_tokens;  // per target
  std::deque<Sweep> sweeps;
  std::deque<Rescue> rescues;
  Drain drain;
  TokenBucket strangers;
  TokenBucket rescue_tokens;
  std::uint32_t boot_epoch;
  // When work in slices goes on; nullopt: there is none.
  std::optional<Instant> background_at;
  bool isolated_told = false;

  Instant started;
  bool able = false;   // the host has forwarding workers and ports
  bool ready = false;  // the set is synchronized (rulings §2)
  // Whether new registrations and discovery are served (draft §5.1, R5).
  [[nodiscard]] bool serving() const { return able && ready && !drain.active; }
  void work_at(Instant when) { background_at = std::min(background_at.value_or(when), when); }
  // The registration that the last event's effects belong to, should a table refuse one of them.
  std::optional<ReplyContext> last_update;

  [[nodiscard]] const Ipv6Address& own_address() const { return config.address.address(); }
  [[nodiscard]] bool is_discovery_address(const Ipv6Address& address) const {
    return std::ranges::find(discovery_addresses, address) != discovery_addresses.end();
  }
  // Where an answer to a packet for us comes from: the address it was sent to, if that is a unicast
  // one (RFC 4443 §2.2).
  [[nodiscard]] const Ipv6Address& answering_address(const Ipv6Address& destination) const {
    return destination.is_unicast_routable() && !is_discovery_address(destination) ? destination
                                                                                   : own_address();
  }
  [[nodiscard]] bool in_home_prefix(const Ipv6Address& address) const {
    return std::ranges::any_of(config.home_prefixes,
                               [&](const Prefix& prefix) { return prefix.contains(address); });
  }
  [[nodiscard]] bool in_nemo_pool(const Ipv6Address& address) const {
    return std::ranges::any_of(config.nemo_pools, [&](const config::NemoPool& pool) {
      return pool.pool.contains(address);
    });
  }
  // When the home prefix stops being valid or preferred; nullopt: never.
  [[nodiscard]] std::optional<Instant> prefix_end(
      const std::optional<std::chrono::seconds>& lifetime) const {
    return lifetime ? std::optional(started + Duration(*lifetime)) : std::nullopt;
  }
};

}  // namespace anyhome::control
