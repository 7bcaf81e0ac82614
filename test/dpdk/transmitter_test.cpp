// A worker's way out: to its own queue, to a queue's owner, and what neither takes.
#include <atomic>

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

TEST_CASE("frames leave by the port's queue at the end of a loop, or when the buffer is full",
          "[transmit]") {
  PacketPool pool = make_pool();
  NullPort port(pool);
  WorkerCounters counters;
  Transmitter transmitter({{port.id(), 0, true, nullptr, nullptr}}, counters);
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
  Transmitter transmitter({{0, 0, true, &ring, nullptr}}, counters);
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
  Transmitter transmitter({{port.id(), 0, true, nullptr, &down}, {0, 0, true, &ring, &down}},
                          counters);
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
  Transmitter transmitter({{port.id(), 0, multi_segment, nullptr, nullptr}}, counters);
  transmitter.send(0, make_packet(pool));
  transmitter.send(0, make_chain(pool, 100, 900));    // fits into its first buffer
  transmitter.send(0, make_chain(pool, 1500, 1500));  // does not
  transmitter.send(0, make_packet(pool));
  transmitter.flush_all();
  CHECK(port.sent() == (multi_segment ? 4 : 3));
  CHECK(drops(counters, DropReason::HeaderNotContiguous) == (multi_segment ? 0 : 1));
  CHECK(pool.available() == kBuffers);
}
