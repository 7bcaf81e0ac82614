// Who has which address in the simulated network: one numbering, written and read.
#pragma once

#include <cstdint>

#include "common/address.h"
#include "common/prefix.h"

namespace anyhome::sim {

// What an address belongs to.
enum class Place : std::uint8_t {
  Home,           // the home prefix: anycast
  MobileNetwork,  // the pool of mobile network prefixes: anycast
  Pop,            // a locator
  Access,         // a care-of address
  Correspondent,
  Nowhere,
};

struct Whereabouts {
  Place place = Place::Nowhere;
  std::uint32_t index = 0;  // POP, access network, or correspondent's site
  std::uint32_t host = 0;  // Access, Home, MobileNetwork: the mobile node; Correspondent: which one
};

namespace plan {

namespace detail {
constexpr Ipv6Address make(unsigned group2, unsigned group3, std::uint32_t host) {
  Ipv6Address address;
  const auto put = [&](unsigned at, unsigned value) {
    address.octets[at] = static_cast<std::uint8_t>(value >> 8U);
    address.octets[at + 1] = static_cast<std::uint8_t>(value & 0xffU);
  };
  put(0, 0x2001);
  put(2, 0x0db8);
  put(4, group2);
  put(6, group3);
  put(12, host >> 16U);
  put(14, host & 0xffffU);
  return address;
}
inline constexpr unsigned kLocators = 0xa000;
inline constexpr unsigned kAccess = 0xc000;
inline constexpr unsigned kCorrespondents = 0xe000;
inline constexpr unsigned kMobileNetworks = 0x8000;
inline constexpr unsigned kBlock = 0x1000;
// Home addresses are above the home agents' addresses.
inline constexpr std::uint32_t kFirstHome = 0x0100'0000;
}  // namespace detail

inline Prefix home_prefix() { return {detail::make(0, 1, 0), 64}; }
inline Prefix mobile_network_pool() { return {detail::make(detail::kMobileNetworks, 0, 0), 36}; }

// 1a, 2a, 3a, ... as in the documents.
constexpr std::uint32_t agent_host(unsigned pop) { return ((pop + 1) << 4U) | 0xaU; }
inline HomeAgentAddress agent(unsigned pop) {
  return HomeAgentAddress(detail::make(0, 1, agent_host(pop)));
}
inline Locator locator(unsigned pop) {
  return Locator(detail::make(detail::kLocators + pop, 0, agent_host(pop)));
}
inline HomeAddress home(std::uint32_t mobile) {
  return HomeAddress(detail::make(0, 1, detail::kFirstHome + mobile));
}
inline Prefix mobile_network(std::uint32_t mobile) {
  return {detail::make(detail::kMobileNetworks, mobile & 0xffffU, 0), 64};
}
inline Ipv6Address in_mobile_network(std::uint32_t mobile) {
  return detail::make(detail::kMobileNetworks, mobile & 0xffffU, 5);
}
inline CareOfAddress care_of(unsigned network, std::uint32_t mobile) {
  return CareOfAddress(detail::make(detail::kAccess + network, 0, mobile + 1));
}
inline Ipv6Address correspondent(unsigned site, std::uint32_t which) {
  return detail::make(detail::kCorrespondents + site, 0, which + 1);
}

inline Whereabouts locate(const Ipv6Address& address) {
  const auto group = [&](unsigned at) {
    return (unsigned{address.octets[at]} << 8U) | address.octets[at + 1];
  };
  const std::uint32_t host = (group(12) << 16U) | group(14);
  if (group(0) != 0x2001 || group(2) != 0x0db8) {
    return {};
  }
  const unsigned block = group(4) & ~(detail::kBlock - 1);
  const unsigned index = group(4) - block;
  switch (block) {
    case 0:
      if (group(4) == 0 && group(6) == 1) {
        return {Place::Home, 0, host >= detail::kFirstHome ? host - detail::kFirstHome : 0};
      }
      return {};
    case detail::kMobileNetworks:
      return {Place::MobileNetwork, 0, group(6)};
    case detail::kLocators:
      return {Place::Pop, index, 0};
    case detail::kAccess:
      return {Place::Access, index, host - 1};
    case detail::kCorrespondents:
      return {Place::Correspondent, index, host - 1};
    default:
      return {};
  }
}

}  // namespace plan
}  // namespace anyhome::sim
