// Is this agent fit to serve? Looks at workers and ports every 50 ms.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "apps/anyhomed/data_plane.h"
#include "apps/anyhomed/heartbeat.h"
#include "common/config/config.h"
#include "common/time.h"

namespace anyhome {

class Supervisor {
 public:
  static constexpr Duration kPeriod = std::chrono::milliseconds(50);

  Supervisor(const config::Config& config, DataPlane& plane);

  // Ports whose link has changed since the last look.
  struct LinkChange {
    std::uint16_t port = 0;
    bool up = false;
  };
  // To be called every `kPeriod`. Logs what has changed; the first time that is every port.
  std::vector<LinkChange> look(Instant now);

  // Every worker moves, and at least one port has a link.
  [[nodiscard]] bool fit() const { return hearts_.stuck() == 0 && ports_up() > 0; }
  // Why not; empty when fit.
  [[nodiscard]] std::string reason() const;
  [[nodiscard]] std::size_t ports_up() const;
  [[nodiscard]] bool port_up(std::uint16_t port) const { return links_[port].up; }
  [[nodiscard]] std::uint32_t port_speed_mbps(std::uint16_t port) const {
    return links_[port].speed_mbps;
  }
  [[nodiscard]] bool worker_stuck(std::size_t worker) const { return hearts_.is_stuck(worker); }
  // Share of a worker's time, over the last second, in which it had packets.
  [[nodiscard]] unsigned busy_percent(std::size_t worker) const { return loads_[worker].percent; }

 private:
  struct Load {
    std::uint64_t busy = 0;  // cycles, when the second began
    std::uint64_t total = 0;
    unsigned percent = 0;
  };
  static constexpr Duration kLoadPeriod = std::chrono::seconds(1);

  void look_at_workers(Instant now);
  void measure_load();

  DataPlane& plane_;
  Heartbeats hearts_;
  std::vector<std::uint64_t> loops_;  // per worker, of the last look
  std::vector<Load> loads_;           // per worker
  std::vector<dataplane::PortLinkState> links_;
  bool looked_ = false;
  Instant next_load_{};
};

}  // namespace anyhome
