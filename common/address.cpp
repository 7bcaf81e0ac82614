#include "common/address.h"

#include <arpa/inet.h>

namespace anyhome {

std::optional<Ipv6Address> Ipv6Address::parse(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() >= terminated.size()) {
    return std::nullopt;
  }
  text.copy(terminated.data(), text.size());
  Ipv6Address result;
  // An embedded NUL would end the text early, so the lengths must agree.
  if (std::string_view(terminated.data()).size() != text.size() ||
      inet_pton(AF_INET6, terminated.data(), result.octets.data()) != 1) {
    return std::nullopt;
  }
  return result;
}

std::string Ipv6Address::to_string() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (inet_ntop(AF_INET6, octets.data(), text.data(), text.size()) == nullptr) {
    return {};
  }
  return text.data();
}

}  // namespace anyhome
