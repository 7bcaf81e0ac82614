// ECN across a tunnel (RFC 6040).
#pragma once

#include <cstdint>
#include <optional>

namespace anyhome::dataplane {

inline constexpr std::uint8_t kEcnMask = 0x03;
inline constexpr std::uint8_t kEcnNotCapable = 0;
inline constexpr std::uint8_t kEcnCongestion = 3;

// RFC 6040 §4.1, normal mode: ECN is copied into the outer header, DSCP if configured.
constexpr std::uint8_t outer_traffic_class(std::uint8_t inner, bool copy_dscp) {
  return copy_dscp ? inner : static_cast<std::uint8_t>(inner & kEcnMask);
}

// RFC 6040 §4.2, figure 4: the inner traffic class after decapsulation; nullopt: drop, congestion
// was met by a packet whose ends could not be told.
constexpr std::optional<std::uint8_t> decapsulated_traffic_class(std::uint8_t inner,
                                                                 std::uint8_t outer) {
  const std::uint8_t inner_ecn = inner & kEcnMask;
  const std::uint8_t outer_ecn = outer & kEcnMask;
  if (outer_ecn == kEcnCongestion) {
    if (inner_ecn == kEcnNotCapable) {
      return std::nullopt;
    }
    return static_cast<std::uint8_t>(inner | kEcnCongestion);
  }
  // ECT(1) outside of ECT(0) wins; everything else stays as it is inside.
  constexpr std::uint8_t kEct0 = 2;
  constexpr std::uint8_t kEct1 = 1;
  if (inner_ecn == kEct0 && outer_ecn == kEct1) {
    return static_cast<std::uint8_t>((inner & ~kEcnMask) | kEct1);
  }
  return inner;
}

}  // namespace anyhome::dataplane
