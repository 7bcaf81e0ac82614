#include "dataplane/io/port.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include <rte_errno.h>
#include <rte_ethdev.h>

namespace anyhome::dataplane {

std::expected<FoundDevice, std::string> find_device(const std::string& device) {
  FoundDevice found;
  if (rte_eth_dev_get_port_by_name(device.c_str(), &found.id) != 0) {
    const std::string known = known_devices();
    return std::unexpected(fmt::format(
        "DPDK knows no device {}; it knows {}. Give EAL --vdev={},... for a virtual device, or -a "
        "{} for one on the PCI bus that is bound to a driver for user space",
        device, known.empty() ? "none" : known, device, device));
  }
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(found.id, &info); error != 0) {
    return std::unexpected(
        fmt::format("device {} does not tell what it can do: {}", device, rte_strerror(-error)));
  }
  found.queues = {info.max_rx_queues, info.max_tx_queues};
  found.driver = info.driver_name != nullptr ? info.driver_name : "";
  found.multi_segment_transmit = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
  return found;
}

std::string known_devices() {
  std::string names;
  for (std::uint16_t id = rte_eth_find_next(0); id < RTE_MAX_ETHPORTS;
       id = rte_eth_find_next(static_cast<std::uint16_t>(id + 1))) {
    std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
    if (rte_eth_dev_get_name_by_port(id, name.data()) == 0) {
      names += (names.empty() ? "" : ", ") + std::string(name.data());
    }
  }
  return names;
}

std::expected<Port, std::string> Port::open(const PortSetup& setup, const FoundDevice& device) {
  Port port(setup, device);
  if (auto done = port.configure(); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = port.set_up_queues(); !done) {
    return std::unexpected(done.error());
  }
  return port;
}

Port::Port(Port&& other) noexcept
    : setup_(std::move(other.setup_)),
      device_(std::move(other.device_)),
      mac_(other.mac_),
      warnings_(std::move(other.warnings_)),
      open_(std::exchange(other.open_, false)),
      started_(std::exchange(other.started_, false)) {}

Port::~Port() {
  stop();
  if (open_) {
    rte_eth_dev_close(device_.id);
  }
}

std::unexpected<std::string> Port::failed(const char* what, int error) const {
  return std::unexpected(fmt::format("port {} ({}): {}: {}", setup_.name, setup_.device, what,
                                     rte_strerror(error < 0 ? -error : error)));
}

std::expected<void, std::string> Port::configure() {
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(device_.id, &info); error != 0) {
    return failed("no device information", error);
  }
  rte_eth_conf conf{};
  conf.rxmode.mtu = std::clamp<std::uint32_t>(setup_.mtu, info.min_mtu, info.max_mtu);
  if (setup_.receive_queues > 1) {
    // Whatever of the IPv6 flow the device can hash; a fanout like AF_PACKET's needs none of it.
    const std::uint64_t wanted = RTE_ETH_RSS_IPV6 | RTE_ETH_RSS_NONFRAG_IPV6_OTHER |
                                 RTE_ETH_RSS_NONFRAG_IPV6_TCP | RTE_ETH_RSS_NONFRAG_IPV6_UDP;
    conf.rx_adv_conf.rss_conf.rss_hf = wanted & info.flow_type_rss_offloads;
    conf.rxmode.mq_mode =
        conf.rx_adv_conf.rss_conf.rss_hf != 0 ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE;
  }
  if (device_.multi_segment_transmit) {
    conf.txmode.offloads |= RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
  }
  if (const int error =
          rte_eth_dev_configure(device_.id, setup_.receive_queues, setup_.transmit_queues, &conf);
      error != 0) {
    return failed("cannot be configured", error);
  }
  open_ = true;
  rte_ether_addr mac{};
  if (const int error = rte_eth_macaddr_get(device_.id, &mac); error != 0) {
    return failed("has no MAC address", error);
  }
  std::copy_n(mac.addr_bytes, mac_.size(), mac_.begin());
  std::uint16_t mtu = 0;
  rte_eth_dev_get_mtu(device_.id, &mtu);
  if (mtu != setup_.mtu) {
    if (const int error = rte_eth_dev_set_mtu(device_.id, setup_.mtu);
        error != 0 && mtu < setup_.mtu) {
      warnings_ = fmt::format("the device stays at an MTU of {} ({}); larger packets may be lost",
                              mtu, rte_strerror(-error));
    }
  }
  return {};
}

std::expected<void, std::string> Port::set_up_queues() {
  auto receive = static_cast<std::uint16_t>(setup_.receive_descriptors);
  auto transmit = static_cast<std::uint16_t>(setup_.transmit_descriptors);
  if (const int error = rte_eth_dev_adjust_nb_rx_tx_desc(device_.id, &receive, &transmit);
      error != 0) {
    return failed("refuses the numbers of descriptors", error);
  }
  const int socket = rte_eth_dev_socket_id(device_.id);
  const auto on_socket = static_cast<unsigned>(socket < 0 ? 0 : socket);
  for (std::uint16_t queue = 0; queue < setup_.receive_queues; ++queue) {
    if (const int error =
            rte_eth_rx_queue_setup(device_.id, queue, receive, on_socket, nullptr, setup_.pool);
        error != 0) {
      return failed("cannot set up a receive queue", error);
    }
  }
  for (std::uint16_t queue = 0; queue < setup_.transmit_queues; ++queue) {
    if (const int error = rte_eth_tx_queue_setup(device_.id, queue, transmit, on_socket, nullptr);
        error != 0) {
      return failed("cannot set up a transmit queue", error);
    }
  }
  return {};
}

std::expected<void, std::string> Port::start() {
  if (const int error = rte_eth_dev_start(device_.id); error != 0) {
    return failed("does not start", error);
  }
  started_ = true;
  // Neighbour discovery and routing protocols are multicast; drivers without a filter say "not
  // supported" and give us everything anyway.
  rte_eth_allmulticast_enable(device_.id);
  return {};
}

void Port::stop() {
  if (std::exchange(started_, false)) {
    rte_eth_dev_stop(device_.id);
  }
}

PortLinkState Port::link() const {
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(device_.id, &link) != 0) {
    return {};
  }
  PortLinkState state;
  state.up = link.link_status == RTE_ETH_LINK_UP;
  state.speed_mbps = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
  return state;
}

PortStatistics Port::statistics() const {
  rte_eth_stats raw{};
  if (rte_eth_stats_get(device_.id, &raw) != 0) {
    return {};
  }
  return {raw.ipackets, raw.ibytes,  raw.opackets, raw.obytes,
          raw.imissed,  raw.ierrors, raw.oerrors,  raw.rx_nombuf};
}

}  // namespace anyhome::dataplane
