// Every queue is served by one worker, and every worker has a way to every port.
#include "dataplane/io/queue_plan.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <utility>

using namespace anyhome::dataplane;

TEST_CASE("queues among workers, for every small number of both", "[queues]") {
  for (std::uint16_t workers = 1; workers <= 8; ++workers) {
    for (std::uint16_t first = 1; first <= 9; ++first) {
      for (std::uint16_t second = 1; second <= 9; ++second) {
        INFO(workers << " workers, " << first << " and " << second << " queues");
        const QueuePlan plan = plan_queues({{first, second}, {second, first}, {1, 1}}, workers);
        // Receive: each queue that a port is given is polled by exactly one worker.
        std::set<std::pair<unsigned, unsigned>> polled;
        std::size_t polls = 0;
        for (const auto& queues : plan.receive) {
          for (const ReceiveQueue& queue : queues) {
            polled.insert({queue.port, queue.queue});
            CHECK(queue.queue < plan.receive_queues[queue.port]);
            ++polls;
          }
        }
        CHECK(polls == polled.size());
        std::size_t given = 0;
        for (std::uint16_t port = 0; port < 3; ++port) {
          given += plan.receive_queues[port];
          CHECK(plan.receive_queues[port] <= workers);
          CHECK(plan.transmit_queues[port] <= workers);
          // Transmit: a queue has one owner, who uses it himself; the others name that owner.
          std::map<unsigned, unsigned> owners;
          for (std::uint16_t worker = 0; worker < workers; ++worker) {
            const TransmitQueue& way = plan.transmit[port][worker];
            CHECK(way.queue < plan.transmit_queues[port]);
            CHECK(owners.emplace(way.queue, way.owner).first->second == way.owner);
            CHECK(plan.transmit[port][way.owner].owner == way.owner);
            CHECK(plan.transmit[port][way.owner].queue == way.queue);
          }
          CHECK(owners.size() == plan.transmit_queues[port]);
        }
        CHECK(polls == given);
      }
    }
  }
}

TEST_CASE("ports with one queue each are spread over the workers", "[queues]") {
  const QueuePlan plan = plan_queues({{1, 1}, {1, 1}, {1, 1}}, 3);
  for (const auto& queues : plan.receive) {
    CHECK(queues.size() == 1);
  }
}
