// A quiescent-state variable, and workers that report to it.
#pragma once

#include <catch2/catch.hpp>
#include <cstddef>
#include <memory>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "dataplane/pipeline/entry.h"

namespace anyhome::test {

class Qsbr {
 public:
  static constexpr unsigned kMaxReaders = 8;

  Qsbr() {
    const std::size_t size = rte_rcu_qsbr_get_memsize(kMaxReaders);
    variable_.reset(static_cast<rte_rcu_qsbr*>(rte_zmalloc("qsbr", size, dataplane::kCacheLine)));
    REQUIRE(variable_ != nullptr);
    REQUIRE(rte_rcu_qsbr_init(variable_.get(), kMaxReaders) == 0);
  }
  [[nodiscard]] rte_rcu_qsbr* get() const { return variable_.get(); }

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* variable) const { rte_free(variable); }
  };
  std::unique_ptr<rte_rcu_qsbr, Free> variable_;
};

// Registered for its life; holds everything up until it says that it is quiescent.
class Worker {
 public:
  Worker(const Qsbr& qsbr, unsigned id) : qsbr_(qsbr.get()), id_(id) {
    rte_rcu_qsbr_thread_register(qsbr_, id_);
    rte_rcu_qsbr_thread_online(qsbr_, id_);
  }
  ~Worker() {
    rte_rcu_qsbr_thread_offline(qsbr_, id_);
    rte_rcu_qsbr_thread_unregister(qsbr_, id_);
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void quiescent() { rte_rcu_qsbr_quiescent(qsbr_, id_); }

 private:
  rte_rcu_qsbr* qsbr_;
  unsigned id_;
};

}  // namespace anyhome::test
