// A home agent with its forwarding tables, as the control thread of a daemon has them: what comes
// in is decoded and checked, what it decides goes into the tables, what it answers is built.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "apps/anyhomed/admission.h"
#include "common/bytes.h"
#include "common/config/config.h"
#include "common/time.h"
#include "controlplane/home_agent.h"
#include "dataplane/tables/forwarding_tables.h"

namespace anyhome::bench {

// Where the loads begin; it moves when they say so.
inline constexpr Now kStart{Instant{std::chrono::seconds(1000)},
                            WallTime{std::chrono::seconds(1'800'000'000)}};

// What a home agent has sent, one packet after the other: copied, as into a worker's buffers.
class Outbox {
 public:
  void clear() {
    bytes_.clear();
    ends_.clear();
  }
  void add(ByteView packet) {
    bytes_.insert(bytes_.end(), packet.begin(), packet.end());
    ends_.push_back(bytes_.size());
  }
  [[nodiscard]] std::size_t size() const { return ends_.size(); }
  [[nodiscard]] ByteView operator[](std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return ByteView(bytes_).subspan(begin, ends_[i] - begin);
  }

 private:
  std::vector<std::byte> bytes_;
  std::vector<std::size_t> ends_;
};

class Machine {
 public:
  // Throws std::runtime_error when memory does not suffice.
  Machine(const config::HomeAgent& config, const Now& now);

  // Starts it, as able to serve as it will be.
  void start(const Now& now);
  // What Binding Updates will touch is brought nearer, of all that are served together.
  void prepare(std::span<const Punted> packets) const;
  // One packet for an address of ours, with all that follows from it.
  void receive(const Now& now, const Punted& packet);
  // What is due, if anything is; and what a round of the control thread ends with.
  void on_timer(const Now& now);
  void maintain();
  // Since it was cleared last.
  [[nodiscard]] Outbox& sent() { return sent_; }

  [[nodiscard]] control::HomeAgent& agent() { return *agent_; }
  [[nodiscard]] const control::HomeAgent& agent() const { return *agent_; }
  // Of what grows with the bindings; routes and neighbours take what they take.
  [[nodiscard]] std::size_t binding_table_bytes() const;

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* variable) const { rte_free(variable); }
  };
  void carry_out();

  config::HomeAgent config_;
  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
  std::unique_ptr<dataplane::ForwardingTables> tables_;
  std::unique_ptr<control::HomeAgent> agent_;
  control::Effects effects_;
  Outbox sent_;
};

}  // namespace anyhome::bench
