// When which packet of a sender is due, as a pure function of the time since the start.
#pragma once

#include <chrono>
#include <cstdint>

namespace anyhome::pktgen {

struct RateProfile {
  double pps = 0;           // 0: as fast as possible
  std::uint32_t burst = 1;  // so many at once, at the same mean rate
  double ramp_from_pps = 0;
  std::chrono::nanoseconds ramp{0};  // from ramp_from_pps to pps in this time; then pps

  [[nodiscard]] bool unlimited() const { return pps <= 0; }
  // The part of one of so many senders.
  [[nodiscard]] RateProfile share(std::size_t senders) const {
    RateProfile part = *this;
    part.pps /= static_cast<double>(senders);
    part.ramp_from_pps /= static_cast<double>(senders);
    return part;
  }

  friend bool operator==(const RateProfile&, const RateProfile&) = default;
};

// How many packets are to have been sent at this time since the start; the first at once. Doubles
// count whole packets exactly up to 2^53.
inline std::uint64_t packets_due(const RateProfile& profile, std::chrono::nanoseconds since) {
  if (profile.unlimited()) {
    return ~std::uint64_t{0};
  }
  const double t = static_cast<double>(since.count()) * 1e-9;
  const double ramp = static_cast<double>(profile.ramp.count()) * 1e-9;
  double due = profile.pps * t;
  if (t < ramp) {
    due = profile.ramp_from_pps * t + (profile.pps - profile.ramp_from_pps) * t * t / (2 * ramp);
  } else if (ramp > 0) {
    // The area of the ramp, then a rectangle.
    due = (profile.ramp_from_pps + profile.pps) / 2 * ramp + profile.pps * (t - ramp);
  }
  const auto whole = static_cast<std::uint64_t>(due);
  return whole / profile.burst * profile.burst + profile.burst;
}

}  // namespace anyhome::pktgen
