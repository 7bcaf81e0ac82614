#include <catch2/catch.hpp>

#include "apps/anyhome-bench/figures.h"

using namespace anyhome::bench;

TEST_CASE("medians and minima of phases", "[bench]") {
  CHECK(median({}) == std::nullopt);
  CHECK(median({7}) == 7);
  CHECK(median({9, 1, 5}) == 5);
  CHECK(median({4, 1, 3, 2}) == 3);
  CHECK(least({}) == std::nullopt);
  CHECK(least({9, 1, 5}) == 1);
}

TEST_CASE("a verdict allows for the machine", "[bench]") {
  const auto target = target_of("to-mobile-node", 1000);
  REQUIRE(target);
  CHECK(target->must == 75);
  CHECK(target->goal == 60);
  CHECK(verdict_of(std::nullopt, *target, 1000) == "no quiet phase");
  CHECK(verdict_of(66, *target, 1000) == "goal met");  // 10 % more than 60
  CHECK(verdict_of(66.1, *target, 1000) == "must met");
  CHECK(verdict_of(82.5, *target, 1000) == "must met");
  CHECK(verdict_of(82.6, *target, 1000) == "missed");
  const auto large = target_of("from-mobile-node", 4'000'000);
  REQUIRE(large);
  CHECK(verdict_of(300, *large, 4'000'000) == "must met");  // 25 % more than 240
  CHECK(verdict_of(301, *large, 4'000'000) == "missed");
  CHECK_FALSE(target_of("to-mobile-node", 1234));
  CHECK_FALSE(target_of("io", 1000));
}

TEST_CASE("two runs are compared by what is noise for a table of that size", "[bench]") {
  const Values before = {{"1000-chained-miss", 50},
                         {"1000000-chained-miss", 100},
                         {"control-refreshes-per-second", 500'000},
                         {"control-takeover-seconds", 2},
                         {"only-before", 1}};
  const Values after = {{"1000-chained-miss", 54},
                        {"1000000-chained-miss", 126},
                        {"control-refreshes-per-second", 600'000},
                        {"control-takeover-seconds", 1},
                        {"only-after", 1}};
  const auto differences = compare(before, after);
  REQUIRE(differences.size() == 4);
  CHECK(differences[0].name == "1000-chained-miss");
  CHECK(differences[0].judgement == "within noise");
  CHECK(differences[1].judgement == "slower");
  CHECK(differences[2].judgement == "faster");  // a rate
  CHECK(differences[3].judgement == "faster");
  CHECK(differences[3].before == 2);
  CHECK(differences[3].after == 1);
}
