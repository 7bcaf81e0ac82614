// A worker's way out: to its own queue, to a queue's owner, and what neither takes.
#include <atomic>
#include <thread>

#include "test/dpdk/worker_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using forwarding::DropReason;

namespace {

// A packet in two buffers, the second of `size` bytes.
rte_mbuf* make_chain(PacketPool& pool, std::uint16_t first, std::uint16_t second) {
  rte_mbuf* packet = make_packet(pool, first);
  REQUIRE(rte_pktmbuf_chain(packet, make_packet(pool, second)) == 0);
  return packet;
}

}  // namespace

TEST_CASE("frames leave by the port's queue at the end of a burst, or when the buffer is full",
          "[transmit]") {
  PacketPool pool = make_pool();
  NullPort port(pool);
  WorkerCounters counters;
  Lane lane({}, {{port.id(), 0, true, nullptr, nullptr}}, false);
  Transmitter transmitter(lane, counters);
  for (int i = 0; i < 130; ++i) {
    transmitter.send(0, make_packet(pool));
  }
  CHECK(port.sent() == 128);
  transmitter.flush_all();
  CHECK(port.sent() == 130);
  CHECK(pool.available() == kBuffers);
}

TEST_CASE("where another worker owns the queue, it gets the frames in their order", "[transmit]") {
  PacketPool pool = make_pool();
  PacketRing ring = make_ring(16);
  WorkerCounters counters;
  Lane lane({}, {{0, 0, true, &ring, nullptr}}, false);
  Transmitter transmitter(lane, counters);
  std::vector<rte_mbuf*> frames;
  for (int i = 0; i < 20; ++i) {
    frames.push_back(make_packet(pool));
    transmitter.send(0, frames.back());
  }
  transmitter.flush_all();
  // What the ring does not take is dropped by name.
  CHECK(ring.count() == 15);
  CHECK(drops(counters, DropReason::TransmitQueueFull) == 5);
  CHECK(pool.available() == kBuffers - 15);
  std::vector<rte_mbuf*> taken(20);
  CHECK(ring.pop(taken) == 15);
  CHECK(std::equal(frames.begin(), frames.begin() + 15, taken.begin()));
  rte_pktmbuf_free_bulk(taken.data(), 15);
}

TEST_CASE("a port without link takes nothing, and that has a name", "[transmit]") {
  PacketPool pool = make_pool();
  NullPort port(pool);
  PacketRing ring = make_ring(16);
  std::atomic<bool> down = true;
  WorkerCounters counters;
  Lane lane({}, {{port.id(), 0, true, nullptr, &down}, {0, 0, true, &ring, &down}}, false);
  Transmitter transmitter(lane, counters);
  const auto send_on_both = [&] {
    transmitter.send(0, make_packet(pool));
    transmitter.send(1, make_packet(pool));
    transmitter.flush_all();
  };
  send_on_both();
  CHECK(drops(counters, DropReason::PortDown) == 2);
  CHECK(port.sent() == 0);
  CHECK(ring.empty());
  CHECK(pool.available() == kBuffers);
  down = false;
  send_on_both();
  CHECK(drops(counters, DropReason::PortDown) == 2);
  CHECK(port.sent() == 1);
  CHECK(ring.count() == 1);
}

TEST_CASE("a driver for single buffers gets single buffers", "[transmit]") {
  PacketPool pool = make_pool();
  NullPort port(pool);
  WorkerCounters counters;
  const bool multi_segment = GENERATE(false, true);
  Lane lane({}, {{port.id(), 0, multi_segment, nullptr, nullptr}}, false);
  Transmitter transmitter(lane, counters);
  transmitter.send(0, make_packet(pool));
  transmitter.send(0, make_chain(pool, 100, 900));    // fits into its first buffer
  transmitter.send(0, make_chain(pool, 1500, 1500));  // does not
  transmitter.send(0, make_packet(pool));
  transmitter.flush_all();
  CHECK(port.sent() == (multi_segment ? 4 : 3));
  CHECK(drops(counters, DropReason::HeaderNotContiguous) == (multi_segment ? 0 : 1));
  CHECK(pool.available() == kBuffers);
}

TEST_CASE("who serves a lane sends by it in its turn, not before", "[transmit][lane]") {
  PacketPool pool = make_pool();
  PacketRing first_ring = make_ring(256);
  PacketRing second_ring = make_ring(256);
  Lane first({{0, 0, 0}}, {{0, 0, true, &first_ring, nullptr}}, true);
  Lane second({{0, 0, 0}}, {{0, 0, true, &second_ring, nullptr}}, true);
  WorkerCounters counters;
  Transmitter owner(first, counters);
  Transmitter helper(second, counters);
  const auto receive = [](const PollQueue&, unsigned most) { return most; };
  const Lane::Ticket empty = first.take(0, 32, receive).ticket;
  const Lane::Ticket before = first.take(0, 32, receive).ticket;
  const Lane::Ticket after = first.help(receive).ticket;
  rte_mbuf* const early = make_packet(pool);
  std::vector<rte_mbuf*> late;
  std::atomic<int> buffered = 0;
  // More than the buffer takes: they are not sent either before it is their turn.
  std::thread other([&] {
    helper.begin(first, after);
    for (int i = 0; i < 130; ++i) {
      late.push_back(rte_pktmbuf_alloc(pool.get()));
      ++buffered;
      helper.send(0, late.back());
    }
    helper.flush_all();
  });
  owner.begin(first, empty);  // of which nothing is to be sent
  owner.flush_all();
  owner.begin(first, before);
  owner.send(0, early);
  while (buffered < 128) {
    std::this_thread::yield();
  }
  CHECK(first_ring.empty());
  owner.flush_all();
  other.join();
  std::vector<rte_mbuf*> sent(200);
  REQUIRE(first_ring.pop(sent) == 131);
  CHECK(sent[0] == early);
  CHECK(std::equal(late.begin(), late.end(), sent.begin() + 1));
  rte_pktmbuf_free_bulk(sent.data(), 131);
  // A burst of which nothing is to be sent is no obstacle, and what comes after it is its own
  // again.
  helper.begin(first, first.take(0, 32, receive).ticket);
  helper.flush_all();
  owner.send(0, make_packet(pool));
  owner.flush_all();
  CHECK(first_ring.count() == 1);
  helper.send(0, make_packet(pool));
  helper.flush_all();
  CHECK(second_ring.count() == 1);
}

TEST_CASE("what waits leaves before a burst that begins, or with it", "[transmit][lane]") {
  PacketPool pool = make_pool();
  PacketRing ring = make_ring(256);
  Lane lane({{0, 0, 0}}, {{0, 0, true, &ring, nullptr}}, true);
  WorkerCounters counters;
  Transmitter transmitter(lane, counters);
  std::vector<rte_mbuf*> frames;
  const auto send = [&] {
    frames.push_back(make_packet(pool));
    transmitter.send(0, frames.back());
  };
  // As few as stay in the buffer, and as many as take a ticket of their own.
  const unsigned before = GENERATE(5U, 130U);
  for (unsigned i = 0; i < before; ++i) {
    send();
  }
  const Lane::Burst burst = lane.take(0, 32, [](const PollQueue&, unsigned most) { return most; });
  transmitter.begin(lane, burst.ticket);
  send();
  transmitter.flush_all();
  // Nothing is held: somebody else's turn comes.
  lane.await(lane.ticket());
  std::vector<rte_mbuf*> sent(200);
  REQUIRE(ring.pop(sent) == before + 1);
  CHECK(std::equal(frames.begin(), frames.end(), sent.begin()));
  rte_pktmbuf_free_bulk(sent.data(), before + 1);
}
