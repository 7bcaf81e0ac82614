#include "apps/anyhomed/data_plane.h"

#include <algorithm>

#include <fmt/format.h>

#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <rte_random.h>

#include "apps/anyhomed/log.h"
#include "apps/anyhomed/sizing.h"
#include "dataplane/io/placement.h"

namespace anyhome {
namespace {

using namespace dataplane;

// Packets a worker may have waiting for the control thread's frames, and for a queue's owner.
constexpr unsigned kInjectRing = 1024;
constexpr unsigned kHandoverRing = 1024;
// Fragments from one worker to another.
constexpr unsigned kHandoffRing = 256;
// What correspondents are told by default where home agents stand in for each other: Ethernet's
// 1500 less two tunnel headers (rulings §10).
constexpr std::uint16_t kMtuToCorrespondents = 1420;
constexpr std::uint16_t kNoLimit = 0xffff;
// Buffers an lcore keeps at hand; DPDK keeps up to one and a half times as many.
constexpr unsigned kPoolCache = 256;

int socket_of(unsigned lcore) {
  const int socket = static_cast<int>(rte_lcore_to_socket_id(lcore));
  return socket < 0 ? 0 : socket;
}

PipelineConfig make_pipeline_config(const config::Config& config, const std::vector<Port>& ports) {
  PipelineConfig pipeline;
  for (std::size_t i = 0; i < ports.size(); ++i) {
    pipeline.ports.push_back({ports[i].mac(), config.ports[i].vlan, config.ports[i].mtu,
                              config.ports[i].home_link, config.ports[i].haha});
  }
  const config::HomeAgent& agent = config.home_agent;
  for (const Prefix& prefix : agent.home_prefixes) {
    pipeline.home_prefixes.emplace_back(prefix);
  }
  for (const config::NemoPool& pool : agent.nemo_pools) {
    pipeline.pools.push_back({PrefixTest(pool.pool), pool.prefix_length});
  }
  pipeline.own_address = agent.address.address();
  pipeline.home_agent = AddressTest(agent.address.address());
  if (agent.locator) {
    pipeline.own_locator = agent.locator->address();
    pipeline.locator = AddressTest(agent.locator->address());
  }
  for (const config::Peer& peer : agent.haha.peers) {
    pipeline.peers.add(peer.locator);
  }
  pipeline.link_mtu = agent.haha.link_mtu;
  const config::DataPath& path = config.data_path;
  pipeline.mtu_to_correspondents =
      path.mtu_to_correspondents.value_or(agent.haha.alone() ? kNoLimit : kMtuToCorrespondents);
  pipeline.clamp_tcp_mss = path.clamp_tcp_mss;
  pipeline.reassembly = {path.reassembly_datagrams, path.reassembly_bytes, path.reassembly_timeout};
  pipeline.code_points = agent.code_points;
  pipeline.has_host = config.data_path.host == config::HostMode::Kernel;
  pipeline.copy_traffic_class = config.data_path.copy_traffic_class;
  return pipeline;
}

// An agent's rate divided by its workers; at least one, unless it is to be none at all.
std::uint32_t share(unsigned rate, std::size_t workers) {
  const auto part = static_cast<std::uint32_t>(rate / workers);
  return rate == 0 ? 0 : std::max(part, 1U);
}

int run_worker(void* worker) {
  static_cast<Worker*>(worker)->run();
  return 0;
}

}  // namespace

void DataPlane::FreeMemory::operator()(void* memory) const { rte_free(memory); }

std::expected<std::unique_ptr<DataPlane>, std::string> DataPlane::create(
    const config::Config& config) {
  std::unique_ptr<DataPlane> plane(new DataPlane(config));
  for (const auto step :
       {&DataPlane::find_lcores, &DataPlane::create_ports, &DataPlane::create_tables,
        &DataPlane::create_rings, &DataPlane::create_handoff_rings}) {
    if (auto done = (plane.get()->*step)(); !done) {
      return std::unexpected(done.error());
    }
  }
  plane->create_lanes();
  plane->create_workers();
  plane->warn_of_distance();
  return plane;
}

DataPlane::~DataPlane() { stop(); }

DataPlane::Done DataPlane::find_lcores() {
  unsigned lcore = 0;
  RTE_LCORE_FOREACH_WORKER(lcore) { lcores_.push_back(lcore); }
  if (lcores_.empty()) {
    return std::unexpected(
        "EAL has one lcore only, which is the control thread's; give it another for forwarding: "
        "-l 0,1, or on a machine with few processors --lcores '0@(0,1),1@(0,1)'");
  }
  return {};
}

void DataPlane::warn_of_distance() const {
  std::vector<Placed> placed;
  placed.push_back({"the control thread's lcore", socket_of(rte_get_main_lcore())});
  for (const unsigned lcore : lcores_) {
    placed.push_back({fmt::format("worker lcore {}", lcore), socket_of(lcore)});
  }
  for (const Port& port : ports_) {
    placed.push_back({fmt::format("port {}", port.name()), rte_eth_dev_socket_id(port.id())});
  }
  for (const std::string& line :
       far_from(socket_of(lcores_.front()), placed, "run one agent on each node (-l, -a)")) {
    log::warning("{}", line);
  }
}

unsigned DataPlane::derived_buffers(const std::vector<FoundDevice>& devices) const {
  const config::DataPath& path = config_.data_path;
  std::size_t buffers = 0;
  for (std::size_t port = 0; port < devices.size(); ++port) {
    buffers += plan_.receive_queues[port] * path.receive_descriptors;
    buffers += plan_.transmit_queues[port] * path.transmit_descriptors;
    buffers += (lcores_.size() - plan_.transmit_queues[port]) * kHandoverRing;
  }
  // Per worker: its ring to the control thread, what waits for other fragments, its cache, and a
  // burst of each queue.
  buffers += lcores_.size() * (path.punt_ring + path.reassembly_datagrams * kMaxFragments +
                               kPoolCache * 3 / 2 + kMaxBurst * (devices.size() + 1));
  buffers += lcores_.size() * (lcores_.size() - 1) * (kHandoffRing + kMaxBurst);
  return static_cast<unsigned>(buffers);
}

DataPlane::Done DataPlane::create_pools(const std::vector<FoundDevice>& devices) {
  const auto largest = std::ranges::max_element(config_.ports, {}, &config::Port::mtu);
  const unsigned wanted = config_.data_path.packet_buffers != 0 ? config_.data_path.packet_buffers
                                                                : derived_buffers(devices);
  PacketPoolSetup setup;
  setup.name = "anyhome_packets";
  setup.buffers = wanted;
  // A cache must leave the pool something: at most two thirds of it (rte_mempool_create).
  setup.cache = std::min<unsigned>(kPoolCache, wanted / 4);
  setup.max_mtu = largest->mtu;
  setup.socket = socket_of(lcores_.front());
  setup.shared_processors = config_.data_path.idle;
  auto workers = PacketPool::create(setup);
  if (!workers) {
    return std::unexpected(workers.error());
  }
  worker_pool_ = std::make_unique<PacketPool>(std::move(*workers));
  // The control thread's own: a flood of data must not keep it from acknowledging a Binding Update.
  setup.name = "anyhome_control";
  setup.buffers = static_cast<unsigned>(lcores_.size() * kInjectRing + 512);
  setup.cache = 0;
  auto control = PacketPool::create(setup);
  if (!control) {
    return std::unexpected(control.error());
  }
  control_pool_ = std::make_unique<PacketPool>(std::move(*control));
  return {};
}

DataPlane::Done DataPlane::create_ports() {
  std::vector<FoundDevice> devices;
  std::vector<PortQueues> queues;
  for (const config::Port& port : config_.ports) {
    auto device = find_device(port.device);
    if (!device) {
      return std::unexpected(fmt::format("port {}: {}", port.name, device.error()));
    }
    queues.push_back(device->queues);
    devices.push_back(std::move(*device));
  }
  plan_ = plan_queues(queues, static_cast<std::uint16_t>(lcores_.size()));
  if (auto done = create_pools(devices); !done) {
    return done;
  }
  ports_.reserve(devices.size());
  for (std::size_t i = 0; i < devices.size(); ++i) {
    PortSetup setup;
    setup.name = config_.ports[i].name;
    setup.device = config_.ports[i].device;
    setup.mtu = config_.ports[i].mtu;
    setup.receive_queues = plan_.receive_queues[i];
    setup.transmit_queues = plan_.transmit_queues[i];
    setup.receive_descriptors = config_.data_path.receive_descriptors;
    setup.transmit_descriptors = config_.data_path.transmit_descriptors;
    setup.pool = worker_pool_->get();
    auto port = Port::open(setup, devices[i]);
    if (!port) {
      return std::unexpected(port.error());
    }
    if (!port->warnings().empty()) {
      log::warning("port={} {}", port->name(), port->warnings());
    }
    ports_.push_back(std::move(*port));
  }
  return {};
}

DataPlane::Done DataPlane::create_tables() {
  const std::size_t bytes = rte_rcu_qsbr_get_memsize(static_cast<unsigned>(lcores_.size()));
  qsbr_.reset(static_cast<rte_rcu_qsbr*>(rte_zmalloc("anyhome_qsbr", bytes, kCacheLine)));
  if (qsbr_ == nullptr ||
      rte_rcu_qsbr_init(qsbr_.get(), static_cast<unsigned>(lcores_.size())) != 0) {
    return std::unexpected("no memory for the workers' quiescent states: give EAL more (-m)");
  }
  for (unsigned worker = 0; worker < lcores_.size(); ++worker) {
    rte_rcu_qsbr_thread_register(qsbr_.get(), worker);
  }
  TableSetup setup;
  setup.sizes.max_bindings = config_.home_agent.max_bindings;
  setup.sizes.max_prefixes = config_.home_agent.max_prefixes;
  setup.sizes.max_prefixes_outside_pools = std::min<std::uint32_t>(
      setup.sizes.max_prefixes_outside_pools, config_.home_agent.max_prefixes);
  setup.sizes.max_routes = config_.data_path.max_routes;
  setup.sizes.max_neighbors = config_.data_path.max_neighbors;
  for (std::size_t i = 0; i < ports_.size(); ++i) {
    setup.ports.push_back({ports_[i].mac(), config_.ports[i].vlan, config_.ports[i].mtu});
  }
  setup.home_prefixes = config_.home_agent.home_prefixes;
  setup.pools = config_.home_agent.nemo_pools;
  setup.tunnel_hop_limit = config_.data_path.tunnel_hop_limit;
  setup.qsbr = qsbr_.get();
  setup.socket = socket_of(lcores_.front());
  setup.hash_seed = rte_rand();
  setup.binding_index = config_.data_path.binding_index;
  auto tables = ForwardingTables::create(setup);
  if (!tables) {
    return std::unexpected(tables.error());
  }
  tables_ = std::move(*tables);
  return {};
}

DataPlane::Done DataPlane::create_rings() {
  const int socket = socket_of(lcores_.front());
  const auto add = [&](std::vector<std::unique_ptr<PacketRing>>& rings, const std::string& name,
                       unsigned packets) -> Done {
    auto ring = PacketRing::create(name, packets, socket);
    if (!ring) {
      return std::unexpected(ring.error());
    }
    rings.push_back(std::make_unique<PacketRing>(std::move(*ring)));
    return {};
  };
  for (std::size_t worker = 0; worker < lcores_.size(); ++worker) {
    if (auto done = add(punts_, fmt::format("punt_{}", worker), config_.data_path.punt_ring);
        !done) {
      return done;
    }
    if (auto done = add(injects_, fmt::format("inject_{}", worker), kInjectRing); !done) {
      return done;
    }
  }
  for (std::size_t port = 0; port < ports_.size(); ++port) {
    auto& rings = handovers_.emplace_back();
    for (std::size_t worker = 0; worker < lcores_.size(); ++worker) {
      if (plan_.transmit[port][worker].owner == worker) {
        rings.push_back(nullptr);
      } else if (auto done = add(rings, fmt::format("handover_{}_{}", port, worker), kHandoverRing);
                 !done) {
        return done;
      }
    }
  }
  return {};
}

// One ring from each worker to each other.
DataPlane::Done DataPlane::create_handoff_rings() {
  if (lcores_.size() == 1) {
    return {};
  }
  for (std::size_t from = 0; from < lcores_.size(); ++from) {
    auto& rings = handoffs_.emplace_back(lcores_.size());
    for (std::size_t to = 0; to < lcores_.size(); ++to) {
      if (from == to) {
        continue;
      }
      auto ring = PacketRing::create(fmt::format("handoff_{}_{}", from, to), kHandoffRing,
                                     socket_of(lcores_[to]));
      if (!ring) {
        return std::unexpected(ring.error());
      }
      rings[to] = std::make_unique<PacketRing>(std::move(*ring));
    }
  }
  return {};
}

std::size_t DataPlane::ring_places() const {
  std::size_t places = 0;
  const auto add = [&](const std::vector<std::unique_ptr<PacketRing>>& rings) {
    for (const auto& ring : rings) {
      places += ring == nullptr ? 0 : ring->capacity() + 1;
    }
  };
  add(punts_);
  add(injects_);
  for (const auto* rings : {&handovers_, &handoffs_}) {
    for (const auto& row : *rings) {
      add(row);
    }
  }
  return places;
}

void DataPlane::create_lanes() {
  for (std::size_t port = 0; port < ports_.size(); ++port) {
    ports_down_.emplace_back(false);
  }
  const bool shared = config_.data_path.shares_work() && lcores_.size() > 1;
  for (std::size_t worker = 0; worker < lcores_.size(); ++worker) {
    std::vector<PollQueue> receive;
    for (const ReceiveQueue& queue : plan_.receive[worker]) {
      receive.push_back({queue.port, ports_[queue.port].id(), queue.queue});
    }
    std::vector<TransmitPath> transmit;
    for (std::size_t port = 0; port < ports_.size(); ++port) {
      transmit.push_back({ports_[port].id(), plan_.transmit[port][worker].queue,
                          ports_[port].multi_segment_transmit(), handovers_[port][worker].get(),
                          &ports_down_[port]});
    }
    lanes_.push_back(std::make_unique<Lane>(std::move(receive), std::move(transmit), shared));
  }
}

void DataPlane::create_workers() {
  pipeline_ = make_pipeline_config(config_, ports_);
  const std::size_t count = lcores_.size();
  const config::DataPath& path = config_.data_path;
  for (unsigned index = 0; index < count; ++index) {
    WorkerSetup setup;
    setup.index = index;
    setup.pipeline = pipeline_;
    setup.pipeline.icmp_rates = {share(path.icmp_unreachable_rate, count),
                                 share(path.icmp_packet_too_big_rate, count),
                                 share(path.icmp_error_rate, count)};
    // A storm is to reach the queues of the control thread, which give up what is oldest; here the
    // newest would be lost. A tenth of a second's worth may come at once: as much as they hold.
    auto& mobility =
        setup.pipeline.punt_rates[static_cast<std::size_t>(forwarding::PuntClass::Mobility)];
    mobility = std::max(mobility, 10 * control_queue_places(config_));
    for (std::uint32_t& rate : setup.pipeline.punt_rates) {
      rate = share(rate, count);
    }
    // Random, and apart by the worker's number in the high bits: no two workers meet for long.
    setup.pipeline.fragment_seed =
        static_cast<std::uint32_t>(rte_rand() & 0x00ff'ffffU) | (index << 24U);
    setup.tables = tables_->readers();
    setup.adjacencies = tables_->adjacency_capacity();
    setup.qsbr = qsbr_.get();
    setup.pool = worker_pool_->get();
    setup.lane = lanes_[index].get();
    for (std::size_t other = 1; other < count && path.shares_work(); ++other) {
      setup.others.push_back(lanes_[(index + other) % count].get());
    }
    for (std::uint16_t port = 0; port < ports_.size(); ++port) {
      for (std::size_t other = 0; other < count; ++other) {
        if (handovers_[port][other] != nullptr && plan_.transmit[port][other].owner == index) {
          setup.adopted.push_back({port, handovers_[port][other].get()});
        }
      }
    }
    if (!handoffs_.empty()) {
      setup.pipeline.worker = index;
      setup.pipeline.workers = static_cast<std::uint32_t>(count);
      for (std::size_t other = 0; other < count; ++other) {
        setup.hand_to.push_back(handoffs_[index][other].get());
        if (other != index) {
          setup.taken_from.push_back(handoffs_[other][index].get());
        }
      }
    }
    setup.punts = punts_[index].get();
    setup.injects = injects_[index].get();
    setup.wake = &wake_;
    setup.burst = path.burst;
    setup.idle = path.idle;
    workers_.push_back(std::make_unique<Worker>(std::move(setup)));
  }
}

std::size_t DataPlane::transmitting_worker(std::uint16_t port) const {
  return plan_.transmit[port].front().owner;
}

std::expected<void, TableRefusal> DataPlane::set_port_up(std::uint16_t port, bool up) {
  ports_down_[port].store(!up, std::memory_order_relaxed);
  return tables_->set_port_up(port, up);
}

bool DataPlane::take_used(AdjacencyIndex adjacency) {
  bool used = false;
  for (const auto& worker : workers_) {
    used = worker->take_used(adjacency) || used;
  }
  return used;
}

std::expected<void, std::string> DataPlane::start() {
  for (std::size_t worker = 0; worker < workers_.size(); ++worker) {
    if (rte_eal_remote_launch(run_worker, workers_[worker].get(), lcores_[worker]) != 0) {
      return std::unexpected(fmt::format("lcore {} cannot be started", lcores_[worker]));
    }
  }
  running_ = true;
  for (Port& port : ports_) {
    if (auto done = port.start(); !done) {
      return done;
    }
  }
  for (const auto& worker : workers_) {
    worker->start_polling();
  }
  return {};
}

void DataPlane::stop() {
  if (!running_) {
    return;
  }
  running_ = false;
  for (const auto& worker : workers_) {
    worker->stop();
  }
  rte_eal_mp_wait_lcore();
  for (Port& port : ports_) {
    port.stop();
  }
}

}  // namespace anyhome
