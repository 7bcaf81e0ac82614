// A thread that reads the tables.
#pragma once

#include <rte_rcu_qsbr.h>
#include <sys/resource.h>

namespace anyhome::bench {

// Readers are online while they forward, and only then.
class Reader {
 public:
  Reader(rte_rcu_qsbr* qsbr, unsigned number) : qsbr_(qsbr), number_(number) {
    rte_rcu_qsbr_thread_register(qsbr_, number_);
    rte_rcu_qsbr_thread_online(qsbr_, number_);
  }
  ~Reader() {
    rte_rcu_qsbr_thread_offline(qsbr_, number_);
    rte_rcu_qsbr_thread_unregister(qsbr_, number_);
  }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

 private:
  rte_rcu_qsbr* qsbr_;
  unsigned number_;
};

// How often this thread has lost its processor to another one of ours.
inline long preemptions() {
  rusage usage{};
  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nivcsw;
}

}  // namespace anyhome::bench
