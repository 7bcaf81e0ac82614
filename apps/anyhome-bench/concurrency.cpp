#include "apps/anyhome-bench/concurrency.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <functional>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

namespace anyhome::bench {
namespace {

constexpr std::uint64_t kChangesPerSecond = 100'000;

// Work on the second lcore; its exception, if there was one, comes out of `wait`.
class SecondCore {
 public:
  static bool exists() { return rte_get_next_lcore(~0U, 1, 0) < RTE_MAX_LCORE; }

  explicit SecondCore(std::function<void()> work) : work_(std::move(work)) {
    lcore_ = rte_get_next_lcore(~0U, 1, 0);
    rte_eal_remote_launch(&SecondCore::run, this, lcore_);
  }
  void wait() {
    rte_eal_wait_lcore(lcore_);
    if (error_) {
      std::rethrow_exception(error_);
    }
  }

 private:
  static int run(void* self) {
    auto* const core = static_cast<SecondCore*>(self);
    try {
      core->work_();
    } catch (...) {
      core->error_ = std::current_exception();
    }
    return 0;
  }

  std::function<void()> work_;
  unsigned lcore_ = 0;
  std::exception_ptr error_;
};

}  // namespace

std::optional<Scaling> measure_workers(World& world, Path path, unsigned rounds,
                                       std::uint64_t packets) {
  if (!SecondCore::exists()) {
    return std::nullopt;
  }
  Runner one(world);
  Runner other(world);
  Scaling result;
  for (unsigned round = 0; round <= rounds; ++round) {
    const Phase alone = one.run(path, packets);
    std::atomic<bool> running = false;
    std::atomic<bool> enough = false;
    Phase of_other;
    // The other one is at work before the first begins, and after it has ended.
    SecondCore core([&] {
      of_other = other.run(path, packets);
      running = true;
      while (!enough) {
        of_other = other.run(path, packets);
      }
    });
    while (!running) {
      rte_pause();
    }
    const Phase of_one = one.run(path, packets);
    enough = true;
    core.wait();
    if (round != 0) {
      result.alone.add(alone.cycles, alone.quiet);
      result.together.add(std::max(of_one.cycles, of_other.cycles), of_one.quiet && of_other.quiet);
    }
  }
  return result;
}

std::optional<Churn> measure_churn(World& world, unsigned rounds, std::uint64_t packets) {
  if (!SecondCore::exists()) {
    return std::nullopt;
  }
  Runner runner(world);
  runner.report_quiescence(world.qsbr());
  Churn result;
  std::uint64_t changes = 0;
  std::uint64_t ticks = 0;
  for (unsigned round = 0; round <= rounds; ++round) {
    const Phase still = runner.run(Path::ToMobileNode, packets);
    std::atomic<bool> enough = false;
    std::atomic<bool> running = false;
    SecondCore core([&] {
      const std::uint64_t start = rte_rdtsc();
      const std::uint64_t apart = rte_get_tsc_hz() / kChangesPerSecond;
      std::uint64_t done = 0;
      while (!enough) {
        world.change_something();
        ++done;
        running = true;
        while (rte_rdtsc() - start < done * apart) {
          rte_pause();
        }
      }
      changes += done;
      ticks += rte_rdtsc() - start;
    });
    while (!running) {
      rte_pause();
    }
    const Phase changing = runner.run(Path::ToMobileNode, packets);
    enough = true;
    core.wait();
    if (round != 0) {
      result.still.add(still.cycles, still.quiet);
      result.changing.add(changing.cycles, changing.quiet);
    }
  }
  result.changes_per_second = static_cast<double>(changes) * static_cast<double>(rte_get_tsc_hz()) /
                              static_cast<double>(ticks);
  return result;
}

}  // namespace anyhome::bench
