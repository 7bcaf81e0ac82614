// Every queue is served by one worker, and every worker has a way to every port.
#include "dataplane/io/queue_plan.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <set>
#include <utility>

#include "dataplane/io/placement.h"

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

TEST_CASE("who is far from the memory is named, and nobody else", "[queues][numa]") {
  const std::vector<Placed> placed = {
      {"worker lcore 1", 0}, {"worker lcore 9", 1}, {"port wan", 1}, {"port tap", -1}};
  CHECK(far_from(0, placed, "move") ==
        std::vector<std::string>{
            "worker lcore 9 is on NUMA node 1, tables and packet buffers are on 0: move",
            "port wan is on NUMA node 1, tables and packet buffers are on 0: move"});
  CHECK(far_from(1, placed, "move") ==
        std::vector<std::string>{
            "worker lcore 1 is on NUMA node 0, tables and packet buffers are on 1: move"});
  CHECK(far_from(0, {{"worker lcore 1", 0}, {"port tap", -1}}, "move").empty());
}

TEST_CASE("the number of receive queues follows from the number of workers", "[queues]") {
  // A NIC with sixteen queues, a virtual device with one: as many as there are workers, at most.
  for (std::uint16_t workers = 1; workers <= 20; ++workers) {
    const QueuePlan plan = plan_queues({{16, 16}, {1, 1}}, workers);
    CHECK(plan.receive_queues ==
          std::vector<std::uint16_t>{std::min<std::uint16_t>(workers, 16), 1});
    CHECK(plan.transmit_queues ==
          std::vector<std::uint16_t>{std::min<std::uint16_t>(workers, 16), 1});
    REQUIRE(plan.receive.size() == workers);
    // Each worker polls one queue of the NIC; beyond sixteen there are none left.
    for (std::uint16_t worker = 0; worker < workers; ++worker) {
      CHECK(std::ranges::count(plan.receive[worker], std::uint16_t{0}, &ReceiveQueue::port) ==
            (worker < 16 ? 1 : 0));
    }
    // The only queue of the other port is the second worker's, so that they share the load.
    CHECK(std::ranges::count(plan.receive[1 % workers], ReceiveQueue{1, 0}) == 1);
  }
}
