// Address to entry by buckets of a cache line each, and chains for what does not fit.
//
// A key's hash picks a bucket, which has twelve slots: a tag of 8 bits of the hash, so that one
// comparison of vectors says which slots may be the key's, and the index of an entry, which holds
// its key. So a lookup touches two cache lines one after the other, where rte_hash touches three
// (bucket, key, entry), and an absent key all but always costs the bucket's line alone.
//
//   bucket: | tags, 12 x 8 bits | link, 32 bits | slots, 12 x 32 bits: index of an entry + 1 |
//   link:   | last | tag, 5 bits of the hash | index of an entry + 1, 26 bits |    0: no entry
//
// There is a bucket for every eight keys. What comes to a bucket that is full (one key in sixty of
// a table that was filled and in twenty of one that has long been changing) is chained through the
// entries, the link of the bucket first: nothing is refused, and nothing ever moves. A tag in a
// link that differs says that the entry is not the one, and `last` that there is none behind it.
//
// Readers take no lock and are never held up. A new entry is published by its tag, after its slot;
// one that goes by its tag, too; one that replaces another by its slot. In a chain each of these is
// one store of one link: a new entry comes to the front, one that replaces another takes over its
// link, then its place, and one that goes is passed by. What was unlinked keeps its own link until
// every reader has been quiescent, so that a reader who stands there finds its way on, and meets
// nothing but entries that were valid when it began. `last` may be missing where an entry behind
// has gone, never the other way round. A slot may change its entry while a reader is on its way to
// it; the key in the entry has the last word.
//
// Keys come from the network: the hash is seeded, so that nobody can pick addresses that share a
// bucket.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string>

#include "common/address.h"
#include "dataplane/pipeline/entry.h"
#include "dataplane/tables/memory.h"

namespace anyhome::dataplane {

class BucketIndex {
 public:
  static constexpr std::uint32_t kMaxEntries = (1U << 26U) - 2;
  static constexpr unsigned kMaxBulk = 64;

  // For `keys` keys of entries of the slab.
  static std::expected<BucketIndex, std::string> create(std::uint32_t keys, std::uint64_t seed,
                                                        int socket);

  // Readers; see BindingTable.
  std::uint64_t lookup_bulk(const Entry* slab, const std::byte* const* keys, unsigned n,
                            const Entry** out) const;

  // Writer. Entries are elements of the slab; their keys are set.
  [[nodiscard]] const Entry* find(const Entry* slab, const Ipv6Address& key) const;
  // First and second step toward `find`: the bucket, the entry. The second returns the entry that
  // it will look at first, nullptr: none.
  void prefetch(const Ipv6Address& key) const;
  const Entry* prefetch_entry(const Entry* slab, const Ipv6Address& key) const;
  void insert(Entry* slab, Entry* entry);
  void replace(Entry* slab, const Entry* old, Entry* entry);
  void remove(Entry* slab, const Entry* entry);

  [[nodiscard]] std::size_t bytes() const { return buckets_.bytes(); }

 private:
  using Link = std::uint32_t;
  static constexpr unsigned kSlots = 12;

  struct alignas(kCacheLine) Bucket {
    // Tags of slots 0 to 7; of 8 to 11, and above them the link. A free slot's is 0.
    std::array<std::uint64_t, 2> words;
    std::array<std::uint32_t, kSlots> slots;
  };
  static_assert(sizeof(Bucket) == kCacheLine);

  BucketIndex(RteArray<Bucket> buckets, std::uint64_t seed);

  [[nodiscard]] std::uint64_t hash(const Ipv6Address& key) const {
    return hash_address(key, seed_);
  }
  // By multiplication, so that the number of buckets need not be a power of two.
  [[nodiscard]] std::uint32_t place(std::uint64_t hash) const {
    return static_cast<std::uint32_t>((hash >> 32U) * count_ >> 32U);
  }
  static std::uint32_t first_of(const Bucket& bucket, std::uint64_t hash);
  const Entry* search(const Entry* slab, const Bucket& bucket, std::uint64_t hash,
                      const std::byte* key) const;
  // The slot that leads to the entry, kSlots: none, so it is in the chain.
  static unsigned slot_of(const Bucket& bucket, std::uint32_t index);
  // Makes the link that leads to the entry another one, `change(link)`.
  template <class Change>
  static void relink(Entry* slab, Bucket& bucket, const Entry* entry, Change&& change);

  RteArray<Bucket> buckets_;
  std::uint64_t count_;
  std::uint64_t seed_;
};

}  // namespace anyhome::dataplane
