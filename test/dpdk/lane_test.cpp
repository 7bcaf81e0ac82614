// A lane that several workers serve: who may receive, and that what they send keeps its order.
#include "dataplane/worker/lane.h"

#include <atomic>
#include <thread>

#include "test/dpdk/worker_fixture.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

// Asks for a burst of 32 and gets `packets`; notes how many it may have been.
Lane::Burst take(Lane& lane, unsigned packets, unsigned& most, std::size_t queue = 0) {
  return lane.take(queue, 32, [&](const PollQueue&, unsigned at_most) {
    most = at_most;
    return packets;
  });
}
Lane::Burst take(Lane& lane, unsigned packets, std::size_t queue = 0) {
  unsigned most = 0;
  return take(lane, packets, most, queue);
}

}  // namespace

TEST_CASE("an owner who is not behind is not helped", "[lane]") {
  Lane lane({{0, 0, 0}}, {}, true);
  unsigned asked = 0;
  const auto help = [&](unsigned packets) {
    return lane.help([&](const PollQueue&, unsigned most) {
      ++asked;
      CHECK(most == kMaxBurst);
      return packets;
    });
  };
  CHECK(help(64).packets == 0);
  CHECK(take(lane, 0).packets == 0);
  CHECK(take(lane, 31).packets == 31);
  // A full burst may be chance; two of them are not.
  CHECK(take(lane, 32).packets == 32);
  CHECK(take(lane, 31).packets == 31);
  CHECK(take(lane, 32).packets == 32);
  CHECK(help(64).packets == 0);
  CHECK(take(lane, 32).packets == 32);
  CHECK(help(64).packets == 64);
  CHECK(help(33).packets == 33);
  CHECK(asked == 2);
  // Until there is little left, whoever finds that.
  const bool owner = GENERATE(true, false);
  CHECK((owner ? take(lane, 31) : help(31)).packets == 31);
  CHECK(help(64).packets == 0);
  CHECK(asked == (owner ? 2 : 3));
  // And again from the start.
  CHECK(take(lane, 32).packets == 32);
  CHECK(help(64).packets == 0);
  CHECK(take(lane, 32).packets == 32);
  CHECK(help(64).packets == 64);
}

TEST_CASE("who is behind takes larger bursts until it is not, shared or not", "[lane]") {
  Lane lane({{0, 0, 0}}, {}, GENERATE(true, false));
  unsigned most = 0;
  take(lane, 32, most);
  take(lane, 32, most);
  CHECK(most == 32);
  take(lane, kMaxBurst, most);
  CHECK(most == kMaxBurst);
  take(lane, kMaxBurst / 2, most);  // as much as some drivers ever give
  CHECK(most == kMaxBurst);
  take(lane, kMaxBurst / 2 - 1, most);
  CHECK(most == kMaxBurst);
  take(lane, 5, most);
  CHECK(most == 32);
}

TEST_CASE("a burst of one packet says little", "[lane]") {
  Lane lane({{0, 0, 0}}, {}, true);
  const auto take_one = [&] {
    unsigned asked = 0;
    lane.take(0, 1, [&](const PollQueue&, unsigned most) {
      asked = most;
      return 1U;
    });
    return asked;
  };
  for (unsigned i = 0; i < kMaxBurst; ++i) {
    CHECK(take_one() == 1);
  }
  CHECK(take_one() == kMaxBurst);
  CHECK(take_one() == 1);
}

TEST_CASE("queues that are behind get help in turn, the others none", "[lane]") {
  Lane lane({{3, 7, 0}, {4, 8, 1}, {5, 9, 2}}, {}, true);
  const auto helped = [&] {
    int port = -1;
    const Lane::Burst burst = lane.help([&](const PollQueue& queue, unsigned) {
      port = queue.port;
      return 64U;
    });
    CHECK((port == -1 || burst.port == port));
    return port;
  };
  const auto fill = [&](std::size_t queue) {
    take(lane, 32, queue);
    CHECK(take(lane, 32, queue).port == 3 + queue);
  };
  fill(1);
  CHECK(helped() == 4);
  take(lane, 5, 0);  // that another one is not says nothing about it
  CHECK(helped() == 4);
  fill(2);
  CHECK(helped() == 5);
  CHECK(helped() == 4);
  CHECK(helped() == 5);
  take(lane, 5, 1);
  CHECK(helped() == 5);
  CHECK(helped() == 5);
  take(lane, 5, 2);
  CHECK(helped() == -1);
}

TEST_CASE("nobody else serves a lane that is not shared", "[lane]") {
  Lane lane({{0, 0, 0}}, {}, false);
  CHECK_FALSE(lane.shared());
  CHECK(take(lane, 32).ticket == 0);
  CHECK(take(lane, 32).ticket == 0);
}

TEST_CASE("who receives keeps others out, and they do not wait", "[lane]") {
  Lane lane({{0, 0, 0}}, {}, true);
  take(lane, 32);
  take(lane, 32);
  unsigned inside = 0;
  lane.take(0, 32, [&](const PollQueue&, unsigned most) {
    inside = lane.help([](const PollQueue&, unsigned) { return 1U; }).packets;
    return most;
  });
  CHECK(inside == 0);
}

TEST_CASE("bursts leave in the order in which they were received", "[lane]") {
  // Numbers out of a queue that one thread at a time may read, into one that one at a time may
  // write; neither says so by an atomic.
  constexpr unsigned kThreads = 4;
  constexpr std::uint64_t kPackets = 400'000;
  Lane lane({{0, 0, 0}}, {}, true);
  std::uint64_t next = 0;
  std::vector<std::uint64_t> sent;
  sent.reserve(kPackets);
  std::atomic<bool> finished = false;
  std::atomic<bool> helped = false;
  const auto receive = [&](std::vector<std::uint64_t>& burst, unsigned most) {
    burst.clear();
    if (next >= kPackets) {
      if (helped) {
        return 0U;
      }
      std::this_thread::yield();  // it goes on until somebody has helped
    }
    while (burst.size() < most) {
      burst.push_back(next++);
    }
    return most;
  };
  const auto serve = [&](unsigned thread) {
    std::vector<std::uint64_t> burst;
    while (!finished) {
      const auto take = [&](const PollQueue&, unsigned most) { return receive(burst, most); };
      const Lane::Burst taken = thread == 0 ? lane.take(0, 32, take) : lane.help(take);
      if (taken.packets == 0) {
        if (thread == 0) {
          // Something of its own comes after all of it.
          const Lane::Ticket ticket = lane.ticket();
          lane.await(ticket);
          sent.push_back(sent.size());
          lane.done(ticket);
          finished = true;
        }
        continue;
      }
      lane.await(taken.ticket);
      sent.insert(sent.end(), burst.begin(), burst.end());
      lane.done(taken.ticket);
      if (thread != 0) {
        helped = true;
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back(serve, thread);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  REQUIRE(sent.size() == next + 1);
  for (std::uint64_t i = 0; i < sent.size(); ++i) {
    if (sent[i] != i) {
      FAIL("packet " << sent[i] << " in place " << i);
    }
  }
}
