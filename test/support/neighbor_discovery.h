// The other end of a TAP's wire: neighbour discovery (RFC 4861) written and read by hand.
#pragma once

#include <optional>

#include "common/checksum.h"
#include "common/wire/icmpv6.h"
#include "common/wire/ipv6.h"
#include "dataplane/io/tap.h"
#include "test/support/bytes.h"
#include "test/support/network_namespace.h"

namespace anyhome::test {

inline constexpr std::size_t kEthernetHeader = 14;

inline Ipv6Address solicited_node(const Ipv6Address& target) {  // RFC 4291 §2.7.1
  Ipv6Address address = ip6("ff02::1:ff00:0");
  for (std::size_t i = 13; i < Ipv6Address::kSize; ++i) {
    address.octets[i] = target.octets[i];
  }
  return address;
}

struct NeighborMessage {
  std::uint8_t type = 0;  // 135 solicitation, 136 advertisement
  host::MacAddress from_mac{};
  host::MacAddress to_mac{};
  Ipv6Address source;
  Ipv6Address destination;
  Ipv6Address target;
  std::uint32_t flags = 0;
  host::MacAddress link_layer{};  // in the option
};

inline Bytes icmpv6_packet(const Ipv6Address& source, const Ipv6Address& destination,
                           Bytes message) {
  const std::uint16_t checksum =
      upper_layer_checksum(source, destination, wire::protocol::kIcmpv6, message);
  store_be16(message.data() + 2, checksum);
  Bytes packet(wire::kIpv6HeaderSize + message.size());
  wire::Ipv6Header header;
  header.payload_length = static_cast<std::uint16_t>(message.size());
  header.next_header = wire::protocol::kIcmpv6;
  header.hop_limit = 255;
  header.source = source;
  header.destination = destination;
  Writer writer(packet);
  header.write(writer);
  writer.bytes(message);
  return packet;
}

inline Bytes write_frame(const NeighborMessage& message) {
  Bytes body(32);
  Writer writer(body);
  writer.u8(message.type);
  writer.zeros(3);
  writer.u32(message.flags);
  writer.address(message.target);
  // Source (1) or target (2) link-layer address option (RFC 4861 §4.6.1).
  writer.u8(message.type == wire::icmpv6::kNeighborSolicitation ? 1 : 2);
  writer.u8(1);
  writer.bytes(std::as_bytes(std::span(message.link_layer)));
  const Bytes packet = icmpv6_packet(message.source, message.destination, body);
  Bytes frame(kEthernetHeader + packet.size());
  Writer ethernet(frame);
  ethernet.bytes(std::as_bytes(std::span(message.to_mac)));
  ethernet.bytes(std::as_bytes(std::span(message.from_mac)));
  ethernet.u16(0x86dd);
  ethernet.bytes(packet);
  return frame;
}

inline std::optional<NeighborMessage> read_frame(ByteView frame) {
  if (frame.size() < kEthernetHeader + wire::kIpv6HeaderSize + 24) {
    return std::nullopt;
  }
  const auto ip = wire::Ipv6Header::parse(frame.subspan(kEthernetHeader));
  if (!ip || ip->next_header != wire::protocol::kIcmpv6) {
    return std::nullopt;
  }
  NeighborMessage message;
  std::memcpy(message.to_mac.data(), frame.data(), 6);
  std::memcpy(message.from_mac.data(), frame.data() + 6, 6);
  message.source = ip->source;
  message.destination = ip->destination;
  Reader reader(frame.subspan(kEthernetHeader + wire::kIpv6HeaderSize));
  message.type = reader.u8();
  reader.skip(3);
  message.flags = reader.u32();
  message.target = reader.address();
  reader.skip(2);
  if (const ByteView option = reader.bytes(6); !option.empty()) {
    std::memcpy(message.link_layer.data(), option.data(), 6);
  }
  return message;
}

// Reads frames until one is such a message about `target`.
inline std::optional<NeighborMessage> await(const host::TapDevice& tap, std::uint8_t type,
                                            const Ipv6Address& target,
                                            const Deadline& deadline = Deadline()) {
  Bytes buffer(9018);
  while (!deadline.passed()) {
    const auto size = tap.read(buffer);
    if (!size) {
      if (size.error().kind != host::DeviceError::Kind::WouldBlock ||
          !wait_readable(tap.fd(), deadline)) {
        return std::nullopt;
      }
      continue;
    }
    const auto message = read_frame(ByteView(buffer).first(*size));
    if (message && message->type == type && message->target == target) {
      return message;
    }
  }
  return std::nullopt;
}

// The answer to a solicitation, from the neighbour that it asks for.
inline void answer(const host::TapDevice& tap, const NeighborMessage& solicitation,
                   const host::MacAddress& mac) {
  NeighborMessage advertisement;
  advertisement.type = wire::icmpv6::kNeighborAdvertisement;
  advertisement.from_mac = mac;
  advertisement.to_mac = solicitation.from_mac;
  advertisement.source = solicitation.target;
  advertisement.destination = solicitation.source;
  advertisement.target = solicitation.target;
  advertisement.flags = 0x6000'0000U;  // solicited, override (RFC 4861 §4.4)
  advertisement.link_layer = mac;
  REQUIRE(tap.write(write_frame(advertisement)));
}

}  // namespace anyhome::test
