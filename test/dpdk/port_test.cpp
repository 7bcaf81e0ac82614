// Ports on devices that need no hardware: what is configured, what is refused and how, what is
// counted.
#include "dataplane/io/port.h"

#include "test/dpdk/chained_packets.h"
#include "test/dpdk/ring_port.h"

using namespace anyhome;
using namespace anyhome::test;

TEST_CASE("a device that is not there is named, with those that are", "[port]") {
  PacketPool pool = make_pool();
  NullPort other(pool);
  const auto found = find_device("0000:ff:00.0");
  REQUIRE_FALSE(found);
  CHECK(found.error().find("0000:ff:00.0") != std::string::npos);
  CHECK(found.error().find("net_null_test") != std::string::npos);
  CHECK(found.error().find("--vdev") != std::string::npos);
}

TEST_CASE("a port has the queues that were asked for, and counts what goes through", "[port]") {
  PacketPool pool = make_pool();
  RingPort wire(pool, 2, 1);
  CHECK(wire.port().receive_queues() == 2);
  CHECK(wire.port().transmit_queues() == 1);
  CHECK(wire.port().driver() == "net_ring");
  CHECK(wire.port().link().up);
  wire.give(1, make_packet(pool, 60));
  rte_mbuf* frame = nullptr;
  REQUIRE(rte_eth_rx_burst(wire.id(), 0, &frame, 1) == 0);
  REQUIRE(rte_eth_rx_burst(wire.id(), 1, &frame, 1) == 1);
  REQUIRE(rte_eth_tx_burst(wire.id(), 0, &frame, 1) == 1);
  const PortStatistics statistics = wire.port().statistics();
  CHECK(statistics.received == 1);
  CHECK(statistics.sent == 1);
  rte_pktmbuf_free(wire.take(0));
  CHECK(pool.available() == kBuffers);
}

TEST_CASE("more queues than the device has are refused by name", "[port]") {
  PacketPool pool = make_pool();
  RingPort wire(pool, 1, 1);
  const auto device = find_device(wire.port().device());
  REQUIRE(device);
  PortSetup setup;
  setup.name = "wan";
  setup.device = wire.port().device();
  setup.pool = pool.get();
  setup.receive_queues = 3;
  rte_eth_dev_stop(wire.id());
  const auto port = Port::open(setup, *device);
  REQUIRE_FALSE(port);
  CHECK(port.error().find("wan") != std::string::npos);
  CHECK(port.error().find(wire.port().device()) != std::string::npos);
}

TEST_CASE("a pool has room for headers in front and behind", "[port][pool]") {
  PacketPool pool = make_pool();
  rte_mbuf* packet = make_packet(pool, 1500 + 18);
  CHECK(rte_pktmbuf_headroom(packet) >= kMinHeadroom);
  CHECK(rte_pktmbuf_tailroom(packet) >= kMinTailroom);
  rte_pktmbuf_free(packet);
  // An MTU that the default buffer is too small for.
  CHECK(PacketPool::buffer_bytes(9000) >=
        9000 + 18 + kEncapsulationRoom + RTE_PKTMBUF_HEADROOM + kMinTailroom);
  CHECK(PacketPool::buffer_bytes(9000) % 64 == 0);
}

TEST_CASE("a pool remembers its low water", "[port][pool]") {
  PacketPool pool = make_pool();
  rte_mbuf* packets[10];
  REQUIRE(rte_pktmbuf_alloc_bulk(pool.get(), packets, 10) == 0);
  pool.note_low_water();
  rte_pktmbuf_free_bulk(packets, 10);
  pool.note_low_water();
  CHECK(pool.available() == kBuffers);
  CHECK(pool.low_water() == kBuffers - 10);
}

TEST_CASE("a pool that cannot be had says what it wanted", "[port][pool]") {
  PacketPoolSetup setup;
  setup.name = fresh_name("pool");
  setup.buffers = 100'000'000;
  const auto pool = PacketPool::create(setup);
  REQUIRE_FALSE(pool);
  CHECK(pool.error().find("100000000 packet buffers") != std::string::npos);
  CHECK(pool.error().find("packet-buffers") != std::string::npos);
}
