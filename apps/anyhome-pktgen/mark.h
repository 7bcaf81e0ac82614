// The mark that measured packets carry at the beginning of their UDP payload.
//
// Twelve bytes, so that it fits the smallest frame: who it is from, its number, and when it was
// sent, in units of 4 ns that wrap after 17 s.
#pragma once

#include <cstdint>
#include <optional>

#include "common/bytes.h"

namespace anyhome::pktgen {

inline constexpr std::uint16_t kMagic = 0xa4e1;
// From the dynamic ports (RFC 6335 §6), where nobody listens.
inline constexpr std::uint16_t kMarkPort = 62750;
inline constexpr std::size_t kMarkSize = 12;
inline constexpr unsigned kTickNanoseconds = 4;

struct Mark {
  std::uint8_t run = 0;     // what is left of an earlier trial is not counted in this one
  std::uint8_t stream = 0;  // sender and place in the mix
  std::uint32_t number = 0;
  std::uint32_t ticks = 0;

  void write(std::byte* at) const {
    store_be16(at, kMagic);
    at[2] = static_cast<std::byte>(run);
    at[3] = static_cast<std::byte>(stream);
    store_be32(at + 4, number);
    store_be32(at + 8, ticks);
  }
  // `at` has kMarkSize bytes.
  static std::optional<Mark> read(const std::byte* at) {
    if (load_be16(at) != kMagic) {
      return std::nullopt;
    }
    return Mark{std::to_integer<std::uint8_t>(at[2]), std::to_integer<std::uint8_t>(at[3]),
                load_be32(at + 4), load_be32(at + 8)};
  }
  friend bool operator==(const Mark&, const Mark&) = default;
};

}  // namespace anyhome::pktgen
