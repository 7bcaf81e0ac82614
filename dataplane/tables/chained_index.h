// Address to entry by chains through the entries themselves.
//
// An array of links, one of which a key's hash picks; a link leads to an entry, which holds its key
// and a link to the next one of the same chain. So a lookup touches two cache lines one after the
// other, a link's and an entry's, where rte_hash touches three (bucket, key, entry), and an absent
// key almost always costs the link's line alone:
//
//   link: | last | tag, 5 bits of the hash | index of an entry + 1, 26 bits |    0: no entry
//
// A tag that differs says that the entry is not the one, and `last` that there is none behind it.
// With two links per key, every second chain is empty and one in four entries has another one in
// front.
//
// Readers take no lock and are never held up: every change is one store of one link. A new entry is
// linked at the front; an entry that replaces another one takes over its link, then its place; one
// that goes is passed by. What was unlinked keeps its own link until every reader has been
// quiescent, so that a reader who stands there finds its way on, and meets nothing but entries that
// were valid when it began. `last` may be missing where an entry behind has gone, never the other
// way round.
//
// Keys come from the network: the hash is seeded, so that nobody can pick addresses that share a
// chain.
#pragma once

#include <cstdint>
#include <expected>
#include <string>

#include "common/address.h"
#include "dataplane/pipeline/entry.h"
#include "dataplane/tables/memory.h"

namespace anyhome::dataplane {

class ChainedIndex {
 public:
  static constexpr std::uint32_t kMaxEntries = (1U << 26U) - 2;
  static constexpr unsigned kMaxBulk = 64;

  // For `keys` keys of entries of the slab.
  static std::expected<ChainedIndex, std::string> create(std::uint32_t keys, std::uint64_t seed,
                                                         int socket);

  // Readers; see BindingTable.
  std::uint64_t lookup_bulk(const Entry* slab, const std::byte* const* keys, unsigned n,
                            const Entry** out) const;

  // Writer. Entries are elements of the slab; their keys are set.
  [[nodiscard]] const Entry* find(const Entry* slab, const Ipv6Address& key) const;
  // First and second step toward `find`: the link, the entry. The second returns the entry that it
  // will look at first, nullptr: none.
  void prefetch(const Ipv6Address& key) const;
  const Entry* prefetch_entry(const Entry* slab, const Ipv6Address& key) const;
  void insert(Entry* slab, Entry* entry);
  void replace(Entry* slab, const Entry* old, Entry* entry);
  void remove(Entry* slab, const Entry* entry);

  [[nodiscard]] std::size_t bytes() const { return links_.bytes(); }

 private:
  using Link = std::uint32_t;

  ChainedIndex(RteArray<Link> links, std::uint64_t seed);

  [[nodiscard]] std::uint64_t hash(const Ipv6Address& key) const {
    return hash_address(key, seed_);
  }
  // By multiplication, so that the number of links need not be a power of two.
  [[nodiscard]] std::uint32_t place(std::uint64_t hash) const {
    return static_cast<std::uint32_t>((hash >> 32U) * count_ >> 32U);
  }
  // The link that leads to the entry.
  [[nodiscard]] Link* link_to(Entry* slab, const Entry* entry);

  RteArray<Link> links_;
  std::uint64_t count_;
  std::uint64_t seed_;
};

}  // namespace anyhome::dataplane
