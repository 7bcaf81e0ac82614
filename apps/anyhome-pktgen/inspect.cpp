#include "apps/anyhome-pktgen/inspect.h"

#include <algorithm>
#include <cstring>

#include "apps/anyhome-pktgen/ethernet.h"
#include "common/wire/extension.h"
#include "common/wire/haha.h"
#include "common/wire/ipv6.h"

namespace anyhome::pktgen {
namespace {

using wire::kIpv6HeaderSize;
namespace protocol = wire::protocol;
namespace offset = wire::ipv6_offset;

constexpr std::uint8_t kMaxTunnels = 2;
constexpr std::size_t kType2RoutingHeader = 24;
constexpr std::size_t kUdpHeader = 8;
constexpr std::uint8_t kNeighborSolicitationType = 135;

std::uint8_t byte_at(ByteView bytes, std::size_t at) {
  return std::to_integer<std::uint8_t>(bytes[at]);
}

Ipv6Address address_at(const std::byte* at) {
  Ipv6Address address;
  std::memcpy(address.octets.data(), at, Ipv6Address::kSize);
  return address;
}

// Mobility Header: payload protocol, length, type, reserved, checksum, then the message.
void inspect_mobility(ByteView message, const wire::CodePoints& points, Inspected& result) {
  if (message.size() < 12) {
    return;
  }
  // Header Len; what is behind it a link has padded.
  result.message =
      message.first(std::min<std::size_t>((byte_at(message, 1) + 1U) * 8, message.size()));
  const std::uint8_t type = byte_at(message, 2);
  if (type == wire::mh_type::kBindingAcknowledgement) {
    result.seen = Seen::BindingAcknowledgement;
    result.status = byte_at(message, 6);
    result.sequence = load_be16(message.data() + 8);
    result.lifetime = Lifetime{load_be16(message.data() + 10)};
  } else if (type == points.state_synchronization) {
    const auto header = wire::parse_state_synchronization_header(message);
    const bool acknowledges =
        header && header->type == static_cast<std::uint8_t>(wire::SsType::Acknowledgement);
    result.seen = acknowledges ? Seen::StateAcknowledgement : Seen::StateQuestion;
  } else if (type == points.ha_hello) {
    result.seen = Seen::Hello;
  }
}

void inspect_udp(ByteView message, Inspected& result) {
  if (message.size() < kUdpHeader + kMarkSize || load_be16(message.data() + 2) != kMarkPort) {
    return;
  }
  if (const auto mark = Mark::read(message.data() + kUdpHeader)) {
    result.seen = Seen::Marked;
    result.mark = *mark;
  }
}

// Of a packet that was made after a template: where the payload length of its header says that its
// mark is. What an ICMPv6 error quotes is none of ours.
void inspect_trailer(ByteView rest, Inspected& result) {
  const std::size_t payload = load_be16(result.packet.data() + offset::kPayloadLength);
  if (result.seen != Seen::Other || payload < kMarkSize || payload > rest.size()) {
    return;
  }
  if (const auto mark = Mark::read(rest.data() + trailing_mark(payload))) {
    result.seen = Seen::Marked;
    result.mark = *mark;
  }
}

void inspect_icmpv6(ByteView message, Inspected& result) {
  if (message.size() < 8) {
    return;
  }
  const std::uint8_t type = byte_at(message, 0);
  result.status = type;
  if (type < 128) {
    result.seen = Seen::Icmpv6Error;
  } else if (type == kNeighborSolicitationType && message.size() >= 24) {
    result.seen = Seen::NeighborSolicitation;
    result.node = address_at(message.data() + 8);
  }
}

}  // namespace

Inspected inspect(ByteView frame, const wire::CodePoints& points) {
  Inspected result;
  std::size_t at = kEthernetHeader;
  if (frame.size() < kEthernetHeader + kVlanTag + kIpv6HeaderSize) {
    return result;
  }
  std::uint16_t type = load_be16(frame.data() + 12);
  if (type == kEtherTypeVlan) {
    type = load_be16(frame.data() + 16);
    at += kVlanTag;
  }
  if (type != kEtherTypeIpv6) {
    return result;
  }
  ByteView rest = frame.subspan(at);
  for (std::uint8_t tunnels = 0; tunnels <= kMaxTunnels && rest.size() >= kIpv6HeaderSize;
       ++tunnels) {
    std::uint8_t next = byte_at(rest, offset::kNextHeader);
    result.packet = rest;
    rest = rest.subspan(kIpv6HeaderSize);
    result.tunnels = tunnels;
    if (next == protocol::kIpv6) {
      continue;
    }
    if (next == protocol::kRouting && rest.size() >= kType2RoutingHeader &&
        byte_at(rest, 1) == kType2RoutingHeader / 8 - 1 && byte_at(rest, 2) == 2) {
      next = byte_at(rest, 0);
      result.node = address_at(rest.data() + 8);
      rest = rest.subspan(kType2RoutingHeader);
    }
    if (next == protocol::kUdp) {
      inspect_udp(rest, result);
      inspect_trailer(rest, result);
    } else if (next == protocol::kTcp) {
      inspect_trailer(rest, result);
    } else if (next == protocol::kMobility) {
      inspect_mobility(rest, points, result);
    } else if (next == protocol::kIcmpv6) {
      inspect_icmpv6(rest, result);
      inspect_trailer(rest, result);
    }
    return result;
  }
  return result;
}

}  // namespace anyhome::pktgen
