#include "apps/anyhome-mn/option_values.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace anyhome::mobile {
namespace {

constexpr std::size_t kMaxInterfaceName = 15;
// Option length is 8 bits, and "{}" may become six digits.
constexpr std::size_t kMaxIdentifier = 240;
constexpr std::size_t kMinKey = 16;
constexpr std::size_t kMaxKey = 64;

bool is_printable(char c) { return c > ' ' && c <= '~'; }

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') {
    return static_cast<unsigned>(c - '0');
  }
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? std::optional(static_cast<unsigned>(lower - 'a' + 10))
                                      : std::nullopt;
}

Value<double> read_real(const std::string& text, double least, double most, std::string_view what) {
  double number = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || end != last || !std::isfinite(number) || number < least ||
      number > most) {
    return std::unexpected(fmt::format("give {} from {} to {}", what, least, most));
  }
  return number;
}

}  // namespace

Value<std::string> read_word(const std::string& text) {
  if (text.empty() || !std::ranges::all_of(text, is_printable)) {
    return std::unexpected(std::string("give a name without spaces"));
  }
  return text;
}

Value<std::string> read_interface_name(const std::string& text) {
  const bool bad = text.empty() || text.size() > kMaxInterfaceName || text == "." || text == ".." ||
                   !std::ranges::all_of(text, is_printable) ||
                   text.find_first_of("/:%") != std::string::npos;
  if (bad) {
    return std::unexpected(std::string("give an interface name of 1 to 15 characters"));
  }
  return text;
}

Value<std::string> read_identifier(const std::string& text) {
  if (text.empty() || text.size() > kMaxIdentifier || !std::ranges::all_of(text, is_printable)) {
    return std::unexpected(
        fmt::format("give a network access identifier of 1 to {} characters", kMaxIdentifier));
  }
  return text;
}

Value<bool> read_boolean(const std::string& text) {
  return read_choice<bool>(text, {{"yes", true}, {"no", false}});
}

Value<Ipv6Address> read_any_address(const std::string& text) {
  const auto address = Ipv6Address::parse(text);
  if (!address || !address->is_unicast_routable() || address->is_unspecified()) {
    return std::unexpected(std::string("give a global IPv6 address"));
  }
  return *address;
}

Value<Prefix> read_prefix(const std::string& text) {
  const auto prefix = Prefix::parse(text);
  if (!prefix || prefix->length() < 8 || prefix->length() > 127 ||
      !prefix->address().is_unicast_routable()) {
    return std::unexpected(
        std::string("give a prefix like 2001:db8:0:1::/64, with zeros behind its length"));
  }
  return *prefix;
}

Value<std::chrono::milliseconds> read_seconds(const std::string& text, double least, double most) {
  const auto seconds = read_real(text, least, most, "seconds");
  if (!seconds) {
    return std::unexpected(seconds.error());
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(*seconds * 1000));
}

Value<Lifetime> read_lifetime(const std::string& text) {
  const auto seconds = read_number<std::uint32_t>(text, 4, 262140);
  if (!seconds) {
    return std::unexpected(seconds.error());
  }
  return Lifetime::rounded_down(std::chrono::seconds(*seconds));
}

Value<std::vector<std::byte>> read_key(const std::string& text) {
  std::vector<std::byte> key;
  bool good = text.size() % 2 == 0;
  for (std::size_t i = 0; good && i < text.size(); i += 2) {
    const auto high = hex_digit(text[i]);
    const auto low = hex_digit(text[i + 1]);
    good = high && low;
    key.push_back(static_cast<std::byte>(high.value_or(0) * 16 + low.value_or(0)));
  }
  if (!good || key.size() < kMinKey || key.size() > kMaxKey) {
    return std::unexpected(
        fmt::format("give {} to {} octets as hexadecimal digits", kMinKey, kMaxKey));
  }
  return key;
}

Value<double> read_rate(const std::string& text) {
  return read_real(text, 0, 1e6, "registrations per second");
}

}  // namespace anyhome::mobile
