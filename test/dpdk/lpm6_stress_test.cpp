// Why there are two copies: a prefix that goes gives its second-level tables to the next that
// comes, and a lookup that is on its way through them ends up with a stranger's leaf.
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "dataplane/tables/lpm6_pair.h"
#include "dataplane/tables/reclaimer.h"
#include "test/dpdk/qsbr.h"
#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::dataplane;
using namespace anyhome::test;

namespace {

// Two places far apart, each with a short prefix that stays and one of 128 bits that comes and
// goes.
struct Place {
  Ipv6Address address;
  LeafIndex covering;
  LeafIndex host;
};

struct Outcome {
  std::uint64_t publications = 0;
  std::uint64_t lookups = 0;
  std::uint64_t wrong = 0;
};

Outcome run(GracePeriod grace_period, unsigned publications) {
  const std::array<Place, 2> places = {{{ip6("2001:db8:a1a2:a3a4:a5a6:a7a8:a9aa:abac"), 10, 11},
                                        {ip6("3fff:b1b2:b3b4:b5b6:b7b8:b9ba:bbbc:bdbe"), 20, 21}}};
  const Qsbr qsbr;
  Reclaimer reclaimer(qsbr.get(), 64, grace_period);
  auto pair = Lpm6Pair::create({"stress", 16, 14, -1});  // 13 tables for one host, and one
  REQUIRE(pair.has_value());
  Lpm6Pair& match = **pair;
  match.publish({{Prefix(places[0].address, 16), places[0].covering},
                 {Prefix(places[1].address, 16), places[1].covering},
                 {Prefix(places[0].address, 128), places[0].host}});
  match.replay();

  std::atomic<bool> stop = false;
  std::atomic<std::uint64_t> lookups = 0;
  std::atomic<std::uint64_t> wrong = 0;
  std::thread reader([&] {
    Worker worker(qsbr, 0);
    std::array<Ipv6Address, 32> addresses;
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      addresses[i] = places[i % 2].address;
    }
    while (!stop.load(std::memory_order_relaxed)) {
      worker.quiescent();
      std::array<LeafIndex, 32> leaves{};
      match.lookup_bulk(addresses.data(), 32, leaves.data());
      for (std::size_t i = 0; i < leaves.size(); ++i) {
        const Place& place = places[i % 2];
        if (leaves[i] != place.covering && leaves[i] != place.host) {
          wrong.fetch_add(1, std::memory_order_relaxed);
        }
      }
      lookups.fetch_add(leaves.size(), std::memory_order_relaxed);
    }
  });
  Outcome outcome;
  std::size_t here = 0;
  while (outcome.publications < publications &&
         (grace_period == GracePeriod::Awaited || wrong == 0)) {
    if (match.ready()) {
      // One host goes and the other comes: into the same tables.
      match.publish({{Prefix(places[here].address, 128), kNoRouteLeaf},
                     {Prefix(places[1 - here].address, 128), places[1 - here].host}});
      reclaimer.retire(RetiredKind::RouteCopy, 0);
      here = 1 - here;
      ++outcome.publications;
    } else {
      std::this_thread::yield();
    }
    reclaimer.poll(1, [&](Retired) { match.replay(); });
  }
  stop = true;
  reader.join();
  CHECK(match.failures() == 0);
  outcome.lookups = lookups;
  outcome.wrong = wrong;
  return outcome;
}

}  // namespace

TEST_CASE("lookups find no stranger's leaf while prefixes exchange their tables",
          "[lpm6][stress]") {
  const Outcome outcome = run(GracePeriod::Awaited, 150'000);
  INFO(outcome.publications << " publications, " << outcome.lookups << " lookups");
  CHECK(outcome.wrong == 0);
  CHECK(outcome.lookups > 10'000);
}

TEST_CASE("without grace periods they do", "[lpm6][stress][negative-control]") {
  const Outcome outcome = run(GracePeriod::Ignored, 5'000'000);
  INFO(outcome.publications << " publications, " << outcome.lookups << " lookups");
  CHECK(outcome.wrong > 0);
}
