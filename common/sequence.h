// Sequence numbers compared modulo 2^16.
#pragma once

#include <compare>
#include <cstdint>

namespace anyhome {

// The Sequence # of Binding Updates and HA-HELLOs. It has no total order, so there is no operator<.
struct SequenceNumber {
  std::uint16_t value = 0;

  // RFC 6275 §9.5.1: compared modulo 2^16. The exact opposite, 32768 away, counts as old.
  [[nodiscard]] constexpr bool is_newer_than(SequenceNumber last) const {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(value - last.value)) > 0;
  }
  [[nodiscard]] constexpr SequenceNumber next() const {
    return {static_cast<std::uint16_t>(value + 1U)};
  }

  friend constexpr bool operator==(SequenceNumber, SequenceNumber) = default;
};

}  // namespace anyhome
