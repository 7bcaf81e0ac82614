#include "dataplane/tables/chained_index.h"

#include <array>
#include <atomic>
#include <cstring>

#include <rte_prefetch.h>

namespace anyhome::dataplane {
namespace {

using Link = std::uint32_t;

constexpr std::uint32_t kLinksPerKey = 2;
constexpr Link kLast = 1U << 31U;
constexpr unsigned kTagShift = 26;
constexpr Link kTagMask = 0x1fU << kTagShift;
constexpr Link kIndexMask = (1U << kTagShift) - 1;

// Bits of the hash that do not pick the place.
Link tag_of(std::uint64_t hash) { return static_cast<Link>(hash) & kTagMask; }

// Publication: what the link leads to was written before. Pairs with `load`.
void store(Link& link, Link value) {
  std::atomic_ref(link).store(value, std::memory_order_release);
}
Link load(const Link& link) {
  // C++20 has no atomic_ref to what is const.
  return std::atomic_ref(const_cast<Link&>(link)).load(std::memory_order_acquire);
}

template <class E>
E& entry_at(E* slab, Link link) {
  return slab[(link & kIndexMask) - 1];
}

struct KeyWords {
  std::uint64_t high;
  std::uint64_t low;
  explicit KeyWords(const std::byte* key) {
    std::memcpy(&high, key, sizeof high);
    std::memcpy(&low, key + sizeof high, sizeof low);
  }
  [[nodiscard]] bool is_of(const Entry& entry) const {
    const KeyWords other(bytes_of(entry.key));
    return ((high ^ other.high) | (low ^ other.low)) == 0;
  }
};

// From a link on along its chain.
const Entry* walk(const Entry* slab, Link link, Link tag, const KeyWords& key) {
  while (link != 0) {
    const bool matches = (link & kTagMask) == tag;
    if (!matches && (link & kLast) != 0) {
      return nullptr;
    }
    const Entry& entry = entry_at(slab, link);
    if (matches && key.is_of(entry)) {
      return &entry;
    }
    link = load(entry.next);
  }
  return nullptr;
}

}  // namespace

std::expected<ChainedIndex, std::string> ChainedIndex::create(std::uint32_t keys,
                                                              std::uint64_t seed, int socket) {
  auto links =
      RteArray<Link>::create("binding table", std::size_t{kLinksPerKey} * keys + 1, socket);
  if (!links) {
    return std::unexpected(std::move(links.error()));
  }
  return ChainedIndex(std::move(*links), seed);
}

ChainedIndex::ChainedIndex(RteArray<Link> links, std::uint64_t seed)
    : links_(std::move(links)), count_(links_.size()), seed_(seed) {}

// Three passes, so that the cache misses of all keys overlap in each.
std::uint64_t ChainedIndex::lookup_bulk(const Entry* slab, const std::byte* const* keys, unsigned n,
                                        const Entry** out) const {
  std::array<std::uint32_t, kMaxBulk> places;
  std::array<Link, kMaxBulk> tags;
  const Link* const links = links_.data();
  for (unsigned i = 0; i < n; ++i) {
    Ipv6Address key;
    std::memcpy(key.octets.data(), keys[i], Ipv6Address::kSize);
    const std::uint64_t of_key = hash(key);
    tags[i] = tag_of(of_key);
    places[i] = place(of_key);
    rte_prefetch0(&links[places[i]]);
  }
  std::array<Link, kMaxBulk> first;
  for (unsigned i = 0; i < n; ++i) {
    Link link = load(links[places[i]]);
    // Of another key, and nothing behind it.
    const bool absent = (link & kTagMask) != tags[i] && (link & kLast) != 0;
    link = absent ? 0 : link;
    first[i] = link;
    rte_prefetch0(&entry_at(slab, link | Link{link == 0}));
  }
  std::uint64_t hits = 0;
  for (unsigned i = 0; i < n; ++i) {
    const Link link = first[i];
    const Entry* found = nullptr;
    if (link != 0) {
      const KeyWords key(keys[i]);
      const Entry& entry = entry_at(slab, link);
      found = key.is_of(entry) ? &entry : walk(slab, load(entry.next), tags[i], key);
    }
    out[i] = found;
    hits |= std::uint64_t{found != nullptr} << i;
  }
  return hits;
}

const Entry* ChainedIndex::find(const Entry* slab, const Ipv6Address& key) const {
  const std::uint64_t of_key = hash(key);
  return walk(slab, load(links_[place(of_key)]), tag_of(of_key), KeyWords(bytes_of(key)));
}

void ChainedIndex::prefetch(const Ipv6Address& key) const {
  rte_prefetch0(&links_[place(hash(key))]);
}

const Entry* ChainedIndex::prefetch_entry(const Entry* slab, const Ipv6Address& key) const {
  const Link link = load(links_[place(hash(key))]);
  if (link == 0) {
    return nullptr;
  }
  const Entry& entry = entry_at(slab, link);
  rte_prefetch0(&entry);
  return &entry;
}

void ChainedIndex::insert(Entry* slab, Entry* entry) {
  const std::uint64_t of_key = hash(entry->key);
  Link& front = links_[place(of_key)];
  entry->next = front;
  const auto index = static_cast<Link>(entry - slab);
  store(front, (index + 1) | tag_of(of_key) | (front == 0 ? kLast : 0));
}

Link* ChainedIndex::link_to(Entry* slab, const Entry* entry) {
  Link* link = &links_[place(hash(entry->key))];
  while (&entry_at(slab, *link) != entry) {
    link = &entry_at(slab, *link).next;
  }
  return link;
}

void ChainedIndex::replace(Entry* slab, const Entry* old, Entry* entry) {
  Link* const link = link_to(slab, old);
  entry->next = old->next;
  const auto index = static_cast<Link>(entry - slab);
  store(*link, (index + 1) | (*link & (kTagMask | kLast)));
}

void ChainedIndex::remove(Entry* slab, const Entry* entry) {
  store(*link_to(slab, entry), entry->next);
}

}  // namespace anyhome::dataplane
