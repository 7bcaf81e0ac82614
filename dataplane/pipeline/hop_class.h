// How a HAHA link packet counts its relays (R107).
#pragma once

#include <cstdint>

namespace anyhome::dataplane {

// Nobody can tell how many routers lie between two home agents, so a relay is counted by classes of
// the outer hop limit, wide enough for any path: the entry sends 255, of class 3.
inline constexpr unsigned kHopClass = 64;

// Outer hop limit of a packet that is relayed from link to link; 0: it may not be.
constexpr std::uint8_t relayed_hop_limit(std::uint8_t received) {
  const unsigned hop_class = received / kHopClass;
  return static_cast<std::uint8_t>(hop_class == 0 ? 0 : hop_class * kHopClass - 1);
}

}  // namespace anyhome::dataplane
