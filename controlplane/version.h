// The order of everything that is said about a home address (rulings §3, R104).
//
// The state of a home address is one register that the last writer wins: V = (T, locator, n). T is
// when a Binding Update was accepted, the locator is of the home agent that says so, n counts its
// changes under one T. Home agents compare V and nothing else; BU sequence numbers are per mobile
// node and home agent and say nothing between two of them.
#pragma once

#include <compare>
#include <cstdint>

#include "common/time.h"

namespace anyhome::control {

// A home agent of the set by its rank in the order of locators, ourselves included: comparing ranks
// is comparing locators.
using MemberRank = std::uint16_t;

struct Version {
  Timestamp time;
  MemberRank member = 0;
  std::uint16_t change = 0;  // n

  // The same registration, changed once more.
  [[nodiscard]] constexpr Version changed() const {
    return change == 0xffff ? Version{{time.value + 1}, member, 0}
                            : Version{time, member, static_cast<std::uint16_t>(change + 1)};
  }
  friend constexpr auto operator<=>(const Version&, const Version&) = default;
  friend constexpr bool operator==(const Version&, const Version&) = default;
};

}  // namespace anyhome::control
