#include "dataplane/tables/rte_hash_index.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include <rte_errno.h>
#include <rte_prefetch.h>

namespace anyhome::dataplane {
namespace {

// rte_hash's own choice is a CRC: linear, so that whoever may pick addresses can pick them to fall
// into one bucket whatever the initial value. This one is keyed, and no slower.
std::uint32_t hash_key(const void* key, std::uint32_t /*length*/, std::uint32_t seed) {
  Ipv6Address address;
  std::memcpy(address.octets.data(), key, Ipv6Address::kSize);
  // The seed goes to both halves of the 64 bits that hash_address takes.
  const std::uint64_t hash = hash_address(address, (std::uint64_t{seed} << 32U) | seed);
  return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
}

}  // namespace

std::expected<RteHashIndex, std::string> RteHashIndex::create(const std::string& name,
                                                              std::uint32_t keys,
                                                              std::uint32_t entries,
                                                              std::uint32_t seed, int socket) {
  if (hash_entries(keys) > RTE_HASH_ENTRIES_MAX) {
    return std::unexpected(fmt::format("{} addresses are more than rte_hash takes", keys));
  }
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = hash_entries(keys);
  parameters.key_len = Ipv6Address::kSize;
  parameters.hash_func = hash_key;
  parameters.hash_func_init_val = seed;
  parameters.socket_id = socket;
  // One writer, readers without locks; key positions are freed by us, see remove().
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
  rte_hash* hash = rte_hash_create(&parameters);
  if (hash == nullptr) {
    return std::unexpected(
        fmt::format("rte_hash for {} addresses: {}", keys, rte_strerror(rte_errno)));
  }
  return RteHashIndex(hash, parameters.entries, entries);
}

std::uint64_t RteHashIndex::lookup_bulk(const std::byte* const* keys, unsigned n,
                                        const Entry** out) const {
  if (n == 0) {
    return 0;
  }
  std::fill_n(out, n, nullptr);
  std::uint64_t hits = 0;
  // The library's signature is that of C: pointers to keys, and room for pointers to data, of any
  // type. It loads a data pointer with acquire, which pairs with the release in insert() and
  // replace(): the entry behind it is complete.
  const void* anonymous_keys = keys;
  void* anonymous_out = out;
  rte_hash_lookup_bulk_data(hash_.get(),
                            static_cast<const void**>(const_cast<void*>(anonymous_keys)), n, &hits,
                            static_cast<void**>(anonymous_out));
  for (unsigned i = 0; i < n; ++i) {
    rte_prefetch0(out[i]);  // a miss prefetches nothing: address 0 does not fault
  }
  return hits;
}

const Entry* RteHashIndex::find(const Ipv6Address& key) const {
  void* data = nullptr;
  return rte_hash_lookup_data(hash_.get(), &key, &data) >= 0 ? static_cast<const Entry*>(data)
                                                             : nullptr;
}

bool RteHashIndex::insert(const Entry* entry) {
  // Publication: rte_hash stores the data pointer into the key's slot, then the slot's index into
  // the bucket with release; a reader that finds the key sees the slot and the entry.
  return rte_hash_add_key_data(hash_.get(), &entry->key, const_cast<Entry*>(entry)) == 0;
}

void RteHashIndex::replace(const Entry* entry) {
  // Publication: for a key that is there, one store of the data pointer with release. It takes no
  // slot, so it cannot fail, and no reader misses the key meanwhile: nothing moves.
  rte_hash_add_key_data(hash_.get(), &entry->key, const_cast<Entry*>(entry));
}

void RteHashIndex::remove(const Entry* slab, const Entry* entry) {
  removed_[static_cast<std::size_t>(entry - slab)] = rte_hash_del_key(hash_.get(), &entry->key);
}

void RteHashIndex::free(std::uint32_t entry) {
  if (const std::int32_t position = std::exchange(removed_[entry], kNoPosition);
      position != kNoPosition) {
    rte_hash_free_key_with_position(hash_.get(), position);
  }
}

std::size_t RteHashIndex::bytes() const {
  // Per place of a bucket 2 + 4 bytes and an eighth of its 16 bytes of padding and link; per key a
  // pointer and 16 bytes, rounded up to 32; per slot 4 bytes in the ring of free ones.
  const std::size_t places = std::bit_ceil(keys_);
  const std::size_t ring = std::bit_ceil(keys_ + 1U);
  return places * 8 + (std::size_t{keys_} + 1) * 32 + ring * 4 +
         removed_.size() * sizeof(removed_[0]);
}

}  // namespace anyhome::dataplane
