#include "common/config/option_values.h"

#include <fmt/ranges.h>

namespace anyhome::config {
namespace {

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  while (true) {
    const std::size_t start = text.find_first_not_of(" \t");
    if (start == std::string_view::npos) {
      return result;
    }
    text.remove_prefix(start);
    const std::size_t end = std::min(text.find_first_of(" \t"), text.size());
    result.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

Parsed<std::uint8_t> parse_hex_byte(std::string_view text) {
  unsigned value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (text.size() != 2 || error != std::errc{} || end != text.data() + text.size()) {
    return std::unexpected("not two hexadecimal digits");
  }
  return static_cast<std::uint8_t>(value);
}

Parsed<std::array<std::uint8_t, 6>> parse_mac(std::string_view text) {
  std::array<std::uint8_t, 6> mac{};
  constexpr std::size_t kLength = 17;  // 6 * 2 digits and 5 colons
  bool good = text.size() == kLength;
  for (std::size_t i = 0; good && i < mac.size(); ++i) {
    const auto octet = parse_hex_byte(text.substr(i * 3, 2));
    good = octet.has_value() && (i == 5 || text[i * 3 + 2] == ':');
    mac[i] = octet.value_or(0);
  }
  if (!good) {
    return std::unexpected("not a MAC address like 02:00:00:00:00:01");
  }
  return mac;
}

}  // namespace

Parsed<bool> parse_bool(std::string_view text) {
  if (text == "yes" || text == "true" || text == "on" || text == "1") {
    return true;
  }
  if (text == "no" || text == "false" || text == "off" || text == "0") {
    return false;
  }
  return std::unexpected("neither yes nor no");
}

Parsed<Ipv6Address> parse_address(std::string_view text) {
  const auto address = Ipv6Address::parse(text);
  if (!address) {
    return std::unexpected("not an IPv6 address like 2001:db8::1");
  }
  return *address;
}

Parsed<Prefix> parse_prefix(std::string_view text) {
  const auto prefix = Prefix::parse(text);
  if (!prefix) {
    return std::unexpected(
        "not an IPv6 prefix like 2001:db8:0:1::/64 with all bits behind its length zero");
  }
  return *prefix;
}

Parsed<std::string> parse_interface_address(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto address = Ipv6Address::parse(text.substr(0, slash));
  if (slash == std::string_view::npos || !address ||
      !parse_number<unsigned>(text.substr(slash + 1), 1, Prefix::kMaxLength)) {
    return std::unexpected("not an address with its prefix length like 2001:db8:a1::1a/64");
  }
  return std::string(text);
}

Parsed<NemoPool> parse_nemo_pool(std::string_view text) {
  const std::size_t comma = text.find(',');
  const auto prefix = Prefix::parse(text.substr(0, comma));
  if (comma == std::string_view::npos || !prefix) {
    return std::unexpected(
        "not a pool like 2001:db8:8000::/36,64 (a prefix, and the length of those in it)");
  }
  const auto length = parse_number<std::uint8_t>(text.substr(comma + 1), 1, Prefix::kMaxLength);
  if (!length) {
    return std::unexpected("the length behind the comma is " + length.error());
  }
  return NemoPool{*prefix, *length};
}

Parsed<std::vector<std::byte>> parse_key(std::string_view text) {
  std::vector<std::byte> key;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto octet = parse_hex_byte(text.substr(i, 2));
    if (!octet) {
      return std::unexpected("not hexadecimal digits, two for each byte");
    }
    key.push_back(std::byte{*octet});
  }
  return key;
}

Parsed<StaticRoute> parse_route(std::string_view text) {
  const auto parts = words(text);
  const bool has_gateway = parts.size() == 5 && parts[1] == "via" && parts[3] == "port";
  const bool on_link = parts.size() == 3 && parts[1] == "port";
  if (!has_gateway && !on_link) {
    return std::unexpected("not like \"PREFIX via ADDRESS port NAME\" or \"PREFIX port NAME\"");
  }
  StaticRoute route;
  const auto prefix = parse_prefix(parts[0]);
  if (!prefix) {
    return std::unexpected("the prefix is " + prefix.error());
  }
  route.prefix = *prefix;
  route.port = parts.back();
  if (has_gateway) {
    const auto gateway = parse_address(parts[2]);
    if (!gateway) {
      return std::unexpected("the gateway is " + gateway.error());
    }
    route.gateway = *gateway;
  }
  return route;
}

Parsed<StaticNeighbor> parse_neighbor(std::string_view text) {
  const auto parts = words(text);
  if (parts.size() != 5 || parts[1] != "mac" || parts[3] != "port") {
    return std::unexpected("not like \"ADDRESS mac 02:00:00:00:00:01 port NAME\"");
  }
  StaticNeighbor neighbor;
  const auto address = parse_address(parts[0]);
  if (!address) {
    return std::unexpected("the address is " + address.error());
  }
  const auto mac = parse_mac(parts[2]);
  if (!mac) {
    return std::unexpected(mac.error());
  }
  neighbor.address = *address;
  neighbor.mac = *mac;
  neighbor.port = parts[4];
  return neighbor;
}

std::string show_bool(bool value) { return value ? "yes" : "no"; }

std::string show_pool(const NemoPool& pool) {
  return fmt::format("{},{}", pool.pool.to_string(), pool.prefix_length);
}

std::string show_route(const StaticRoute& route) {
  return route.gateway ? fmt::format("{} via {} port {}", route.prefix.to_string(),
                                     route.gateway->to_string(), route.port)
                       : fmt::format("{} port {}", route.prefix.to_string(), route.port);
}

std::string show_mac(const std::array<std::uint8_t, 6>& mac) {
  return fmt::format("{:02x}", fmt::join(mac, ":"));
}

std::string show_neighbor(const StaticNeighbor& neighbor) {
  return fmt::format("{} mac {} port {}", neighbor.address.to_string(), show_mac(neighbor.mac),
                     neighbor.port);
}

}  // namespace anyhome::config
