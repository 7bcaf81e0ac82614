// What a second processor does to the first: another worker, or the control thread that changes the
// tables.
#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>

#include <fmt/format.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

#include "apps/anyhome-bench/measurements.h"
#include "apps/anyhome-bench/runner.h"

namespace anyhome::bench {
namespace {

// As many bindings get another care-of address, as many come and as many go.
constexpr std::uint64_t kBindingsPerSecond = 100'000;
constexpr std::uint64_t kChangesPerSecond = 3 * kBindingsPerSecond;

// Work on the second lcore; its exception, if there was one, comes out of `wait`. What makes it end
// has to have happened before this goes.
class SecondCore {
 public:
  static bool exists() { return rte_get_next_lcore(~0U, 1, 0) < RTE_MAX_LCORE; }

  explicit SecondCore(std::function<void()> work)
      : work_(std::move(work)), lcore_(rte_get_next_lcore(~0U, 1, 0)) {
    rte_eal_remote_launch(&SecondCore::run, this, lcore_);
  }
  ~SecondCore() { rte_eal_wait_lcore(lcore_); }
  SecondCore(const SecondCore&) = delete;
  SecondCore& operator=(const SecondCore&) = delete;

  void wait() {
    rte_eal_wait_lcore(lcore_);
    if (error_) {
      std::rethrow_exception(error_);
    }
  }
  [[nodiscard]] bool failed() const { return failed_.load(); }

 private:
  static int run(void* self) {
    auto* const core = static_cast<SecondCore*>(self);
    try {
      core->work_();
    } catch (...) {
      core->error_ = std::current_exception();
      core->failed_ = true;
    }
    return 0;
  }

  std::function<void()> work_;
  unsigned lcore_;
  std::exception_ptr error_;
  std::atomic<bool> failed_ = false;
};

// Runs `first` here while `second` is at work there: it says so by setting `running`, and ends when
// `enough` is set. Whatever throws, the second core ends.
template <class First, class Second>
void together(First first, Second second) {
  std::atomic<bool> running = false;
  std::atomic<bool> enough = false;
  SecondCore core([&] { second(running, enough); });
  while (!running && !core.failed()) {
    rte_pause();
  }
  try {
    first();
  } catch (...) {
    enough = true;
    throw;
  }
  enough = true;
  core.wait();
}

bool has_second_core(std::string_view what, Record& record) {
  if (!SecondCore::exists()) {
    record.notes.push_back(fmt::format("{}: not measured: there is one processor only", what));
    return false;
  }
  return true;
}

Shape shape_of(std::uint32_t size, const Plan& plan) {
  Shape shape;
  shape.bindings = size;
  shape.index = plan.indexes.front();
  return shape;
}

void measure_own_flows(const Plan& plan, std::uint32_t size, Record& record) {
  World world(shape_of(size, plan));
  Runner one(world);
  Runner other(world, {.worker = 1, .hand_to = {}, .taken_from = {}});
  Samples alone;
  Samples both;
  Samples gain;
  for (unsigned round = 0; round <= plan.rounds; ++round) {
    const Phase by_itself = one.run(Path::ToMobileNode, plan.packets);
    Phase of_one;
    Phase of_other;
    together([&] { of_one = one.run(Path::ToMobileNode, plan.packets); },
             [&](std::atomic<bool>& running, const std::atomic<bool>& enough) {
               do {
                 of_other = other.run(Path::ToMobileNode, plan.packets);
                 running = true;
               } while (!enough);
             });
    if (round == 0) {
      continue;
    }
    const bool quiet = by_itself.quiet && of_one.quiet && of_other.quiet;
    alone.add(by_itself.cycles, by_itself.quiet);
    both.add((of_one.cycles + of_other.cycles) / 2, of_one.quiet && of_other.quiet);
    gain.add(by_itself.cycles / of_one.cycles + by_itself.cycles / of_other.cycles, quiet);
  }
  record.figures[fmt::format("workers/one/{}", size)] = alone.figure();
  record.figures[fmt::format("workers/each-of-two/{}", size)] = both.figure();
  record.figures[fmt::format("workers/scaling/{}", size)] = gain.figure("times", Better::More);
}

// One of the two receives all and hands half of it on; the slower one decides. Times of the second
// are per packet that it takes, and it takes `share` of all.
void measure_one_link(const Plan& plan, Record& record) {
  World world(shape_of(1000, plan));
  auto ring = dataplane::PacketRing::create("bench-handoff", 1024, -1);
  if (!ring) {
    throw NoMemory(ring.error());
  }
  Runner single_worker(world);
  Runner receiver(world,
                  {.worker = 0, .hand_to = {nullptr, &*ring}, .taken_from = {}, .buffers = 2047});
  // Nothing is handed back, but that there are two is what its pipeline knows.
  Runner taker(world, {.worker = 1, .hand_to = {&*ring, nullptr}, .taken_from = {&*ring, nullptr}});
  Samples gain;
  Samples receiving;
  Samples taking;
  for (unsigned round = 0; round <= plan.rounds; ++round) {
    const Phase alone = single_worker.run(Path::FromLink, plan.packets);
    Phase first;
    Phase second;
    together([&] { first = receiver.share(plan.packets); },
             [&](std::atomic<bool>& running, const std::atomic<bool>& enough) {
               running = true;
               second = taker.serve(enough);
             });
    if (round == 0) {
      continue;
    }
    const double share = static_cast<double>(second.packets) / static_cast<double>(first.packets);
    receiving.add(first.cycles, first.quiet);
    taking.add(second.cycles, second.quiet);
    gain.add(alone.cycles / std::max(first.cycles, second.cycles * share),
             alone.quiet && first.quiet && second.quiet);
  }
  record.figures["workers/receiver/one-haha-link"] = receiving.figure();
  record.figures["workers/taker/one-haha-link"] = taking.figure();
  record.figures["workers/scaling/one-haha-link"] = gain.figure("times", Better::More);
}

void measure_churn_of(const Plan& plan, std::uint32_t size, Record& record) {
  World world(shape_of(size, plan));
  Runner runner(world);
  // Long enough for thousands of changes.
  const std::uint64_t packets = 5 * plan.packets;
  Samples still;
  Samples changing;
  Samples slowdown;
  std::uint64_t changes = 0;
  std::uint64_t ticks = 0;
  for (unsigned round = 0; round <= plan.rounds; ++round) {
    const Phase before = runner.run(Path::ToMobileNode, packets);
    Phase meanwhile;
    together([&] { meanwhile = runner.run(Path::ToMobileNode, packets); },
             [&](std::atomic<bool>& running, const std::atomic<bool>& enough) {
               const std::uint64_t start = rte_rdtsc();
               const std::uint64_t apart = rte_get_tsc_hz() / kChangesPerSecond;
               std::uint64_t done = 0;
               while (!enough) {
                 world.change_something();
                 ++done;
                 running = true;
                 while (rte_rdtsc() - start < done * apart && !enough) {
                   rte_pause();
                 }
               }
               changes += done;
               ticks += rte_rdtsc() - start;
             });
    if (round == 0) {
      continue;
    }
    still.add(before.cycles, before.quiet);
    changing.add(meanwhile.cycles, meanwhile.quiet);
    slowdown.add(meanwhile.cycles / before.cycles, before.quiet && meanwhile.quiet);
  }
  record.figures[fmt::format("churn/still/{}", size)] = still.figure();
  record.figures[fmt::format("churn/changing/{}", size)] = changing.figure();
  record.figures[fmt::format("churn/slowdown/{}", size)] = slowdown.figure("times");
  record.figures[fmt::format("churn/rate/{}", size)] =
      single(static_cast<double>(changes) * static_cast<double>(rte_get_tsc_hz()) /
                 static_cast<double>(ticks),
             "changes/s", Better::More);
}

template <class Measure>
void unless_memory_lacks(std::string_view what, Record& record, Measure measure) {
  try {
    measure();
  } catch (const NoMemory& error) {
    record.notes.push_back(fmt::format("{}: not measured: {}", what, error.what()));
  }
}

}  // namespace

void measure_workers(const Plan& plan, Record& record) {
  if (!has_second_core("workers", record)) {
    return;
  }
  for (const std::uint32_t size : {1000U, 1'000'000U}) {
    if (std::ranges::find(plan.sizes, size) != plan.sizes.end()) {
      unless_memory_lacks("workers", record, [&] { measure_own_flows(plan, size, record); });
    }
  }
  unless_memory_lacks("workers", record, [&] { measure_one_link(plan, record); });
}

void measure_churn(const Plan& plan, Record& record) {
  if (!has_second_core("churn", record)) {
    return;
  }
  for (const std::uint32_t size : {100'000U, 1'000'000U}) {
    if (std::ranges::find(plan.sizes, size) != plan.sizes.end()) {
      unless_memory_lacks("churn", record, [&] { measure_churn_of(plan, size, record); });
    }
  }
}

}  // namespace anyhome::bench
