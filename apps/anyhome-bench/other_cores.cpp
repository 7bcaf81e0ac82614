#include "apps/anyhome-bench/other_cores.h"

#include <algorithm>
#include <exception>
#include <memory>

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_pause.h>

namespace anyhome::bench {
namespace {

// Work on another lcore; its exception, if there was one, comes out of `wait`. What makes it end
// has to have happened before this goes.
class OtherCore {
 public:
  OtherCore(unsigned lcore, std::function<void()> work) : work_(std::move(work)), lcore_(lcore) {
    rte_eal_remote_launch(&OtherCore::run, this, lcore_);
  }
  ~OtherCore() { rte_eal_wait_lcore(lcore_); }
  OtherCore(const OtherCore&) = delete;
  OtherCore& operator=(const OtherCore&) = delete;

  void wait() {
    rte_eal_wait_lcore(lcore_);
    if (error_) {
      std::rethrow_exception(error_);
    }
  }
  [[nodiscard]] bool failed() const { return failed_.load(); }

 private:
  static int run(void* self) {
    auto* const core = static_cast<OtherCore*>(self);
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

}  // namespace

std::vector<unsigned> other_cores() {
  std::vector<unsigned> lcores;
  unsigned lcore = 0;
  RTE_LCORE_FOREACH_WORKER(lcore) { lcores.push_back(lcore); }
  return lcores;
}

void together(const std::function<void()>& first, const std::vector<Work>& others) {
  std::atomic<unsigned> running = 0;
  std::atomic<bool> enough = false;
  const std::vector<unsigned> lcores = other_cores();
  std::vector<std::unique_ptr<OtherCore>> cores;
  for (std::size_t i = 0; i < others.size(); ++i) {
    cores.push_back(std::make_unique<OtherCore>(lcores[i], [&, i] { others[i](running, enough); }));
  }
  while (running < others.size() &&
         std::ranges::none_of(cores, [](const auto& core) { return core->failed(); })) {
    rte_pause();
  }
  try {
    first();
  } catch (...) {
    enough = true;
    throw;
  }
  enough = true;
  for (const auto& core : cores) {
    core->wait();
  }
}

}  // namespace anyhome::bench
