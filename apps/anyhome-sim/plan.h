// What a network of this size costs and how quickly it recovers: the answer to an operator's
// question before there is such a network.
//
// The set is simulated exactly, all its home agents and every message between them; of the mobile
// nodes there are as many as memory allows, each doing what it would do in the whole network. What
// is proportional to their number is then scaled; the report says which figures that are.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "apps/anyhome-sim/options.h"

namespace anyhome::sim {

// Of one POP per second, or in all.
struct Traffic {
  double messages = 0;
  double bytes = 0;
};

struct PopReport {
  Traffic hello;            // not scaled
  Traffic synchronization;  // scaled: SS-REQ, SS-REP, SS-ACK
  Traffic signalling;       // scaled: Binding Updates relayed, answers, switches
};

// Of a set of times, in seconds.
struct Distribution {
  std::vector<double> samples;  // ascending

  [[nodiscard]] double percentile(double percent) const;
  // Enough cases that one at least is beyond it; all are within 100%.
  [[nodiscard]] bool resolves(double percent) const;
  [[nodiscard]] bool empty() const { return samples.empty(); }
};

struct PlanReport {
  PlanOptions options;
  std::uint32_t simulated = 0;  // mobile nodes
  double scale = 1;             // mobile nodes in all by those simulated
  double measured_seconds = 0;  // of virtual time
  std::vector<PopReport> pops;  // sent by each, per second
  Distribution convergence;     // from an accepted Binding Update to the last peer that knows it
  Distribution per_peer;        // to any peer
  Distribution move_outage;
  Distribution death_outage;         // of mobile nodes whose home agent died
  Distribution death_outage_others;  // of those far away whose packets entered there
  std::uint64_t superseded = 0;      // updates that were followed by another before all peers knew
  std::uint64_t unconverged = 0;     // updates not known everywhere at the end
  double outstanding = 0;            // messages on their way to a peer at a time, at full scale
  double bytes_per_binding = 0;      // of a control core, measured
  double bytes_per_agent = 0;        // with all mobile nodes
  double cpu_seconds = 0;
  std::uint64_t events = 0;
};

PlanReport make_plan(const PlanOptions& options);

// The report for people, and as files.
std::string describe(const PlanReport& report);
std::string to_csv(const PlanReport& report);
// Draws the distributions and the traffic by gnuplot; the error says what is missing.
std::expected<void, std::string> plot(const PlanReport& report, const std::string& file);

int run_plan(const PlanOptions& options);

}  // namespace anyhome::sim
