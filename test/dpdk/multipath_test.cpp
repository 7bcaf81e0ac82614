#include "dataplane/tables/multipath.h"

#include <array>
#include <catch2/catch.hpp>
#include <random>
#include <vector>

#include "dataplane/pipeline/next_hop.h"
#include "test/support/seed.h"

using namespace anyhome::dataplane;
using anyhome::test::random_seed;
using anyhome::test::replay_line;

namespace {

std::vector<unsigned> slots_per_member(const SlotLayout& layout, std::size_t members) {
  std::vector<unsigned> counts(members);
  for (std::uint32_t i = 0; i < layout.used; ++i) {
    ++counts.at(layout.member[i]);
  }
  return counts;
}

std::vector<unsigned> shares(const std::vector<unsigned>& weights) {
  std::vector<MultipathMember> members;
  members.reserve(weights.size());
  for (const unsigned weight : weights) {
    members.push_back({weight, true});
  }
  return slots_per_member(lay_out(members), members.size());
}

}  // namespace

TEST_CASE("slots are shared by weight, exactly where 15 can", "[multipath]") {
  CHECK(shares({1}) == std::vector<unsigned>{15});
  CHECK(shares({1, 1}) == std::vector<unsigned>{7, 7});
  CHECK(shares({1, 1, 1}) == std::vector<unsigned>{5, 5, 5});
  CHECK(shares({1, 1, 1, 1}) == std::vector<unsigned>{3, 3, 3, 3});
  CHECK(shares({2, 1}) == std::vector<unsigned>{10, 5});
  CHECK(shares({20, 10}) == std::vector<unsigned>{10, 5});
  CHECK(shares({4, 1, 1}) == std::vector<unsigned>{8, 2, 2});
  CHECK(shares(std::vector<unsigned>(15, 1)) == std::vector<unsigned>(15, 1));
  CHECK(shares(std::vector<unsigned>(8, 3)) == std::vector<unsigned>(8, 1));
}

TEST_CASE("shares that 15 slots cannot hold are rounded, and nobody gets none", "[multipath]") {
  CHECK(shares({15, 1}) == std::vector<unsigned>{14, 1});
  CHECK(shares({1000, 1}) == std::vector<unsigned>{14, 1});
  CHECK(shares({10, 9}) == std::vector<unsigned>{8, 7});
  CHECK(shares({256, 256, 1}) == std::vector<unsigned>{7, 7, 1});
  std::vector<unsigned> skewed(15, 1);
  skewed[7] = 4'000'000'000U;
  CHECK(shares(skewed) == std::vector<unsigned>(15, 1));
  // 7.86 and five times 1.43 slots.
  CHECK(shares({11, 2, 2, 2, 2, 2}) == std::vector<unsigned>{8, 2, 2, 1, 1, 1});
}

TEST_CASE("a failed member's slots go to the others, whose own stay", "[multipath][property]") {
  const unsigned seed = random_seed();
  INFO(replay_line(seed, "dpdk-tests", "[multipath][property]"));
  std::mt19937 random(seed);
  for (unsigned round = 0; round < 2000; ++round) {
    std::vector<MultipathMember> members(1 + random() % kMultipathSlots);
    for (MultipathMember& member : members) {
      member.weight = 1 + static_cast<unsigned>(random() % (random() % 2 == 0 ? 3 : 300));
    }
    const SlotLayout before = lay_out(members);
    REQUIRE(before.used >= members.size());
    REQUIRE(before.used <= kMultipathSlots);
    for (const unsigned count : slots_per_member(before, members.size())) {
      REQUIRE(count >= 1);
    }
    for (MultipathMember& member : members) {
      member.usable = random() % 2 == 0;
    }
    members[random() % members.size()].usable = true;
    const SlotLayout after = lay_out(members);
    REQUIRE(after.used == before.used);
    for (std::uint32_t i = 0; i < after.used; ++i) {
      REQUIRE(members[after.member[i]].usable);
      REQUIRE((after.member[i] == before.member[i] || !members[before.member[i]].usable));
    }
  }
}

TEST_CASE("the heirs share by weight too", "[multipath]") {
  // 5 5 5; the third fails: 8 7.
  const std::array<MultipathMember, 3> equal{{{1, true}, {1, true}, {1, false}}};
  CHECK(slots_per_member(lay_out(equal), 3) == std::vector<unsigned>{8, 7, 0});
  // 6 3 6 of weights 2 1 2; the third fails: 10 5.
  const std::array<MultipathMember, 3> unequal{{{2, true}, {1, true}, {2, false}}};
  CHECK(slots_per_member(lay_out(unequal), 3) == std::vector<unsigned>{10, 5, 0});
}

TEST_CASE("a flow hash picks every slot equally often", "[multipath]") {
  for (std::uint32_t used = 1; used <= kMultipathSlots; ++used) {
    std::array<unsigned, kMultipathSlots> hits{};
    for (std::uint32_t i = 0; i < 1U << 16U; ++i) {
      ++hits.at(multipath_slot(i << 16U | 0xffffU, used));
    }
    for (std::uint32_t slot = 0; slot < kMultipathSlots; ++slot) {
      INFO(used << " slots, slot " << slot);
      CHECK(hits.at(slot) <= (1U << 16U) / used + 1);
      CHECK((slot < used) == (hits.at(slot) > 0));
    }
  }
  CHECK(multipath_slot(0xffffffffU, 15) == 14);
  CHECK(multipath_slot(0, 15) == 0);
}

TEST_CASE("an adjacency is selected directly, or by the group's slot", "[multipath]") {
  std::array<MultipathGroup, 2> groups{};
  groups[1].used = 2;
  groups[1].slots[0] = 41;
  groups[1].slots[1] = 42;
  const LeafValue direct = LeafValue::of(LeafKind::Adjacency, 7);
  CHECK(select_adjacency(direct, 0xffffffffU, groups.data()) == 7);
  const LeafValue spread = LeafValue::of(LeafKind::Multipath, 1);
  CHECK(select_adjacency(spread, 0x7fffffffU, groups.data()) == 41);
  CHECK(select_adjacency(spread, 0x80000000U, groups.data()) == 42);
  Leaf leaf{spread.raw};
  CHECK(load_leaf(leaf) == spread);
}
