// Packets out of a real pool, and a port that swallows them.
#pragma once

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "common/forwarding/drop_reason.h"
#include "dataplane/io/packet_pool.h"
#include "dataplane/io/packet_ring.h"
#include "dataplane/io/port.h"
#include "dataplane/worker/transmitter.h"

namespace anyhome::test {

using namespace anyhome::dataplane;

inline constexpr unsigned kBuffers = 1023;

// DPDK's objects have names: one each in the process.
inline std::string fresh_name(const char* what) {
  static unsigned number = 0;
  return std::string(what) + std::to_string(number++);
}

inline PacketPool make_pool() {
  PacketPoolSetup setup;
  setup.name = fresh_name("pool");
  setup.buffers = kBuffers;
  auto pool = PacketPool::create(setup);
  REQUIRE(pool);
  return std::move(*pool);
}

inline PacketRing make_ring(unsigned packets) {
  auto ring = PacketRing::create(fresh_name("ring"), packets, 0);
  REQUIRE(ring);
  return std::move(*ring);
}

inline rte_mbuf* make_packet(PacketPool& pool, std::uint16_t size = 60) {
  rte_mbuf* packet = rte_pktmbuf_alloc(pool.get());
  REQUIRE(packet != nullptr);
  REQUIRE(rte_pktmbuf_append(packet, size) != nullptr);
  return packet;
}

inline std::uint64_t drops(const WorkerCounters& counters, forwarding::DropReason reason) {
  return counters.drops[static_cast<std::size_t>(reason)].value();
}

// A device that takes every packet.
class NullPort {
 public:
  explicit NullPort(PacketPool& pool) : name_(fresh_name("net_null_test")) {
    REQUIRE(rte_eal_hotplug_add("vdev", name_.c_str(), "size=64") == 0);
    const auto device = find_device(name_);
    REQUIRE(device);
    PortSetup setup;
    setup.name = "null";
    setup.device = name_;
    setup.pool = pool.get();
    auto port = Port::open(setup, *device);
    REQUIRE(port);
    port_.emplace(std::move(*port));
    REQUIRE(port_->start());
  }
  ~NullPort() {
    port_.reset();
    rte_eal_hotplug_remove("vdev", name_.c_str());
  }
  NullPort(const NullPort&) = delete;
  NullPort& operator=(const NullPort&) = delete;

  [[nodiscard]] std::uint16_t id() const { return port_->id(); }
  [[nodiscard]] std::uint64_t sent() const { return port_->statistics().sent; }

 private:
  std::string name_;
  std::optional<Port> port_;
};

}  // namespace anyhome::test
