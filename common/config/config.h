// Everything an operator can say, as plain values. Built once at start by the option table
// (options.h), checked as a whole (validate.h), and never changed afterwards.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/prefix.h"
#include "common/time.h"
#include "common/wire/code_points.h"

namespace anyhome::config {

enum class Authentication : std::uint8_t {
  Rfc4285,       // mobility message authentication option
  InsecureNone,  // anybody may register anything
};

enum class ReplayProtection : std::uint8_t {
  Sequence,   // the Binding Update's sequence number
  Timestamp,  // RFC 4285 §6, in addition
};

// How mobile network prefixes come to be known (RFC 3963 §5.2).
struct NemoPool {
  Prefix pool;
  std::uint8_t prefix_length = 64;  // of the prefixes handed out of it
  friend bool operator==(const NemoPool&, const NemoPool&) = default;
};

// A mobile node known by name: its key, and the prefixes it may use.
struct MobileNode {
  std::string name;
  HomeAddress home_address;
  std::optional<std::string> identifier;  // NAI (RFC 4283); any when unset
  std::uint32_t spi = 0;                  // RFC 4285 §5: 0-255 are reserved
  std::vector<std::byte> key;             // of HMAC-SHA1
  // Authorized prefixes; the ones forwarded in implicit mode (RFC 3963 §6.1.2).
  std::vector<Prefix> prefixes;
  friend bool operator==(const MobileNode&, const MobileNode&) = default;
};

// Another member of the global home agent set (draft §5.1, rulings §1).
struct Peer {
  std::string name;
  HomeAgentAddress address;
  Locator locator;
  bool nemo = true;  // serves mobile routers; said in discovery (rulings §11)
  friend bool operator==(const Peer&, const Peer&) = default;
};

// The global home agent set this home agent belongs to; without peers it serves alone.
struct Haha {
  std::vector<Peer> peers;
  std::optional<std::uint8_t> group_id;
  bool link_is_secure = false;     // HAHA links need no ESP: the operator's word (rulings §11)
  std::vector<std::byte> set_key;  // of the digests (rulings §5)

  std::chrono::seconds hello_interval{1};
  std::chrono::seconds hello_lifetime{3};
  std::chrono::seconds boot_wait{10};
  std::optional<unsigned> min_links;  // default: 1 with peers, 0 without (rulings §2)
  bool withdraw_when_isolated = false;
  // Answer SS-REPs of strangers by status 130, rate-limited, as the draft literally wants (A8).
  bool answer_strangers = false;

  bool share_care_of_address = true;
  std::chrono::seconds tombstone_time{600};
  std::uint16_t max_outstanding = 1024;  // unacknowledged SS-REPs to one peer
  std::uint16_t link_mtu = 1500;         // path MTU between locators in bytes

  unsigned switch_rate = 100;  // Home Agent Switch messages per second and target
  std::chrono::seconds switch_advice{20};
  std::chrono::seconds switch_dwell{60};
  std::chrono::seconds switch_dwell_max{3600};
  bool strict_switch = false;  // status 129 to a mobile node that stays (RFC 5142 §5, A14)

  [[nodiscard]] bool alone() const { return peers.empty(); }
  [[nodiscard]] unsigned wanted_links() const { return min_links.value_or(alone() ? 0 : 1); }
  friend bool operator==(const Haha&, const Haha&) = default;
};

struct HomeAgent {
  std::vector<Prefix> home_prefixes;
  HomeAgentAddress address;
  std::optional<Locator> locator;
  std::optional<Ipv6Address> discovery_address;  // default: RFC 2526 anycast of each prefix

  std::chrono::seconds max_lifetime{3600};
  // Of the home prefixes (RFC 6275 §10.3.1); nullopt: infinite.
  std::optional<std::chrono::seconds> prefix_valid_lifetime;
  std::optional<std::chrono::seconds> prefix_preferred_lifetime;
  // Binding Refresh Advice as a share of the granted lifetime in percent; 0: none.
  unsigned refresh_advice_percent = 0;
  // Binding Refresh Requests start this long before a binding expires; 0: none.
  std::chrono::seconds refresh_request_lead{12};

  Authentication authentication = Authentication::Rfc4285;
  ReplayProtection replay_protection = ReplayProtection::Sequence;
  std::chrono::seconds timestamp_window{7};  // RFC 4285 §6.1: default 7 s, more than 3 s
  // Keys are derived per home agent from the configured ones (rulings §9).
  bool keys_per_home_agent = false;
  std::vector<MobileNode> mobile_nodes;
  bool only_known_mobile_nodes = false;  // others get status 129

  bool nemo = true;
  std::vector<NemoPool> nemo_pools;
  bool nemo_any_prefix = false;  // explicit mode: any prefix of the pools, not only authorized ones

  bool prefix_discovery = true;  // answer Mobile Prefix Solicitations
  std::uint32_t max_bindings = 65536;
  std::uint32_t max_prefixes = 16384;
  std::uint32_t max_prefixes_per_mobile_router = 16;
  unsigned binding_error_rate = 10;  // Binding Errors per second
  unsigned discovery_rate = 100;     // discovery answers per second
  wire::CodePoints code_points;
  Haha haha;

  // Where home agent discovery is answered (RFC 6275 §10.5): mobile nodes derive the address from
  // their own home prefix, so each prefix has one.
  [[nodiscard]] std::vector<Ipv6Address> discovery_addresses() const {
    if (discovery_address) {
      return {*discovery_address};
    }
    std::vector<Ipv6Address> addresses;
    for (const Prefix& prefix : home_prefixes) {
      addresses.push_back(prefix.home_agents_anycast());
    }
    return addresses;
  }

  friend bool operator==(const HomeAgent&, const HomeAgent&) = default;
};

struct Port {
  std::string name;    // of its host twin too
  std::string device;  // ethdev name: "net_af_packet0", "0000:03:00.0"
  std::optional<std::uint16_t> vlan;
  std::uint16_t mtu = 1500;            // L3 MTU in bytes
  bool home_link = false;              // sources inside the home prefix are allowed here
  bool haha = false;                   // HAHA links come in here (rulings §8)
  std::vector<std::string> addresses;  // "2001:db8:a1::1a/64", put on the twin at start
  friend bool operator==(const Port&, const Port&) = default;
};

struct StaticRoute {
  Prefix prefix;
  std::string port;
  std::optional<Ipv6Address> gateway;  // nullopt: on link
  friend bool operator==(const StaticRoute&, const StaticRoute&) = default;
};

struct StaticNeighbor {
  std::string port;
  Ipv6Address address;
  std::array<std::uint8_t, 6> mac{};
  friend bool operator==(const StaticNeighbor&, const StaticNeighbor&) = default;
};

enum class HostMode : std::uint8_t {
  Kernel,  // a TAP twin per port, the TUN device, netlink
  Static,  // routes and neighbours come from the configuration, there is no host
};

// How home addresses are looked up.
enum class BindingIndex : std::uint8_t {
  Buckets,  // by buckets of a cache line each
  RteHash,  // by DPDK's rte_hash
};

// Of `control-queue`: a packet of 64 KiB takes 283 places.
inline constexpr unsigned kFewestControlPlaces = 512;

struct DataPath {
  HostMode host = HostMode::Kernel;
  BindingIndex binding_index = BindingIndex::Buckets;
  std::vector<StaticRoute> routes;
  std::vector<StaticNeighbor> neighbors;

  std::uint32_t max_routes = 4096;
  std::uint32_t max_neighbors = 4096;
  unsigned receive_descriptors = 1024;
  unsigned transmit_descriptors = 1024;
  unsigned packet_buffers = 0;  // of the workers' pool; 0: derived from ports, queues and rings
  unsigned punt_ring = 4096;    // packets
  unsigned control_queue = 0;   // places of 256 bytes; 0: derived from max-bindings
  unsigned burst = 32;
  bool idle = false;  // workers sleep when there is nothing to do

  std::uint8_t tunnel_hop_limit = 64;
  bool copy_traffic_class = true;
  // MTU that correspondents are told (rulings §10); default: 1420 with peers, the tunnel's without.
  std::optional<std::uint16_t> mtu_to_correspondents;
  bool clamp_tcp_mss = false;
  // A worker with nothing to do helps one that is behind; by default unless processors are shared.
  std::optional<bool> work_sharing;
  [[nodiscard]] bool shares_work() const { return work_sharing.value_or(!idle); }
  // Of one worker: fragments for this agent that wait for the rest of their datagram.
  std::uint32_t reassembly_datagrams = 128;
  std::uint32_t reassembly_bytes = 2U << 20U;
  std::chrono::milliseconds reassembly_timeout{2000};
  unsigned icmp_error_rate = 1000;            // Time Exceeded and Parameter Problem, per second
  unsigned icmp_unreachable_rate = 100;       // Destination Unreachable, per second
  unsigned icmp_packet_too_big_rate = 10000;  // in all; 10 per second and flow besides

  friend bool operator==(const DataPath&, const DataPath&) = default;
};

struct Runtime {
  std::string tun_device = "anyhome0";
  std::chrono::milliseconds stop_delay{2000};     // forwarding goes on after the route is gone
  std::chrono::milliseconds worker_timeout{500};  // no progress for this long: not ready
  std::uint32_t route_metric = 4096;
  std::uint32_t draining_route_metric = 8192;
  std::string state_directory = "/var/lib/anyhome";  // what outlives a restart: the boot epoch
  std::string log_level = "info";
  friend bool operator==(const Runtime&, const Runtime&) = default;
};

struct Config {
  HomeAgent home_agent;
  std::vector<Port> ports;
  DataPath data_path;
  Runtime runtime;
  friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace anyhome::config
