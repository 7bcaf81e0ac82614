// The messages with which anyhome asks the kernel for something, ready to be sent.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/address.h"
#include "common/bytes.h"
#include "common/prefix.h"
#include "dataplane/io/host_event.h"

namespace anyhome::host::netlink {

// One message; 256 bytes are more than twice the longest of those below.
class Request {
 public:
  static constexpr std::size_t kSize = 256;

  [[nodiscard]] ByteView bytes() const { return ByteView(buffer_).first(size_); }
  void set_sequence(std::uint32_t sequence);

 private:
  friend class RequestBuilder;
  alignas(8) std::array<std::byte, kSize> buffer_{};
  std::size_t size_ = 0;
};

// What the kernel is to do for a neighbour. Both forms turn a permanent entry into one that is
// resolved, and the first ends what the second began (seen on 6.18): netlink.cpp sees to it.
enum class NeighborUse : std::uint8_t {
  Once,       // NTF_USE: resolve or confirm it, as if a packet were sent
  Managed,    // NTF_EXT_MANAGED besides: keep it resolved
  Unmanaged,  // end that, for an entry that exists
};

Request add_address(InterfaceIndex interface, const Ipv6Address& address, unsigned prefix_length);
Request remove_address(InterfaceIndex interface, const Ipv6Address& address,
                       unsigned prefix_length);
Request add_home_route(InterfaceIndex interface, const Prefix& prefix, std::uint32_t metric);
Request remove_home_route(InterfaceIndex interface, const Prefix& prefix, std::uint32_t metric);
Request set_link_up(InterfaceIndex interface);
Request use_neighbor(InterfaceIndex interface, const Ipv6Address& address, NeighborUse use);

// What is dumped, in this order: a route is understood with its `ip nexthop` objects, and anything
// with its interface.
enum class Dump : std::uint8_t {
  Links,
  Addresses,
  NexthopObjects,
  LocalRoutes,
  MainRoutes,
  Neighbors,
};
inline constexpr std::size_t kDumpCount = 6;

Request dump(Dump what);

}  // namespace anyhome::host::netlink
