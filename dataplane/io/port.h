// A port: an ethdev of any kind, configured for our workers.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include <rte_mempool.h>

#include "dataplane/io/queue_plan.h"

namespace anyhome::dataplane {

struct PortSetup {
  std::string name;    // the operator's
  std::string device;  // DPDK's
  std::uint16_t mtu = 1500;
  std::uint16_t receive_queues = 1;
  std::uint16_t transmit_queues = 1;
  unsigned receive_descriptors = 1024;
  unsigned transmit_descriptors = 1024;
  rte_mempool* pool = nullptr;
};

// What a driver has counted. Bytes and packets of the wire, with those that never reached us.
struct PortStatistics {
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t missed = 0;  // dropped by the device: no free descriptor (imissed)
  std::uint64_t receive_errors = 0;
  std::uint64_t send_errors = 0;
  std::uint64_t no_buffer = 0;  // packet pool empty on receive (rx_nombuf)
};

struct PortLinkState {
  bool up = false;
  std::uint32_t speed_mbps = 0;  // 0: not known
};

// The device of this name, if DPDK knows it, and how many queues it can have.
struct FoundDevice {
  std::uint16_t id = 0;
  PortQueues queues;
  std::string driver;
  bool multi_segment_transmit = false;
};
std::expected<FoundDevice, std::string> find_device(const std::string& device);

// Names of all devices that DPDK knows, for an error that teaches.
std::string known_devices();

class Port {
 public:
  // Configures the device and its queues; it stays stopped.
  static std::expected<Port, std::string> open(const PortSetup& setup, const FoundDevice& device);
  Port(Port&& other) noexcept;
  Port& operator=(Port&&) = delete;
  ~Port();

  std::expected<void, std::string> start();
  void stop();

  [[nodiscard]] std::uint16_t id() const { return device_.id; }
  [[nodiscard]] const std::string& name() const { return setup_.name; }
  [[nodiscard]] const std::string& device() const { return setup_.device; }
  [[nodiscard]] const std::string& driver() const { return device_.driver; }
  [[nodiscard]] const std::array<std::uint8_t, 6>& mac() const { return mac_; }
  [[nodiscard]] std::uint16_t mtu() const { return setup_.mtu; }
  [[nodiscard]] std::uint16_t receive_queues() const { return setup_.receive_queues; }
  [[nodiscard]] std::uint16_t transmit_queues() const { return setup_.transmit_queues; }
  [[nodiscard]] bool multi_segment_transmit() const { return device_.multi_segment_transmit; }
  // Things that are not as they should be, but do not keep the port from working.
  [[nodiscard]] const std::string& warnings() const { return warnings_; }

  [[nodiscard]] PortLinkState link() const;
  [[nodiscard]] PortStatistics statistics() const;

 private:
  Port(const PortSetup& setup, const FoundDevice& device) : setup_(setup), device_(device) {}
  std::expected<void, std::string> configure();
  std::expected<void, std::string> set_up_queues();
  [[nodiscard]] std::unexpected<std::string> failed(const char* what, int error) const;

  PortSetup setup_;
  FoundDevice device_;
  std::array<std::uint8_t, 6> mac_{};
  std::string warnings_;
  bool open_ = false;
  bool started_ = false;
};

}  // namespace anyhome::dataplane
