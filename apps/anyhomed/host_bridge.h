// Between the data path and the kernel of the same host: twins of the ports, `anyhome0`, and the
// mirror of the kernel's addresses, routes and neighbours in the forwarding tables.
#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apps/anyhomed/data_plane.h"
#include "apps/anyhomed/injector.h"
#include "common/config/config.h"
#include "common/forwarding/punt.h"
#include "dataplane/io/neighbor_resolver.h"
#include "dataplane/io/netlink.h"
#include "dataplane/io/tap.h"

namespace anyhome {

struct HostCounters {
  std::uint64_t to_kernel = 0;
  std::uint64_t from_kernel = 0;
  std::uint64_t not_taken = 0;       // written to a device that did not take it
  std::uint64_t tables_refused = 0;  // kernel routes, neighbours, addresses without room
};

class HostBridge {
 public:
  using Done = std::expected<void, std::string>;

  static std::expected<std::unique_ptr<HostBridge>, std::string> create(
      const config::Config& config, DataPlane& plane, Injector& injector);
  // The twins are gone, and with them addresses and routes.
  ~HostBridge() = default;
  HostBridge(const HostBridge&) = delete;
  HostBridge& operator=(const HostBridge&) = delete;

  // Files to wait for; level-triggered.
  [[nodiscard]] std::vector<int> fds() const;

  // Reads what the kernel has sent and told; bounded. True: there may be more.
  bool poll(const Now& now);
  // Packets whose waiting is over, and neighbours that are in use.
  void on_timer(const Now& now);
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  // A packet for the kernel: the frame as it came if it still has its link-layer header, else the
  // IPv6 packet through `anyhome0`.
  void deliver(const forwarding::PuntMetadata& metadata, ByteView bytes);
  // A packet whose next hop is not resolved.
  void hold(const Now& now, const forwarding::PuntMetadata& metadata, ByteView packet);

  void set_carrier(std::uint16_t port, bool up);
  // Announces the home prefixes and the pools of mobile networks by kernel routes with this metric;
  // nullopt: withdraws them.
  Done announce(std::optional<std::uint32_t> metric);
  [[nodiscard]] bool announced() const { return announced_metric_.has_value(); }
  [[nodiscard]] std::optional<std::uint32_t> announced_metric() const { return announced_metric_; }

  [[nodiscard]] bool synchronized() const { return netlink_.synchronized(); }
  [[nodiscard]] const HostCounters& counters() const { return counters_; }
  [[nodiscard]] const host::NetlinkCounters& netlink_counters() const {
    return netlink_.counters();
  }
  [[nodiscard]] const host::NeighborResolver& resolver() const { return resolver_; }

 private:
  HostBridge(const config::Config& config, DataPlane& plane, Injector& injector,
             host::TunDevice tun, host::Netlink netlink)
      : config_(config),
        plane_(plane),
        injector_(injector),
        tun_(std::move(tun)),
        netlink_(std::move(netlink)) {}

  Done set_up();
  bool read_twin(std::uint16_t port);
  bool read_tun();
  void apply(const Now& now, const host::HostEvent& event);
  void apply_route(const host::RouteSet& route);
  void apply_neighbor(const host::NeighborChanged& change);
  void note_gateways(const Prefix& prefix, const std::vector<host::NextHop>& next_hops);
  template <class Result>
  void check(const char* what, const std::string& which, const Result& result);
  void send_ready();
  [[nodiscard]] bool is_resolved(ByteView packet) const;
  [[nodiscard]] std::optional<std::uint16_t> port_of(host::InterfaceIndex interface) const;
  [[nodiscard]] bool is_mirrored(const Prefix& prefix) const;

  const config::Config& config_;
  DataPlane& plane_;
  Injector& injector_;
  std::vector<host::TapDevice> twins_;  // per port
  host::TunDevice tun_;
  host::Netlink netlink_;
  host::NeighborResolver resolver_;
  std::map<host::InterfaceIndex, std::uint16_t> ports_;
  // Gateways of each route, and how many routes name a gateway: the kernel keeps those resolved.
  std::map<Prefix, std::vector<host::NeighborKey>> gateways_;
  std::map<host::NeighborKey, unsigned> gateway_uses_;
  std::vector<host::WaitingPacket> ready_;  // resolved, until the tables show it
  std::vector<std::byte> buffer_;
  std::vector<host::HostEvent> events_;
  Instant next_use_check_{};
  Instant netlink_retry_{};
  std::optional<std::uint32_t> announced_metric_;
  HostCounters counters_;
};

}  // namespace anyhome
