#include "dataplane/tables/binding_table.h"

#include <array>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <vector>

#include "test/support/bytes.h"
#include "test/support/seed.h"

using namespace anyhome;
using namespace anyhome::dataplane;
using namespace anyhome::test;

namespace {

std::unique_ptr<BindingTable> make_table(BindingIndex index, std::uint32_t entries,
                                         std::uint64_t seed = 1) {
  auto table = BindingTable::create({"keys", entries, seed, -1, index});
  REQUIRE(table.has_value());
  return std::move(*table);
}

BindingIndex either_index() {
  const auto index = GENERATE(BindingIndex::Buckets, BindingIndex::RteHash);
  UNSCOPED_INFO((index == BindingIndex::Buckets ? "buckets" : "rte_hash"));
  return index;
}

Ipv6Address numbered(std::uint32_t number) {
  Ipv6Address address = ip6("2001:db8:0:1::");
  for (unsigned i = 0; i < 4; ++i) {
    address.octets[12 + i] = static_cast<std::uint8_t>(number >> (24U - 8U * i));
  }
  return address;
}

const Entry* look_up(const BindingTable& table, const Ipv6Address& key) {
  const std::byte* keys[] = {bytes_of(key)};
  const Entry* found = nullptr;
  const bool hit = table.lookup_bulk(keys, 1, &found) != 0;
  REQUIRE(hit == (found != nullptr));
  return found;
}

Entry* add(BindingTable& table, const Ipv6Address& key, std::uint16_t mark,
           std::uint32_t owner = 0) {
  Entry* entry = table.allocate_entry();
  REQUIRE(entry != nullptr);
  *entry = Entry{};
  entry->key = key;
  entry->peer = mark;
  REQUIRE(table.insert(entry, owner));
  return entry;
}

}  // namespace

TEST_CASE("the size of the hash", "[binding-table]") {
  CHECK(hash_entries(0) == 8);
  CHECK(hash_entries(100) == 105);                // 5 % to spare, 0.82 of 128
  CHECK(hash_entries(115) == 128);                // 121 would be 0.945 of 128
  CHECK(hash_entries(1'000'000) == 1'050'000);    // 0.50 of 2^21
  CHECK(hash_entries(10'000'000) == 10'500'000);  // 0.63 of 2^24
}

TEST_CASE("bulk lookups of every size tell hits from misses", "[binding-table]") {
  const auto table = make_table(either_index(), 200);
  std::vector<Ipv6Address> keys;
  for (std::uint32_t i = 0; i < 64; ++i) {
    keys.push_back(numbered(i));
    if (i % 3 != 0) {
      add(*table, keys.back(), static_cast<std::uint16_t>(i));
    }
  }
  for (const unsigned n : {0U, 1U, 2U, 31U, 32U, 33U, 63U, 64U}) {
    std::vector<const std::byte*> pointers;
    for (unsigned i = 0; i < n; ++i) {
      pointers.push_back(bytes_of(keys[i]));
    }
    std::vector<const Entry*> found(65, table->entry(199));
    const std::uint64_t hits = table->lookup_bulk(pointers.data(), n, found.data());
    for (unsigned i = 0; i < n; ++i) {
      INFO(n << " keys, key " << i);
      CHECK(((hits >> i) & 1U) == (i % 3 != 0 ? 1U : 0U));
      REQUIRE((found[i] != nullptr) == (i % 3 != 0));
      CHECK((found[i] == nullptr || found[i]->peer == i));
    }
    CHECK(found[n] == table->entry(199));  // nothing behind the end was written
    CHECK((n == 64 || (hits >> n) == 0));
  }
}

TEST_CASE("a table takes every key that it was made for", "[binding-table]") {
  const BindingIndex index = either_index();
  // The worst sizes: powers of two, and just below where 5 % to spare would pass one.
  for (const std::uint32_t keys :
       {8U, 57U, 121U, 128U, 243U, 256U, 974U, 1024U, 3900U, 4096U, 15603U, 62414U, 65536U}) {
    INFO(keys << " keys");
    const auto table = make_table(index, keys);
    for (std::uint32_t i = 0; i < keys; ++i) {
      add(*table, numbered(i * 2654435761U), 0);
    }
    CHECK(table->allocate_entry() == nullptr);
    CHECK(table->keys() == keys);
    for (std::uint32_t i = 0; i < keys; i += 7) {
      REQUIRE(look_up(*table, numbered(i * 2654435761U)) == table->entry(i));
    }
  }
}

TEST_CASE("a removed key is gone, its entry only when it is freed", "[binding-table]") {
  const auto table = make_table(either_index(), 8);
  for (std::uint32_t i = 0; i < 8; ++i) {
    add(*table, numbered(i), 0);
  }
  const Entry* const removed = table->find(numbered(0));
  const Entry copy = *removed;
  table->remove(removed);
  CHECK(table->find(numbered(0)) == nullptr);
  CHECK(look_up(*table, numbered(0)) == nullptr);
  CHECK(std::memcmp(removed, &copy, sizeof copy) == 0);
  CHECK(table->keys() == 7);
  CHECK(table->allocate_entry() == nullptr);
  table->free_entry(table->index_of(removed));
  CHECK(look_up(*table, numbered(1000)) == nullptr);
  CHECK(add(*table, numbered(1000), 0) == removed);
  CHECK(table->find(numbered(1000)) == removed);
}

TEST_CASE("a replaced entry is found behind the same key", "[binding-table]") {
  const auto table = make_table(either_index(), 8);
  const Entry* const first = add(*table, numbered(1), 1, 77);
  Entry* const second = table->allocate_entry();
  *second = *first;
  second->peer = 2;
  table->replace(first, second, 77);
  CHECK(table->find(numbered(1)) == second);
  CHECK(look_up(*table, numbered(1)) == second);
  CHECK(first->peer == 1);
  CHECK(table->keys() == 1);
  CHECK(table->index_of(second) == 1);
  CHECK(table->entry(1) == second);
  CHECK(table->owner_of(second) == 77);
}

// Two hundred possible keys in a table of sixty. So small an rte_hash may refuse before it is full.
TEST_CASE("whatever is added, replaced and removed, what is found is what is there",
          "[binding-table][property]") {
  const BindingIndex index = either_index();
  const unsigned seed = random_seed();
  INFO(replay_line(seed, "dpdk-tests", "[binding-table]"));
  std::mt19937 random(seed);
  const auto table = make_table(index, 60, random());
  std::map<std::uint32_t, const Entry*> model;
  std::uint16_t mark = 0;
  for (unsigned step = 0; step < 20'000; ++step) {
    const std::uint32_t number = static_cast<std::uint32_t>(random() % 200);
    const auto known = model.find(number);
    if (known == model.end()) {
      if (model.size() < 50) {
        model[number] = add(*table, numbered(number), ++mark, number);
      }
    } else if (random() % 2 == 0 && !table->entries().exhausted()) {
      Entry* const entry = table->allocate_entry();
      *entry = *known->second;
      entry->peer = ++mark;
      table->replace(known->second, entry, number);
      table->free_entry(table->index_of(known->second));
      known->second = entry;
    } else {
      table->remove(known->second);
      table->free_entry(table->index_of(known->second));
      model.erase(known);
    }
    if (step % 100 == 0) {
      for (std::uint32_t i = 0; i < 200; ++i) {
        const auto expected = model.find(i);
        const Entry* const found = look_up(*table, numbered(i));
        REQUIRE(found == (expected == model.end() ? nullptr : expected->second));
        REQUIRE(table->find(numbered(i)) == found);
        REQUIRE((found == nullptr || table->owner_of(found) == i));
      }
      REQUIRE(table->keys() == model.size());
    }
  }
}

// All keys in one bucket, and most behind links, with the same tag in slots and chain, so that
// nothing but the keys in the entries tells them apart, or with whatever tags they have.
TEST_CASE("keys that share a bucket and its tags", "[binding-table][property]") {
  constexpr std::uint64_t kSeed = 5;
  // Of the hash: what a slot and a link keep.
  const std::uint64_t same = GENERATE(0x7c0000ffU, 0U);
  constexpr std::size_t kKeys = 40;
  std::vector<Ipv6Address> keys;
  const std::uint64_t wanted = hash_address(numbered(0), kSeed) & same;
  for (std::uint32_t i = 0; keys.size() < kKeys + 1; ++i) {
    if ((hash_address(numbered(i), kSeed) & same) == wanted) {
      keys.push_back(numbered(i));
    }
  }
  const Ipv6Address absent = keys.back();
  auto index = BucketIndex::create(1, kSeed, -1);
  REQUIRE(index.has_value());
  CHECK(index->bytes() == kCacheLine);

  const unsigned seed = random_seed();
  INFO(replay_line(seed, "dpdk-tests", "[binding-table]"));
  std::mt19937 random(seed);
  std::vector<Entry> slab(kKeys * 2);
  std::vector<unsigned> free;
  for (unsigned i = 0; i < slab.size(); ++i) {
    free.push_back(i);
  }
  std::array<Entry*, kKeys> model{};
  const auto make = [&](std::size_t key) {
    Entry& entry = slab[free.back()];
    free.pop_back();
    entry = Entry{};
    entry.key = keys[key];
    return &entry;
  };
  for (unsigned step = 0; step < 4'000; ++step) {
    const std::size_t key = random() % kKeys;
    Entry*& known = model[key];
    if (known == nullptr) {
      known = make(key);
      index->insert(slab.data(), known);
    } else {
      Entry* const former = known;
      const Entry as_seen = *former;
      known = random() % 2 == 0 ? make(key) : nullptr;
      if (known != nullptr) {
        index->replace(slab.data(), former, known);
      } else {
        index->remove(slab.data(), former);
      }
      // Readers may stand there.
      REQUIRE(std::memcmp(former, &as_seen, sizeof as_seen) == 0);
      free.insert(free.begin(), static_cast<unsigned>(former - slab.data()));
    }
    std::array<const std::byte*, kKeys + 1> wanted_keys;
    std::array<const Entry*, kKeys + 1> found;
    for (std::size_t i = 0; i <= kKeys; ++i) {
      wanted_keys[i] = bytes_of(keys[i]);
    }
    const std::uint64_t hits =
        index->lookup_bulk(slab.data(), wanted_keys.data(), kKeys + 1, found.data());
    for (std::size_t i = 0; i < kKeys; ++i) {
      REQUIRE(found[i] == model[i]);
      REQUIRE(((hits >> i) & 1U) == (model[i] != nullptr ? 1U : 0U));
      REQUIRE(index->find(slab.data(), keys[i]) == model[i]);
    }
    REQUIRE(found[kKeys] == nullptr);
    REQUIRE(index->find(slab.data(), absent) == nullptr);
  }
}

TEST_CASE("what is too big for a table is refused by name", "[binding-table][refusal]") {
  const auto table = BindingTable::create({"keys", BucketIndex::kMaxEntries + 1, 1, -1});
  REQUIRE_FALSE(table.has_value());
  CHECK(table.error() == "67108863 addresses are more than the binding table takes (67108862)");
}
