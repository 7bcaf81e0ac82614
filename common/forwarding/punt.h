// What a worker tells the control thread about a packet it hands over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace anyhome::forwarding {

// Each class has its own strict budget, so that no flood of one silences another
// (docs/architecture.md). The order is the order of service.
enum class PuntClass : std::uint8_t {
  Routing,            // BGP and BFD
  HahaHello,          // HA-HELLO: never waits behind the next class
  Mobility,           // every other Mobility Header for our home agent address
  HahaSync,           // State Synchronization
  Stranded,           // packets for a dead home agent's address, by itself or out of a link
  Discovery,          // DHAAD and mobile prefix discovery
  TunnelError,        // ICMPv6 errors that quote a packet of one of our tunnels
  NeighborDiscovery,  // ND, RS/RA, MLD
  Resolve,            // a packet whose neighbour is not resolved yet
  Host,               // anything else for the host itself
};
inline constexpr std::size_t kPuntClassCount = 10;

inline constexpr std::array<std::string_view, kPuntClassCount> kPuntClassNames = {
    "routing",   "haha-hello",   "mobility",           "haha-sync", "stranded",
    "discovery", "tunnel-error", "neighbor-discovery", "resolve",   "host"};

constexpr std::string_view to_string(PuntClass punt_class) {
  return kPuntClassNames[static_cast<std::size_t>(punt_class)];
}

// How many packets a worker's ring may hold when one more of this class comes. The ring is one for
// all classes: what routing needs keeps an eighth for itself, and HELLOs and neighbours keep
// another one, so that a flood of Binding Updates within its budget costs no session its BFD.
constexpr unsigned punt_limit(PuntClass punt_class, unsigned capacity) {
  switch (punt_class) {
    case PuntClass::Routing:
      return capacity;
    case PuntClass::HahaHello:
    case PuntClass::NeighborDiscovery:
      return capacity - capacity / 8;
    default:
      return capacity - capacity / 4;
  }
}

inline constexpr std::uint16_t kNoPort = 0xffff;
inline constexpr std::uint16_t kNoPeer = 0xffff;

struct PuntMetadata {
  PuntClass punt_class = PuntClass::Host;
  std::uint8_t decapsulations = 0;  // tunnels the packet was taken out of
  std::uint16_t port = kNoPort;     // index of the port it came in on; kNoPort: from the host
  std::uint16_t peer = kNoPeer;     // index of the home agent whose HAHA link it came over
  // Bytes of link-layer header in front of the IPv6 header; 0 once it was decapsulated.
  std::uint16_t link_header = 0;
  // Security association that protected it and the home address bound to it (RFC 3776 §3);
  // 0: none. Filled in once ESP is there.
  std::uint32_t security_association = 0;
  // Resolve: index of the unresolved adjacency.
  std::uint32_t adjacency = 0;
};

}  // namespace anyhome::forwarding
