// Makes lengths and checksums of a packet right, so that a mutation reaches more than the first
// checks.
#pragma once

#include <algorithm>

#include "common/checksum.h"
#include "common/wire/extension.h"
#include "common/wire/icmpv6.h"
#include "common/wire/ipv6.h"
#include "test/support/bytes.h"

namespace anyhome::fuzz {

// Of the upper layer at `at`, whose pseudo-header has these addresses.
inline void repair_upper_layer(test::Bytes& packet, std::size_t at, std::uint8_t protocol,
                               const Ipv6Address& source, const Ipv6Address& destination) {
  const MutableBytes upper = MutableBytes(packet).subspan(at);
  if (upper.size() < 8) {
    return;
  }
  if (protocol == wire::protocol::kIcmpv6) {
    wire::icmpv6_set_checksum(source, destination, upper);
  } else if (protocol == wire::protocol::kMobility) {
    const std::size_t size =
        std::min<std::size_t>(upper.size(), 8U * (std::to_integer<std::size_t>(upper[1]) + 1U));
    store_be16(upper.data() + 4, 0);
    store_be16(upper.data() + 4,
               upper_layer_checksum(source, destination, protocol, upper.first(size)));
  }
}

// Version and length. False: too short to be a packet.
inline bool repair_header(test::Bytes& packet) {
  if (packet.size() < wire::kIpv6HeaderSize) {
    return false;
  }
  packet[0] = std::byte{0x60} | (packet[0] & std::byte{0x0f});
  store_be16(packet.data() + wire::ipv6_offset::kPayloadLength,
             static_cast<std::uint16_t>(packet.size() - wire::kIpv6HeaderSize));
  return true;
}

// A packet to a home agent: behind a Home Address option that is the source.
inline void repair_packet(test::Bytes& packet) {
  if (!repair_header(packet)) {
    return;
  }
  const auto chain = wire::walk_headers(packet);
  if (!chain || chain->fragment) {
    return;
  }
  const Ipv6Address source = wire::address_at(
      packet, chain->has_home_address() ? chain->home_address_at : wire::ipv6_offset::kSource);
  repair_upper_layer(packet, chain->upper_offset, chain->protocol, source,
                     wire::address_at(packet, wire::ipv6_offset::kDestination));
}

}  // namespace anyhome::fuzz
