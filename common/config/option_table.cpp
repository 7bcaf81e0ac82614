#include "common/config/option_table.h"

#include <algorithm>
#include <functional>

#include "common/config/option_row.h"
#include "common/config/option_values.h"

namespace anyhome::config {
namespace {

using namespace row;

constexpr View kHome = "Home agent";
constexpr View kAuth = "Authentication";
constexpr View kNemo = "Mobile networks";
constexpr View kPoints = "Code points (private, must be the same at all home agents)";
constexpr View kPorts = "Ports";
constexpr View kPath = "Data path";
constexpr View kRun = "Run time";

// The rows below are short on purpose: c is the configuration, i the section's instance, v the
// value.
const Option kOptions[] = {
    // ---- Home agent ----
    {kHome, "home-prefix", "PREFIX", "home prefix that is served and announced", true,
     [](Config& c, View, View v) { return append(c.home_agent.home_prefixes, parse_prefix(v)); },
     [](const Config& c, View) {
       return lines(c.home_agent.home_prefixes, [](const Prefix& p) { return p.to_string(); });
     }},
    {kHome, "home-agent-address", "ADDRESS",
     "what mobile nodes register with; inside a home prefix", false,
     [](Config& c, View, View v) { return assign(c.home_agent.address, parse_address(v)); },
     [](const Config& c, View) { return c.home_agent.address.to_string(); }},
    {kHome, "locator", "ADDRESS", "provider's address that other home agents reach this one by",
     false,
     [](Config& c, View, View v) -> Result {
       const auto parsed = parse_address(v);
       if (!parsed) {
         return std::unexpected(parsed.error());
       }
       c.home_agent.locator = Locator(*parsed);
       return {};
     },
     [](const Config& c, View) {
       return c.home_agent.locator ? c.home_agent.locator->to_string() : "";
     }},
    {kHome, "discovery-address", "ADDRESS",
     "anycast address of home agent discovery; by default the one RFC 2526 derives from each home "
     "prefix",
     false,
     [](Config& c, View, View v) -> Result {
       const auto parsed = parse_address(v);
       if (!parsed) {
         return std::unexpected(parsed.error());
       }
       c.home_agent.discovery_address = *parsed;
       return {};
     },
     [](const Config& c, View) {
       return c.home_agent.discovery_address ? c.home_agent.discovery_address->to_string() : "";
     }},
    {kHome, "max-lifetime", "SECONDS", "longest binding lifetime that is granted", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.max_lifetime, parse_number<std::int64_t>(v, 4, 262140));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.max_lifetime.count()); }},
    {kHome, "prefix-valid-lifetime", "SECONDS|infinite",
     "how long from now the home prefix is valid; no binding outlives it", false,
     [](Config& c, View, View v) {
       return set_seconds_or_infinite(c.home_agent.prefix_valid_lifetime, v);
     },
     [](const Config& c, View) { return seconds_or_infinite(c.home_agent.prefix_valid_lifetime); }},
    {kHome, "prefix-preferred-lifetime", "SECONDS|infinite",
     "how long from now the home prefix is preferred; status 1 tells mobile nodes", false,
     [](Config& c, View, View v) {
       return set_seconds_or_infinite(c.home_agent.prefix_preferred_lifetime, v);
     },
     [](const Config& c, View) {
       return seconds_or_infinite(c.home_agent.prefix_preferred_lifetime);
     }},
    {kHome, "refresh-advice", "PERCENT",
     "Binding Refresh Advice as a share of the granted lifetime; 0: none", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.refresh_advice_percent, parse_number<unsigned>(v, 0, 99));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.refresh_advice_percent); }},
    {kHome, "refresh-request-lead", "SECONDS",
     "Binding Refresh Requests start this long before a binding ends; 0: none", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.refresh_request_lead, parse_number<std::int64_t>(v, 0, 3600));
     },
     [](const Config& c, View) {
       return std::to_string(c.home_agent.refresh_request_lead.count());
     }},
    {kHome, "max-bindings", "NUMBER", "bindings at most; sizes the tables", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.max_bindings, parse_number<std::uint32_t>(v, 1, 100'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.max_bindings); }},
    {kHome, "prefix-discovery", kYesOrNo, "answer Mobile Prefix Solicitations", false,
     [](Config& c, View, View v) { return assign(c.home_agent.prefix_discovery, parse_bool(v)); },
     [](const Config& c, View) { return show_bool(c.home_agent.prefix_discovery); }},
    {kHome, "discovery-rate", "NUMBER", "answers to discovery per second", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.discovery_rate, parse_number<unsigned>(v, 0, 1'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.discovery_rate); }},
    {kHome, "binding-error-rate", "NUMBER",
     "Binding Errors, Parameter Problems and answers to unauthenticated updates per second, each",
     false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.binding_error_rate, parse_number<unsigned>(v, 0, 1'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.binding_error_rate); }},

    // ---- Authentication ----
    {kAuth, "authentication", "rfc4285|insecure-none",
     "how Binding Updates are authenticated; insecure-none believes everybody", false,
     [](Config& c, View, View v) -> Result {
       if (v != "rfc4285" && v != "insecure-none") {
         return std::unexpected("neither rfc4285 nor insecure-none");
       }
       c.home_agent.authentication =
           v == "rfc4285" ? Authentication::Rfc4285 : Authentication::InsecureNone;
       return {};
     },
     [](const Config& c, View) -> std::string {
       return c.home_agent.authentication == Authentication::Rfc4285 ? "rfc4285" : "insecure-none";
     }},
    {kAuth, "replay-protection", "sequence|timestamp",
     "what stops an old Binding Update: its sequence number, or its RFC 4285 timestamp too", false,
     [](Config& c, View, View v) -> Result {
       if (v != "sequence" && v != "timestamp") {
         return std::unexpected("neither sequence nor timestamp");
       }
       c.home_agent.replay_protection =
           v == "sequence" ? ReplayProtection::Sequence : ReplayProtection::Timestamp;
       return {};
     },
     [](const Config& c, View) -> std::string {
       return c.home_agent.replay_protection == ReplayProtection::Sequence ? "sequence"
                                                                           : "timestamp";
     }},
    {kAuth, "timestamp-window", "SECONDS", "how far a timestamp may be from our clock", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.timestamp_window, parse_number<std::int64_t>(v, 4, 3600));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.timestamp_window.count()); }},
    {kAuth, "keys-per-home-agent", kYesOrNo,
     "each home agent has keys of its own, derived from the mobile nodes' keys and its address",
     false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.keys_per_home_agent, parse_bool(v));
     },
     [](const Config& c, View) { return show_bool(c.home_agent.keys_per_home_agent); }},
    {kAuth, "only-known-mobile-nodes", kYesOrNo,
     "refuse mobile nodes without a section of their own by status 129", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.only_known_mobile_nodes, parse_bool(v));
     },
     [](const Config& c, View) { return show_bool(c.home_agent.only_known_mobile_nodes); }},
    {kAuth, "mobile-node.*.home-address", "ADDRESS", "the mobile node's home address", false,
     [](Config& c, View i, View v) {
       return assign(named(c.home_agent.mobile_nodes, i).home_address, parse_address(v));
     },
     [](const Config& c, View i) {
       return existing(c.home_agent.mobile_nodes, i).home_address.to_string();
     }},
    {kAuth, "mobile-node.*.identifier", "NAI",
     "its network access identifier; when set, it has to be in the Binding Update", false,
     [](Config& c, View i, View v) -> Result {
       if (v.empty() || v.size() > 254) {
         return std::unexpected("not 1 to 254 characters");
       }
       named(c.home_agent.mobile_nodes, i).identifier = std::string(v);
       return {};
     },
     [](const Config& c, View i) {
       return existing(c.home_agent.mobile_nodes, i).identifier.value_or("");
     }},
    {kAuth, "mobile-node.*.spi", "NUMBER", "security parameter index of its key", false,
     [](Config& c, View i, View v) {
       return assign(named(c.home_agent.mobile_nodes, i).spi, parse_number<std::uint32_t>(v, 256));
     },
     [](const Config& c, View i) {
       return std::to_string(existing(c.home_agent.mobile_nodes, i).spi);
     }},
    {kAuth, "mobile-node.*.key", "HEX", "its key, 16 bytes or more", false,
     [](Config& c, View i, View v) {
       return assign(named(c.home_agent.mobile_nodes, i).key, parse_key(v));
     },
     [](const Config& c, View i) -> std::string {
       return existing(c.home_agent.mobile_nodes, i).key.empty() ? "" : "(not shown)";
     }},
    {kAuth, "mobile-node.*.prefix", "PREFIX",
     "mobile network prefix that it may use, and has in implicit mode", true,
     [](Config& c, View i, View v) {
       return append(named(c.home_agent.mobile_nodes, i).prefixes, parse_prefix(v));
     },
     [](const Config& c, View i) {
       return lines(existing(c.home_agent.mobile_nodes, i).prefixes,
                    [](const Prefix& p) { return p.to_string(); });
     }},

    // ---- Mobile networks ----
    {kNemo, "nemo", kYesOrNo, "serve mobile routers (RFC 3963)", false,
     [](Config& c, View, View v) { return assign(c.home_agent.nemo, parse_bool(v)); },
     [](const Config& c, View) { return show_bool(c.home_agent.nemo); }},
    {kNemo, "nemo-pool", "PREFIX,LENGTH",
     "pool of mobile network prefixes of one length; they are looked up fastest", true,
     [](Config& c, View, View v) { return append(c.home_agent.nemo_pools, parse_nemo_pool(v)); },
     [](const Config& c, View) { return lines(c.home_agent.nemo_pools, show_pool); }},
    {kNemo, "nemo-any-prefix", kYesOrNo,
     "a mobile router may ask for any free prefix of a pool, not only for its own", false,
     [](Config& c, View, View v) { return assign(c.home_agent.nemo_any_prefix, parse_bool(v)); },
     [](const Config& c, View) { return show_bool(c.home_agent.nemo_any_prefix); }},
    {kNemo, "max-prefixes", "NUMBER", "mobile network prefixes at most; sizes the tables", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.max_prefixes, parse_number<std::uint32_t>(v, 1, 100'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.max_prefixes); }},
    {kNemo, "max-prefixes-per-mobile-router", "NUMBER", "more than that are refused by status 130",
     false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.max_prefixes_per_mobile_router,
                     parse_number<std::uint32_t>(v, 1, 48));
     },
     [](const Config& c, View) {
       return std::to_string(c.home_agent.max_prefixes_per_mobile_router);
     }},

    // ---- Code points ----
    {kPoints, "mh-type-ha-hello", "NUMBER", "Mobility Header type of HA-HELLO", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.code_points.ha_hello, parse_number<std::uint8_t>(v));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.code_points.ha_hello); }},
    {kPoints, "mh-type-state-synchronization", "NUMBER",
     "Mobility Header type of State Synchronization", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.code_points.state_synchronization, parse_number<std::uint8_t>(v));
     },
     [](const Config& c, View) {
       return std::to_string(c.home_agent.code_points.state_synchronization);
     }},
    {kPoints, "mobility-option-binding-cache-information", "NUMBER",
     "mobility option type of Binding Cache Information", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.code_points.binding_cache_information,
                     parse_number<std::uint8_t>(v));
     },
     [](const Config& c, View) {
       return std::to_string(c.home_agent.code_points.binding_cache_information);
     }},
    {kPoints, "mobility-option-ss-status", "NUMBER", "mobility option type of SS Status", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.code_points.ss_status, parse_number<std::uint8_t>(v));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.code_points.ss_status); }},
    {kPoints, "mobility-option-aaa-information", "NUMBER",
     "mobility option type of AAA Information", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.code_points.aaa_information, parse_number<std::uint8_t>(v));
     },
     [](const Config& c, View) {
       return std::to_string(c.home_agent.code_points.aaa_information);
     }},
    {kPoints, "mobility-option-ip-address", "NUMBER", "mobility option type of IP Address", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.code_points.ip_address, parse_number<std::uint8_t>(v));
     },
     [](const Config& c, View) { return std::to_string(c.home_agent.code_points.ip_address); }},
    {kPoints, "vendor-enterprise", "NUMBER", "enterprise number of our vendor options", false,
     [](Config& c, View, View v) {
       return assign(c.home_agent.code_points.vendor_enterprise, parse_number<std::uint32_t>(v));
     },
     [](const Config& c, View) {
       return std::to_string(c.home_agent.code_points.vendor_enterprise);
     }},

    // ---- Ports ----
    {kPorts, "port.*.device", "DEVICE", "DPDK's name of the port: net_af_packet0, 0000:03:00.0",
     false,
     [](Config& c, View i, View v) -> Result {
       named(c.ports, i).device = v;
       return {};
     },
     [](const Config& c, View i) { return existing(c.ports, i).device; }},
    {kPorts, "port.*.vlan", "NUMBER", "VLAN that all packets of the port are in", false,
     [](Config& c, View i, View v) -> Result {
       const auto parsed = parse_number<std::uint16_t>(v, 1, 4094);
       if (!parsed) {
         return std::unexpected(parsed.error());
       }
       named(c.ports, i).vlan = *parsed;
       return {};
     },
     [](const Config& c, View i) {
       const auto& vlan = existing(c.ports, i).vlan;
       return vlan ? std::to_string(*vlan) : std::string();
     }},
    {kPorts, "port.*.mtu", "BYTES", "largest IPv6 packet", false,
     [](Config& c, View i, View v) {
       return assign(named(c.ports, i).mtu, parse_number<std::uint16_t>(v, 1280, 9600));
     },
     [](const Config& c, View i) { return std::to_string(existing(c.ports, i).mtu); }},
    {kPorts, "port.*.home-link", kYesOrNo,
     "sources inside the home prefix are believed here, as on a home link", false,
     [](Config& c, View i, View v) { return assign(named(c.ports, i).home_link, parse_bool(v)); },
     [](const Config& c, View i) { return show_bool(existing(c.ports, i).home_link); }},
    {kPorts, "port.*.haha", kYesOrNo, "HAHA links of other home agents come in here", false,
     [](Config& c, View i, View v) { return assign(named(c.ports, i).haha, parse_bool(v)); },
     [](const Config& c, View i) { return show_bool(existing(c.ports, i).haha); }},
    {kPorts, "port.*.address", "ADDRESS/LENGTH",
     "address of the port; put on its twin in the kernel at start", true,
     [](Config& c, View i, View v) {
       return append(named(c.ports, i).addresses, parse_interface_address(v));
     },
     [](const Config& c, View i) {
       return lines(existing(c.ports, i).addresses, [](const std::string& a) { return a; });
     }},

    // ---- Data path ----
    {kPath, "host", "kernel|static",
     "kernel: a TAP twin per port, addresses, routes and neighbours learnt by netlink; static: all "
     "of it from this file, no host",
     false,
     [](Config& c, View, View v) -> Result {
       if (v != "kernel" && v != "static") {
         return std::unexpected("neither kernel nor static");
       }
       c.data_path.host = v == "kernel" ? HostMode::Kernel : HostMode::Static;
       return {};
     },
     [](const Config& c, View) -> std::string {
       return c.data_path.host == HostMode::Kernel ? "kernel" : "static";
     }},
    {kPath, "route", "ROUTE",
     "static mode: \"PREFIX via ADDRESS port NAME\" or \"PREFIX port NAME\"", true,
     [](Config& c, View, View v) { return append(c.data_path.routes, parse_route(v)); },
     [](const Config& c, View) { return lines(c.data_path.routes, show_route); }},
    {kPath, "neighbor", "NEIGHBOR", "static mode: \"ADDRESS mac MAC port NAME\"", true,
     [](Config& c, View, View v) { return append(c.data_path.neighbors, parse_neighbor(v)); },
     [](const Config& c, View) { return lines(c.data_path.neighbors, show_neighbor); }},
    {kPath, "binding-index", "buckets|rte-hash",
     "how home addresses are looked up: buckets, the faster one, or DPDK's rte_hash", false,
     [](Config& c, View, View v) -> Result {
       if (v != "buckets" && v != "rte-hash") {
         return std::unexpected("neither buckets nor rte-hash");
       }
       c.data_path.binding_index = v == "buckets" ? BindingIndex::Buckets : BindingIndex::RteHash;
       return {};
     },
     [](const Config& c, View) -> std::string {
       return c.data_path.binding_index == BindingIndex::Buckets ? "buckets" : "rte-hash";
     }},
    {kPath, "max-routes", "NUMBER", "routes at most; sizes the tables", false,
     [](Config& c, View, View v) {
       return assign(c.data_path.max_routes, parse_number<std::uint32_t>(v, 16, 1'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.max_routes); }},
    {kPath, "max-neighbors", "NUMBER", "neighbours at most; sizes the tables", false,
     [](Config& c, View, View v) {
       return assign(c.data_path.max_neighbors, parse_number<std::uint32_t>(v, 16, 1'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.max_neighbors); }},
    {kPath, "receive-descriptors", "NUMBER", "of each receive queue", false,
     [](Config& c, View, View v) {
       return assign(c.data_path.receive_descriptors, parse_number<unsigned>(v, 32, 32768));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.receive_descriptors); }},
    {kPath, "transmit-descriptors", "NUMBER", "of each transmit queue", false,
     [](Config& c, View, View v) {
       return assign(c.data_path.transmit_descriptors, parse_number<unsigned>(v, 32, 32768));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.transmit_descriptors); }},
    {kPath, "packet-buffers", "NUMBER", "of the workers' pool; 0: derived from queues and rings",
     false,
     [](Config& c, View, View v) {
       return assign(c.data_path.packet_buffers, parse_number<unsigned>(v, 0, 100'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.packet_buffers); }},
    {kPath, "punt-ring", "NUMBER",
     "packets a worker may have waiting for the control thread; a power of two", false,
     [](Config& c, View, View v) {
       return assign(c.data_path.punt_ring, parse_number<unsigned>(v, 64, 1U << 20U));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.punt_ring); }},
    {kPath, "control-queue", "NUMBER",
     "places of 256 bytes for packets that wait for the control thread, a Binding Update takes "
     "one; when none is left the oldest packet of the class with most of them is given up; 0: a "
     "quarter of max-bindings, 4096 to 262144",
     false,
     [](Config& c, View, View v) {
       return assign(c.data_path.control_queue, parse_number<unsigned>(v, 0, 1U << 24U));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.control_queue); }},
    {kPath, "burst", "NUMBER", "packets a worker takes at once; of a queue that is behind, 64",
     false,
     [](Config& c, View, View v) {
       return assign(c.data_path.burst, parse_number<unsigned>(v, 1, 64));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.burst); }},
    {kPath, "idle", kYesOrNo, "workers sleep when there is nothing to do (labs, laptops)", false,
     [](Config& c, View, View v) { return assign(c.data_path.idle, parse_bool(v)); },
     [](const Config& c, View) { return show_bool(c.data_path.idle); }},
    {kPath, "tunnel-hop-limit", "NUMBER", "hop limit of tunnel packets to mobile nodes", false,
     [](Config& c, View, View v) {
       return assign(c.data_path.tunnel_hop_limit, parse_number<std::uint8_t>(v, 1));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.tunnel_hop_limit); }},
    {kPath, "copy-traffic-class", kYesOrNo,
     "tunnel packets have the DSCP of the packet inside; ECN is always copied", false,
     [](Config& c, View, View v) { return assign(c.data_path.copy_traffic_class, parse_bool(v)); },
     [](const Config& c, View) { return show_bool(c.data_path.copy_traffic_class); }},
    {kPath, "mtu-to-correspondents", "BYTES",
     "largest packet for a mobile node that correspondents are told of; by default 1420 with "
     "peers, "
     "what the tunnel takes without",
     false,
     [](Config& c, View, View v) -> Result {
       const auto parsed = parse_number<std::uint16_t>(v, 1280, 9600);
       if (!parsed) {
         return std::unexpected(parsed.error());
       }
       c.data_path.mtu_to_correspondents = *parsed;
       return {};
     },
     [](const Config& c, View) {
       const auto& mtu = c.data_path.mtu_to_correspondents;
       return mtu ? std::to_string(*mtu) : std::string();
     }},
    {kPath, "clamp-tcp-mss", kYesOrNo, "lower the MSS of TCP connections to what tunnels take",
     false,
     [](Config& c, View, View v) { return assign(c.data_path.clamp_tcp_mss, parse_bool(v)); },
     [](const Config& c, View) { return show_bool(c.data_path.clamp_tcp_mss); }},
    {kPath, "work-sharing", kYesOrNo,
     "a worker that has nothing to do serves bursts of one that is behind, in order; by default "
     "yes, with idle no",
     false, [](Config& c, View, View v) { return assign(c.data_path.work_sharing, parse_bool(v)); },
     [](const Config& c, View) {
       return c.data_path.work_sharing ? show_bool(*c.data_path.work_sharing) : std::string();
     }},
    {kPath, "reassembly-datagrams", "NUMBER",
     "fragmented tunnel packets that a worker puts together at a time; 0: none, they are dropped",
     false,
     [](Config& c, View, View v) {
       return assign(c.data_path.reassembly_datagrams, parse_number<std::uint32_t>(v, 0, 65536));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.reassembly_datagrams); }},
    {kPath, "reassembly-bytes", "BYTES", "what a worker keeps of them at most", false,
     [](Config& c, View, View v) {
       return assign(c.data_path.reassembly_bytes,
                     parse_number<std::uint32_t>(v, 65536, 1U << 30U));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.reassembly_bytes); }},
    {kPath, "reassembly-timeout", "MILLISECONDS", "how long they wait for their missing fragments",
     false,
     [](Config& c, View, View v) {
       return assign(c.data_path.reassembly_timeout, parse_number<std::int64_t>(v, 100, 60'000));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.reassembly_timeout.count()); }},
    {kPath, "icmp-unreachable-rate", "NUMBER", "Destination Unreachable per second", false,
     [](Config& c, View, View v) {
       return assign(c.data_path.icmp_unreachable_rate, parse_number<unsigned>(v, 0, 10'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.icmp_unreachable_rate); }},
    {kPath, "icmp-packet-too-big-rate", "NUMBER",
     "Packet Too Big per second in all; each flow has 10 besides", false,
     [](Config& c, View, View v) {
       return assign(c.data_path.icmp_packet_too_big_rate,
                     parse_number<unsigned>(v, 0, 10'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.icmp_packet_too_big_rate); }},
    {kPath, "icmp-error-rate", "NUMBER", "Time Exceeded and Parameter Problem per second", false,
     [](Config& c, View, View v) {
       return assign(c.data_path.icmp_error_rate, parse_number<unsigned>(v, 0, 10'000'000));
     },
     [](const Config& c, View) { return std::to_string(c.data_path.icmp_error_rate); }},

    // ---- Run time ----
    {kRun, "tun-device", "NAME", "kernel device that the home prefix is routed to", false,
     [](Config& c, View, View v) -> Result {
       c.runtime.tun_device = v;
       return {};
     },
     [](const Config& c, View) { return c.runtime.tun_device; }},
    {kRun, "route-metric", "NUMBER", "metric of the home prefix in the kernel while serving", false,
     [](Config& c, View, View v) {
       return assign(c.runtime.route_metric, parse_number<std::uint32_t>(v, 1));
     },
     [](const Config& c, View) { return std::to_string(c.runtime.route_metric); }},
    {kRun, "draining-route-metric", "NUMBER", "metric of the home prefix while draining", false,
     [](Config& c, View, View v) {
       return assign(c.runtime.draining_route_metric, parse_number<std::uint32_t>(v, 1));
     },
     [](const Config& c, View) { return std::to_string(c.runtime.draining_route_metric); }},
    {kRun, "state-directory", "DIRECTORY", "where a home agent with peers keeps its boot epoch",
     false,
     [](Config& c, View, View v) -> Result {
       if (v.empty()) {
         return std::unexpected("empty");
       }
       c.runtime.state_directory = v;
       return {};
     },
     [](const Config& c, View) { return c.runtime.state_directory; }},
    {kRun, "stop-delay", "MILLISECONDS",
     "how long to go on forwarding after the home prefix is withdrawn", false,
     [](Config& c, View, View v) {
       return assign(c.runtime.stop_delay, parse_number<std::int64_t>(v, 0, 600'000));
     },
     [](const Config& c, View) { return std::to_string(c.runtime.stop_delay.count()); }},
    {kRun, "worker-timeout", "MILLISECONDS",
     "a worker that makes no progress for this long makes the agent withdraw", false,
     [](Config& c, View, View v) {
       return assign(c.runtime.worker_timeout, parse_number<std::int64_t>(v, 100, 60'000));
     },
     [](const Config& c, View) { return std::to_string(c.runtime.worker_timeout.count()); }},
    {kRun, "log-level", "error|warning|notice|info|debug", "least important lines that are logged",
     false,
     [](Config& c, View, View v) -> Result {
       constexpr View kLevels[] = {"error", "warning", "notice", "info", "debug"};
       if (std::ranges::find(kLevels, v) == std::end(kLevels)) {
         return std::unexpected("none of error, warning, notice, info, debug");
       }
       c.runtime.log_level = v;
       return {};
     },
     [](const Config& c, View) { return c.runtime.log_level; }},
};

// Levenshtein distance, for "did you mean".
std::size_t distance(View a, View b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) {
    row[j] = j;
  }
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row[b.size()];
}

// "port.wan.mtu" → {"port", "wan", "mtu"}; no instance: {"", "", key}.
struct KeyParts {
  View section;
  View instance;
  View name;
};
KeyParts split(View key) {
  const std::size_t first = key.find('.');
  const std::size_t last = key.rfind('.');
  if (first == View::npos || first == last) {
    return {{}, {}, key};
  }
  return {key.substr(0, first), key.substr(first + 1, last - first - 1), key.substr(last + 1)};
}

}  // namespace

std::span<const Option> options() {
  static const std::vector<Option> kAll = [] {
    std::vector<Option> all(std::begin(kOptions), std::end(kOptions));
    all.insert(all.end(), haha_options().begin(), haha_options().end());
    return all;
  }();
  return kAll;
}

OptionMatch find_option(std::string_view key) {
  const KeyParts parts = split(key);
  for (const Option& option : options()) {
    const KeyParts pattern = split(option.name);
    if (pattern.section == parts.section && pattern.name == parts.name) {
      return {&option, parts.instance};
    }
  }
  return {};
}

std::string_view similar_option(std::string_view key) {
  const View name = split(key).name;
  View best;
  std::size_t best_distance = 4;  // farther away it is another word
  for (const Option& option : options()) {
    const std::size_t d = distance(name, split(option.name).name);
    if (d < best_distance) {
      best_distance = d;
      best = option.name;
    }
  }
  return best;
}

}  // namespace anyhome::config
