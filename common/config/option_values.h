// Text to values and back, for the option table. Errors say what would be right.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <expected>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "common/address.h"
#include "common/config/config.h"
#include "common/prefix.h"

namespace anyhome::config {

template <class T>
using Parsed = std::expected<T, std::string>;

// A whole number in [low, high]; sign, blanks and trailing characters are errors.
template <class T>
Parsed<T> parse_number(std::string_view text, std::uint64_t low = 0,
                       std::uint64_t high = std::numeric_limits<T>::max()) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < low ||
      value > high) {
    return std::unexpected(fmt::format("not a whole number from {} to {}", low, high));
  }
  return static_cast<T>(value);
}

Parsed<bool> parse_bool(std::string_view text);
Parsed<Ipv6Address> parse_address(std::string_view text);
Parsed<Prefix> parse_prefix(std::string_view text);
// "2001:db8:a1::1a/64": an address with the length of its prefix.
Parsed<std::string> parse_interface_address(std::string_view text);
// "2001:db8:8000::/36,64".
Parsed<NemoPool> parse_nemo_pool(std::string_view text);
// Hexadecimal digits, two for each byte.
Parsed<std::vector<std::byte>> parse_key(std::string_view text);
// "PREFIX via ADDRESS port NAME" or "PREFIX port NAME".
Parsed<StaticRoute> parse_route(std::string_view text);
// "ADDRESS mac 02:00:00:00:00:01 port NAME".
Parsed<StaticNeighbor> parse_neighbor(std::string_view text);

std::string show_bool(bool value);
std::string show_pool(const NemoPool& pool);
std::string show_route(const StaticRoute& route);
std::string show_neighbor(const StaticNeighbor& neighbor);
std::string show_mac(const std::array<std::uint8_t, 6>& mac);

}  // namespace anyhome::config
