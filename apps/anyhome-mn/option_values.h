// Readers of single option values. The error text is the remedy: it stands behind option and value.
#pragma once

#include <charconv>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/address.h"
#include "common/prefix.h"
#include "common/time.h"

namespace anyhome::mobile {

template <class T>
using Value = std::expected<T, std::string>;

Value<std::string> read_word(const std::string& text);
Value<std::string> read_interface_name(const std::string& text);
Value<std::string> read_identifier(const std::string& text);
Value<bool> read_boolean(const std::string& text);
Value<Ipv6Address> read_any_address(const std::string& text);
Value<Prefix> read_prefix(const std::string& text);
Value<std::chrono::milliseconds> read_seconds(const std::string& text, double least, double most);
Value<Lifetime> read_lifetime(const std::string& text);
Value<std::vector<std::byte>> read_key(const std::string& text);
Value<double> read_rate(const std::string& text);

template <std::unsigned_integral T>
Value<T> read_number(const std::string& text, T least, T most) {
  unsigned long long number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || end != last || number < least || number > most) {
    return std::unexpected(
        fmt::format("give a number from {} to {}", std::uint64_t{least}, std::uint64_t{most}));
  }
  return static_cast<T>(number);
}

// One that can be a node's own: unicast, beyond one link.
template <class Tagged>
Value<Tagged> read_address(const std::string& text) {
  const auto address = Ipv6Address::parse(text);
  if (!address || !address->is_unicast_routable() || address->is_unspecified() ||
      address->is_loopback()) {
    return std::unexpected(std::string("give a global unicast IPv6 address"));
  }
  return Tagged(*address);
}

template <class T>
Value<T> read_choice(const std::string& text,
                     std::initializer_list<std::pair<std::string_view, T>> choices) {
  std::string all;
  for (const auto& [name, value] : choices) {
    if (text == name) {
      return value;
    }
    all += fmt::format("{}{}", all.empty() ? "" : ", ", name);
  }
  return std::unexpected("give one of " + all);
}

}  // namespace anyhome::mobile
