// IPv6 addresses, plain and tagged by the part they play.
//
// A home address, a care-of address, a locator and a home agent address are all 128 bits, and the
// protocol's worst bugs are one taken for another; so they are types that do not convert into each
// other. `address()` says "I know what I am doing".
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace anyhome {

struct Ipv6Address {
  static constexpr std::size_t kSize = 16;

  std::array<std::uint8_t, kSize> octets{};

  // Text form of RFC 4291 §2.2; nothing else (no zone, no prefix length) is accepted.
  static std::optional<Ipv6Address> parse(std::string_view text);
  // Canonical text form of RFC 5952.
  [[nodiscard]] std::string to_string() const;

  [[nodiscard]] constexpr bool is_unspecified() const { return *this == Ipv6Address{}; }
  [[nodiscard]] constexpr bool is_multicast() const { return octets[0] == 0xff; }
  // Scope of a multicast address (RFC 4291 §2.7): 1 interface, 2 link, 5 site, 14 global.
  [[nodiscard]] constexpr unsigned multicast_scope() const { return octets[1] & 0x0fU; }
  [[nodiscard]] constexpr bool is_link_local() const {
    return octets[0] == 0xfe && (octets[1] & 0xc0U) == 0x80U;
  }
  [[nodiscard]] constexpr bool is_loopback() const {
    Ipv6Address loopback;
    loopback.octets[15] = 1;
    return *this == loopback;
  }
  // ::/96 (IPv4-compatible, deprecated) and ::ffff:0:0/96 (IPv4-mapped).
  [[nodiscard]] constexpr bool embeds_ipv4() const {
    for (std::size_t i = 0; i < 10; ++i) {
      if (octets[i] != 0) {
        return false;
      }
    }
    return (octets[10] == 0 && octets[11] == 0) || (octets[10] == 0xff && octets[11] == 0xff);
  }
  // "Unicast routable address" of RFC 6275: beyond one link and of one node.
  [[nodiscard]] constexpr bool is_unicast_routable() const {
    return !is_multicast() && !is_link_local() && !embeds_ipv4();
  }

  friend constexpr auto operator<=>(const Ipv6Address&, const Ipv6Address&) = default;
  friend constexpr bool operator==(const Ipv6Address&, const Ipv6Address&) = default;
};

// The 16 bytes of an address as they lie in a packet.
inline const std::byte* bytes_of(const Ipv6Address& address) {
  return std::as_bytes(std::span(address.octets)).data();
}

// A 64-bit mix of an address; good enough for power-of-two tables, the same on every run.
// `seed` lets a table be keyed against chosen collisions.
inline std::uint64_t hash_address(const Ipv6Address& address, std::uint64_t seed = 0) {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  std::memcpy(&high, address.octets.data(), sizeof high);
  std::memcpy(&low, address.octets.data() + sizeof high, sizeof low);
  // Multiply-fold of both halves: the constants are odd 64-bit fractions of the golden ratio and
  // pi.
  __extension__ using Wide = unsigned __int128;
  const Wide product =
      static_cast<Wide>(high ^ (0x9e3779b97f4a7c15ULL + seed)) * (low ^ 0x243f6a8885a308d3ULL);
  std::uint64_t hash =
      static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U);
  hash ^= (low + seed) * 0xbf58476d1ce4e5b9ULL;
  return hash ^ (hash >> 29U);
}

// An address with a part to play. Tags are empty structs, never defined.
template <class Tag>
class TaggedAddress {
 public:
  constexpr TaggedAddress() = default;
  constexpr explicit TaggedAddress(const Ipv6Address& address) : address_(address) {}

  [[nodiscard]] constexpr const Ipv6Address& address() const { return address_; }
  [[nodiscard]] std::string to_string() const { return address_.to_string(); }

  friend constexpr auto operator<=>(const TaggedAddress&, const TaggedAddress&) = default;
  friend constexpr bool operator==(const TaggedAddress&, const TaggedAddress&) = default;

 private:
  Ipv6Address address_;
};

// The mobile node's stable address inside a home prefix (RFC 6275 §3.2).
using HomeAddress = TaggedAddress<struct HomeAddressTag>;
// Where the mobile node is now (RFC 6275 §3.2).
using CareOfAddress = TaggedAddress<struct CareOfAddressTag>;
// A home agent's address inside the home prefix: what mobile nodes register with.
using HomeAgentAddress = TaggedAddress<struct HomeAgentAddressTag>;
// A home agent's provider-assigned address: what home agents talk to each other with (draft §4.1).
using Locator = TaggedAddress<struct LocatorTag>;

struct AddressHash {
  std::size_t operator()(const Ipv6Address& address) const {
    return static_cast<std::size_t>(hash_address(address));
  }
  template <class Tag>
  std::size_t operator()(const TaggedAddress<Tag>& address) const {
    return (*this)(address.address());
  }
};

}  // namespace anyhome
