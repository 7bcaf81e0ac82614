#include "apps/anyhomed/admission.h"

#include <catch2/catch.hpp>
#include <map>
#include <vector>

using namespace anyhome;
using forwarding::PuntClass;

namespace {

// Packets are numbers.
using Queues = Admission<int>;

std::vector<std::pair<PuntClass, int>> round_of(Queues& queues) {
  std::vector<std::pair<PuntClass, int>> served;
  std::vector<std::pair<PuntClass, int>> prepared;
  const unsigned count = queues.serve_round(
      [&](PuntClass punt_class, std::span<const int> items) {
        CHECK(prepared.size() == served.size());  // of this class all, and no other's yet
        for (const int item : items) {
          prepared.emplace_back(punt_class, item);
        }
      },
      [&](PuntClass punt_class, int item) { served.emplace_back(punt_class, item); });
  CHECK(count == served.size());
  CHECK(prepared == served);
  return served;
}

std::map<PuntClass, unsigned> counts_of(const std::vector<std::pair<PuntClass, int>>& served) {
  std::map<PuntClass, unsigned> counts;
  for (const auto& [punt_class, item] : served) {
    ++counts[punt_class];
  }
  return counts;
}

}  // namespace

TEST_CASE("each class is served in the order of arrival, classes by urgency", "[admission]") {
  Queues queues(16);
  CHECK(round_of(queues).empty());
  CHECK_FALSE(queues.push(PuntClass::Host, 1));
  CHECK_FALSE(queues.push(PuntClass::Mobility, 2));
  CHECK_FALSE(queues.push(PuntClass::HahaHello, 3));
  CHECK_FALSE(queues.push(PuntClass::Mobility, 4));
  CHECK_FALSE(queues.push(PuntClass::Routing, 5));
  CHECK(queues.held() == 5);
  CHECK(queues.held(PuntClass::Mobility) == 2);
  using Served = std::vector<std::pair<PuntClass, int>>;
  CHECK(round_of(queues) == Served{{PuntClass::Routing, 5},
                                   {PuntClass::HahaHello, 3},
                                   {PuntClass::Mobility, 2},
                                   {PuntClass::Mobility, 4},
                                   {PuntClass::Host, 1}});
  CHECK(queues.empty());
  CHECK(queues.high_water() == 5);
}

TEST_CASE("a storm gets its quantum and no more, and everybody else gets theirs", "[admission]") {
  Queues queues(4096);
  for (int i = 0; i < 2000; ++i) {
    CHECK_FALSE(queues.push(PuntClass::Mobility, i));
  }
  for (int i = 0; i < 100; ++i) {
    CHECK_FALSE(queues.push(PuntClass::HahaSync, i));
    CHECK_FALSE(queues.push(PuntClass::HahaHello, i));
    CHECK_FALSE(queues.push(PuntClass::Host, i));
  }
  for (unsigned round = 0; round < 3; ++round) {
    const auto counts = counts_of(round_of(queues));
    CHECK(counts == std::map<PuntClass, unsigned>{{PuntClass::HahaHello, 16},
                                                  {PuntClass::Mobility, 32},
                                                  {PuntClass::HahaSync, 32},
                                                  {PuntClass::Host, 8}});
  }
  // Whoever comes in during the storm is served in the next round.
  CHECK_FALSE(queues.push(PuntClass::Routing, 7));
  const auto served = round_of(queues);
  CHECK(served.front() == std::pair(PuntClass::Routing, 7));
  CHECK(counts_of(served)[PuntClass::Mobility] == 32);
}

TEST_CASE("when no place is left the oldest of the longest queue goes, by name", "[admission]") {
  Queues queues(8);
  for (int i = 0; i < 6; ++i) {
    CHECK_FALSE(queues.push(PuntClass::Mobility, i));
  }
  CHECK_FALSE(queues.push(PuntClass::HahaHello, 100));
  CHECK_FALSE(queues.push(PuntClass::HahaSync, 200));
  // Full. A HELLO displaces a Binding Update, and so does one more of them.
  CHECK(queues.push(PuntClass::HahaHello, 101) == 0);
  CHECK(queues.push(PuntClass::Mobility, 6) == 1);
  CHECK(queues.dropped(PuntClass::Mobility) == 2);
  CHECK(queues.dropped(PuntClass::HahaHello) == 0);
  CHECK(queues.held() == 8);
  CHECK(queues.capacity() == 8);
  using Served = std::vector<std::pair<PuntClass, int>>;
  CHECK(round_of(queues) == Served{{PuntClass::HahaHello, 100},
                                   {PuntClass::HahaHello, 101},
                                   {PuntClass::Mobility, 2},
                                   {PuntClass::Mobility, 3},
                                   {PuntClass::Mobility, 4},
                                   {PuntClass::Mobility, 5},
                                   {PuntClass::Mobility, 6},
                                   {PuntClass::HahaSync, 200}});
}

TEST_CASE("a storm that never ends starves nobody, and loses the oldest alone", "[admission]") {
  Queues queues(256);
  int next = 0;
  int last_served = -1;
  for (int round = 0; round < 1000; ++round) {
    for (int i = 0; i < 100; ++i) {
      const auto displaced = queues.push(PuntClass::Mobility, next++);
      CHECK((!displaced || *displaced > last_served));
    }
    CHECK_FALSE(queues.held(PuntClass::HahaHello) > 0);
    queues.push(PuntClass::HahaHello, -round);
    queues.push(PuntClass::HahaSync, -round);
    for (const auto& [punt_class, item] : round_of(queues)) {
      if (punt_class == PuntClass::Mobility) {
        CHECK(item > last_served);
        last_served = item;
      } else {
        CHECK(item == -round);  // in the round in which it came
      }
    }
  }
  CHECK(queues.dropped(PuntClass::HahaHello) == 0);
  CHECK(queues.dropped(PuntClass::HahaSync) == 0);
  CHECK(queues.dropped(PuntClass::Mobility) > 60'000);
  CHECK(queues.held() <= 256);
}

TEST_CASE("what is taken in while a round is served waits for its turn", "[admission]") {
  Queues queues(4);
  CHECK_FALSE(queues.push(PuntClass::Mobility, 1));
  std::vector<int> served;
  queues.serve_round([](PuntClass, std::span<const int>) {},
                     [&](PuntClass, int item) {
                       served.push_back(item);
                       if (item == 1) {
                         CHECK_FALSE(queues.push(PuntClass::Routing, 2));   // its turn is over
                         CHECK_FALSE(queues.push(PuntClass::HahaSync, 3));  // its turn comes
                       }
                     });
  CHECK(served == std::vector{1, 3});
  CHECK(queues.held(PuntClass::Routing) == 1);
}
