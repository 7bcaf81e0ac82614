#include "apps/anyhomed/host_bridge.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include <net/if.h>

#include "apps/anyhomed/log.h"
#include "common/wire/ipv6.h"
#include "dataplane/pipeline/next_hop.h"

namespace anyhome {
namespace {

// Frames or packets taken from one device in a row.
constexpr unsigned kReadsPerPoll = 64;
constexpr std::size_t kMacAddresses = 12;
constexpr std::size_t kVlanTag = 4;
constexpr std::size_t kLinkHeader = 18;
// How often neighbours in use are looked for; the resolver asks each one every 20 s.
constexpr Duration kUseCheck = std::chrono::seconds(5);
// netlink is asked again this long after an error.
constexpr Duration kNetlinkRetry = std::chrono::seconds(1);

}  // namespace

std::expected<std::unique_ptr<HostBridge>, std::string> HostBridge::create(
    const config::Config& config, DataPlane& plane, Injector& injector) {
  // What goes in there gets another header on its way out.
  std::uint32_t tun_mtu = 65535;
  for (const config::Port& port : config.ports) {
    tun_mtu = std::min<std::uint32_t>(
        tun_mtu,
        std::max<std::uint32_t>(port.mtu - static_cast<std::uint32_t>(wire::kIpv6HeaderSize),
                                static_cast<std::uint32_t>(wire::kMinimumMtu)));
  }
  auto tun = host::TunDevice::open({config.runtime.tun_device, tun_mtu});
  if (!tun) {
    return std::unexpected(tun.error());
  }
  host::NetlinkOptions options;
  options.home_interface = tun->ifindex();
  auto netlink = host::Netlink::open(options);
  if (!netlink) {
    return std::unexpected(netlink.error());
  }
  std::unique_ptr<HostBridge> bridge(
      new HostBridge(config, plane, injector, std::move(*tun), std::move(*netlink)));
  if (auto done = bridge->set_up(); !done) {
    return std::unexpected(done.error());
  }
  return bridge;
}

HostBridge::Done HostBridge::set_up() {
  std::size_t largest = 0;
  for (std::uint16_t port = 0; port < config_.ports.size(); ++port) {
    const config::Port& settings = config_.ports[port];
    auto twin = host::TapDevice::open({settings.name, plane_.ports()[port].mac(), settings.mtu});
    if (!twin) {
      return std::unexpected(twin.error());
    }
    ports_[twin->ifindex()] = port;
    netlink_.watch(twin->ifindex());
    if (auto done = twin->set_carrier(false); !done) {
      return done;
    }
    for (const std::string& text : settings.addresses) {
      const std::size_t slash = text.find('/');
      unsigned length = 0;
      std::from_chars(text.data() + slash + 1, text.data() + text.size(), length);
      const auto address = Ipv6Address::parse(std::string_view(text).substr(0, slash));
      if (auto done =
              netlink_.add_address(twin->ifindex(), address.value_or(Ipv6Address{}), length);
          !done) {
        return done;
      }
    }
    largest = std::max<std::size_t>(largest, settings.mtu);
    twins_.push_back(std::move(*twin));
  }
  // Addresses of the host itself, a locator among them perhaps, may be on the loopback device.
  netlink_.watch(host::InterfaceIndex{if_nametoindex("lo")});
  buffer_.resize(largest + kLinkHeader);
  // The kernel answers for the home agent's address: echo, SSH.
  return netlink_.add_address(tun_.ifindex(), config_.home_agent.address.address(),
                              Prefix::kMaxLength);
}

std::vector<int> HostBridge::fds() const {
  std::vector<int> fds{tun_.fd(), netlink_.fd()};
  for (const host::TapDevice& twin : twins_) {
    fds.push_back(twin.fd());
  }
  return fds;
}

bool HostBridge::poll(const Now& now) {
  bool more = false;
  for (std::uint16_t port = 0; port < twins_.size(); ++port) {
    more = read_twin(port) || more;
  }
  more = read_tun() || more;
  if (now.instant >= netlink_retry_) {
    events_.clear();
    if (auto done = netlink_.receive(events_); !done) {
      log::warning("netlink {}", done.error());
      netlink_retry_ = now.instant + kNetlinkRetry;
    }
    for (const host::HostEvent& event : events_) {
      apply(now, event);
    }
    more = more || !events_.empty();
  }
  send_ready();
  return more;
}

bool HostBridge::read_twin(std::uint16_t port) {
  for (unsigned i = 0; i < kReadsPerPoll; ++i) {
    const auto size = twins_[port].read(buffer_);
    if (!size) {
      return false;
    }
    ++counters_.from_kernel;
    injector_.send_frame(port, ByteView(buffer_).first(*size));
  }
  return true;
}

bool HostBridge::read_tun() {
  for (unsigned i = 0; i < kReadsPerPoll; ++i) {
    const auto size = tun_.read(buffer_);
    if (!size) {
      return false;
    }
    ++counters_.from_kernel;
    injector_.send(dataplane::InjectKind::Host, ByteView(buffer_).first(*size));
  }
  return true;
}

void HostBridge::deliver(const forwarding::PuntMetadata& metadata, ByteView bytes) {
  ++counters_.to_kernel;
  if (metadata.link_header == 0 || metadata.port >= twins_.size()) {
    counters_.not_taken += tun_.write(bytes) ? 0U : 1U;
    return;
  }
  if (!config_.ports[metadata.port].vlan || bytes.size() < kMacAddresses + kVlanTag) {
    counters_.not_taken += twins_[metadata.port].write(bytes) ? 0U : 1U;
    return;
  }
  // The twin stands for the VLAN: its frames have no tag.
  std::vector<std::byte> untagged(bytes.begin(), bytes.begin() + kMacAddresses);
  untagged.insert(untagged.end(), bytes.begin() + kMacAddresses + kVlanTag, bytes.end());
  counters_.not_taken += twins_[metadata.port].write(untagged) ? 0U : 1U;
}

void HostBridge::hold(const Now& now, const forwarding::PuntMetadata& metadata, ByteView packet) {
  if (packet.size() < wire::kIpv6HeaderSize) {
    return;
  }
  const dataplane::Adjacency& adjacency = plane_.tables().readers().adjacencies[metadata.adjacency];
  Ipv6Address next_hop = adjacency.next_hop;
  if (next_hop.is_unspecified()) {  // a connected prefix: the destination itself
    std::copy_n(packet.begin() + wire::ipv6_offset::kDestination, Ipv6Address::kSize,
                std::as_writable_bytes(std::span(next_hop.octets)).begin());
  }
  if (adjacency.port >= twins_.size()) {
    return;
  }
  const host::NeighborKey key{twins_[adjacency.port].ifindex(), next_hop};
  if (resolver_.hold(now.instant, key, metadata, packet)) {
    if (auto done = netlink_.use_neighbor(key.interface, key.address); !done) {
      log::debug("neighbor {} {}", key.address.to_string(), done.error());
    }
  }
}

void HostBridge::on_timer(const Now& now) {
  resolver_.on_timer(now.instant);
  if (now.instant < next_use_check_) {
    return;
  }
  next_use_check_ = now.instant + kUseCheck;
  std::vector<host::NeighborKey> ask;
  plane_.tables().visit_neighbors(0, ~0U, [&](const dataplane::Neighbor& neighbor) {
    if (neighbor.key.address.is_unspecified() || !plane_.take_used(neighbor.adjacency) ||
        neighbor.key.port >= twins_.size()) {
      return;
    }
    const host::NeighborKey key{twins_[neighbor.key.port].ifindex(), neighbor.key.address};
    if (resolver_.used(now.instant, key)) {
      ask.push_back(key);
    }
  });
  for (const host::NeighborKey& key : ask) {
    if (auto done = netlink_.use_neighbor(key.interface, key.address); !done) {
      log::debug("neighbor {} {}", key.address.to_string(), done.error());
    }
  }
}

std::optional<Instant> HostBridge::next_deadline() const {
  const auto resolver = resolver_.next_deadline();
  return resolver ? std::min(*resolver, next_use_check_) : next_use_check_;
}

std::optional<std::uint16_t> HostBridge::port_of(host::InterfaceIndex interface) const {
  const auto found = ports_.find(interface);
  return found == ports_.end() ? std::nullopt : std::optional(found->second);
}

// Link-local and multicast destinations never get as far as the tables; ours are set by ourselves.
bool HostBridge::is_mirrored(const Prefix& prefix) const {
  const Ipv6Address& address = prefix.address();
  return !address.is_link_local() && !address.is_multicast() && !address.is_loopback() &&
         address != config_.home_agent.address.address();
}

template <class Result>
void HostBridge::check(const char* what, const std::string& which, const Result& result) {
  if (!result) {
    ++counters_.tables_refused;
    log::warning("{} {} not installed: {}", what, which, to_string(result.error()));
  }
}

void HostBridge::apply(const Now&, const host::HostEvent& event) {
  struct Visitor {
    HostBridge& bridge;
    void operator()(const host::RouteSet& route) const { bridge.apply_route(route); }
    void operator()(const host::RouteRemoved& route) const {
      if (bridge.is_mirrored(route.prefix)) {
        bridge.note_gateways(route.prefix, {});
        (void)bridge.plane_.tables().remove_route(route.prefix);
        if (route.prefix.length() == Prefix::kMaxLength) {
          (void)bridge.plane_.tables().remove_local(route.prefix.address());
        }
      }
    }
    void operator()(const host::NeighborChanged& change) const { bridge.apply_neighbor(change); }
    void operator()(const host::LinkChanged& link) const {
      const auto port = bridge.port_of(link.interface);
      if (port && !link.up && bridge.synchronized()) {
        log::warning("twin-down port={}; the kernel does not hear this port", link.name);
      }
    }
    void operator()(const host::LinkRemoved& link) const {
      if (const auto port = bridge.port_of(link.interface)) {
        log::error("twin-removed port={}; restart to have it back",
                   bridge.config_.ports[*port].name);
      }
    }
    // An address comes with a route of its own in the kernel's local table.
    void operator()(const host::AddressAdded&) const {}
    void operator()(const host::AddressRemoved&) const {}
    void operator()(const host::Synchronized&) const {}
  };
  std::visit(Visitor{*this}, event);
}

void HostBridge::apply_route(const host::RouteSet& route) {
  if (!is_mirrored(route.prefix)) {
    return;
  }
  auto& tables = plane_.tables();
  const std::string name = route.prefix.to_string();
  note_gateways(route.prefix, route.next_hops);
  switch (route.kind) {
    case host::RouteKind::Local:
      if (route.prefix.length() == Prefix::kMaxLength) {
        check("address", name,
              tables.set_local(route.prefix.address(), dataplane::LocalRole::Host));
      }
      return;
    case host::RouteKind::Unicast: {
      std::vector<dataplane::NextHop> hops;
      for (const host::NextHop& hop : route.next_hops) {
        if (const auto port = port_of(hop.interface)) {
          hops.push_back({*port,
                          hop.gateway.is_unspecified() ? std::nullopt : std::optional(hop.gateway),
                          hop.weight});
        }
      }
      if (!hops.empty()) {
        check("route", name, tables.set_route(route.prefix, hops));
      } else {
        (void)tables.remove_route(route.prefix);
      }
      return;
    }
    case host::RouteKind::Blackhole:
    case host::RouteKind::Unreachable:
    case host::RouteKind::Prohibit:
      check("route", name, tables.set_prohibited_route(route.prefix));
      return;
  }
}

// The kernel keeps the next hops of routes resolved, whether we have packets for them or not.
void HostBridge::note_gateways(const Prefix& prefix, const std::vector<host::NextHop>& next_hops) {
  std::vector<host::NeighborKey> wanted;
  for (const host::NextHop& hop : next_hops) {
    if (!hop.gateway.is_unspecified() && port_of(hop.interface)) {
      wanted.push_back({hop.interface, hop.gateway});
    }
  }
  for (const host::NeighborKey& key : wanted) {
    if (++gateway_uses_[key] == 1) {
      if (auto done = netlink_.manage_neighbor(key.interface, key.address); !done) {
        log::warning("neighbor {} {}", key.address.to_string(), done.error());
      }
    }
  }
  for (const host::NeighborKey& key : std::exchange(gateways_[prefix], wanted)) {
    if (--gateway_uses_[key] == 0) {
      gateway_uses_.erase(key);
      (void)netlink_.unmanage_neighbor(key.interface, key.address);
    }
  }
  if (wanted.empty()) {
    gateways_.erase(prefix);
  }
}

void HostBridge::apply_neighbor(const host::NeighborChanged& change) {
  const auto port = port_of(change.interface);
  if (!port) {
    return;
  }
  auto& tables = plane_.tables();
  const std::string name = change.address.to_string();
  switch (change.state) {
    case host::NeighborState::Usable:
      if (change.mac) {
        check("neighbor", name, tables.set_neighbor(*port, change.address, *change.mac));
      }
      break;
    case host::NeighborState::Failed:
      check("neighbor", name, tables.neighbor_failed(*port, change.address));
      break;
    case host::NeighborState::Removed:
      (void)tables.remove_neighbor(*port, change.address);
      // The kernel forgets that it was to keep a gateway resolved when the link goes.
      if (gateway_uses_.contains({change.interface, change.address})) {
        (void)netlink_.manage_neighbor(change.interface, change.address);
      }
      break;
    case host::NeighborState::Unresolved:
      break;
  }
  resolver_.on_neighbor(change, ready_);
}

// A packet is sent on once the workers would find its next hop: until then it would only come back.
void HostBridge::send_ready() {
  if (ready_.empty()) {
    return;
  }
  plane_.tables().maintain(kReadsPerPoll);
  std::erase_if(ready_, [&](const host::WaitingPacket& waiting) {
    if (!is_resolved(waiting.bytes)) {
      return false;
    }
    injector_.send(dataplane::InjectKind::Signalling, waiting.bytes);
    return true;
  });
}

bool HostBridge::is_resolved(ByteView packet) const {
  const dataplane::ReaderView& view = plane_.tables().readers();
  Ipv6Address destination;
  std::copy_n(packet.begin() + wire::ipv6_offset::kDestination, Ipv6Address::kSize,
              std::as_writable_bytes(std::span(destination.octets)).begin());
  dataplane::LeafIndex leaf = dataplane::kNoRouteLeaf;
  view.routes->lookup_bulk(&destination, 1, &leaf);
  const dataplane::LeafValue value = dataplane::load_leaf(view.leaves[leaf]);
  if (value.kind() == dataplane::LeafKind::Adjacency) {
    return view.adjacencies[value.index()].state != dataplane::AdjacencyState::Unresolved;
  }
  return true;
}

void HostBridge::set_carrier(std::uint16_t port, bool up) {
  if (auto done = twins_[port].set_carrier(up); !done) {
    log::warning("port={} {}", config_.ports[port].name, done.error());
  }
}

HostBridge::Done HostBridge::announce(std::optional<std::uint32_t> metric) {
  std::vector<Prefix> prefixes = config_.home_agent.home_prefixes;
  for (const config::NemoPool& pool : config_.home_agent.nemo_pools) {
    const bool covered = std::ranges::any_of(
        prefixes, [&](const Prefix& prefix) { return prefix.contains(pool.pool); });
    if (!covered) {
      prefixes.push_back(pool.pool);
    }
  }
  for (const Prefix& prefix : prefixes) {
    auto done = metric ? netlink_.set_home_route(tun_.ifindex(), prefix, *metric)
                       : netlink_.remove_home_route(tun_.ifindex(), prefix);
    if (!done) {
      return done;
    }
  }
  announced_metric_ = metric;
  return {};
}

}  // namespace anyhome
