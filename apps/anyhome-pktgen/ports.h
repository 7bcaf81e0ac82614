// The generator's ports: found, opened with queues for its lcores and one pool of packet buffers,
// started, and waited for until their links are up.
#pragma once

#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "apps/anyhome-pktgen/lcore_plan.h"
#include "apps/anyhome-pktgen/options.h"
#include "dataplane/io/packet_pool.h"
#include "dataplane/io/port.h"

namespace anyhome::pktgen {

class Ports {
 public:
  // Those that the options name, or all that DPDK has; nothing is opened yet.
  static std::expected<Ports, std::string> find(const Options& options);
  Ports(Ports&&) = default;
  ~Ports();

  [[nodiscard]] std::vector<PortLimits> limits() const;
  std::expected<void, std::string> open(const Options& options, const LcorePlan& plan);
  // Blocks until all links are up, no longer than --link-wait, and for --link-settle.
  std::expected<void, std::string> start(const Options& options);

  [[nodiscard]] const std::vector<dataplane::Port>& all() const { return ports_; }
  [[nodiscard]] rte_mempool* pool() const { return pool_->get(); }
  // Names of those that have no link now.
  [[nodiscard]] std::vector<std::string> without_link() const;
  // What came for us and had no room.
  [[nodiscard]] std::uint64_t missed() const;

 private:
  Ports() = default;

  std::vector<std::string> names_;
  std::vector<dataplane::FoundDevice> devices_;
  std::unique_ptr<dataplane::PacketPool> pool_;  // outlives the ports
  std::vector<dataplane::Port> ports_;
};

}  // namespace anyhome::pktgen
