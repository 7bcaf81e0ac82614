#include "controlplane/binding_cache.h"

#include <algorithm>

namespace anyhome::control {

BindingCache::BindingCache(std::size_t expected_bindings, std::uint64_t hash_seed)
    : index_(expected_bindings, hash_seed) {}

std::optional<BindingSlot> BindingCache::find_slot(const HomeAddress& home_address) const {
  return index_.find(home_address.address(), [this](BindingSlot slot) -> const Ipv6Address& {
    return at(slot).home_address.address();
  });
}

Binding* BindingCache::find(const HomeAddress& home_address) {
  const auto slot = find_slot(home_address);
  return slot ? &at(*slot) : nullptr;
}

const Binding* BindingCache::find(const HomeAddress& home_address) const {
  const auto slot = find_slot(home_address);
  return slot ? &at(*slot) : nullptr;
}

const Binding* BindingCache::prefetch_record(const HomeAddress& home_address) const {
  const auto slot = index_.candidate(home_address.address());
  if (!slot) {
    return nullptr;
  }
  const Binding& binding = at(*slot);
  constexpr std::size_t kLine = 64;
  const auto* bytes = reinterpret_cast<const std::byte*>(&binding);  // NOLINT: an address, no value
  for (std::size_t offset = 0; offset < sizeof(Binding); offset += kLine) {
    __builtin_prefetch(bytes + offset);
  }
  return &binding;
}

BindingSlot BindingCache::slot_of(const Binding& binding) const {
  return find_slot(binding.home_address).value_or(slot_end_);
}

Binding& BindingCache::at(BindingSlot slot) {
  return (*slabs_[slot >> kSlabBits])[slot & (kSlabSize - 1)];
}

const Binding& BindingCache::at(BindingSlot slot) const {
  return (*slabs_[slot >> kSlabBits])[slot & (kSlabSize - 1)];
}

Binding& BindingCache::create(const HomeAddress& home_address, BindingState state) {
  BindingSlot slot = slot_end_;
  if (free_.empty()) {
    if (slot_end_ == slabs_.size() * kSlabSize) {
      slabs_.push_back(std::make_unique<std::vector<Binding>>(kSlabSize));
    }
    ++slot_end_;
  } else {
    slot = free_.back();
    free_.pop_back();
  }
  Binding& binding = at(slot);
  binding = Binding{};
  binding.home_address = home_address;
  index_.insert(home_address.address(), slot);
  set_state(binding, state);
  return binding;
}

void BindingCache::erase(Binding& binding) {
  const BindingSlot slot = slot_of(binding);
  set_state(binding, BindingState::Free);
  index_.erase(binding.home_address.address(), slot);
  binding = Binding{};
  free_.push_back(slot);
}

void BindingCache::set_state(Binding& binding, BindingState state) {
  registered_ -= binding.registered() ? 1U : 0U;
  global_ -= binding.global() ? 1U : 0U;
  binding.state = state;
  registered_ += binding.registered() ? 1U : 0U;
  global_ += binding.global() ? 1U : 0U;
}

const HomeAddress* BindingCache::owner_of(const Prefix& prefix) const {
  const auto found = owners_.find(prefix);
  return found == owners_.end() ? nullptr : &found->second.active;
}

PrefixClaims* BindingCache::claims_of(const Prefix& prefix) {
  const auto found = owners_.find(prefix);
  return found == owners_.end() ? nullptr : &found->second;
}

bool BindingCache::has_claim(const Prefix& prefix, const HomeAddress& home_address) const {
  const auto found = owners_.find(prefix);
  return found != owners_.end() &&
         (found->second.active == home_address ||
          std::ranges::find(found->second.others, home_address) != found->second.others.end());
}

void BindingCache::claim(const Prefix& prefix, const HomeAddress& home_address) {
  const auto [at, added] = owners_.try_emplace(prefix, PrefixClaims{home_address, {}});
  prefixes_by_length_[prefix.length()] += added ? 1U : 0U;
  if (!added && !has_claim(prefix, home_address)) {
    at->second.others.push_back(home_address);
  }
}

void BindingCache::release(const Prefix& prefix, const HomeAddress& home_address) {
  const auto found = owners_.find(prefix);
  if (found == owners_.end()) {
    return;
  }
  PrefixClaims& claims = found->second;
  if (claims.active != home_address) {
    std::erase(claims.others, home_address);
  } else if (!claims.others.empty()) {
    claims.active = claims.others.back();
    claims.others.pop_back();
  } else {
    owners_.erase(found);
    --prefixes_by_length_[prefix.length()];
  }
}

const HomeAddress* BindingCache::owner_of_address(const Ipv6Address& address) const {
  if (owners_.empty()) {
    return nullptr;
  }
  for (unsigned length = Prefix::kMaxLength; length > 0; --length) {
    if (prefixes_by_length_[length] != 0) {
      if (const HomeAddress* owner = owner_of(Prefix(address, length))) {
        return owner;
      }
    }
  }
  return nullptr;
}

std::size_t BindingCache::planned_bytes(std::size_t bindings) {
  return bindings * (sizeof(Binding) + TimerWheel::bytes_per_timer()) +
         AddressIndex::planned_bytes(bindings);
}

std::size_t BindingCache::memory_bytes() const {
  // A node of the prefix map: key, value, hash and link, as libstdc++ has it.
  constexpr std::size_t kPrefixNode = sizeof(Prefix) + sizeof(PrefixClaims) + 2 * sizeof(void*);
  return slabs_.size() * kSlabSize * sizeof(Binding) + index_.memory_bytes() +
         free_.capacity() * sizeof(BindingSlot) + owners_.size() * kPrefixNode;
}

}  // namespace anyhome::control
