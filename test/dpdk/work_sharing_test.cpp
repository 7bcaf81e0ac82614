// Workers that help each other: nothing is lost, nothing overtakes, and each lane's frames leave by
// its own way out.
#include "test/dpdk/two_workers.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

constexpr unsigned kTrain = 192;  // as many as the rings take and more than one worker's burst

// Trains of numbered packets into one queue until the other worker has helped; all of them come
// out, in their order.
std::uint32_t run_until_helped(TwoWorkers& world, unsigned queue) {
  constexpr std::uint32_t kMost = 2'000'000;
  std::uint32_t sent = 0;
  std::uint32_t received = 0;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (world.helped(1 - queue) < 10 * kTrain && sent < kMost &&
         std::chrono::steady_clock::now() < deadline) {
    std::vector<rte_mbuf*> train;
    for (unsigned i = 0; i < kTrain; ++i) {
      Bytes packet = to_home(world);
      store_be32(packet.data() + packet.size() - 4, sent++);
      train.push_back(world.framed(packet));
    }
    world.port().give(queue, train);
    for (unsigned i = 0; i < kTrain; ++i) {
      rte_mbuf* out = nullptr;
      REQUIRE(wait_for([&] { return (out = world.port().take(0)) != nullptr; }));
      const Bytes bytes = bytes_of_chain(out);
      rte_pktmbuf_free(out);
      REQUIRE(load_be32(bytes.data() + bytes.size() - 4) == received);
      ++received;
    }
  }
  return sent;
}

}  // namespace

TEST_CASE("a worker with nothing to do helps, and the order is kept", "[worker][sharing]") {
  // The first one owns the transmit queue; the second one's frames go through a ring to the first.
  const unsigned queue = GENERATE(0U, 1U);
  TwoWorkers world({.sharing = true});
  world.start_polling();
  const std::uint32_t sent = run_until_helped(world, queue);
  world.stop();
  CHECK(world.helped(1 - queue) >= 10 * kTrain);
  CHECK(world.helped(queue) == 0);
  CHECK(world.counted(0, Counter::Received) + world.counted(1, Counter::Received) == sent);
  CHECK(world.counted(1 - queue, Counter::Received) == world.helped(1 - queue));
  CHECK(world.counted(0, Counter::Sent) + world.counted(1, Counter::Sent) == sent);
  CHECK(world.port().take(0) == nullptr);
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("workers that sleep when idle help too", "[worker][sharing]") {
  TwoWorkers world({.idle = true, .sharing = true});
  world.start_polling();
  run_until_helped(world, 0);
  world.stop();
  CHECK(world.helped(1) >= 10 * kTrain);
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("without work sharing each serves its own queue", "[worker][sharing]") {
  TwoWorkers world;
  world.start_polling();
  for (unsigned round = 0; round < 50; ++round) {
    std::vector<rte_mbuf*> train;
    for (unsigned i = 0; i < kTrain; ++i) {
      train.push_back(world.framed(to_home(world)));
    }
    world.port().give(0, train);
    for (unsigned i = 0; i < kTrain; ++i) {
      rte_mbuf* out = nullptr;
      REQUIRE(wait_for([&] { return (out = world.port().take(0)) != nullptr; }));
      rte_pktmbuf_free(out);
    }
  }
  world.stop();
  CHECK(world.helped(1) == 0);
  CHECK(world.counted(1, Counter::Received) == 0);
}
