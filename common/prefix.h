// IPv6 prefixes: an address whose bits beyond the length are zero.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/address.h"

namespace anyhome {

class Prefix {
 public:
  static constexpr unsigned kMaxLength = 128;

  constexpr Prefix() = default;
  // Bits beyond `length` are cleared; a length above 128 counts as 128.
  constexpr Prefix(const Ipv6Address& address, unsigned length)
      : address_(mask(address, length)),
        length_(static_cast<std::uint8_t>(length > kMaxLength ? kMaxLength : length)) {}

  // "2001:db8::/32". Host bits must be zero: a typing mistake is reported, not repaired.
  static std::optional<Prefix> parse(std::string_view text);
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] constexpr const Ipv6Address& address() const { return address_; }
  [[nodiscard]] constexpr unsigned length() const { return length_; }

  [[nodiscard]] constexpr bool contains(const Ipv6Address& other) const {
    return mask(other, length_) == address_;
  }
  [[nodiscard]] constexpr bool contains(const Prefix& other) const {
    return other.length_ >= length_ && contains(other.address_);
  }
  [[nodiscard]] constexpr bool overlaps(const Prefix& other) const {
    return contains(other) || other.contains(*this);
  }

  // The Mobile IPv6 Home-Agents anycast address of a home prefix (RFC 2526 §2): interface
  // identifier all ones but for the universal bit of a /64 and the anycast id 126 in the low bits.
  [[nodiscard]] constexpr Ipv6Address home_agents_anycast() const {
    Ipv6Address result = address_;
    for (unsigned bit = length_; bit < kMaxLength; ++bit) {
      result.octets[bit / 8U] |= static_cast<std::uint8_t>(0x80U >> (bit % 8U));
    }
    if (length_ == 64) {
      result.octets[8] = 0xfd;
    }
    result.octets[15] = static_cast<std::uint8_t>((result.octets[15] & 0x80U) | 0x7eU);
    return result;
  }

  static constexpr Ipv6Address mask(const Ipv6Address& address, unsigned length) {
    Ipv6Address result;
    for (unsigned i = 0; i < Ipv6Address::kSize; ++i) {
      const unsigned bits = length > i * 8U ? length - i * 8U : 0U;
      const auto octet_mask = static_cast<std::uint8_t>(bits >= 8U ? 0xffU : ~(0xffU >> bits));
      result.octets[i] = static_cast<std::uint8_t>(address.octets[i] & octet_mask);
    }
    return result;
  }

  friend constexpr auto operator<=>(const Prefix&, const Prefix&) = default;
  friend constexpr bool operator==(const Prefix&, const Prefix&) = default;

 private:
  Ipv6Address address_;
  std::uint8_t length_ = 0;
};

struct PrefixHash {
  std::size_t operator()(const Prefix& prefix) const {
    return static_cast<std::size_t>(hash_address(prefix.address(), prefix.length()));
  }
};

}  // namespace anyhome
