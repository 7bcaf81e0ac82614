// The binding cache (RFC 6275 §9.1, §10.1) with the mobile network prefixes of RFC 3963 §6.1, and
// the global bindings of the set (draft §5.4.1): one record per home address, whoever its primary
// is.
//
// Records live in slots of a slab; a slot number names one as long as it lives. A record stays
// after the binding has gone, `Remembered`: for ten seconds to know an old sequence number again,
// and among several home agents as a tombstone, so that nothing old brings it back (rulings §3).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "common/address.h"
#include "common/forwarding/forwarding_update.h"
#include "common/prefix.h"
#include "common/sequence.h"
#include "common/time.h"
#include "controlplane/address_index.h"
#include "controlplane/timer_wheel.h"
#include "controlplane/version.h"

namespace anyhome::control {

using BindingSlot = std::uint32_t;

enum class BindingState : std::uint8_t {
  Free,        // the slot holds no binding
  Registered,  // a live home registration: we are the primary
  Global,      // registered at another home agent of the set
  Remembered,  // gone; its sequence number (RFC 6275 §10.3.2) and its version count
};

struct Binding {
  HomeAddress home_address;
  CareOfAddress care_of_address;
  Instant registered_at;              // first registration of this life
  Instant expires;                    // end of the lifetime, or of the memory
  Instant sequence_until;             // Remembered, Global: how long the sequence number counts
  Instant told_until;                 // Registered: when the peers' copies expire
  Instant share_at;                   // Registered: when to look whether they have to be refreshed
  Instant install_at;                 // when a table is asked again (not_installed)
  Instant dwell_until;                // no Home Agent Switch before (rulings §6)
  Instant path_mtu_expires;           // when a lowered path MTU is forgotten (RFC 8201 §4)
  Instant next_prefix_advertisement;  // not sooner (RFC 6275 §10.6.1)
  std::vector<Prefix> prefixes;
  Version version;  // its member is the primary, or was
  TimerHandle timer = kNoTimer;
  SequenceNumber sequence;
  std::uint16_t flags = 0;  // of the Binding Update
  Lifetime granted;
  std::uint16_t path_mtu = forwarding::kPathMtuUnknown;
  BindingState state = BindingState::Free;
  std::uint8_t refresh_requests = 0;  // sent in this lifetime
  std::uint8_t confirmed = 0;         // round in which its owner last spoke of it
  std::uint8_t returns = 0;           // how often the mobile node came back to us
  bool explicit_prefixes = false;     // RFC 3963 §5.1: from the Binding Update, not configured
  bool digested = false;              // counted in the digest of its version's member
  bool leaving = false;               // Registered: de-registered during a switch; kept a while
  bool been_primary = false;          // we were, before a peer became it
  bool refuses_switch = false;        // answered a Home Agent Switch by Binding Error status 2
  bool not_installed = false;         // a table refused it; tried again

  [[nodiscard]] bool registered() const { return state == BindingState::Registered; }
  [[nodiscard]] bool global() const { return state == BindingState::Global; }
  [[nodiscard]] bool live() const { return registered() || global(); }
};

// Home addresses that claim one prefix. All are kept; one is active (rulings §11).
struct PrefixClaims {
  HomeAddress active;
  std::vector<HomeAddress> others;
};

class BindingCache {
 public:
  BindingCache(std::size_t expected_bindings, std::uint64_t hash_seed);

  [[nodiscard]] Binding* find(const HomeAddress& home_address);
  [[nodiscard]] const Binding* find(const HomeAddress& home_address) const;
  [[nodiscard]] BindingSlot slot_of(const Binding& binding) const;
  [[nodiscard]] Binding& at(BindingSlot slot);
  [[nodiscard]] const Binding& at(BindingSlot slot) const;

  // First and second step toward `find`: the index, the record. The second returns where that will
  // be, nullptr: nowhere.
  void prefetch(const HomeAddress& home_address) const { index_.prefetch(home_address.address()); }
  const Binding* prefetch_record(const HomeAddress& home_address) const;

  // A new entry in this state with only its home address set; it must not exist yet.
  Binding& create(const HomeAddress& home_address, BindingState state);
  // The entry and its slot are gone; its timer and its prefixes have been dealt with by the caller.
  void erase(Binding& binding);

  // Keeps count; the owner of the cache says when an entry changes state.
  void set_state(Binding& binding, BindingState state);
  [[nodiscard]] std::size_t registered() const { return registered_; }
  [[nodiscard]] std::size_t global() const { return global_; }
  [[nodiscard]] std::size_t live() const { return registered_ + global_; }
  [[nodiscard]] std::size_t entries() const { return index_.size(); }

  // One past the largest slot ever used: lists go from slot to slot, skipping Free ones.
  [[nodiscard]] BindingSlot slot_end() const { return slot_end_; }

  // Mobile network prefixes. The active claimant of one, or nullptr.
  [[nodiscard]] const HomeAddress* owner_of(const Prefix& prefix) const;
  // Everybody who claims it, or nullptr; the owner of the cache elects the active one.
  [[nodiscard]] PrefixClaims* claims_of(const Prefix& prefix);
  [[nodiscard]] bool has_claim(const Prefix& prefix, const HomeAddress& home_address) const;
  // The first claimant is active; claiming again changes nothing.
  void claim(const Prefix& prefix, const HomeAddress& home_address);
  // An active claimant that leaves is followed by any of the others.
  void release(const Prefix& prefix, const HomeAddress& home_address);
  [[nodiscard]] std::size_t prefixes() const { return owners_.size(); }
  // The owner of the longest prefix that contains the address.
  [[nodiscard]] const HomeAddress* owner_of_address(const Ipv6Address& address) const;

  [[nodiscard]] std::size_t memory_bytes() const;
  // What this many bindings take, without their prefixes: records, index, and a timer each.
  [[nodiscard]] static std::size_t planned_bytes(std::size_t bindings);

 private:
  // Slabs of 4096 bindings: addresses never move, growth never copies.
  static constexpr unsigned kSlabBits = 12;
  static constexpr std::size_t kSlabSize = std::size_t{1} << kSlabBits;
  using Slab = std::unique_ptr<std::vector<Binding>>;

  [[nodiscard]] std::optional<BindingSlot> find_slot(const HomeAddress& home_address) const;

  AddressIndex index_;
  std::vector<Slab> slabs_;
  std::vector<BindingSlot> free_;
  BindingSlot slot_end_ = 0;
  std::size_t registered_ = 0;
  std::size_t global_ = 0;
  std::unordered_map<Prefix, PrefixClaims, PrefixHash> owners_;
  std::array<std::uint32_t, Prefix::kMaxLength + 1> prefixes_by_length_{};
};

}  // namespace anyhome::control
