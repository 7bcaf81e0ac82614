// Frames and packets for data-path tests.
#pragma once

#include <array>

#include "common/wire/extension.h"
#include "common/wire/icmpv6.h"
#include "common/wire/ipv6.h"
#include "test/support/bytes.h"

namespace anyhome::test {

using Mac = std::array<std::uint8_t, 6>;

struct PacketSpec {
  Ipv6Address source;
  Ipv6Address destination;
  std::uint8_t next_header = wire::protocol::kUdp;
  std::uint8_t hop_limit = 64;
  std::uint8_t traffic_class = 0;
  std::uint32_t flow_label = 0;
  Bytes payload = Bytes(24, std::byte{0x5a});
};

inline Bytes build(const PacketSpec& spec) {
  Bytes bytes(wire::kIpv6HeaderSize);
  Writer writer(bytes);
  wire::Ipv6Header header;
  header.source = spec.source;
  header.destination = spec.destination;
  header.next_header = spec.next_header;
  header.hop_limit = spec.hop_limit;
  header.traffic_class = spec.traffic_class;
  header.flow_label = spec.flow_label;
  header.payload_length = static_cast<std::uint16_t>(spec.payload.size());
  header.write(writer);
  bytes.insert(bytes.end(), spec.payload.begin(), spec.payload.end());
  return bytes;
}

// `inner` in a tunnel from `source` to `destination`.
inline Bytes tunnel(const Ipv6Address& source, const Ipv6Address& destination, const Bytes& inner,
                    std::uint8_t traffic_class = 0) {
  PacketSpec spec;
  spec.source = source;
  spec.destination = destination;
  spec.next_header = wire::protocol::kIpv6;
  spec.traffic_class = traffic_class;
  spec.payload = inner;
  return build(spec);
}

inline Bytes frame(const Mac& to, const Bytes& packet, std::uint16_t ethertype = 0x86dd) {
  Bytes bytes;
  for (const std::uint8_t octet : to) {
    bytes.push_back(std::byte{octet});
  }
  for (const unsigned octet : {2U, 0U, 0U, 0U, 0xffU, 1U}) {
    bytes.push_back(static_cast<std::byte>(octet));
  }
  bytes.push_back(static_cast<std::byte>(ethertype >> 8U));
  bytes.push_back(static_cast<std::byte>(ethertype & 0xffU));
  bytes.insert(bytes.end(), packet.begin(), packet.end());
  return bytes;
}

inline Bytes sized(std::size_t packet_size) {
  return Bytes(packet_size - wire::kIpv6HeaderSize, std::byte{0x5a});
}

inline Bytes without_link_header(const Bytes& frame, std::size_t link_header = 14) {
  return {frame.begin() + static_cast<std::ptrdiff_t>(link_header), frame.end()};
}

}  // namespace anyhome::test
