// Runs on ports and lcores: what the actions are made of.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/anyhome-pktgen/engine.h"
#include "apps/anyhome-pktgen/options.h"
#include "apps/anyhome-pktgen/ports.h"
#include "apps/anyhome-pktgen/result.h"
#include "apps/anyhome-pktgen/run_request.h"

namespace anyhome::pktgen {

class Generator {
 public:
  // Opens the ports, waits for their links, and starts the loops.
  static std::expected<std::unique_ptr<Generator>, std::string> create(const Options& options);
  ~Generator();
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;

  // What can be changed between two runs.
  TrafficSettings& traffic() { return traffic_; }
  [[nodiscard]] NodeTable& nodes() { return nodes_; }
  std::expected<std::vector<TrafficEntry>, std::string> place(
      const std::vector<RequestedTraffic>& mix) const;
  // Packets per second; a share of a link is that of the first port.
  [[nodiscard]] std::expected<double, std::string> packets_per_second(
      const Rate& rate, const std::vector<TrafficEntry>& mix) const;

  void start(const RunRequest& request);
  void stop();
  [[nodiscard]] bool sending() const;
  // As far as it has come; the whole when all is sent and what was to come back had its time.
  [[nodiscard]] RunResult result() const;
  // Until all has been sent and, unless it was told to stop, has come back or is late; `tick` is
  // called meanwhile, some hundred times a second.
  RunResult wait(const std::function<void()>& tick);

  [[nodiscard]] const Ports& ports() const { return ports_; }

 private:
  Generator(const Options& options, std::vector<unsigned> lcores, LcorePlan plan, Ports ports);
  std::expected<void, std::string> start_peer();
  void start_engines();

  const Options& options_;
  TrafficSettings traffic_;
  std::shared_ptr<const TrafficSettings> under_way_;  // of the run; engines look at it
  NodeTable nodes_;
  TickClock clock_;
  Command command_;
  std::vector<unsigned> lcores_;
  LcorePlan plan_;
  Ports ports_;
  std::unique_ptr<PeerDuty> peer_;
  std::vector<std::unique_ptr<Engine>> engines_;
  std::uint32_t run_ = 0;
  std::chrono::nanoseconds drain_{0};  // of the run
  std::uint64_t missed_before_ = 0;
};

}  // namespace anyhome::pktgen
