// A home agent with its forwarding tables, as the control thread of a daemon has them: what comes
// in is decoded and checked, what it decides goes into the tables, what it answers is built.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "common/bytes.h"
#include "common/config/config.h"
#include "common/time.h"
#include "controlplane/home_agent.h"
#include "dataplane/tables/forwarding_tables.h"

namespace anyhome::bench {

// Where the loads begin; it moves when they say so.
inline constexpr Now kStart{Instant{std::chrono::seconds(1000)},
                            WallTime{std::chrono::seconds(1'800'000'000)}};

class Machine {
 public:
  // Throws std::runtime_error when memory does not suffice.
  Machine(const config::HomeAgent& config, const Now& now);

  // Starts it, as able to serve as it will be.
  void start(const Now& now);
  // What Binding Updates in the usual form will touch is brought nearer, as the daemon does with
  // those that wait together.
  void prepare(std::span<const ByteView> packets) const;
  // One packet for an address of ours, with all that follows from it. Returns the number of packets
  // that it sends; those between locators are put into `between`, if that is asked for.
  unsigned receive(const Now& now, ByteView packet, std::deque<std::vector<std::byte>>* between);
  unsigned on_timer(const Now& now, std::deque<std::vector<std::byte>>* between);

  [[nodiscard]] control::HomeAgent& agent() { return *agent_; }
  // Of what grows with the bindings; routes and neighbours take what they take.
  [[nodiscard]] std::size_t binding_table_bytes() const;

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* variable) const { rte_free(variable); }
  };
  unsigned carry_out(const Now& now, std::deque<std::vector<std::byte>>* between);

  config::HomeAgent config_;
  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
  std::unique_ptr<dataplane::ForwardingTables> tables_;
  std::unique_ptr<control::HomeAgent> agent_;
  control::Effects effects_;
  std::vector<HomeAddress> changed_;
  unsigned since_maintenance_ = 0;
};

}  // namespace anyhome::bench
