// The binding cache (RFC 6275 §9.1, §10.1) with the mobile network prefixes of RFC 3963 §6.1.
//
// Bindings live in slots of a slab; a slot number names a binding as long as it lives. An entry
// stays for ten seconds after a de-registration, `Remembered`, to know an old sequence number
// again.
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

namespace anyhome::control {

using BindingSlot = std::uint32_t;

enum class BindingState : std::uint8_t {
  Free,        // the slot holds no binding
  Registered,  // a live home registration
  Remembered,  // de-registered; only the sequence number counts (RFC 6275 §10.3.2)
};

struct Binding {
  HomeAddress home_address;
  CareOfAddress care_of_address;
  Instant registered_at;              // first registration of this life
  Instant expires;                    // end of the lifetime, or of the memory
  Instant path_mtu_expires;           // when a lowered path MTU is forgotten (RFC 8201 §4)
  Instant next_prefix_advertisement;  // not sooner (RFC 6275 §10.6.1)
  std::vector<Prefix> prefixes;
  TimerHandle timer = kNoTimer;
  SequenceNumber sequence;
  std::uint16_t flags = 0;  // of the Binding Update
  Lifetime granted;
  std::uint16_t path_mtu = forwarding::kPathMtuUnknown;
  BindingState state = BindingState::Free;
  std::uint8_t refresh_requests = 0;  // sent in this lifetime
  bool explicit_prefixes = false;     // RFC 3963 §5.1: from the Binding Update, not configured

  [[nodiscard]] bool registered() const { return state == BindingState::Registered; }
};

class BindingCache {
 public:
  BindingCache(std::size_t expected_bindings, std::uint64_t hash_seed);

  [[nodiscard]] Binding* find(const HomeAddress& home_address);
  [[nodiscard]] const Binding* find(const HomeAddress& home_address) const;
  [[nodiscard]] BindingSlot slot_of(const Binding& binding) const;
  [[nodiscard]] Binding& at(BindingSlot slot);
  [[nodiscard]] const Binding& at(BindingSlot slot) const;

  // A new entry in state Registered with only its home address set; it must not exist yet.
  Binding& create(const HomeAddress& home_address);
  // The entry, its prefixes and its slot are gone; the timer is the caller's.
  void erase(Binding& binding);

  // Counts entries in state Registered; the owner of the cache says when one changes state.
  void set_state(Binding& binding, BindingState state);
  [[nodiscard]] std::size_t registered() const { return registered_; }
  [[nodiscard]] std::size_t entries() const { return index_.size(); }

  // One past the largest slot ever used: lists go from slot to slot, skipping Free ones.
  [[nodiscard]] BindingSlot slot_end() const { return slot_end_; }

  // Mobile network prefixes: one owner each.
  [[nodiscard]] const HomeAddress* owner_of(const Prefix& prefix) const;
  void claim(const Prefix& prefix, const HomeAddress& owner);
  void release(const Prefix& prefix);
  [[nodiscard]] std::size_t prefixes() const { return owners_.size(); }
  // The owner of the longest prefix that contains the address.
  [[nodiscard]] const HomeAddress* owner_of_address(const Ipv6Address& address) const;

  [[nodiscard]] std::size_t memory_bytes() const;

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
  std::unordered_map<Prefix, HomeAddress, PrefixHash> owners_;
  std::array<std::uint32_t, Prefix::kMaxLength + 1> prefixes_by_length_{};
};

}  // namespace anyhome::control
