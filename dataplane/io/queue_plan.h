// Which worker serves which queue.
//
// Every port wants a receive and a transmit queue for each worker. A port with fewer shares them:
// receive queues go round the workers, starting at another one for each port; a transmit queue has
// one owner, to whom the others hand their packets.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace anyhome::dataplane {

struct PortQueues {
  std::uint16_t max_receive = 1;
  std::uint16_t max_transmit = 1;
};

struct ReceiveQueue {
  std::uint16_t port = 0;
  std::uint16_t queue = 0;
  friend bool operator==(const ReceiveQueue&, const ReceiveQueue&) = default;
};

struct TransmitQueue {
  std::uint16_t owner = 0;  // worker whose queue it is
  std::uint16_t queue = 0;
  friend bool operator==(const TransmitQueue&, const TransmitQueue&) = default;
};

struct QueuePlan {
  std::vector<std::uint16_t> receive_queues;         // per port
  std::vector<std::uint16_t> transmit_queues;        // per port
  std::vector<std::vector<ReceiveQueue>> receive;    // per worker
  std::vector<std::vector<TransmitQueue>> transmit;  // per port, then per worker
};

inline QueuePlan plan_queues(const std::vector<PortQueues>& ports, std::uint16_t workers) {
  QueuePlan plan;
  plan.receive.resize(workers);
  for (std::uint16_t port = 0; port < ports.size(); ++port) {
    const auto clamp = [workers](std::uint16_t queues) {
      return std::clamp<std::uint16_t>(queues, 1, workers);
    };
    const std::uint16_t receive = clamp(ports[port].max_receive);
    const std::uint16_t transmit = clamp(ports[port].max_transmit);
    plan.receive_queues.push_back(receive);
    plan.transmit_queues.push_back(transmit);
    const auto worker_of = [&](std::uint16_t queue) {
      return static_cast<std::uint16_t>((port + queue) % workers);
    };
    for (std::uint16_t queue = 0; queue < receive; ++queue) {
      plan.receive[worker_of(queue)].push_back({port, queue});
    }
    auto& by_worker = plan.transmit.emplace_back(workers);
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
      // The worker's place in the port's own order; beyond the queues they share from the front.
      const auto place = static_cast<std::uint16_t>((worker + workers - port % workers) % workers);
      const auto queue = static_cast<std::uint16_t>(place % transmit);
      by_worker[worker] = {worker_of(queue), queue};
    }
  }
  return plan;
}

}  // namespace anyhome::dataplane
