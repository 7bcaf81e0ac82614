#include "dataplane/tables/lpm6_pair.h"

#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <vector>

#include "dataplane/tables/tbl8_budget.h"
#include "test/support/bytes.h"
#include "test/support/seed.h"

using namespace anyhome;
using namespace anyhome::dataplane;
using namespace anyhome::test;

namespace {

std::unique_ptr<Lpm6Pair> make_pair(std::uint32_t rules, std::uint32_t groups) {
  auto pair = Lpm6Pair::create({"pair", rules, groups, -1});
  if (!pair) {
    FAIL(pair.error());
  }
  return std::move(*pair);
}

LeafIndex lookup(const Lpm6Pair& pair, const Ipv6Address& address) {
  LeafIndex leaf = 12345;
  pair.lookup_bulk(&address, 1, &leaf);
  return leaf;
}

// Few different bits, so that prefixes nest and share tables.
Prefix random_prefix(std::mt19937& random) {
  Ipv6Address address;
  for (auto& octet : address.octets) {
    octet = random() % 4 == 0 ? static_cast<std::uint8_t>(1U << (random() % 8)) : std::uint8_t{0};
  }
  // The first table is expanded, which takes its time for short prefixes: few of them.
  const unsigned shortest = random() % 16 == 0 ? 0 : 12;
  return {address, shortest + static_cast<unsigned>(random() % (129 - shortest))};
}

}  // namespace

TEST_CASE("a publication changes readers' copy at once, and the other one later", "[lpm6]") {
  const auto pair = make_pair(16, 64);
  CHECK(lookup(*pair, ip6("2001:db8::1")) == kNoRouteLeaf);
  CHECK(pair->ready());
  pair->publish({{prefix("2001:db8::/32"), 7}, {prefix("::/0"), 3}});
  CHECK(lookup(*pair, ip6("2001:db8::1")) == 7);
  CHECK(lookup(*pair, ip6("fe80::1")) == 3);
  CHECK_FALSE(pair->ready());
  pair->replay();
  CHECK(pair->ready());
  pair->publish({{prefix("2001:db8::/32"), kNoRouteLeaf}, {prefix("2001:db8:1::/48"), 9}});
  CHECK(lookup(*pair, ip6("2001:db8::1")) == 3);
  CHECK(lookup(*pair, ip6("2001:db8:1::1")) == 9);
  pair->replay();
  pair->publish({{prefix("::/0"), kNoRouteLeaf}});
  CHECK(lookup(*pair, ip6("fe80::1")) == kNoRouteLeaf);
  CHECK(lookup(*pair, ip6("2001:db8:1::1")) == 9);
  CHECK(pair->failures() == 0);
}

TEST_CASE("bulk lookups answer every address and nothing behind them", "[lpm6]") {
  const auto pair = make_pair(16, 64);
  pair->publish({{prefix("2001:db8:1::/48"), 9}});
  for (const unsigned n : {0U, 1U, 31U, 32U, 33U, 64U}) {
    std::vector<Ipv6Address> addresses(n, ip6("2001:db8:1::1"));
    for (unsigned i = 0; i < n; i += 2) {
      addresses[i] = ip6("2001:db8:2::1");
    }
    std::vector<LeafIndex> leaves(n + 1, 77);
    pair->lookup_bulk(addresses.data(), n, leaves.data());
    for (unsigned i = 0; i < n; ++i) {
      CHECK(leaves[i] == (i % 2 == 0 ? kNoRouteLeaf : 9));
    }
    CHECK(leaves[n] == 77);
  }
}

TEST_CASE("both copies agree with a plain search whatever the changes, and the budget is exact",
          "[lpm6][property]") {
  const unsigned seed = random_seed();
  INFO(replay_line(seed, "dpdk-tests", "[lpm6][property]"));
  std::mt19937 random(seed);
  constexpr std::uint32_t kGroups = 400;
  const auto pair = make_pair(300, kGroups);
  Tbl8Budget budget(kGroups);
  std::map<Prefix, LeafIndex> model;
  LeafIndex next_leaf = 1;
  unsigned refused = 0;

  for (unsigned round = 0; round < 60; ++round) {
    std::vector<RouteChange> changes;
    std::map<Prefix, bool> touched;
    for (unsigned i = 0; i < 12; ++i) {
      const bool remove = !model.empty() && random() % 3 == 0;
      Prefix chosen = random_prefix(random);
      if (remove) {
        auto victim = model.begin();
        std::advance(victim, static_cast<long>(random() % model.size()));
        chosen = victim->first;
      }
      if (touched.contains(chosen) || (!remove && model.contains(chosen))) {
        continue;
      }
      if (remove) {
        budget.remove(chosen);
        model.erase(chosen);
        changes.push_back({chosen, kNoRouteLeaf});
      } else if (budget.admits(chosen) && model.size() < 300) {
        budget.add(chosen);
        model[chosen] = next_leaf;
        changes.push_back({chosen, next_leaf++});
      } else {
        ++refused;
        continue;
      }
      touched[chosen] = true;
    }
    if (changes.empty()) {
      continue;
    }
    pair->publish(changes);
    // Whatever the budget admitted, rte_lpm6 took.
    REQUIRE(pair->failures() == 0);
    for (unsigned i = 0; i < 200; ++i) {
      const Ipv6Address address = random_prefix(random).address();
      LeafIndex expected = kNoRouteLeaf;
      unsigned longest = 0;
      for (const auto& [candidate, leaf] : model) {
        if (candidate.contains(address) && candidate.length() >= longest) {
          longest = candidate.length();
          expected = leaf;
        }
      }
      INFO("round " << round << " address " << address.to_string());
      REQUIRE(lookup(*pair, address) == expected);
    }
    pair->replay();
  }
  CHECK(budget.used() > kGroups / 2);
  CHECK(refused > 0);

  // What the budget refuses, rte_lpm6 refuses: fill it up to the last table. Each of these needs
  // one table of its own, besides those of their first 40 bits.
  unsigned taken = 0;
  for (unsigned i = 0; i < 256; ++i) {
    Ipv6Address address = ip6("3fff:ffff:ff00::");
    address.octets[5] = static_cast<std::uint8_t>(i);
    const Prefix wanted(address, 56);
    const std::uint64_t failures = pair->failures();
    pair->publish({{wanted, next_leaf}});
    const bool fitted = pair->failures() == failures;
    pair->replay();
    REQUIRE(fitted == budget.admits(wanted));
    if (!fitted) {
      break;
    }
    budget.add(wanted);
    ++taken;
  }
  CHECK(budget.used() > kGroups - 4);  // the last one may have needed four at once
  CHECK(taken < 256);
}

TEST_CASE("tables are shared by prefixes that begin alike", "[lpm6]") {
  Tbl8Budget budget(6);
  CHECK(budget.admits(prefix("2001:d00::/24")));
  budget.add(prefix("2001:d00::/24"));
  CHECK(budget.used() == 0);  // the first 24 bits need none
  budget.add(prefix("2001:db8::/32"));
  CHECK(budget.used() == 1);
  budget.add(prefix("2001:db8:1::/48"));
  CHECK(budget.used() == 3);
  budget.add(prefix("2001:db8:2::/48"));
  CHECK(budget.used() == 3);
  budget.add(prefix("2001:db8:2:3000::/52"));
  CHECK(budget.used() == 4);
  CHECK(budget.admits(prefix("2001:db8:2:3333::/64")));      // 5
  CHECK(budget.admits(prefix("2001:db8:2:3333:100::/72")));  // 6
  CHECK_FALSE(budget.admits(prefix("2001:db8:2:3333:1::/80")));
  budget.remove(prefix("2001:db8:2::/48"));
  CHECK(budget.used() == 4);  // the /52 needs its tables still
  budget.remove(prefix("2001:db8:2:3000::/52"));
  CHECK(budget.used() == 3);
  budget.remove(prefix("2001:db8:1::/48"));
  CHECK(budget.used() == 1);
  budget.remove(prefix("2001:db8::/32"));
  CHECK(budget.used() == 0);
}
