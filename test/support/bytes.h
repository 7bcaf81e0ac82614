// Bytes and addresses as tests like to write them. Without Catch2: fuzz targets have them too.
#pragma once

#include <cstddef>
#include <stdexcept>
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
  if (!address) {
    throw std::invalid_argument(fmt::format("{} is no address", text));
  }
  return *address;
}

inline Prefix prefix(std::string_view text) {
  const auto result = Prefix::parse(text);
  if (!result) {
    throw std::invalid_argument(fmt::format("{} is no prefix", text));
  }
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
