#include "apps/anyhomed/admission.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "test/support/seed.h"

using namespace anyhome;
using forwarding::PuntClass;

namespace {

constexpr std::size_t kUpdate = 150;  // of a Binding Update; any packet of one place
constexpr std::size_t kPlace = Admission::kDataBytes;
constexpr std::size_t kThree = 3 * kPlace;  // fills three places

forwarding::PuntMetadata of(PuntClass punt_class) {
  forwarding::PuntMetadata metadata;
  metadata.punt_class = punt_class;
  return metadata;
}

// A packet that carries a number, and after it bytes that follow from number and offset.
std::vector<std::byte> packet(std::uint32_t number, std::size_t size = kUpdate) {
  std::vector<std::byte> bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(number * 31 + i);
  }
  std::memcpy(bytes.data(), &number, sizeof number);
  return bytes;
}

std::uint32_t number_of(const Punted& punted) {
  std::uint32_t number = 0;
  REQUIRE(punted.bytes.size() >= sizeof number);
  std::memcpy(&number, punted.bytes.data(), sizeof number);
  return number;
}

unsigned push(Admission& queues, PuntClass punt_class, std::uint32_t number,
              std::size_t size = kUpdate) {
  return queues.push(of(punt_class), packet(number, size));
}

using Served = std::vector<std::pair<PuntClass, std::uint32_t>>;

Served round_of(Admission& queues) {
  Served served;
  Served prepared;
  const unsigned count = queues.serve_round(
      [&](PuntClass punt_class, std::span<const Punted> packets) {
        CHECK(prepared.size() == served.size());  // of this class all, and no other's yet
        for (const Punted& one : packets) {
          CHECK(one.metadata.punt_class == punt_class);
          prepared.emplace_back(punt_class, number_of(one));
        }
      },
      [&](const Punted& one) { served.emplace_back(one.metadata.punt_class, number_of(one)); });
  CHECK(count == served.size());
  CHECK(prepared == served);
  return served;
}

std::map<PuntClass, unsigned> counts_of(const Served& served) {
  std::map<PuntClass, unsigned> counts;
  for (const auto& [punt_class, number] : served) {
    ++counts[punt_class];
  }
  return counts;
}

}  // namespace

TEST_CASE("each class is served in the order of arrival, classes by urgency", "[admission]") {
  Admission queues(16);
  CHECK(round_of(queues).empty());
  CHECK(push(queues, PuntClass::Host, 1) == 0);
  CHECK(push(queues, PuntClass::Mobility, 2) == 0);
  CHECK(push(queues, PuntClass::HahaHello, 3) == 0);
  CHECK(push(queues, PuntClass::Mobility, 4) == 0);
  CHECK(push(queues, PuntClass::Routing, 5) == 0);
  CHECK(queues.held() == 5);
  CHECK(queues.held(PuntClass::Mobility) == 2);
  CHECK(queues.used() == 5);
  CHECK(round_of(queues) == Served{{PuntClass::Routing, 5},
                                   {PuntClass::HahaHello, 3},
                                   {PuntClass::Mobility, 2},
                                   {PuntClass::Mobility, 4},
                                   {PuntClass::Host, 1}});
  CHECK(queues.empty());
  CHECK(queues.used() == 0);
  CHECK(push(queues, PuntClass::Host, 6) == 0);
  CHECK(queues.used() == 1);
  CHECK(queues.high_water() == 5);
}

TEST_CASE("packets of every size come out as they went in", "[admission]") {
  Admission queues(512);
  const std::size_t sizes[] = {
      4, 60, kPlace - 1, kPlace, kPlace + 1, 2 * kPlace, 2 * kPlace + 1, kThree, 1514, 9216, 65535};
  for (unsigned pass = 0; pass < 3; ++pass) {  // the places of the first pass are used again
    std::uint32_t number = pass;
    for (const std::size_t size : sizes) {
      forwarding::PuntMetadata metadata = of(PuntClass::Host);
      metadata.port = static_cast<std::uint16_t>(number);
      metadata.link_header = 14;
      metadata.adjacency = 77;
      REQUIRE(queues.push(metadata, packet(number, size)) == 0);
      ++number;
    }
    number = pass;
    std::size_t served = 0;
    while (!queues.empty()) {
      queues.serve_round(
          [&](PuntClass, std::span<const Punted> packets) {
            for (std::size_t i = 0; i < packets.size(); ++i) {
              const auto whole = packet(number + static_cast<std::uint32_t>(i), sizes[served + i]);
              REQUIRE(packets[i].bytes.size() <= whole.size());
              REQUIRE(packets[i].bytes.size() >= std::min<std::size_t>(whole.size(), 128));
              CHECK(std::ranges::equal(packets[i].bytes,
                                       std::span(whole).first(packets[i].bytes.size())));
            }
          },
          [&](const Punted& one) {
            CHECK(std::ranges::equal(one.bytes, packet(number, sizes[served])));
            CHECK(one.metadata.port == number);
            CHECK(one.metadata.link_header == 14);
            CHECK(one.metadata.adjacency == 77);
            ++number;
            ++served;
          });
    }
    CHECK(served == std::size(sizes));
    CHECK(queues.used() == 0);
  }
}

TEST_CASE("a packet in pieces is asked for piece by piece", "[admission]") {
  Admission queues(16);
  const auto whole = packet(9, 500);
  std::size_t next = 0;
  queues.push(of(PuntClass::HahaSync), whole.size(), [&](std::size_t offset, MutableBytes piece) {
    CHECK(offset == next);
    next += piece.size();
    std::ranges::copy(std::span(whole).subspan(offset, piece.size()), piece.begin());
  });
  CHECK(next == whole.size());
  queues.serve_round([](PuntClass, std::span<const Punted>) {},
                     [&](const Punted& one) { CHECK(std::ranges::equal(one.bytes, whole)); });
}

TEST_CASE("a storm gets its quantum and no more, and everybody else gets theirs", "[admission]") {
  Admission queues(4096);
  for (std::uint32_t i = 0; i < 2000; ++i) {
    CHECK(push(queues, PuntClass::Mobility, i) == 0);
  }
  for (std::uint32_t i = 0; i < 100; ++i) {
    CHECK(push(queues, PuntClass::HahaSync, i) == 0);
    CHECK(push(queues, PuntClass::HahaHello, i) == 0);
    CHECK(push(queues, PuntClass::Host, i) == 0);
  }
  for (unsigned round = 0; round < 3; ++round) {
    const auto counts = counts_of(round_of(queues));
    CHECK(counts == std::map<PuntClass, unsigned>{{PuntClass::HahaHello, 16},
                                                  {PuntClass::Mobility, 32},
                                                  {PuntClass::HahaSync, 8},
                                                  {PuntClass::Host, 8}});
  }
  // Whoever comes in during the storm is served in the next round.
  CHECK(push(queues, PuntClass::Routing, 7) == 0);
  const auto served = round_of(queues);
  CHECK(served.front() == std::pair(PuntClass::Routing, 7U));
  CHECK(counts_of(served)[PuntClass::Mobility] == 32);
}

TEST_CASE("a Binding Update waits for its own class, and for one turn of each other in a round",
          "[admission]") {
  Admission queues(65536);
  for (std::size_t i = 0; i < forwarding::kPuntClassCount; ++i) {
    for (std::uint32_t number = 0; number < 1000; ++number) {
      REQUIRE(push(queues, static_cast<PuntClass>(i), number) == 0);
    }
  }
  // Its place among Binding Updates says in which round it is served; what comes before it then,
  // whatever waits, is a turn of each class in each round: a bound in packets, hence in time.
  constexpr std::uint32_t kProbe = 1'000'000;
  REQUIRE(push(queues, PuntClass::Mobility, kProbe) == 0);
  constexpr unsigned kRounds = 1000 / quantum(PuntClass::Mobility) + 1;
  std::map<PuntClass, unsigned> before;
  bool served = false;
  unsigned rounds = 0;
  while (!served && rounds < 100) {
    ++rounds;
    for (const auto& [punt_class, number] : round_of(queues)) {
      served = served || number == kProbe;
      before[punt_class] += served ? 0U : 1U;
    }
    // More of everything keeps coming.
    for (std::uint32_t i = 0; i < 40; ++i) {
      push(queues, PuntClass::HahaSync, i, 1400);
      push(queues, PuntClass::HahaHello, i);
      push(queues, PuntClass::Routing, i);
    }
  }
  CHECK(rounds == kRounds);
  CHECK(before[PuntClass::Mobility] == 1000);
  CHECK(before[PuntClass::Routing] <= 16 * kRounds);
  CHECK(before[PuntClass::HahaHello] <= 16 * kRounds);
  CHECK(before[PuntClass::HahaSync] <= 8 * kRounds);
  CHECK(before[PuntClass::HahaSync] >= 8 * (kRounds - 1));  // and it has not been starved either
  CHECK(before[PuntClass::Host] <= 8 * kRounds);
}

TEST_CASE("when no place is left the oldest of the longest queue goes, by name", "[admission]") {
  Admission queues(8);
  for (std::uint32_t i = 0; i < 6; ++i) {
    CHECK(push(queues, PuntClass::Mobility, i) == 0);
  }
  CHECK(push(queues, PuntClass::HahaHello, 100) == 0);
  CHECK(push(queues, PuntClass::HahaSync, 200) == 0);
  // Full. A HELLO displaces a Binding Update, and so does one more of them.
  CHECK(push(queues, PuntClass::HahaHello, 101) == 1);
  CHECK(queues.dropped(PuntClass::Mobility) == 1);
  CHECK(push(queues, PuntClass::Mobility, 6) == 1);
  CHECK(queues.dropped(PuntClass::Mobility) == 2);
  CHECK(queues.dropped(PuntClass::HahaHello) == 0);
  CHECK(queues.held() == 8);
  CHECK(queues.capacity() == 8);
  CHECK(round_of(queues) == Served{{PuntClass::HahaHello, 100},
                                   {PuntClass::HahaHello, 101},
                                   {PuntClass::Mobility, 2},
                                   {PuntClass::Mobility, 3},
                                   {PuntClass::Mobility, 4},
                                   {PuntClass::Mobility, 5},
                                   {PuntClass::Mobility, 6},
                                   {PuntClass::HahaSync, 200}});
}

TEST_CASE("the longest queue is the one with most bytes, not with most packets", "[admission]") {
  Admission queues(16);
  for (std::uint32_t i = 0; i < 3; ++i) {
    CHECK(push(queues, PuntClass::Host, i, kThree) == 0);  // nine places
  }
  for (std::uint32_t i = 0; i < 7; ++i) {
    CHECK(push(queues, PuntClass::Mobility, i) == 0);  // seven
  }
  CHECK(queues.used() == 16);
  CHECK(push(queues, PuntClass::Mobility, 7) == 1);  // three places come free, it takes one
  CHECK(queues.dropped(PuntClass::Host) == 1);
  CHECK(queues.held(PuntClass::Host) == 2);
  CHECK(queues.used() == 14);
  CHECK(push(queues, PuntClass::Mobility, 8) == 0);
  CHECK(push(queues, PuntClass::Mobility, 9) == 0);
  // Ten against six: now they are the longest. A large packet costs as many as it needs.
  CHECK(push(queues, PuntClass::Host, 3, kThree) == 3);
  CHECK(queues.dropped(PuntClass::Mobility) == 3);
  CHECK(queues.held(PuntClass::Mobility) == 7);
  CHECK(queues.held(PuntClass::Host) == 3);
  CHECK(queues.used() == 16);
  CHECK(queues.high_water() == 16);
}

TEST_CASE("of queues that are equally long the less urgent one gives way", "[admission]") {
  Admission queues(4);
  CHECK(push(queues, PuntClass::Routing, 1) == 0);
  CHECK(push(queues, PuntClass::Routing, 2) == 0);
  CHECK(push(queues, PuntClass::Host, 3) == 0);
  CHECK(push(queues, PuntClass::Host, 4) == 0);
  CHECK(push(queues, PuntClass::Mobility, 5) == 1);
  CHECK(queues.dropped(PuntClass::Host) == 1);
  CHECK(queues.dropped(PuntClass::Routing) == 0);
}

TEST_CASE("what can never be held is refused, and takes nothing else with it", "[admission]") {
  Admission queues(4);
  CHECK(push(queues, PuntClass::Mobility, 1) == 0);
  CHECK(push(queues, PuntClass::Host, 2, 4 * kPlace + 1) == 1);
  CHECK(queues.dropped(PuntClass::Host) == 1);
  CHECK(queues.dropped(PuntClass::Mobility) == 0);
  CHECK(queues.held() == 1);
  CHECK(push(queues, PuntClass::Host, 3, 4 * kPlace) == 1);  // as large as may be: alone
  CHECK(queues.dropped(PuntClass::Mobility) == 1);
  CHECK(queues.used() == 4);
}

TEST_CASE("a storm that never ends starves nobody, and loses the oldest alone", "[admission]") {
  Admission queues(256);
  std::uint32_t next = 0;
  std::optional<std::uint32_t> last_served;
  for (std::uint32_t round = 0; round < 1000; ++round) {
    for (unsigned i = 0; i < 100; ++i) {
      push(queues, PuntClass::Mobility, next++);
    }
    CHECK_FALSE(queues.held(PuntClass::HahaHello) > 0);
    push(queues, PuntClass::HahaHello, round);
    push(queues, PuntClass::HahaSync, round);
    for (const auto& [punt_class, number] : round_of(queues)) {
      if (punt_class == PuntClass::Mobility) {
        CHECK((!last_served || number > *last_served));
        last_served = number;
      } else {
        CHECK(number == round);  // in the round in which it came
      }
    }
  }
  CHECK(queues.dropped(PuntClass::HahaHello) == 0);
  CHECK(queues.dropped(PuntClass::HahaSync) == 0);
  CHECK(queues.dropped(PuntClass::Mobility) > 60'000);
  CHECK(queues.used() <= 256);
  // Every one that was neither served nor displaced is still there, and no other.
  CHECK(queues.held() + queues.dropped(PuntClass::Mobility) + 1000 * 32 == next);
}

TEST_CASE("what is taken in while a round is served waits for its turn", "[admission]") {
  Admission queues(8);
  CHECK(push(queues, PuntClass::Mobility, 1) == 0);
  std::vector<std::uint32_t> served;
  queues.serve_round([](PuntClass, std::span<const Punted>) {},
                     [&](const Punted& one) {
                       served.push_back(number_of(one));
                       if (served.size() == 1) {
                         CHECK(push(queues, PuntClass::Routing, 2) == 0);   // its turn is over
                         CHECK(push(queues, PuntClass::HahaSync, 3) == 0);  // its turn comes
                       }
                     });
  CHECK(served == std::vector<std::uint32_t>{1, 3});
  CHECK(queues.held(PuntClass::Routing) == 1);
}

TEST_CASE("what is being served keeps its bytes, however much comes in meanwhile", "[admission]") {
  Admission queues(4);
  for (std::uint32_t i = 0; i < 4; ++i) {
    REQUIRE(push(queues, PuntClass::Mobility, i) == 0);
  }
  std::vector<std::uint32_t> served;
  unsigned refused = 0;
  queues.serve_round([](PuntClass, std::span<const Punted>) {},
                     [&](const Punted& one) {
                       for (std::uint32_t i = 0; i < 8; ++i) {
                         refused += push(queues, PuntClass::Mobility, 100 + i);
                       }
                       CHECK(std::ranges::equal(one.bytes, packet(number_of(one))));
                       served.push_back(number_of(one));
                     });
  CHECK(served == std::vector<std::uint32_t>{0, 1, 2, 3});
  // All four were in service: with the first nothing came in, then one place at a time was free.
  CHECK(refused == queues.dropped(PuntClass::Mobility));
  CHECK(queues.held() == 3);
  CHECK(queues.held() + refused == 4 * 8);
  CHECK(queues.used() == 3);
}

TEST_CASE("places and packets add up, whatever comes", "[admission]") {
  const unsigned seed = test::random_seed();
  INFO(test::replay_line(seed, "host-unit-tests", "places and packets add up, whatever comes"));
  std::mt19937 random(seed);
  Admission queues(600);
  std::map<std::uint32_t, std::size_t> waiting;  // sizes of what was pushed
  std::uint32_t next = 0;
  std::uint64_t pushed = 0;
  std::uint64_t served = 0;
  for (unsigned step = 0; step < 20'000; ++step) {
    if (random() % 5 != 0) {
      const std::size_t size = 4 + random() % (random() % 4 == 0 ? 9000 : 400);
      push(queues, static_cast<PuntClass>(random() % forwarding::kPuntClassCount), next, size);
      waiting[next++] = size;
      ++pushed;
    } else if (random() % 16 == 0) {
      queues.serve_round(
          [](PuntClass, std::span<const Punted>) {},
          [&](const Punted& one) {
            const auto found = waiting.find(number_of(one));
            REQUIRE(found != waiting.end());
            CHECK(std::ranges::equal(one.bytes, packet(found->first, found->second)));
            waiting.erase(found);  // once
            ++served;
          });
    }
    REQUIRE(queues.used() <= queues.capacity());
  }
  std::uint64_t dropped = 0;
  for (std::size_t i = 0; i < forwarding::kPuntClassCount; ++i) {
    dropped += queues.dropped(static_cast<PuntClass>(i));
  }
  CHECK(dropped > 0);
  CHECK(pushed == served + dropped + queues.held());
  while (!queues.empty()) {
    round_of(queues);
  }
  CHECK(queues.used() == 0);
}

TEST_CASE("small sites do not pay for what large ones need", "[admission]") {
  CHECK(Admission::derived_places(100) == 4096);
  CHECK(Admission::derived_places(100'000) == 25'000);
  CHECK(Admission::derived_places(1'000'000) == 250'000);
  CHECK(Admission::derived_places(10'000'000) == 262'144);
  CHECK(Admission::bytes_for(4096) == 4096 * (256 + 8));
}
