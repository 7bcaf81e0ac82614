// Which lcore sends, which receives, and by which queues of which ports.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

namespace anyhome::pktgen {

struct PortQueue {
  std::uint16_t port = 0;  // DPDK's number
  std::uint16_t queue = 0;
  std::uint16_t index = 0;  // among our ports
};

// What a port can have.
struct PortLimits {
  std::uint16_t id = 0;
  std::uint16_t receive_queues = 1;
  std::uint16_t transmit_queues = 1;
  // What goes out of queue n comes in at queue n, and nowhere else: rings that lead back.
  bool loops = false;
};

struct LcorePlan {
  struct Queues {
    std::vector<PortQueue> transmit;  // by our ports; empty: no sender
    std::vector<PortQueue> receive;
  };
  std::size_t senders = 1;
  std::size_t receivers = 1;
  std::vector<std::uint16_t> receive_queues;  // by port
  std::vector<Queues> lcores;
};

// Senders come first, receivers last; with as many senders as lcores all do both. `senders` 0: half
// of the lcores, as far as there are queues. `entries` are those of the mix.
std::expected<LcorePlan, std::string> plan_lcores(std::size_t lcores, std::size_t senders,
                                                  std::size_t entries,
                                                  const std::vector<PortLimits>& ports);

}  // namespace anyhome::pktgen
