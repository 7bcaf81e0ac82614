// What can only be seen in a configuration as a whole.
#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "common/config/option_table.h"
#include "common/config/option_values.h"
#include "common/config/validate_set.h"
#include "common/wire/code_points.h"

namespace anyhome::config {
namespace {

constexpr std::size_t kMaxInterfaceName = 15;  // IFNAMSIZ - 1
constexpr std::size_t kMinKeyBytes = 16;       // RFC 4285 §5.1's key is 128 bits

class Validation {
 public:
  explicit Validation(const Config& config) : config_(config) {}

  std::vector<Mistake> run() {
    home_agent();
    mobile_nodes();
    nemo();
    code_points();
    ports();
    host();
    data_path();
    return std::move(mistakes_);
  }

 private:
  void mistake(std::string option, std::string value, std::string problem, std::string remedy) {
    mistakes_.push_back(
        {std::move(option), std::move(value), std::move(problem), std::move(remedy)});
  }

  [[nodiscard]] bool in_home_prefix(const Ipv6Address& address) const {
    return std::ranges::any_of(config_.home_agent.home_prefixes,
                               [&](const Prefix& p) { return p.contains(address); });
  }
  [[nodiscard]] bool in_pool(const Ipv6Address& address) const {
    return std::ranges::any_of(config_.home_agent.nemo_pools,
                               [&](const NemoPool& p) { return p.pool.contains(address); });
  }
  [[nodiscard]] bool is_discovery_address(const Ipv6Address& address) const {
    return std::ranges::count(config_.home_agent.discovery_addresses(), address) != 0;
  }

  void home_agent() {
    const HomeAgent& ha = config_.home_agent;
    if (ha.home_prefixes.empty()) {
      mistake("home-prefix", "", "missing",
              "say which prefix is served: home-prefix = 2001:db8:0:1::/64");
    }
    for (std::size_t i = 0; i < ha.home_prefixes.size(); ++i) {
      const Prefix& prefix = ha.home_prefixes[i];
      if (prefix.length() < 16 || prefix.length() > 120 ||
          !prefix.address().is_unicast_routable()) {
        mistake("home-prefix", prefix.to_string(), "not a unicast prefix of 16 to 120 bits",
                "give the prefix that the home addresses are in, usually a /64");
      }
      for (std::size_t j = 0; j < i; ++j) {
        if (prefix.overlaps(ha.home_prefixes[j])) {
          mistake("home-prefix", prefix.to_string(), "overlaps " + ha.home_prefixes[j].to_string(),
                  "leave one of them out");
        }
      }
    }
    const Ipv6Address& own = ha.address.address();
    if (own.is_unspecified()) {
      mistake("home-agent-address", "", "missing",
              "say which address mobile nodes register with: home-agent-address = 2001:db8:0:1::1");
    } else if (!ha.home_prefixes.empty() && !in_home_prefix(own)) {
      mistake("home-agent-address", own.to_string(), "outside of every home prefix",
              "choose an address inside one of them");
    } else if (std::ranges::any_of(ha.home_prefixes, [&](const Prefix& p) {
                 return p.address() == own || p.home_agents_anycast() == own;
               })) {
      mistake("home-agent-address", own.to_string(), "an anycast address (RFC 4291, RFC 2526)",
              "choose a unicast address inside the home prefix");
    }
    if (ha.locator && (in_home_prefix(ha.locator->address()) || in_pool(ha.locator->address()) ||
                       !ha.locator->address().is_unicast_routable())) {
      mistake("locator", ha.locator->to_string(),
              "not a unicast address outside of the home prefixes and pools",
              "give the address that the provider of this POP routes here");
    }
    if (ha.discovery_address &&
        (!in_home_prefix(*ha.discovery_address) || *ha.discovery_address == own)) {
      mistake("discovery-address", ha.discovery_address->to_string(),
              "not an address of its own inside a home prefix", "leave it out for RFC 2526's");
    }
    if (ha.prefix_valid_lifetime && ha.prefix_preferred_lifetime.value_or(
                                        *ha.prefix_valid_lifetime) > *ha.prefix_valid_lifetime) {
      mistake("prefix-preferred-lifetime", std::to_string(ha.prefix_preferred_lifetime->count()),
              "longer than prefix-valid-lifetime", "make it at most as long");
    }
  }

  void mobile_nodes() {
    const HomeAgent& ha = config_.home_agent;
    const bool signed_updates = ha.authentication == Authentication::Rfc4285;
    if (signed_updates && ha.mobile_nodes.empty()) {
      mistake("authentication", "rfc4285", "no mobile node has a key, so none could register",
              "add [mobile-node.NAME] sections with home-address, spi and key, or a "
              "mobile-nodes-file; for a lab, say authentication = insecure-none");
    }
    std::map<Ipv6Address, std::string> seen;
    for (const MobileNode& node : ha.mobile_nodes) {
      const std::string section = "mobile-node." + node.name;
      const Ipv6Address& home = node.home_address.address();
      if (home.is_unspecified()) {
        mistake(section + ".home-address", "", "missing", "give the mobile node's home address");
        continue;
      }
      if (!in_home_prefix(home) && !in_pool(home)) {
        mistake(section + ".home-address", home.to_string(),
                "outside of the home prefixes and the pools of mobile networks",
                "choose an address inside one of them");
      }
      if (home == ha.address.address() || is_discovery_address(home)) {
        mistake(section + ".home-address", home.to_string(), "an address of the home agent itself",
                "choose another one");
      }
      const auto [first, added] = seen.emplace(home, node.name);
      if (!added) {
        mistake(section + ".home-address", home.to_string(),
                "also the home address of mobile-node." + first->second, "give each its own");
      }
      if (signed_updates && node.spi == 0) {
        mistake(section + ".spi", "", "missing", "give the SPI of its key, 256 or more");
      }
      if (signed_updates && node.key.size() < kMinKeyBytes) {
        mistake(section + ".key", node.key.empty() ? "" : "(not shown)",
                node.key.empty() ? "missing" : "shorter than 16 bytes",
                "give at least 32 hexadecimal digits: openssl rand -hex 16");
      }
    }
  }

  void nemo() {
    const HomeAgent& ha = config_.home_agent;
    std::vector<Prefix> pools;
    for (const NemoPool& pool : ha.nemo_pools) {
      if (pool.prefix_length < pool.pool.length() || pool.pool.length() < 8) {
        mistake("nemo-pool", show_pool(pool), "the prefixes are shorter than their pool",
                "write the pool first, then the length of those in it: 2001:db8:8000::/36,64");
      }
      for (const Prefix& other : pools) {
        if (pool.pool.overlaps(other)) {
          mistake("nemo-pool", show_pool(pool), "overlaps the pool " + other.to_string(),
                  "make the pools disjoint");
        }
      }
      pools.push_back(pool.pool);
    }
    if (ha.nemo_any_prefix && ha.nemo_pools.empty()) {
      mistake("nemo-any-prefix", "yes", "there is no pool to take a prefix from",
              "add nemo-pool = PREFIX,LENGTH");
    }
    std::map<Prefix, std::string> owners;
    for (const MobileNode& node : ha.mobile_nodes) {
      for (const Prefix& prefix : node.prefixes) {
        const auto [first, added] = owners.emplace(prefix, node.name);
        if (!added) {
          mistake("mobile-node." + node.name + ".prefix", prefix.to_string(),
                  "also a prefix of mobile-node." + first->second, "give each its own");
        }
        if (prefix.length() == 0 || !prefix.address().is_unicast_routable() ||
            prefix.contains(ha.address.address())) {
          mistake("mobile-node." + node.name + ".prefix", prefix.to_string(),
                  "not a prefix that a mobile network can have",
                  "give a unicast prefix that does not hold the home agent's address");
        }
      }
    }
  }

  void code_points() {
    const wire::CodePoints& points = config_.home_agent.code_points;
    // Assigned numbers end at 23 and 70 (IANA "Mobile IPv6 parameters").
    constexpr unsigned kLastType = 23;
    constexpr unsigned kLastOption = 70;
    const auto check = [&](const char* name, unsigned value, unsigned last) {
      if (value <= last) {
        mistake(name, std::to_string(value), "an assigned number",
                "choose one above " + std::to_string(last));
      }
    };
    check("mh-type-ha-hello", points.ha_hello, kLastType);
    check("mh-type-state-synchronization", points.state_synchronization, kLastType);
    check("mobility-option-binding-cache-information", points.binding_cache_information,
          kLastOption);
    check("mobility-option-ss-status", points.ss_status, kLastOption);
    check("mobility-option-aaa-information", points.aaa_information, kLastOption);
    check("mobility-option-ip-address", points.ip_address, kLastOption);
    if (points.ha_hello == points.state_synchronization) {
      mistake("mh-type-ha-hello", std::to_string(points.ha_hello),
              "the same as mh-type-state-synchronization", "make them different");
    }
    const std::set<unsigned> distinct = {points.binding_cache_information, points.ss_status,
                                         points.aaa_information, points.ip_address};
    if (distinct.size() != 4) {
      mistake("mobility-option-...", "", "two mobility options have the same number",
              "make them different");
    }
  }

  void ports() {
    if (config_.ports.empty()) {
      mistake("port.NAME.device", "", "no port",
              "add a section [port.NAME] with device = net_af_packet0, 0000:03:00.0 or the like");
    }
    std::map<std::string, std::string> devices;
    for (const Port& port : config_.ports) {
      const std::string section = "port." + port.name;
      if (port.device.empty()) {
        mistake(section + ".device", "", "missing", "give DPDK's name of the port");
      } else if (const auto [first, added] = devices.emplace(port.device, port.name); !added) {
        mistake(section + ".device", port.device, "also the device of port." + first->second,
                "give each port its own device");
      }
      interface_name("port.NAME", port.name);
      if (port.name == config_.runtime.tun_device) {
        mistake("tun-device", port.name, "also the name of a port", "choose another name");
      }
      for (const std::string& address : port.addresses) {
        const auto ip = Ipv6Address::parse(address.substr(0, address.find('/')));
        if (ip && (in_home_prefix(*ip) || in_pool(*ip))) {
          mistake(section + ".address", address, "inside a home prefix or a pool",
                  "ports have provider addresses; the home agent address needs no port");
        }
      }
    }
    interface_name("tun-device", config_.runtime.tun_device);
  }

  void interface_name(const std::string& option, const std::string& name) {
    const bool good = !name.empty() && name.size() <= kMaxInterfaceName &&
                      name.find_first_of(" /:\t") == std::string::npos;
    if (!good) {
      mistake(option, name, "not a name for a network device",
              "use 1 to 15 characters without blanks, slashes and colons");
    }
  }

  [[nodiscard]] bool has_port(const std::string& name) const {
    return std::ranges::find(config_.ports, name, &Port::name) != config_.ports.end();
  }

  void host() {
    const DataPath& path = config_.data_path;
    if (path.host == HostMode::Kernel) {
      for (const StaticRoute& route : path.routes) {
        mistake("route", show_route(route), "routes are learnt from the kernel",
                "use ip -6 route, or say host = static");
      }
      for (const StaticNeighbor& neighbor : path.neighbors) {
        mistake("neighbor", show_neighbor(neighbor), "neighbours are learnt from the kernel",
                "use ip -6 neighbor, or say host = static");
      }
      return;
    }
    for (const StaticRoute& route : path.routes) {
      if (!has_port(route.port)) {
        mistake("route", show_route(route), "there is no port " + route.port,
                "name a port that has a [port.NAME] section");
      }
      const bool known =
          !route.gateway || std::ranges::any_of(path.neighbors, [&](const StaticNeighbor& n) {
            return n.port == route.port && n.address == *route.gateway;
          });
      if (!known) {
        mistake("route", show_route(route), "the gateway's MAC address is not known",
                "add neighbor = " + route.gateway->to_string() + " mac MAC port " + route.port);
      }
    }
    for (const StaticNeighbor& neighbor : path.neighbors) {
      if (!has_port(neighbor.port)) {
        mistake("neighbor", show_neighbor(neighbor), "there is no port " + neighbor.port,
                "name a port that has a [port.NAME] section");
      }
    }
  }

  void data_path() {
    if (!std::has_single_bit(config_.data_path.punt_ring)) {
      mistake("punt-ring", std::to_string(config_.data_path.punt_ring), "not a power of two",
              "use " + std::to_string(std::bit_ceil(config_.data_path.punt_ring)));
    }
    const unsigned queue = config_.data_path.control_queue;
    if (queue != 0 && queue < kFewestControlPlaces) {
      mistake("control-queue", std::to_string(queue), "a packet of 64 KiB would not find room",
              "use at least " + std::to_string(kFewestControlPlaces) +
                  ", or 0 for what max-bindings suggests");
    }
    // Each datagram's share has to hold one of the largest, twice over while it is evicting others.
    std::uint64_t largest = 0;
    for (const Port& port : config_.ports) {
      largest = std::max<std::uint64_t>(largest, port.mtu);
    }
    const std::uint64_t needed = config_.data_path.reassembly_datagrams * largest;
    if (config_.data_path.reassembly_bytes < needed) {
      mistake("reassembly-bytes", std::to_string(config_.data_path.reassembly_bytes),
              "less than reassembly-datagrams packets of the largest MTU",
              "make it at least " + std::to_string(needed));
    }
  }

  const Config& config_;
  std::vector<Mistake> mistakes_;
};

}  // namespace

std::vector<Mistake> validate(const Config& config) {
  std::vector<Mistake> mistakes = Validation(config).run();
  validate_set(config, mistakes);
  return mistakes;
}

}  // namespace anyhome::config
