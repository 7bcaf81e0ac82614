#include "dataplane/tables/binding_table.h"

#include <utility>

#include <fmt/format.h>

#include <rte_prefetch.h>

namespace anyhome::dataplane {

std::expected<std::unique_ptr<BindingTable>, std::string> BindingTable::create(const Setup& setup) {
  if (setup.entries > ChainedIndex::kMaxEntries) {
    return std::unexpected(fmt::format("{} addresses are more than the binding table takes ({})",
                                       setup.entries, ChainedIndex::kMaxEntries));
  }
  std::optional<ChainedIndex> chained;
  std::optional<RteHashIndex> hashed;
  if (setup.index == BindingIndex::Chained) {
    auto index = ChainedIndex::create(setup.entries, setup.hash_seed, setup.socket);
    if (!index) {
      return std::unexpected(std::move(index.error()));
    }
    chained.emplace(std::move(*index));
  } else {
    auto index = RteHashIndex::create(setup.name, setup.entries, setup.entries,
                                      static_cast<std::uint32_t>(setup.hash_seed), setup.socket);
    if (!index) {
      return std::unexpected(std::move(index.error()));
    }
    hashed.emplace(std::move(*index));
  }
  auto slab = RteArray<Entry>::create("entries", setup.entries, setup.socket);
  if (!slab) {
    return std::unexpected(std::move(slab.error()));
  }
  auto owners = RteArray<std::uint32_t>::create("owners of entries", setup.entries, setup.socket);
  if (!owners) {
    return std::unexpected(std::move(owners.error()));
  }
  return std::unique_ptr<BindingTable>(new BindingTable(std::move(chained), std::move(hashed),
                                                        std::move(*slab), std::move(*owners)));
}

BindingTable::BindingTable(std::optional<ChainedIndex> chained, std::optional<RteHashIndex> hashed,
                           RteArray<Entry> slab, RteArray<std::uint32_t> owners)
    : chained_(std::move(chained)),
      hashed_(std::move(hashed)),
      slab_(std::move(slab)),
      owners_(std::move(owners)),
      entry_pool_(static_cast<std::uint32_t>(slab_.size())) {}

const Entry* BindingTable::find(const Ipv6Address& key) const {
  return chained_ ? chained_->find(slab_.data(), key) : hashed_->find(key);
}

// rte_hash has its own ideas of when to fetch what; there is no way in from here.
void BindingTable::prefetch(const Ipv6Address& key) const {
  if (chained_) {
    chained_->prefetch(key);
  }
}

void BindingTable::prefetch_entry(const Ipv6Address& key) const {
  if (!chained_) {
    return;
  }
  if (const Entry* entry = chained_->prefetch_entry(slab_.data(), key)) {
    rte_prefetch0(&owners_[index_of(entry)]);
  }
}

std::optional<std::uint32_t> BindingTable::likely_owner(const Ipv6Address& key) const {
  const Entry* entry = chained_ ? chained_->prefetch_entry(slab_.data(), key) : nullptr;
  return entry == nullptr ? std::nullopt : std::optional(owner_of(entry));
}

Entry* BindingTable::allocate_entry() {
  const auto index = entry_pool_.allocate();
  return index ? &slab_[*index] : nullptr;
}

bool BindingTable::insert(Entry* entry, std::uint32_t owner) {
  owners_[index_of(entry)] = owner;
  if (chained_) {
    chained_->insert(slab_.data(), entry);
  } else if (!hashed_->insert(entry)) {
    return false;
  }
  ++keys_;
  return true;
}

void BindingTable::replace(const Entry* old, Entry* entry, std::uint32_t owner) {
  owners_[index_of(entry)] = owner;
  if (chained_) {
    chained_->replace(slab_.data(), old, entry);
  } else {
    hashed_->replace(entry);
  }
}

void BindingTable::remove(const Entry* entry) {
  if (chained_) {
    chained_->remove(slab_.data(), entry);
  } else {
    hashed_->remove(slab_.data(), entry);
  }
  --keys_;
}

void BindingTable::free_entry(std::uint32_t index) {
  if (hashed_) {
    hashed_->free(index);
  }
  entry_pool_.release(index);
}

std::size_t BindingTable::index_bytes() const {
  return chained_ ? chained_->bytes() : hashed_->bytes();
}

}  // namespace anyhome::dataplane
