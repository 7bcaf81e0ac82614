#include "apps/anyhome-pktgen/ports.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include <fmt/format.h>

#include <rte_ethdev.h>

namespace anyhome::pktgen {
namespace {

using dataplane::Port;
using Clock = std::chrono::steady_clock;

constexpr unsigned kDescriptors = 1024;
constexpr unsigned kPoolCache = 256;
constexpr unsigned kSpareBuffers = 1024;
// What two tunnels add to a frame that comes back.
constexpr unsigned kTunnels = 80;
constexpr unsigned kMinMtu = 1500;
constexpr unsigned kFrameOverhead = kEthernetHeader + kFcs;
constexpr std::chrono::milliseconds kPoll{2};
constexpr std::chrono::milliseconds kRetry{100};

std::vector<std::string> all_devices() {
  std::vector<std::string> names;
  for (auto id = static_cast<std::uint16_t>(rte_eth_find_next(0)); id < RTE_MAX_ETHPORTS;
       id = static_cast<std::uint16_t>(rte_eth_find_next(static_cast<std::uint16_t>(id + 1)))) {
    std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
    if (rte_eth_dev_get_name_by_port(id, name.data()) == 0) {
      names.emplace_back(name.data());
    }
  }
  return names;
}

// Of what is sent, without tunnels.
unsigned largest_frame(const Options& options) {
  unsigned largest = options.traffic.sizes.largest();
  for (const FrameSizes& sizes : options.sweep_sizes) {
    largest = std::max<unsigned>(largest, sizes.largest());
  }
  for (const UserPacket& packet : options.traffic.templates) {
    largest = std::max(largest, static_cast<unsigned>(packet.bytes.size()) + kFrameOverhead);
  }
  for (const auto& frame : options.traffic.pcap_frames) {
    largest = std::max(largest, static_cast<unsigned>(frame.size()) + kFcs);
  }
  return largest;
}

// What goes out and comes back in tunnels, as far as the device takes it.
unsigned needed_mtu(const Options& options, std::uint16_t device) {
  rte_eth_dev_info info{};
  rte_eth_dev_info_get(device, &info);
  const unsigned most = std::min<unsigned>(info.max_mtu, info.max_rx_pktlen - kFrameOverhead);
  return std::min(std::max(largest_frame(options) - kFrameOverhead + kTunnels, kMinMtu),
                  std::max(most, kMinMtu));
}

}  // namespace

std::expected<Ports, std::string> Ports::find(const Options& options) {
  Ports found;
  found.names_ = options.ports.empty() ? all_devices() : options.ports;
  if (found.names_.empty()) {
    return std::unexpected(
        "DPDK has no port; give EAL --vdev=net_virtio_user0,... for a virtual one, or -a for one "
        "on the "
        "PCI bus that is bound to a driver for user space");
  }
  for (const std::string& name : found.names_) {
    auto device = dataplane::find_device(name);
    if (!device) {
      return std::unexpected(device.error());
    }
    found.devices_.push_back(std::move(*device));
  }
  return found;
}

Ports::~Ports() {
  for (Port& port : ports_) {
    port.stop();
  }
}

std::vector<PortLimits> Ports::limits() const {
  std::vector<PortLimits> limits;
  for (const dataplane::FoundDevice& device : devices_) {
    limits.push_back({device.id, device.queues.max_receive, device.queues.max_transmit,
                      device.driver == "net_ring"});
  }
  return limits;
}

std::expected<void, std::string> Ports::open(const Options& options, const LcorePlan& plan) {
  std::vector<unsigned> mtus;
  std::size_t queues = 0;
  for (std::size_t i = 0; i < devices_.size(); ++i) {
    mtus.push_back(needed_mtu(options, devices_[i].id));
    queues += plan.senders + plan.receive_queues[i];
  }
  dataplane::PacketPoolSetup pool;
  pool.name = "anyhome_pktgen";
  pool.cache = kPoolCache;
  pool.max_mtu = std::max(std::ranges::max(mtus), largest_frame(options));
  pool.shared_processors = options.idle;
  pool.buffers = static_cast<unsigned>(queues * kDescriptors + plan.lcores.size() * kPoolCache * 2 +
                                       kSpareBuffers);
  auto made = dataplane::PacketPool::create(pool);
  if (!made) {
    return std::unexpected(made.error());
  }
  pool_ = std::make_unique<dataplane::PacketPool>(std::move(*made));
  ports_.reserve(names_.size());
  for (std::size_t i = 0; i < names_.size(); ++i) {
    dataplane::PortSetup setup;
    setup.name = names_[i];
    setup.device = names_[i];
    setup.mtu = static_cast<std::uint16_t>(mtus[i]);
    setup.receive_queues = plan.receive_queues[i];
    setup.transmit_queues = static_cast<std::uint16_t>(plan.senders);
    setup.receive_descriptors = kDescriptors;
    setup.transmit_descriptors = kDescriptors;
    setup.pool = pool_->get();
    auto port = Port::open(setup, devices_[i]);
    if (!port) {
      return std::unexpected(port.error());
    }
    if (!port->warnings().empty()) {
      fmt::print(stderr, "anyhome-pktgen: port {}: {}\n", names_[i], port->warnings());
    }
    ports_.push_back(std::move(*port));
  }
  return {};
}

std::expected<void, std::string> Ports::start(const Options& options) {
  const auto deadline = Clock::now() + options.link_wait;
  for (Port& port : ports_) {
    auto done = port.start();
    // A memif's socket may not be there yet; elsewhere a second try is worth nothing.
    while (!done && port.driver() == "net_memif" && Clock::now() < deadline) {
      std::this_thread::sleep_for(kRetry);
      done = port.start();
    }
    if (!done) {
      return done;
    }
  }
  for (const Port& port : ports_) {
    while (!port.link().up) {
      if (Clock::now() >= deadline) {
        return std::unexpected(fmt::format("port {}: no link after {} s; is the other side there?",
                                           port.name(),
                                           static_cast<double>(options.link_wait.count()) / 1000));
      }
      std::this_thread::sleep_for(kPoll);
    }
  }
  // A link is looked at now and then on the other side: what comes back before that is dropped.
  std::this_thread::sleep_for(options.link_settle);
  return {};
}

std::vector<std::string> Ports::without_link() const {
  std::vector<std::string> names;
  for (const Port& port : ports_) {
    if (!port.link().up) {
      names.push_back(port.name());
    }
  }
  return names;
}

std::uint64_t Ports::missed() const {
  std::uint64_t total = 0;
  for (const Port& port : ports_) {
    const auto statistics = port.statistics();
    total += statistics.missed + statistics.no_buffer + statistics.receive_errors;
  }
  return total;
}

}  // namespace anyhome::pktgen
