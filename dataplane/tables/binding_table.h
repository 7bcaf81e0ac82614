// Address to entry: the one lookup that every packet for a mobile node makes.
//
// Entries of 64 bytes live in a slab; an index finds them by their keys: home addresses, addresses
// of home agents, and masked mobile network prefixes. There are two indexes, the operator's choice:
// buckets (bucket_index.h), and rte_hash (rte_hash_index.h). A change never
// writes an entry that readers may see: it fills another one and puts it in the place of the first,
// so the slab holds spare entries for those that wait for readers.
//
// This class is mechanism: which keys there are, and who waits for whom, is ForwardingTables'.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "common/address.h"
#include "common/config/config.h"
#include "dataplane/pipeline/entry.h"
#include "dataplane/tables/bucket_index.h"
#include "dataplane/tables/index_pool.h"
#include "dataplane/tables/memory.h"
#include "dataplane/tables/rte_hash_index.h"

namespace anyhome::dataplane {

using config::BindingIndex;

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): workers' and writer's lines are apart
class BindingTable {
 public:
  struct Setup {
    std::string name;           // of the rte_hash; unique in the process, at most 20 characters
    std::uint32_t entries = 0;  // one per key; with those that wait for their grace period
    std::uint64_t hash_seed = 0;
    int socket = 0;
    BindingIndex index = BindingIndex::Buckets;
  };
  static std::expected<std::unique_ptr<BindingTable>, std::string> create(const Setup& setup);

  static constexpr unsigned kMaxBulk = BucketIndex::kMaxBulk;

  // Readers. Looks up n <= kMaxBulk keys of 16 bytes, wherever they lie; out[i] is nullptr on a
  // miss. Returns a bit per hit. Entries stay valid until the caller is next quiescent.
  std::uint64_t lookup_bulk(const std::byte* const* keys, unsigned n, const Entry** out) const {
    return buckets_ ? buckets_->lookup_bulk(slab_.data(), keys, n, out)
                    : hashed_->lookup_bulk(keys, n, out);
  }

  // Control thread from here on.
  [[nodiscard]] const Entry* find(const Ipv6Address& key) const;
  // Whose entry that is, as insert() was told; entries that replace it are the same one's.
  [[nodiscard]] std::uint32_t owner_of(const Entry* entry) const {
    return owners_[index_of(entry)];
  }

  // Three steps toward `find` and `owner_of`; the last returns the likely owner.
  void prefetch(const Ipv6Address& key) const;
  void prefetch_entry(const Ipv6Address& key) const;
  [[nodiscard]] std::optional<std::uint32_t> likely_owner(const Ipv6Address& key) const;

  // A free entry to fill, key and all, and to publish; or nullptr.
  Entry* allocate_entry();
  // Publishes it. False when the hash has no room; the key must not be there yet.
  bool insert(Entry* entry, std::uint32_t owner);
  // Publishes it instead of another one of the same key, which readers may still see.
  void replace(const Entry* old, Entry* entry, std::uint32_t owner);
  // Its key is gone; readers may still see the entry.
  void remove(const Entry* entry);
  // No reader can.
  void free_entry(std::uint32_t index);

  [[nodiscard]] std::uint32_t index_of(const Entry* entry) const {
    return static_cast<std::uint32_t>(entry - slab_.data());
  }
  [[nodiscard]] const Entry* entry(std::uint32_t index) const { return &slab_[index]; }

  [[nodiscard]] const IndexPool& entries() const { return entry_pool_; }
  [[nodiscard]] std::uint32_t keys() const { return keys_; }
  [[nodiscard]] std::size_t index_bytes() const;
  [[nodiscard]] std::size_t slab_bytes() const { return slab_.bytes() + owners_.bytes(); }

 private:
  BindingTable(std::optional<BucketIndex> buckets, std::optional<RteHashIndex> hashed,
               RteArray<Entry> slab, RteArray<std::uint32_t> owners);

  // Read by workers, written once. One of the two indexes is there.
  std::optional<BucketIndex> buckets_;
  std::optional<RteHashIndex> hashed_;
  RteArray<Entry> slab_;
  // Written by the control thread with every change: on a cache line of its own, or each change
  // would cost each worker a miss.
  alignas(kCacheLine) RteArray<std::uint32_t> owners_;
  IndexPool entry_pool_;
  std::uint32_t keys_ = 0;
};

}  // namespace anyhome::dataplane
