// Bytes and addresses as tests like to write them.
#pragma once

#include <catch2/catch.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "common/address.h"
#include "common/bytes.h"
#include "common/prefix.h"

namespace anyhome::test {

using Bytes = std::vector<std::byte>;

inline Ipv6Address ip6(std::string_view text) {
  const auto address = Ipv6Address::parse(text);
  INFO("address " << text);
  REQUIRE(address.has_value());
  return *address;
}

inline Prefix prefix(std::string_view text) {
  const auto result = Prefix::parse(text);
  INFO("prefix " << text);
  REQUIRE(result.has_value());
  return *result;
}

// "3b 01 f0" with any white space between.
inline Bytes hex(std::string_view text) {
  Bytes bytes;
  int high = -1;
  for (const char c : text) {
    int digit = -1;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else {
      continue;
    }
    if (high < 0) {
      high = digit;
    } else {
      bytes.push_back(static_cast<std::byte>(high * 16 + digit));
      high = -1;
    }
  }
  return bytes;
}

inline std::string dump(ByteView bytes) {
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    fmt::format_to(std::back_inserter(text), "{}{:02x}", i % 16 == 0 ? "\n" : " ",
                   std::to_integer<unsigned>(bytes[i]));
  }
  return text;
}

}  // namespace anyhome::test
