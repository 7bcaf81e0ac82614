// Everything that forwards: ports, pools, rings, tables and workers, put together out of a
// configuration and taken down in the opposite order.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include <rte_rcu_qsbr.h>

#include "common/config/config.h"
#include "dataplane/io/packet_pool.h"
#include "dataplane/io/packet_ring.h"
#include "dataplane/io/port.h"
#include "dataplane/io/queue_plan.h"
#include "dataplane/tables/forwarding_tables.h"
#include "dataplane/worker/wake.h"
#include "dataplane/worker/worker.h"

namespace anyhome {

class DataPlane {
 public:
  // Needs a started EAL with at least one worker lcore. Ports are configured and stopped.
  static std::expected<std::unique_ptr<DataPlane>, std::string> create(
      const config::Config& config);
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  // Workers first, then the ports (docs/architecture.md).
  std::expected<void, std::string> start();
  void stop();

  [[nodiscard]] std::vector<dataplane::Port>& ports() { return ports_; }
  [[nodiscard]] const std::vector<dataplane::Port>& ports() const { return ports_; }
  [[nodiscard]] dataplane::ForwardingTables& tables() { return *tables_; }
  [[nodiscard]] const dataplane::ForwardingTables& tables() const { return *tables_; }
  [[nodiscard]] dataplane::WakeSignal& wake() { return wake_; }
  [[nodiscard]] const dataplane::PipelineConfig& pipeline_config() const { return pipeline_; }

  [[nodiscard]] std::size_t workers() const { return workers_.size(); }
  [[nodiscard]] const dataplane::WorkerCounters& worker_counters(std::size_t worker) const {
    return workers_[worker]->counters();
  }
  [[nodiscard]] unsigned worker_lcore(std::size_t worker) const { return lcores_[worker]; }
  // Whether a neighbour's adjacency was sent by since the last call.
  bool take_used(dataplane::AdjacencyIndex adjacency);

  // From the workers to the control thread, and back.
  [[nodiscard]] dataplane::PacketRing& punts(std::size_t worker) { return *punts_[worker]; }
  [[nodiscard]] const dataplane::PacketRing& punts(std::size_t worker) const {
    return *punts_[worker];
  }
  [[nodiscard]] dataplane::PacketRing& injects(std::size_t worker) { return *injects_[worker]; }
  [[nodiscard]] const dataplane::PacketRing& injects(std::size_t worker) const {
    return *injects_[worker];
  }
  // Tells tables and workers whether a port has a link.
  std::expected<void, dataplane::TableRefusal> set_port_up(std::uint16_t port, bool up);

  // From one worker to another; null for oneself.
  [[nodiscard]] const dataplane::PacketRing* handoffs(std::size_t from, std::size_t to) const {
    return handoffs_.empty() ? nullptr : handoffs_[from][to].get();
  }
  // A worker that owns a transmit queue of the port.
  [[nodiscard]] std::size_t transmitting_worker(std::uint16_t port) const;

  [[nodiscard]] dataplane::PacketPool& worker_pool() { return *worker_pool_; }
  [[nodiscard]] dataplane::PacketPool& control_pool() { return *control_pool_; }
  [[nodiscard]] const dataplane::PacketPool& worker_pool() const { return *worker_pool_; }
  [[nodiscard]] const dataplane::PacketPool& control_pool() const { return *control_pool_; }
  [[nodiscard]] const dataplane::QueuePlan& plan() const { return plan_; }
  // Places of all rings together.
  [[nodiscard]] std::size_t ring_places() const;

 private:
  using Done = std::expected<void, std::string>;

  explicit DataPlane(const config::Config& config) : config_(config) {}
  Done find_lcores();
  Done create_ports();
  Done create_pools(const std::vector<dataplane::FoundDevice>& devices);
  Done create_tables();
  Done create_rings();
  Done create_handoff_rings();
  void create_lanes();
  void create_workers();
  // Memory is on the first worker's NUMA node.
  void warn_of_distance() const;
  [[nodiscard]] unsigned derived_buffers(const std::vector<dataplane::FoundDevice>& devices) const;

  struct FreeMemory {
    void operator()(void* memory) const;
  };

  const config::Config& config_;
  std::vector<unsigned> lcores_;
  dataplane::QueuePlan plan_;
  std::unique_ptr<dataplane::PacketPool> worker_pool_;
  std::unique_ptr<dataplane::PacketPool> control_pool_;
  std::vector<dataplane::Port> ports_;
  std::unique_ptr<rte_rcu_qsbr, FreeMemory> qsbr_;
  std::unique_ptr<dataplane::ForwardingTables> tables_;
  std::vector<std::unique_ptr<dataplane::PacketRing>> punts_;
  std::vector<std::unique_ptr<dataplane::PacketRing>> injects_;
  // Per port, per worker: to the owner of the queue; null where the worker has its own.
  std::vector<std::vector<std::unique_ptr<dataplane::PacketRing>>> handovers_;
  std::deque<std::atomic<bool>> ports_down_;
  // By worker and worker; empty where there is one only.
  std::vector<std::vector<std::unique_ptr<dataplane::PacketRing>>> handoffs_;
  dataplane::WakeSignal wake_;
  dataplane::PipelineConfig pipeline_;
  std::vector<std::unique_ptr<dataplane::Lane>> lanes_;  // by worker
  std::vector<std::unique_ptr<dataplane::Worker>> workers_;
  bool running_ = false;
};

}  // namespace anyhome
