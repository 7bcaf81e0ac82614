// Structures and attributes of netlink messages, read by value out of bytes in the byte order of
// the host. For the netlink_parse files only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include <linux/netlink.h>

#include "common/address.h"
#include "common/bytes.h"
#include "dataplane/io/host_event.h"
#include "dataplane/io/netlink_parse.h"

namespace anyhome::host::netlink {

// What a message says; unset: nothing for us.
using Body = std::optional<decltype(NetlinkMessage::body)>;

// NLMSG_ALIGNTO and NLA_ALIGNTO are both 4.
constexpr std::size_t aligned(std::size_t size) { return (size + 3U) & ~std::size_t{3}; }

// The first bytes as a structure of the kernel, in its byte order. T is read by value: no alignment
// is asked of the bytes.
template <class T>
std::optional<T> read(ByteView bytes) {
  if (bytes.size() < sizeof(T)) {
    return std::nullopt;
  }
  T value{};
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

// What follows the family's header of a message.
template <class T>
ByteView behind(ByteView payload) {
  return payload.subspan(std::min(payload.size(), aligned(sizeof(T))));
}

// Calls `visit(type, value)` for each attribute; it returns false for a value that cannot be. False
// when there was one, or when the lengths do not add up.
template <class Visit>
bool for_each_attribute(ByteView bytes, const Visit& visit) {
  while (!bytes.empty()) {
    const auto header = read<nlattr>(bytes);
    if (!header || header->nla_len < sizeof(nlattr) || header->nla_len > bytes.size()) {
      return false;
    }
    const ByteView value = bytes.subspan(sizeof(nlattr), header->nla_len - sizeof(nlattr));
    if (!visit(header->nla_type & NLA_TYPE_MASK, value)) {
      return false;
    }
    bytes = bytes.subspan(std::min(bytes.size(), aligned(header->nla_len)));
  }
  return true;
}

template <class T>
bool assign(ByteView value, T& field) {
  const auto number = read<T>(value);
  field = number.value_or(T{});
  return number.has_value() && value.size() == sizeof(T);
}

inline bool assign(ByteView value, Ipv6Address& address) { return assign(value, address.octets); }

inline bool assign(ByteView value, InterfaceIndex& interface) {
  std::uint32_t number = 0;
  const bool good = assign(value, number);
  interface = InterfaceIndex{number};
  return good;
}

// Of another length on interfaces that are no Ethernet, and empty on a TUN: none then.
inline void assign_mac(ByteView value, std::optional<MacAddress>& mac) {
  mac = value.size() == sizeof(MacAddress) ? read<MacAddress>(value) : std::nullopt;
}

inline std::string as_string(ByteView value) {
  const std::string_view text = as_text(value);
  return std::string(text.substr(0, text.find('\0')));
}

}  // namespace anyhome::host::netlink
