#include "dataplane/tables/binding_table.h"

#include <catch2/catch.hpp>
#include <vector>

#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::dataplane;
using namespace anyhome::test;

namespace {

std::unique_ptr<BindingTable> make_table(std::uint32_t keys, std::uint32_t entries) {
  auto table = BindingTable::create({"keys", keys, entries, 1, -1});
  REQUIRE(table.has_value());
  return std::move(*table);
}

Ipv6Address numbered(std::uint32_t number) {
  Ipv6Address address = ip6("2001:db8:0:1::");
  for (unsigned i = 0; i < 4; ++i) {
    address.octets[12 + i] = static_cast<std::uint8_t>(number >> (24U - 8U * i));
  }
  return address;
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
  const auto table = make_table(200, 200);
  std::vector<Ipv6Address> keys;
  for (std::uint32_t i = 0; i < 64; ++i) {
    keys.push_back(numbered(i));
    if (i % 3 != 0) {
      Entry* entry = table->allocate_entry();
      REQUIRE(entry != nullptr);
      entry->counter = i;
      REQUIRE(table->insert(keys.back(), entry));
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
      CHECK((found[i] == nullptr || found[i]->counter == i));
    }
    CHECK(found[n] == table->entry(199));  // nothing behind the end was written
    CHECK((n == 64 || (hits >> n) == 0));
  }
}

TEST_CASE("a table takes every key that it was made for", "[binding-table]") {
  // The worst sizes: powers of two, and just below where 5 % to spare would pass one.
  for (const std::uint32_t keys :
       {8U, 57U, 121U, 128U, 243U, 256U, 974U, 1024U, 3900U, 4096U, 15603U, 62414U, 65536U}) {
    INFO(keys << " keys");
    const auto table = make_table(keys, 1);
    const Entry* entry = table->allocate_entry();
    for (std::uint32_t i = 0; i < keys; ++i) {
      REQUIRE(table->insert(numbered(i * 2654435761U), entry));
    }
    CHECK(table->keys_used() == keys);
  }
}

TEST_CASE("a removed key's position is taken until it is freed", "[binding-table]") {
  const auto table = make_table(8, 1);
  const Entry* entry = table->allocate_entry();
  CHECK(table->allocate_entry() == nullptr);
  std::uint32_t keys = 0;
  while (table->insert(numbered(keys), entry)) {
    ++keys;
  }
  CHECK(keys == table->keys_capacity());
  CHECK_FALSE(table->insert(numbered(1000), entry));

  const std::uint32_t position = table->remove(numbered(0));
  CHECK(table->find(numbered(0)) == nullptr);
  CHECK_FALSE(table->insert(numbered(1000), entry));
  CHECK(table->keys_used() == keys);
  table->free_key(position);
  CHECK(table->keys_used() == keys - 1);
  CHECK(table->insert(numbered(1000), entry));
  CHECK(table->find(numbered(1000)) == entry);
}

TEST_CASE("a replaced entry is found behind the same key", "[binding-table]") {
  const auto table = make_table(8, 2);
  const Entry* first = table->allocate_entry();
  const Entry* second = table->allocate_entry();
  REQUIRE(table->insert(numbered(1), first));
  table->replace(numbered(1), second);
  CHECK(table->find(numbered(1)) == second);
  CHECK(table->keys_used() == 1);
  CHECK(table->index_of(second) == 1);
  CHECK(table->entry(1) == second);
}
