#include "dataplane/tables/binding_table.h"

#include <utility>

#include <fmt/format.h>

#include <rte_prefetch.h>

namespace anyhome::dataplane {

std::expected<std::unique_ptr<BindingTable>, std::string> BindingTable::create(const Setup& setup) {
  if (setup.entries > BucketIndex::kMaxEntries) {
    return std::unexpected(fmt::format("{} addresses are more than the binding table takes ({})",
                                       setup.entries, BucketIndex::kMaxEntries));
  }
  std::optional<BucketIndex> buckets;
  std::optional<RteHashIndex> hashed;
  if (setup.index == BindingIndex::Buckets) {
    auto index = BucketIndex::create(setup.entries, setup.hash_seed, setup.socket);
    if (!index) {
      return std::unexpected(std::move(index.error()));
    }
    buckets.emplace(std::move(*index));
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
  return std::unique_ptr<BindingTable>(new BindingTable(std::move(buckets), std::move(hashed),
                                                        std::move(*slab), std::move(*owners)));
}

BindingTable::BindingTable(std::optional<BucketIndex> buckets, std::optional<RteHashIndex> hashed,
                           RteArray<Entry> slab, RteArray<std::uint32_t> owners)
    : buckets_(std::move(buckets)),
      hashed_(std::move(hashed)),
      slab_(std::move(slab)),
      owners_(std::move(owners)),
      entry_pool_(static_cast<std::uint32_t>(slab_.size())) {}

const Entry* BindingTable::find(const Ipv6Address& key) const {
  return buckets_ ? buckets_->find(slab_.data(), key) : hashed_->find(key);
}

// rte_hash has its own ideas of when to fetch what; there is no way in from here.
void BindingTable::prefetch(const Ipv6Address& key) const {
  if (buckets_) {
    buckets_->prefetch(key);
  }
}

void BindingTable::prefetch_entry(const Ipv6Address& key) const {
  if (!buckets_) {
    return;
  }
  if (const Entry* entry = buckets_->prefetch_entry(slab_.data(), key)) {
    rte_prefetch0(&owners_[index_of(entry)]);
  }
}

std::optional<std::uint32_t> BindingTable::likely_owner(const Ipv6Address& key) const {
  const Entry* entry = buckets_ ? buckets_->prefetch_entry(slab_.data(), key) : nullptr;
  return entry == nullptr ? std::nullopt : std::optional(owner_of(entry));
}

Entry* BindingTable::allocate_entry() {
  const auto index = entry_pool_.allocate();
  return index ? &slab_[*index] : nullptr;
}

bool BindingTable::insert(Entry* entry, std::uint32_t owner) {
  owners_[index_of(entry)] = owner;
  if (buckets_) {
    buckets_->insert(slab_.data(), entry);
  } else if (!hashed_->insert(entry)) {
    return false;
  }
  ++keys_;
  return true;
}

void BindingTable::replace(const Entry* old, Entry* entry, std::uint32_t owner) {
  owners_[index_of(entry)] = owner;
  if (buckets_) {
    buckets_->replace(slab_.data(), old, entry);
  } else {
    hashed_->replace(entry);
  }
}

void BindingTable::remove(const Entry* entry) {
  if (buckets_) {
    buckets_->remove(slab_.data(), entry);
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
  return buckets_ ? buckets_->bytes() : hashed_->bytes();
}

}  // namespace anyhome::dataplane
