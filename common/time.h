// Time as an argument.
//
// Nothing below `apps` reads a clock. An `Instant` is a point on the agent's own monotonic time
// line, a `WallTime` is civil time (needed only for timestamps that travel); both come in with each
// event as a `Now`, from a clock in the daemon and from a variable in tests and in the simulator.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>

namespace anyhome {

using Duration = std::chrono::nanoseconds;

// Clock types without a now(): they exist to keep the two time lines apart.
struct AgentClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<AgentClock, duration>;
  static constexpr bool is_steady = true;
};
struct CivilClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<CivilClock, duration>;
  static constexpr bool is_steady = false;
};

using Instant = AgentClock::time_point;
// Since 1970-01-01T00:00:00Z, leap seconds not counted.
using WallTime = CivilClock::time_point;

struct Now {
  Instant instant;
  WallTime wall;
};

// A binding lifetime as messages carry it: units of 4 seconds in 16 bits. 0xffff is the largest
// value (262,140 s), not infinity (RFC 6275 §6.1.7).
class Lifetime {
 public:
  static constexpr std::chrono::seconds kUnit{4};

  constexpr Lifetime() = default;
  constexpr explicit Lifetime(std::uint16_t units) : units_(units) {}

  // Rounds down, so that no copy of a lifetime outlives the original; saturates at the largest.
  static constexpr Lifetime rounded_down(Duration duration) {
    const auto units = duration / Duration(kUnit);
    if (units <= 0) {
      return Lifetime(0);
    }
    return Lifetime(static_cast<std::uint16_t>(units > 0xffff ? 0xffff : units));
  }

  [[nodiscard]] constexpr std::uint16_t units() const { return units_; }
  [[nodiscard]] constexpr std::chrono::seconds seconds() const { return kUnit * units_; }
  [[nodiscard]] constexpr bool is_zero() const { return units_ == 0; }

  friend constexpr auto operator<=>(Lifetime, Lifetime) = default;
  friend constexpr bool operator==(Lifetime, Lifetime) = default;

 private:
  std::uint16_t units_ = 0;
};

// The 64-bit NTP timestamp of the RFC 4285 replay protection option: seconds since 1900 in the
// high half, fraction in the low half (RFC 4285 §6).
struct NtpTimestamp {
  static constexpr std::uint64_t kUnixEpoch = 2'208'988'800ULL;  // 1900 to 1970, 70 years

  std::uint64_t value = 0;

  static constexpr NtpTimestamp from(WallTime wall) {
    const std::int64_t since = wall.time_since_epoch().count();
    const std::int64_t ns = since < 0 ? 0 : since;
    const auto seconds = static_cast<std::uint64_t>(ns / 1'000'000'000) + kUnixEpoch;
    const auto rest = static_cast<std::uint64_t>(ns % 1'000'000'000);
    return {(seconds << 32U) | ((rest << 32U) / 1'000'000'000ULL)};
  }
  // Exact to a nanosecond; times before 1970 give 1970. Good until 2036 (era 0).
  [[nodiscard]] constexpr WallTime to_wall() const {
    const std::uint64_t seconds = value >> 32U;
    if (seconds < kUnixEpoch) {
      return WallTime{};
    }
    const std::uint64_t fraction = value & 0xffff'ffffULL;
    return WallTime{Duration(static_cast<std::int64_t>((seconds - kUnixEpoch) * 1'000'000'000ULL +
                                                       ((fraction * 1'000'000'000ULL) >> 32U)))};
  }

  friend constexpr auto operator<=>(NtpTimestamp, NtpTimestamp) = default;
  friend constexpr bool operator==(NtpTimestamp, NtpTimestamp) = default;
};

// The Timestamp option's value (RFC 5213 §8.8): 48 bits of seconds since 1970 and 16 of fraction.
struct Timestamp {
  std::uint64_t value = 0;

  static constexpr Timestamp from(WallTime wall) {
    const std::int64_t since = wall.time_since_epoch().count();
    const auto ns = static_cast<std::uint64_t>(since < 0 ? 0 : since);
    return {((ns / 1'000'000'000ULL) << 16U) |
            (((ns % 1'000'000'000ULL) << 16U) / 1'000'000'000ULL)};
  }
  [[nodiscard]] constexpr WallTime to_wall() const {
    const std::uint64_t seconds = (value >> 16U) & 0x1'ffff'ffffULL;  // 272 years fit an Instant
    return WallTime{Duration(static_cast<std::int64_t>(
        seconds * 1'000'000'000ULL + (((value & 0xffffULL) * 1'000'000'000ULL) >> 16U)))};
  }

  friend constexpr auto operator<=>(Timestamp, Timestamp) = default;
  friend constexpr bool operator==(Timestamp, Timestamp) = default;
};

}  // namespace anyhome
