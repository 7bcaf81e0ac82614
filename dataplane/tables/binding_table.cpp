#include "dataplane/tables/binding_table.h"

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

std::expected<std::unique_ptr<BindingTable>, std::string> BindingTable::create(const Setup& setup) {
  rte_hash_parameters parameters{};
  parameters.name = setup.name.c_str();
  parameters.entries = hash_entries(setup.keys);
  parameters.key_len = Ipv6Address::kSize;
  parameters.hash_func = hash_key;
  parameters.hash_func_init_val = setup.hash_seed;
  parameters.socket_id = setup.socket;
  // One writer, readers without locks; key positions are freed by us, see remove().
  parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
  rte_hash* hash = rte_hash_create(&parameters);
  if (hash == nullptr) {
    return std::unexpected(
        fmt::format("rte_hash for {} addresses: {}", setup.keys, rte_strerror(rte_errno)));
  }
  std::unique_ptr<rte_hash, FreeHash> owned(hash);
  auto slab = RteArray<Entry>::create("entries", setup.entries, setup.socket);
  if (!slab) {
    return std::unexpected(std::move(slab.error()));
  }
  return std::unique_ptr<BindingTable>(
      new BindingTable(owned.release(), std::move(*slab), parameters.entries));
}

BindingTable::BindingTable(rte_hash* hash, RteArray<Entry> slab, std::uint32_t keys_capacity)
    : hash_(hash),
      slab_(std::move(slab)),
      entry_pool_(static_cast<std::uint32_t>(slab_.size())),
      keys_capacity_(keys_capacity) {}

std::uint64_t BindingTable::lookup_bulk(const std::byte* const* keys, unsigned n,
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

const Entry* BindingTable::find(const Ipv6Address& key) const {
  void* data = nullptr;
  return rte_hash_lookup_data(hash_.get(), &key, &data) >= 0 ? static_cast<const Entry*>(data)
                                                             : nullptr;
}

bool BindingTable::insert(const Ipv6Address& key, const Entry* entry) {
  // Publication: rte_hash stores the data pointer into the key's slot, then the slot's index into
  // the bucket with release; a reader that finds the key sees the slot and the entry.
  if (rte_hash_add_key_data(hash_.get(), &key, const_cast<Entry*>(entry)) != 0) {
    return false;
  }
  ++keys_used_;
  return true;
}

void BindingTable::replace(const Ipv6Address& key, const Entry* entry) {
  // Publication: for a key that is there, one store of the data pointer with release. It takes no
  // slot, so it cannot fail, and no reader misses the key meanwhile: nothing moves.
  rte_hash_add_key_data(hash_.get(), &key, const_cast<Entry*>(entry));
}

std::uint32_t BindingTable::remove(const Ipv6Address& key) {
  // With lock-free readers the slot is unlinked but not free: a reader may be comparing its key or
  // about to load its data pointer.
  return static_cast<std::uint32_t>(rte_hash_del_key(hash_.get(), &key));
}

void BindingTable::free_key(std::uint32_t position) {
  rte_hash_free_key_with_position(hash_.get(), static_cast<std::int32_t>(position));
  --keys_used_;
}

Entry* BindingTable::allocate_entry() {
  const auto index = entry_pool_.allocate();
  return index ? &slab_[*index] : nullptr;
}

std::size_t BindingTable::hash_bytes() const {
  // Per place of a bucket 2 + 4 bytes and an eighth of its 16 bytes of padding and link; per key a
  // pointer and 16 bytes, rounded up to 32; per slot 4 bytes in the ring of free ones.
  const std::size_t places = std::bit_ceil(keys_capacity_);
  const std::size_t ring = std::bit_ceil(keys_capacity_ + 1U);
  return places * 8 + (std::size_t{keys_capacity_} + 1) * 32 + ring * 4;
}

}  // namespace anyhome::dataplane
