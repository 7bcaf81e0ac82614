// Carries out what the control core wants, in its order: tables, packets, log lines.
#pragma once

#include <cstdint>
#include <deque>

#include "apps/anyhomed/injector.h"
#include "common/token_bucket.h"
#include "controlplane/home_agent.h"
#include "dataplane/tables/forwarding_tables.h"

namespace anyhome {

class EffectExecutor {
 public:
  EffectExecutor(control::HomeAgent& agent, dataplane::ForwardingTables& tables, Injector& injector)
      : agent_(agent), tables_(tables), injector_(injector) {}

  // How signalling travels. By routes alone it reaches care-of addresses, peers, and home addresses
  // on a home link. What answers a packet out of a tunnel goes back through bindings, and so the
  // tunnel (RFC 4877 §3.1): the home address it may be for has no route but the one that leads back
  // here.
  enum class Way : std::uint8_t { Routes, Bindings };

  // The effects of the agent's last event. A registration that a table refuses is undone.
  void run(const Now& now, const control::Effects& effects, Way way = Way::Routes);

  // Tries again what had to wait for readers of the tables. To be called once per loop.
  void retry_deferred();
  [[nodiscard]] bool has_deferred() const { return !deferred_.empty(); }

  [[nodiscard]] std::uint64_t refusals() const { return refusals_; }

 private:
  // False: refused.
  bool apply(const forwarding::ForwardingUpdate& update);
  void log(const Now& now, const control::Note& note);

  control::HomeAgent& agent_;
  dataplane::ForwardingTables& tables_;
  Injector& injector_;
  // Updates that were refused because too much waits for its grace period, and cannot be given up.
  // A later update of the same key takes their place.
  std::deque<forwarding::ForwardingUpdate> deferred_;
  std::uint64_t refusals_ = 0;
  TokenBucket log_budget_{100, 200};  // lines per second: a storm must not become a storm of lines
  std::uint64_t lines_suppressed_ = 0;
};

}  // namespace anyhome
