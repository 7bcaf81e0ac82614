#include "dataplane/tables/bucket_index.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>

#include <smmintrin.h>

#include <rte_prefetch.h>

namespace anyhome::dataplane {
namespace {

using Link = std::uint32_t;

constexpr std::uint32_t kKeysPerBucket = 8;
constexpr unsigned kTagsPerWord = 8;
constexpr unsigned kAllSlots = (1U << 12U) - 1;
constexpr unsigned kLinkShift = 32;  // in the second word
constexpr Link kLast = 1U << 31U;
constexpr unsigned kLinkTagShift = 26;
constexpr Link kLinkTagMask = 0x1fU << kLinkTagShift;
constexpr Link kIndexMask = (1U << kLinkTagShift) - 1;

// Bits of the hash that do not pick the bucket: the lowest 8 for slots, 26 to 30 for links.
std::uint8_t tag_of(std::uint64_t hash) {
  const auto tag = static_cast<std::uint8_t>(hash);
  return tag == 0 ? 1 : tag;
}
Link link_tag_of(std::uint64_t hash) { return static_cast<Link>(hash) & kLinkTagMask; }

// Publication: what is stored leads to what was written before. Pairs with `load`.
template <class T>
void store(T& where, T value) {
  std::atomic_ref(where).store(value, std::memory_order_release);
}
template <class T>
T load(const T& where) {
  // C++20 has no atomic_ref to what is const.
  return std::atomic_ref(const_cast<T&>(where)).load(std::memory_order_acquire);
}

template <class E>
E& entry_at(E* slab, Link link) {
  return slab[(link & kIndexMask) - 1];
}

bool has_key(const Entry& entry, const std::byte* key) {
  const __m128i wanted = _mm_loadu_si128(reinterpret_cast<const __m128i*>(key));       // NOLINT
  const __m128i found = _mm_load_si128(reinterpret_cast<const __m128i*>(&entry.key));  // NOLINT
  const __m128i difference = _mm_xor_si128(wanted, found);
  return _mm_testz_si128(difference, difference) != 0;
}

// From a link on along its chain.
const Entry* walk(const Entry* slab, Link link, Link tag, const std::byte* key) {
  while (link != 0) {
    const bool matches = (link & kLinkTagMask) == tag;
    if (!matches && (link & kLast) != 0) {
      return nullptr;
    }
    const Entry& entry = entry_at(slab, link);
    if (matches && has_key(entry, key)) {
      return &entry;
    }
    link = load(entry.next);
  }
  return nullptr;
}

void store_tag(std::array<std::uint64_t, 2>& words, unsigned slot, std::uint8_t tag) {
  std::uint64_t& word = words[slot / kTagsPerWord];
  const unsigned shift = slot % kTagsPerWord * 8;
  store(word, (word & ~(std::uint64_t{0xff} << shift)) | (std::uint64_t{tag} << shift));
}

Link chain_of(std::uint64_t second_word) { return static_cast<Link>(second_word >> kLinkShift); }

void store_chain(std::array<std::uint64_t, 2>& words, Link link) {
  const std::uint64_t tags = words[1] & ((std::uint64_t{1} << kLinkShift) - 1);
  store(words[1], tags | (std::uint64_t{link} << kLinkShift));
}

// A bit for each slot with this tag.
unsigned slots_with(__m128i words, std::uint8_t tag) {
  const __m128i equal = _mm_cmpeq_epi8(words, _mm_set1_epi8(static_cast<char>(tag)));
  return static_cast<unsigned>(_mm_movemask_epi8(equal)) & kAllSlots;
}

// Tags and link at once. Each half is of one moment, as the writer has stored it, which is enough:
// no key ever moves from one to the other. The compiler must not do it later than what follows.
__m128i load_words(const std::array<std::uint64_t, 2>& words) {
  const __m128i loaded = _mm_load_si128(reinterpret_cast<const __m128i*>(words.data()));  // NOLINT
  std::atomic_signal_fence(std::memory_order_acquire);
  return loaded;
}

// Where a chain begins. 0: nowhere, or with another key, and nothing behind it.
Link chain_for(__m128i words, std::uint64_t hash) {
  const auto chain = static_cast<Link>(_mm_extract_epi32(words, 3));
  const bool alien = (chain & kLinkTagMask) != link_tag_of(hash) && (chain & kLast) != 0;
  return alien ? 0 : chain;
}

}  // namespace

std::expected<BucketIndex, std::string> BucketIndex::create(std::uint32_t keys, std::uint64_t seed,
                                                            int socket) {
  auto buckets = RteArray<Bucket>::create(
      "binding table", (std::size_t{keys} + kKeysPerBucket) / kKeysPerBucket, socket);
  if (!buckets) {
    return std::unexpected(std::move(buckets.error()));
  }
  return BucketIndex(std::move(*buckets), seed);
}

BucketIndex::BucketIndex(RteArray<Bucket> buckets, std::uint64_t seed)
    : buckets_(std::move(buckets)), count_(buckets_.size()), seed_(seed) {}

// The entry to look at first, as index + 1; 0: the key is not here.
[[gnu::always_inline]] inline std::uint32_t BucketIndex::first_of(const Bucket& bucket,
                                                                  std::uint64_t hash) {
  const __m128i words = load_words(bucket.words);
  const unsigned slots = slots_with(words, tag_of(hash));
  // Some slot is read in any case, so that a miss is not a jump.
  const auto slot = static_cast<unsigned>(std::countr_zero(slots | (1U << (kSlots - 1))));
  const std::uint32_t index = load(bucket.slots[slot]);
  if (slots == 0 && _mm_extract_epi32(words, 3) != 0) [[unlikely]] {
    return chain_for(words, hash) & kIndexMask;
  }
  return slots != 0 ? index : 0;
}

// Three passes, so that the cache misses of all keys overlap in each.
std::uint64_t BucketIndex::lookup_bulk(const Entry* slab, const std::byte* const* keys, unsigned n,
                                       const Entry** out) const {
  std::array<std::uint64_t, kMaxBulk> hashes;
  std::array<const Bucket*, kMaxBulk> buckets;
  std::array<std::uint32_t, kMaxBulk> first;
  for (unsigned i = 0; i < n; ++i) {
    Ipv6Address key;
    std::memcpy(key.octets.data(), keys[i], Ipv6Address::kSize);
    hashes[i] = hash(key);
    buckets[i] = &buckets_[place(hashes[i])];
    rte_prefetch0(buckets[i]);
  }
  for (unsigned i = 0; i < n; ++i) {
    first[i] = first_of(*buckets[i], hashes[i]);
    rte_prefetch0(&entry_at(slab, first[i] | std::uint32_t{first[i] == 0}));
  }
  std::uint64_t hits = 0;
  for (unsigned i = 0; i < n; ++i) {
    const Entry* found = nullptr;
    if (first[i] != 0) {
      found = &entry_at(slab, first[i]);
      if (!has_key(*found, keys[i])) [[unlikely]] {
        found = search(slab, *buckets[i], hashes[i], keys[i]);
      }
    }
    out[i] = found;
    hits |= std::uint64_t{found != nullptr} << i;
  }
  return hits;
}

// One key at a time, everywhere it may be.
[[gnu::noinline]] const Entry* BucketIndex::search(const Entry* slab, const Bucket& bucket,
                                                   std::uint64_t hash, const std::byte* key) const {
  const __m128i words = load_words(bucket.words);
  for (unsigned slots = slots_with(words, tag_of(hash)); slots != 0; slots &= slots - 1) {
    const Entry& entry =
        entry_at(slab, load(bucket.slots[static_cast<unsigned>(std::countr_zero(slots))]));
    if (has_key(entry, key)) {
      return &entry;
    }
  }
  return walk(slab, chain_for(words, hash), link_tag_of(hash), key);
}

const Entry* BucketIndex::find(const Entry* slab, const Ipv6Address& key) const {
  const std::uint64_t of_key = hash(key);
  return search(slab, buckets_[place(of_key)], of_key, bytes_of(key));
}

void BucketIndex::prefetch(const Ipv6Address& key) const {
  rte_prefetch0(&buckets_[place(hash(key))]);
}

const Entry* BucketIndex::prefetch_entry(const Entry* slab, const Ipv6Address& key) const {
  const std::uint64_t of_key = hash(key);
  const Bucket& bucket = buckets_[place(of_key)];
  const std::uint32_t first = first_of(bucket, of_key);
  if (first == 0) {
    return nullptr;
  }
  const Entry& entry = entry_at(slab, first);
  rte_prefetch0(&entry);
  return &entry;
}

void BucketIndex::insert(Entry* slab, Entry* entry) {
  const std::uint64_t of_key = hash(entry->key);
  Bucket& bucket = buckets_[place(of_key)];
  const std::uint32_t index = static_cast<std::uint32_t>(entry - slab) + 1;
  if (const unsigned free = slots_with(load_words(bucket.words), 0); free != 0) {
    const auto slot = static_cast<unsigned>(std::countr_zero(free));
    store(bucket.slots[slot], index);
    store_tag(bucket.words, slot, tag_of(of_key));
    return;
  }
  entry->next = chain_of(bucket.words[1]);
  store_chain(bucket.words, index | link_tag_of(of_key) | (entry->next == 0 ? kLast : 0));
}

unsigned BucketIndex::slot_of(const Bucket& bucket, std::uint32_t index) {
  unsigned taken = kAllSlots & ~slots_with(load_words(bucket.words), 0);
  for (; taken != 0; taken &= taken - 1) {
    const auto slot = static_cast<unsigned>(std::countr_zero(taken));
    if (bucket.slots[slot] == index) {
      return slot;
    }
  }
  return kSlots;
}

template <class Change>
void BucketIndex::relink(Entry* slab, Bucket& bucket, const Entry* entry, Change&& change) {
  const Link front = chain_of(bucket.words[1]);
  if (&entry_at(slab, front) == entry) {
    store_chain(bucket.words, change(front));
    return;
  }
  Link* link = &entry_at(slab, front).next;
  while (&entry_at(slab, *link) != entry) {
    link = &entry_at(slab, *link).next;
  }
  store(*link, change(*link));
}

void BucketIndex::replace(Entry* slab, const Entry* old, Entry* entry) {
  Bucket& bucket = buckets_[place(hash(old->key))];
  const std::uint32_t index = static_cast<std::uint32_t>(entry - slab) + 1;
  const unsigned slot = slot_of(bucket, static_cast<std::uint32_t>(old - slab) + 1);
  if (slot != kSlots) {
    store(bucket.slots[slot], index);
    return;
  }
  entry->next = old->next;
  relink(slab, bucket, old, [&](Link link) { return index | (link & (kLinkTagMask | kLast)); });
}

void BucketIndex::remove(Entry* slab, const Entry* entry) {
  Bucket& bucket = buckets_[place(hash(entry->key))];
  const unsigned slot = slot_of(bucket, static_cast<std::uint32_t>(entry - slab) + 1);
  if (slot != kSlots) {
    store_tag(bucket.words, slot, 0);
    return;
  }
  relink(slab, bucket, entry, [&](Link) { return entry->next; });
}

}  // namespace anyhome::dataplane
