// Two twins and `anyhome0` in a namespace of their own.
#pragma once

#include "dataplane/io/tap.h"
#include "test/support/bytes.h"
#include "test/support/host_follower.h"

namespace anyhome::test {

inline constexpr host::MacAddress kWestMac{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01};
inline constexpr host::MacAddress kEastMac{0x02, 0x00, 0x5e, 0x10, 0x00, 0x02};
inline constexpr host::MacAddress kRouterMac{0x02, 0x00, 0x5e, 0x10, 0x00, 0x99};

// A value or the test ends, with the error's words.
template <class T>
T must(std::expected<T, std::string> result) {
  INFO((result ? "" : result.error()));
  REQUIRE(result.has_value());
  if constexpr (!std::is_void_v<T>) {
    return std::move(*result);
  }
}

struct HostFixture : NetworkNamespace {
  host::TapDevice west = must(host::TapDevice::open({.name = "west", .mac = kWestMac}));
  host::TapDevice east = must(host::TapDevice::open({.name = "east", .mac = kEastMac}));
  host::TunDevice home = must(host::TunDevice::open({.name = "anyhome0"}));
  host::InterfaceIndex w = west.ifindex();
  host::InterfaceIndex e = east.ifindex();

  HostFixture() {
    add_address("west", "2001:db8:a::1/64");
    add_address("east", "2001:db8:b::1/64");
  }
  [[nodiscard]] HostFollower follow(std::size_t receive_buffer = std::size_t{8} << 20U) const {
    return HostFollower({.home_interface = home.ifindex(), .receive_buffer_bytes = receive_buffer},
                        {w, e});
  }
};

}  // namespace anyhome::test
