// Address to entry by DPDK's rte_hash: what can be compared with every other forwarder on DPDK.
//
// Keys of 16 bytes, values that point at entries. With lock-free readers a removed key's slot is
// unlinked but not free: a reader may be comparing its key or about to load its data pointer.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include <rte_hash.h>

#include "common/address.h"
#include "dataplane/pipeline/entry.h"

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

class RteHashIndex {
 public:
  // For `keys` keys of `entries` entries. `name` is unique in the process, at most 20 characters.
  static std::expected<RteHashIndex, std::string> create(const std::string& name,
                                                         std::uint32_t keys, std::uint32_t entries,
                                                         std::uint32_t seed, int socket);

  // Readers; see BindingTable.
  std::uint64_t lookup_bulk(const std::byte* const* keys, unsigned n, const Entry** out) const;

  // Writer. Entries are elements of the slab; their keys are set.
  [[nodiscard]] const Entry* find(const Ipv6Address& key) const;
  // False when the hash has no room.
  bool insert(const Entry* entry);
  void replace(const Entry* entry);
  // The key's slot stays taken until `free` of the entry that had it.
  void remove(const Entry* slab, const Entry* entry);
  void free(std::uint32_t entry);

  [[nodiscard]] std::size_t bytes() const;

 private:
  struct FreeHash {
    void operator()(rte_hash* hash) const { rte_hash_free(hash); }
  };
  static constexpr std::int32_t kNoPosition = -1;

  RteHashIndex(rte_hash* hash, std::uint32_t keys, std::uint32_t entries)
      : hash_(hash), keys_(keys), removed_(entries, kNoPosition) {}

  std::unique_ptr<rte_hash, FreeHash> hash_;
  std::uint32_t keys_;                 // slots
  std::vector<std::int32_t> removed_;  // by entry: the slot that is to be freed with it
};

}  // namespace anyhome::dataplane
