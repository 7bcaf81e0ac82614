// Numbers of Ethernet.
#pragma once

#include <cstddef>
#include <cstdint>

namespace anyhome::pktgen {

inline constexpr std::uint16_t kEthernetHeader = 14;  // without a tag
inline constexpr std::size_t kVlanTag = 4;
inline constexpr std::uint16_t kFcs = 4;
// Preamble, start delimiter and the gap between frames: what a frame costs a wire besides itself.
inline constexpr unsigned kWireOverhead = 20;
inline constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
inline constexpr std::uint16_t kEtherTypeVlan = 0x8100;

}  // namespace anyhome::pktgen
