// Workers that help each other: nothing is lost, nothing overtakes what came before it in its
// queue, and each lane's frames leave by its own way out.
#include "test/dpdk/running_workers.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

constexpr unsigned kTrain = 192;  // as many as the rings take and more than one worker's burst
constexpr std::uint64_t kEnough = 5 * kTrain;

// Numbered packets of the queues, and whether they come out in their order.
class Trains {
 public:
  explicit Trains(RunningWorkers& world) : world_(world) {}

  // `size` more into a queue, at once.
  void send(unsigned queue, unsigned size = kTrain) {
    std::vector<rte_mbuf*> train;
    for (unsigned i = 0; i < size; ++i) {
      Bytes packet = to_home(world_);
      std::byte* end = packet.data() + packet.size();
      store_be32(end - 8, queue);
      store_be32(end - 4, sent_[queue]++);
      train.push_back(world_.framed(packet));
    }
    world_.port().give(queue, train);
  }
  // Waits for as many.
  void take(unsigned size = kTrain) {
    for (unsigned i = 0; i < size; ++i) {
      rte_mbuf* out = nullptr;
      REQUIRE(wait_for([&] { return (out = world_.port().take(0)) != nullptr; }));
      const Bytes bytes = bytes_of_chain(out);
      rte_pktmbuf_free(out);
      const std::byte* end = bytes.data() + bytes.size();
      REQUIRE(load_be32(end - 4) == received_[load_be32(end - 8)]++);
    }
  }
  // Into one queue until the others have helped enough.
  void send_until_helped(unsigned queue) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (world_.helped() < kEnough && std::chrono::steady_clock::now() < deadline) {
      send(queue);
      take();
    }
    CHECK(world_.helped() >= kEnough);
  }
  [[nodiscard]] std::uint32_t sent() const { return sent_[0] + sent_[1] + sent_[2]; }

 private:
  RunningWorkers& world_;
  std::array<std::uint32_t, 3> sent_{};
  std::array<std::uint32_t, 3> received_{};
};

}  // namespace

TEST_CASE("a worker with nothing to do helps, and the order is kept", "[worker][sharing]") {
  // The first one owns the transmit queue; the second one's frames go through a ring to the first.
  const unsigned queue = GENERATE(0U, 1U);
  const unsigned burst = GENERATE(1U, 32U, 64U);
  RunningWorkers world({.burst = burst, .sharing = true});
  world.start_polling();
  Trains trains(world);
  trains.send_until_helped(queue);
  world.stop();
  CHECK(world.helped(queue) == 0);
  CHECK(world.counted(Counter::Received) == trains.sent());
  CHECK(world.counted(1 - queue, Counter::Received) == world.helped(1 - queue));
  CHECK(world.counted(Counter::Sent) == trains.sent());
  CHECK(world.port().take(0) == nullptr);
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("several may help one", "[worker][sharing]") {
  const unsigned queue = GENERATE(0U, 2U);
  RunningWorkers world({.workers = 3, .sharing = true});
  world.start_polling();
  Trains trains(world);
  trains.send_until_helped(queue);
  world.stop();
  CHECK(world.counted(Counter::Sent) == trains.sent());
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("who is behind does not help, and all of both queues comes out", "[worker][sharing]") {
  RunningWorkers world({.sharing = true});
  world.start_polling();
  Trains trains(world);
  for (unsigned round = 0; round < 200; ++round) {
    // One train is longer: in the end its queue gets help.
    trains.send(0, 64);
    trains.send(1, 128);
    trains.take();
  }
  world.stop();
  CHECK(world.counted(Counter::Sent) == trains.sent());
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("workers that sleep when idle help too", "[worker][sharing]") {
  RunningWorkers world({.idle = true, .sharing = true});
  world.start_polling();
  Trains trains(world);
  trains.send_until_helped(0);
  world.stop();
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("bursts of which nothing is sent hold nobody up", "[worker][sharing]") {
  RunningWorkers world({.sharing = true});
  world.start_polling();
  std::uint64_t dropped = 0;
  REQUIRE(wait_for([&] {
    std::vector<rte_mbuf*> train;
    for (unsigned i = 0; i < kTrain; ++i) {  // for somebody else
      train.push_back(make_chain(world.pool(), frame({2, 9, 9, 9, 9, 9}, to_home(world)), {}));
    }
    dropped += kTrain;
    world.port().give(0, train);
    REQUIRE(wait_for([&] { return world.counted(Counter::Received) == dropped; }));
    return world.helped(1) >= kEnough;
  }));
  Trains trains(world);
  for (unsigned i = 0; i < 10; ++i) {
    trains.send(0);
    trains.take();
  }
  world.stop();
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("who helps tells the control thread by its own ring", "[worker][sharing]") {
  RunningWorkers world({.sharing = true});
  world.start_polling();
  std::uint64_t sent = 0;
  std::array<std::uint64_t, 2> punted{};
  REQUIRE(wait_for([&] {
    std::vector<rte_mbuf*> train;
    for (unsigned i = 0; i < kTrain; ++i) {
      train.push_back(world.framed(i % 8 == 0 ? signalling(world) : to_home(world)));
    }
    sent += kTrain / 8;
    world.port().give(0, train);
    rte_mbuf* out = nullptr;
    for (unsigned i = 0; i < kTrain - kTrain / 8; ++i) {
      REQUIRE(wait_for([&] { return (out = world.port().take(0)) != nullptr; }));
      rte_pktmbuf_free(out);
    }
    REQUIRE(wait_for([&] {
      for (unsigned worker = 0; worker < 2; ++worker) {
        while (world.punts(worker).pop(std::span(&out, 1)) != 0) {
          ++punted[worker];
          rte_pktmbuf_free(out);
        }
      }
      return punted[0] + punted[1] == sent;
    }));
    return punted[1] >= 10;
  }));
  world.stop();
  CHECK(world.pool().available() == kBuffers);
}

TEST_CASE("workers that are stopped while they help leave nothing behind", "[worker][sharing]") {
  for (unsigned round = 0; round < 20; ++round) {
    RunningWorkers world({.sharing = true});
    world.start_polling();
    Trains trains(world);
    trains.send(0);
    trains.send(1, 60);
    world.stop();
    unsigned sent = 0;
    while (rte_mbuf* out = world.port().take(0)) {
      rte_pktmbuf_free(out);
      ++sent;
    }
    const unsigned left = world.port().waiting(0) + world.port().waiting(1) + world.handed_over();
    CHECK(sent + left == trains.sent());
    CHECK(world.pool().available() + left == kBuffers);
  }
}

TEST_CASE("without work sharing each serves its own queue", "[worker][sharing]") {
  RunningWorkers world;
  world.start_polling();
  Trains trains(world);
  for (unsigned round = 0; round < 50; ++round) {
    trains.send(0);
    trains.take();
  }
  world.stop();
  CHECK(world.helped(1) == 0);
  CHECK(world.counted(1, Counter::Received) == 0);
}
