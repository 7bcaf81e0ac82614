// What the leaves are for: a million bindings behind a multipath route, and one of its next hops
// dies.
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <random>
#include <thread>
#include <vector>

#include "test/dpdk/tables_fixture.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

constexpr std::uint32_t kBindings = 1'000'000;
const Ipv6Address kDying = Ipv6Address::parse("fe80::1").value();
const Ipv6Address kStaying = Ipv6Address::parse("fe80::2").value();

Ipv6Address numbered(const char* base, std::uint32_t number) {
  Ipv6Address address = ip6(base);
  // Spread over the 64 bits, so that neighbours in number are none in the table.
  const std::uint64_t spread = std::uint64_t{number} * 0x9e3779b97f4a7c15ULL;
  for (unsigned i = 0; i < 8; ++i) {
    address.octets[8 + i] = static_cast<std::uint8_t>(spread >> (8U * i));
  }
  return address;
}

bool wait_until(const auto& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::yield();
  }
  return true;
}

// A worker's loop over random bindings and flows.
struct Traffic {
  const ReaderView& view;
  const Qsbr& qsbr;
  const std::vector<Ipv6Address>& addresses;
  std::atomic<bool> stop = false;
  std::atomic<bool> grace_period_over = false;
  std::atomic<std::uint64_t> misses = 0;
  std::atomic<std::uint64_t> by_dying = 0;
  std::atomic<std::uint64_t> by_staying = 0;
  std::atomic<std::uint64_t> late = 0;         // by the dead one, after the grace period
  std::atomic<std::uint64_t> late_checks = 0;  // packets that could have been

  void run() {
    Worker worker(qsbr, 0);
    std::minstd_rand random(7);
    while (!stop.load(std::memory_order_relaxed)) {
      worker.quiescent();
      const bool over = grace_period_over.load(std::memory_order_acquire);
      const std::byte* keys[32];
      const Entry* entries[32];
      for (auto& key : keys) {
        key = bytes_of(addresses[random() % addresses.size()]);
      }
      if (view.bindings->lookup_bulk(keys, 32, entries) != 0xffffffffU) {
        misses.fetch_add(1, std::memory_order_relaxed);
        continue;
      }
      std::uint64_t dying = 0;
      for (const Entry* entry : entries) {
        const auto flow_hash = static_cast<std::uint32_t>(random()) << 1U;
        const AdjacencyIndex adjacency =
            select_adjacency(load_leaf(view.leaves[entry->leaf]), flow_hash, view.groups);
        dying += view.adjacencies[adjacency].next_hop == kDying ? 1U : 0U;
      }
      by_dying.fetch_add(dying, std::memory_order_relaxed);
      by_staying.fetch_add(32 - dying, std::memory_order_relaxed);
      late.fetch_add(over ? dying : 0, std::memory_order_relaxed);
      late_checks.fetch_add(over ? 32 : 0, std::memory_order_relaxed);
    }
  }
};

}  // namespace

TEST_CASE("a million bindings leave a dead next hop by one store, within one grace period",
          "[million]") {
  const Qsbr qsbr;
  TableSizes sizes = small_sizes();
  sizes.max_bindings = kBindings;
  const auto tables = make_tables(small_setup(qsbr, sizes));
  const ReaderView& view = tables->readers();
  REQUIRE(tables->set_neighbor(0, kDying, mac(1)));
  REQUIRE(tables->set_neighbor(1, kStaying, mac(2)));
  const std::vector<NextHop> both = {{0, kDying, 1}, {1, kStaying, 1}};
  REQUIRE(tables->set_route(prefix("::/0"), both));
  settle(*tables);

  std::vector<Ipv6Address> addresses(kBindings);
  std::vector<const Entry*> entries(kBindings);
  for (std::uint32_t i = 0; i < kBindings; ++i) {
    addresses[i] = numbered("2001:db8:0:1::", i);
    const bool set = tables
                         ->apply(forwarding::SetBinding{HomeAddress(addresses[i]),
                                                        forwarding::BindingKind::Bound, kStaying,
                                                        numbered("2001:db8:c::", i), 1400})
                         .has_value();
    if (!set) {
      FAIL("binding " << i << " of a million was refused");
    }
  }
  for (std::uint32_t i = 0; i < kBindings; ++i) {
    entries[i] = find_entry(view, addresses[i]);
    if (entries[i] == nullptr) {
      FAIL("binding " << i << " is missing");
    }
  }
  const std::uint32_t leaf_count =
      static_cast<std::uint32_t>(fill_of(*tables, "route-leaves").capacity);
  const auto snapshot = [&] {
    std::vector<std::uint32_t> leaves(leaf_count);
    for (std::uint32_t i = 0; i < leaf_count; ++i) {
      leaves[i] = view.leaves[i].load();
    }
    return leaves;
  };
  const std::vector<std::uint32_t> leaves_before = snapshot();
  const std::uint64_t retired_before = tables->reclaimer().retired();

  Traffic traffic{view, qsbr, addresses};
  std::thread thread([&] { traffic.run(); });
  const bool spread =
      wait_until([&] { return traffic.by_dying > 1000 && traffic.by_staying > 1000; });

  const bool failed = tables->neighbor_failed(0, kDying).has_value();
  const std::uint64_t token = rte_rcu_qsbr_start(qsbr.get());
  const bool passed = wait_until([&] { return rte_rcu_qsbr_check(qsbr.get(), token, false) == 1; });
  traffic.grace_period_over.store(true, std::memory_order_release);
  const bool checked = wait_until([&] { return traffic.late_checks > 100'000; });
  traffic.stop = true;
  thread.join();

  CHECK(spread);
  CHECK(failed);
  CHECK(passed);
  CHECK(checked);
  CHECK(traffic.misses == 0);
  CHECK(traffic.late == 0);

  // One leaf changed; one adjacency and one group wait; no binding was touched.
  const std::vector<std::uint32_t> leaves_after = snapshot();
  unsigned changed = 0;
  for (std::uint32_t i = 0; i < leaf_count; ++i) {
    changed += leaves_before[i] != leaves_after[i] ? 1U : 0U;
  }
  CHECK(changed == 1);
  CHECK(tables->reclaimer().retired() == retired_before + 2);
  settle(*tables);
  CHECK(tables->bindings_moved() == 0);
  std::uint64_t wrong = 0;
  for (std::uint32_t i = 0; i < kBindings; ++i) {
    const Entry* entry = find_entry(view, addresses[i]);
    const bool right = entry == entries[i] &&
                       view.adjacencies[select_adjacency(load_leaf(view.leaves[entry->leaf]),
                                                         i * 2654435761U, view.groups)]
                               .next_hop == kStaying;
    wrong += right ? 0U : 1U;
  }
  CHECK(wrong == 0);
}
