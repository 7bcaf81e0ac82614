// A port whose wires are rings in this process: what the test puts into a receive queue is
// received, and what is sent can be looked at.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <rte_dev.h>
#include <rte_eth_ring.h>
#include <rte_ring.h>

#include "test/dpdk/worker_fixture.h"

namespace anyhome::test {

class RingPort {
 public:
  RingPort(PacketPool& pool, std::uint16_t receive_queues, std::uint16_t transmit_queues,
           unsigned capacity = 256) {
    std::vector<rte_ring*> receive = make_rings(receive_queues, capacity, receive_);
    std::vector<rte_ring*> transmit = make_rings(transmit_queues, capacity, transmit_);
    const std::string name = fresh_name("wire");
    REQUIRE(rte_eth_from_rings(name.c_str(), receive.data(), receive_queues, transmit.data(),
                               transmit_queues, 0) >= 0);
    device_ = "net_ring_" + name;
    const auto found = find_device(device_);
    REQUIRE(found);
    PortSetup setup;
    setup.name = name;
    setup.device = device_;
    setup.pool = pool.get();
    setup.receive_queues = receive_queues;
    setup.transmit_queues = transmit_queues;
    auto port = Port::open(setup, *found);
    REQUIRE(port);
    port_.emplace(std::move(*port));
    REQUIRE(port_->start());
  }
  ~RingPort() {
    port_.reset();
    rte_eal_hotplug_remove("vdev", device_.c_str());
    for (const auto* rings : {&receive_, &transmit_}) {
      for (const auto& ring : *rings) {
        void* packet = nullptr;
        while (rte_ring_dequeue(ring.get(), &packet) == 0) {
          rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
        }
      }
    }
  }
  RingPort(const RingPort&) = delete;
  RingPort& operator=(const RingPort&) = delete;

  [[nodiscard]] std::uint16_t id() const { return port_->id(); }
  [[nodiscard]] const Port& port() const { return *port_; }

  void give(unsigned queue, rte_mbuf* frame) {
    REQUIRE(rte_ring_enqueue(receive_[queue].get(), frame) == 0);
  }
  // All of them at once.
  void give(unsigned queue, std::span<rte_mbuf* const> frames) {
    REQUIRE(rte_ring_enqueue_bulk(receive_[queue].get(),
                                  reinterpret_cast<void* const*>(frames.data()),  // NOLINT
                                  static_cast<unsigned>(frames.size()), nullptr) == frames.size());
  }
  // Frames that nobody has received.
  [[nodiscard]] unsigned waiting(unsigned queue) const {
    return rte_ring_count(receive_[queue].get());
  }
  // nullptr: nothing was sent.
  rte_mbuf* take(unsigned queue) {
    void* frame = nullptr;
    return rte_ring_dequeue(transmit_[queue].get(), &frame) == 0 ? static_cast<rte_mbuf*>(frame)
                                                                 : nullptr;
  }

 private:
  struct Free {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
  };
  using Rings = std::vector<std::unique_ptr<rte_ring, Free>>;

  static std::vector<rte_ring*> make_rings(std::uint16_t count, unsigned capacity, Rings& rings) {
    std::vector<rte_ring*> pointers;
    for (std::uint16_t i = 0; i < count; ++i) {
      rings.emplace_back(rte_ring_create(fresh_name("wire-ring").c_str(), capacity, 0,
                                         RING_F_SP_ENQ | RING_F_SC_DEQ));
      REQUIRE(rings.back() != nullptr);
      pointers.push_back(rings.back().get());
    }
    return pointers;
  }

  Rings receive_;
  Rings transmit_;
  std::string device_;
  std::optional<Port> port_;
};

}  // namespace anyhome::test
