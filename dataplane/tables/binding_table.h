// Address to entry: the one lookup that every packet for a mobile node makes.
//
// An rte_hash with 16-byte keys whose values are pointers into a slab of 64-byte entries. Home
// addresses, addresses of home agents and masked mobile network prefixes are all keys; several keys
// may share an entry. A change never writes an entry that readers may see: it fills another one and
// swaps the pointer behind the key, so the slab holds spare entries for those that wait for
// readers.
//
// This class is mechanism: which keys there are, and who waits for whom, is ForwardingTables'.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include <rte_hash.h>

#include "common/address.h"
#include "dataplane/pipeline/entry.h"
#include "dataplane/tables/index_pool.h"
#include "dataplane/tables/memory.h"

namespace anyhome::dataplane {

// `entries` of the rte_hash that holds `keys` keys without refusing one of them. It has a place per
// key of the next power of two P, and its cuckoo search gives up when nearly all are taken: first
// at 0.965 P, worst of 160 fillings (P = 2^10..2^20, sequential and random interface identifiers,
// CRC and our own hash). With 5 % to spare `keys` stays below 0.952 P; the rounding up near P only
// adds key slots, for those that wait.
constexpr std::uint32_t hash_entries(std::uint32_t keys) {
  // rte_hash wants at least one bucket of 8.
  const std::uint64_t wanted = keys < 8 ? 8 : std::uint64_t{keys} + (keys + 19U) / 20U;
  std::uint64_t power = 8;
  while (power < wanted) {
    power *= 2;
  }
  return static_cast<std::uint32_t>(wanted * 10 > power * 9 ? power : wanted);
}

// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): workers' and writer's lines are apart
class BindingTable {
 public:
  struct Setup {
    std::string name;           // of the rte_hash; unique in the process, at most 20 characters
    std::uint32_t keys = 0;     // includes those that wait for their grace period
    std::uint32_t entries = 0;  // likewise
    std::uint32_t hash_seed = 0;
    int socket = 0;
  };
  static std::expected<std::unique_ptr<BindingTable>, std::string> create(const Setup& setup);

  static constexpr unsigned kMaxBulk = RTE_HASH_LOOKUP_BULK_MAX;  // 64

  // Readers. Looks up n <= kMaxBulk keys of 16 bytes, wherever they lie; out[i] is nullptr on a
  // miss and otherwise prefetched. Returns a bit per hit. Entries stay valid until the caller is
  // next quiescent.
  std::uint64_t lookup_bulk(const std::byte* const* keys, unsigned n, const Entry** out) const;

  // Control thread from here on.
  [[nodiscard]] const Entry* find(const Ipv6Address& key) const;
  // False when the hash has no room; the key must not be there yet.
  bool insert(const Ipv6Address& key, const Entry* entry);
  // The key must be there.
  void replace(const Ipv6Address& key, const Entry* entry);
  // Returns the key's position, which stays taken until it is given to free_key. The key must be
  // there.
  std::uint32_t remove(const Ipv6Address& key);
  void free_key(std::uint32_t position);

  // A free entry to fill and publish, or nullptr.
  Entry* allocate_entry();
  void free_entry(std::uint32_t index) { entry_pool_.release(index); }
  [[nodiscard]] std::uint32_t index_of(const Entry* entry) const {
    return static_cast<std::uint32_t>(entry - slab_.data());
  }
  [[nodiscard]] const Entry* entry(std::uint32_t index) const { return &slab_[index]; }

  [[nodiscard]] const IndexPool& entries() const { return entry_pool_; }
  [[nodiscard]] std::uint32_t keys_used() const { return keys_used_; }  // with those that wait
  [[nodiscard]] std::uint32_t keys_capacity() const { return keys_capacity_; }
  [[nodiscard]] std::size_t hash_bytes() const;
  [[nodiscard]] std::size_t slab_bytes() const { return slab_.bytes(); }

 private:
  struct FreeHash {
    void operator()(rte_hash* hash) const { rte_hash_free(hash); }
  };

  BindingTable(rte_hash* hash, RteArray<Entry> slab, std::uint32_t keys_capacity);

  // Read by workers, written once.
  std::unique_ptr<rte_hash, FreeHash> hash_;
  RteArray<Entry> slab_;
  // Written by the control thread with every change: on a cache line of its own, or each change
  // would cost each worker a miss.
  alignas(kCacheLine) IndexPool entry_pool_;
  std::uint32_t keys_used_ = 0;
  std::uint32_t keys_capacity_;
};

}  // namespace anyhome::dataplane
