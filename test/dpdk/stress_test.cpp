// One writer changes everything, two workers check every packet: a key that is there throughout is
// never missed, what it leads to is whole, and the way it goes is one that was right.
//
// The same runs with a reclaimer that does not wait for grace periods, and must find it out.
#include <atomic>
#include <catch2/catch.hpp>
#include <random>
#include <thread>
#include <vector>

#include "test/dpdk/stress_checker.h"
#include "test/dpdk/stress_world.h"
#include "test/dpdk/tables_fixture.h"
#include "test/support/seed.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

// The control thread. What is refused is not retried: the next operation comes anyway.
class Changer {
 public:
  Changer(ForwardingTables& tables, unsigned seed) : tables_(tables), random_(seed) {}

  void populate() {
    for (unsigned family = 0; family <= world::kForeignFamily; ++family) {
      if (family < 1 + world::kRegions || family >= world::kDefaultFamily) {
        for (const unsigned number : {1U, 2U}) {
          REQUIRE(tables_.set_neighbor(0, world::gateway(family, number),
                                       world::mac_of(world::gateway(family, number), 0)));
        }
      }
    }
    REQUIRE(tables_.set_route(prefix("::/0"), both(world::kDefaultFamily)));
    REQUIRE(tables_.set_route(world::link(), std::vector<NextHop>{{0, std::nullopt, 1}}));
    REQUIRE(tables_.set_neighbor(0, world::host(0), world::mac_of(world::host(0), 0)));
    settle(tables_);
    for (unsigned i = 0; i < world::kStable; ++i) {
      REQUIRE(tables_.apply(world::binding(i, 0, i % world::kRegions)));
    }
    for (unsigned i = 0; i < world::kPooled; ++i) {
      REQUIRE(tables_.apply(
          forwarding::SetPrefix{world::pooled_prefix(i), HomeAddress(world::home_address(i))}));
    }
    for (unsigned i = 0; i < world::kRouted; ++i) {
      REQUIRE(tables_.apply(
          forwarding::SetPrefix{world::routed_prefix(i), HomeAddress(world::home_address(i))}));
    }
    settle(tables_);
  }

  // Returns whether it was done.
  bool change() {
    ++generation_;
    switch (random_() % 12) {
      case 0:
      case 1:
      case 2:
      case 3:  // in place
        return done(tables_.apply(
            world::binding(pick(world::kStable), generation_ & 0xffffU, pick(world::kRegions))));
      case 4:
        return done(
            tables_.apply(world::binding(world::kStable + pick(world::kBindings - world::kStable),
                                         generation_ & 0xffffU, pick(world::kRegions))));
      case 5:
        return done(tables_.apply(forwarding::RemoveBinding{HomeAddress(
            world::home_address(world::kStable + pick(world::kBindings - world::kStable)))}));
      case 6: {
        const unsigned where = pick(world::kRegions);
        return done(tables_.set_route(
            pick_route(where), pick(2) == 0
                                   ? both(1 + where)
                                   : std::vector<NextHop>{{0, world::gateway(1 + where, 2), 1}}));
      }
      case 7:
        return done(tables_.remove_route(pick_route(pick(world::kRegions))));
      case 8:
        return done(
            tables_.set_route(world::foreign_prefix(pick(60)), both(world::kForeignFamily)));
      case 9:
        return done(tables_.remove_route(world::foreign_prefix(pick(60))));
      case 10:
        return change_gateway();
      default:
        return change_host();
    }
  }

 private:
  unsigned pick(unsigned below) { return static_cast<unsigned>(random_() % below); }

  // A region's own, or one of those inside of each other that end at its probe.
  Prefix pick_route(unsigned where) {
    return pick(3) == 0 ? world::region(where) : Prefix(world::probe(where), 56 + 8 * pick(10));
  }

  static bool done(const auto& result) { return result.has_value(); }

  static std::vector<NextHop> both(unsigned family) {
    return {{0, world::gateway(family, 1), 1}, {0, world::gateway(family, 2), 1}};
  }

  // The second gateway of a family always forwards, the first comes and goes; routes name both, or
  // the second.
  bool change_gateway() {
    const unsigned where = pick(world::kRegions + 2);
    const unsigned family = where < world::kRegions    ? 1 + where
                            : where == world::kRegions ? world::kDefaultFamily
                                                       : world::kForeignFamily;
    const unsigned number = 1 + pick(2);
    const Ipv6Address address = world::gateway(family, number);
    const unsigned what = number == 2 ? 0 : pick(3);
    if (what == 1) {
      return done(tables_.neighbor_failed(0, address));
    }
    if (what == 2) {
      return done(tables_.remove_neighbor(0, address));
    }
    return done(tables_.set_neighbor(0, address, world::mac_of(address, generation_ & 0xffffU)));
  }

  bool change_host() {
    const unsigned number = pick(world::kHosts);
    if (number != 0 && pick(2) == 0) {
      return done(tables_.remove_neighbor(0, world::host(number)));
    }
    return done(tables_.set_neighbor(0, world::host(number),
                                     world::mac_of(world::host(number), generation_ & 0xffffU)));
  }

  ForwardingTables& tables_;
  std::minstd_rand random_;
  unsigned generation_ = 0;
};

struct Outcome {
  unsigned changes = 0;
  unsigned refused = 0;
};

// Runs until `changes` were made, or `enough` says so.
Outcome stress(const TableSetup& setup, const Qsbr& qsbr, unsigned seed, unsigned changes,
               Findings& findings, const auto& enough) {
  const auto tables = make_tables(setup);
  Changer changer(*tables, seed);
  changer.populate();
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (unsigned id = 0; id < 2; ++id) {
    threads.emplace_back([&, id] {
      Worker worker(qsbr, id);
      Checker checker(tables->readers(), findings, seed + 1 + id);
      while (!stop.load(std::memory_order_relaxed)) {
        worker.quiescent();
        checker.burst();
      }
    });
  }
  Outcome outcome;
  while (outcome.changes < changes && !enough()) {
    if (changer.change()) {
      ++outcome.changes;
    } else {
      // Something waits for readers, who wait for a core.
      ++outcome.refused;
      std::this_thread::yield();
    }
    tables->maintain(64);
  }
  stop = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  settle(*tables);
  CHECK(tables->match_failures() == 0);
  return outcome;
}

TableSetup stress_setup(const Qsbr& qsbr) {
  TableSizes sizes = small_sizes();
  sizes.max_bindings = world::kBindings;
  sizes.max_prefixes = world::kPooled + world::kRouted;
  sizes.max_prefixes_outside_pools = world::kRouted;
  sizes.max_routes = 256;
  sizes.max_neighbors = 64;
  sizes.max_multipath_groups = 64;
  sizes.tbl8_groups = 2048;
  sizes.spare_entries = 64;  // few buckets: some of them are full, and go on in chains
  return small_setup(qsbr, sizes);
}

}  // namespace

TEST_CASE("workers see whole things and right ways while everything changes", "[stress]") {
  const unsigned seed = random_seed();
  INFO(replay_line(seed, "dpdk-tests", "[stress]~[negative-control]"));
  const auto index = GENERATE(BindingIndex::Buckets, BindingIndex::RteHash);
  INFO((index == BindingIndex::Buckets ? "buckets" : "rte_hash"));
  const Qsbr qsbr;
  Findings findings;
  TableSetup setup = stress_setup(qsbr);
  setup.binding_index = index;
  const Outcome outcome = stress(setup, qsbr, seed, 400'000, findings, [] { return false; });
  INFO(outcome.changes << " changes, " << outcome.refused << " refused, " << findings.bursts
                       << " bursts");
  CHECK(findings.missed == 0);
  CHECK(findings.broken_entry == 0);
  CHECK(findings.wrong_next_hop == 0);
  CHECK(findings.bursts > 1000);
}

TEST_CASE("the same without grace periods is noticed", "[stress][negative-control]") {
  const unsigned seed = random_seed();
  INFO(replay_line(seed, "dpdk-tests", "[negative-control]"));
  const Qsbr qsbr;
  Findings findings;
  TableSetup setup = stress_setup(qsbr);
  setup.grace_period = GracePeriod::Ignored;
  const auto both_found = [&] { return findings.broken_entry > 0 && findings.wrong_next_hop > 0; };
  const Outcome outcome = stress(setup, qsbr, seed, 1'000'000, findings, both_found);
  INFO(outcome.changes << " changes, " << findings.bursts << " bursts");
  CHECK(findings.broken_entry > 0);
  CHECK(findings.wrong_next_hop > 0);
}
