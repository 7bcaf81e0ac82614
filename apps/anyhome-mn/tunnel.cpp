#include "apps/anyhome-mn/tunnel.h"

#include <algorithm>

#include "common/wire/extension.h"
#include "common/wire/icmpv6.h"

namespace anyhome::mobile {
namespace {

using wire::Ipv6Header;
using wire::kIpv6HeaderSize;
namespace protocol = wire::protocol;

constexpr std::uint8_t kEcnMask = 0x03;
constexpr std::uint8_t kNotEcnCapable = 0;
constexpr std::uint8_t kEct1 = 1;
constexpr std::uint8_t kEct0 = 2;
constexpr std::uint8_t kCongestionExperienced = 3;

// The packet that the header at its start announces; shorter than `bytes` when those are padded.
std::optional<ByteView> whole_packet(ByteView bytes, const std::optional<Ipv6Header>& header) {
  if (!header || bytes.size() < kIpv6HeaderSize + header->payload_length) {
    return std::nullopt;
  }
  return bytes.first(kIpv6HeaderSize + header->payload_length);
}

// One value per inner flow, so that routers can spread a tunnel over equal paths (RFC 6438 §3).
std::uint32_t outer_flow_label(const Ipv6Header& inner) {
  const std::uint64_t hash =
      hash_address(inner.source, hash_address(inner.destination, inner.flow_label));
  return static_cast<std::uint32_t>(hash >> 44U);
}

void write_traffic_class(Bytes& packet, std::uint8_t traffic_class) {
  const std::uint32_t first = load_be32(packet.data());
  store_be32(packet.data(), (first & 0xf00f'ffffU) | (std::uint32_t{traffic_class} << 20U));
}

// RFC 6040 §4.2, figure 4. nullopt: drop.
std::optional<std::uint8_t> combined_ecn(std::uint8_t outer, std::uint8_t inner) {
  if (outer == kCongestionExperienced) {
    return inner == kNotEcnCapable ? std::nullopt : std::optional(kCongestionExperienced);
  }
  return outer == kEct1 && inner == kEct0 ? kEct1 : inner;
}

Bytes outer_packet(Ipv6Header header, std::optional<wire::FragmentHeader> fragment,
                   ByteView payload) {
  const std::size_t extension = fragment ? wire::kFragmentHeaderSize : 0;
  header.payload_length = static_cast<std::uint16_t>(extension + payload.size());
  header.next_header = fragment ? protocol::kFragment : protocol::kIpv6;
  Bytes packet(kIpv6HeaderSize + extension + payload.size());
  Writer writer(packet);
  header.write(writer);
  if (fragment) {
    fragment->write(writer);
  }
  writer.bytes(payload);
  return packet;
}

std::vector<Bytes> fragments(const Ipv6Header& header, ByteView payload, std::size_t path_mtu,
                             std::uint32_t identification) {
  // All but the last carry a multiple of 8 bytes (RFC 8200 §4.5).
  const std::size_t step = (path_mtu - kIpv6HeaderSize - wire::kFragmentHeaderSize) / 8 * 8;
  std::vector<Bytes> result;
  for (std::size_t at = 0; at < payload.size(); at += step) {
    const std::size_t size = std::min(step, payload.size() - at);
    const wire::FragmentHeader fragment{protocol::kIpv6, static_cast<std::uint16_t>(at),
                                        at + size < payload.size(), identification};
    result.push_back(outer_packet(header, fragment, payload.subspan(at, size)));
  }
  return result;
}

}  // namespace

std::size_t tunnel_mtu(std::size_t path_mtu) {
  return std::max(path_mtu, wire::kMinimumMtu) - kIpv6HeaderSize;
}

std::size_t reported_mtu(std::size_t path_mtu) {
  return std::max(tunnel_mtu(path_mtu), wire::kMinimumMtu);
}

std::expected<std::vector<Bytes>, TunnelRefusal> encapsulate(ByteView inner,
                                                             const TunnelEntry& entry,
                                                             std::uint32_t identification) {
  const auto header = Ipv6Header::parse(inner);
  const auto packet = whole_packet(inner, header);
  if (!packet) {
    return std::unexpected(TunnelRefusal::Malformed);
  }
  if (header->source == entry.care_of.address() &&
      header->destination == entry.home_agent.address()) {
    return std::unexpected(TunnelRefusal::Loop);
  }
  if (header->hop_limit <= 1) {
    return std::unexpected(TunnelRefusal::HopLimit);
  }
  if (packet->size() > reported_mtu(entry.path_mtu)) {
    return std::unexpected(TunnelRefusal::TooBig);
  }
  Bytes payload(packet->begin(), packet->end());
  // RFC 2473 §3.1: entering the tunnel is a forwarding step for the inner packet.
  payload[wire::ipv6_offset::kHopLimit] = static_cast<std::byte>(header->hop_limit - 1U);
  Ipv6Header outer;
  outer.traffic_class = header->traffic_class;  // with ECN, RFC 6040 §4.1
  outer.flow_label = outer_flow_label(*header);
  outer.hop_limit = entry.hop_limit;
  outer.source = entry.care_of.address();
  outer.destination = entry.home_agent.address();
  if (payload.size() > tunnel_mtu(entry.path_mtu)) {
    return fragments(outer, payload, std::max(entry.path_mtu, wire::kMinimumMtu), identification);
  }
  std::vector<Bytes> result;
  result.push_back(outer_packet(outer, std::nullopt, payload));
  return result;
}

std::expected<Bytes, TunnelFault> decapsulate(std::uint8_t outer_traffic_class, ByteView payload) {
  const auto header = Ipv6Header::parse(payload);
  const auto packet = whole_packet(payload, header);
  if (!packet) {
    return std::unexpected(TunnelFault::Malformed);
  }
  const auto ecn = combined_ecn(outer_traffic_class & kEcnMask, header->traffic_class & kEcnMask);
  if (!ecn) {
    return std::unexpected(TunnelFault::CongestionMark);
  }
  Bytes result(packet->begin(), packet->end());
  write_traffic_class(result,
                      static_cast<std::uint8_t>((header->traffic_class & ~kEcnMask) | *ecn));
  return result;
}

std::optional<Bytes> make_icmpv6_error(std::uint8_t type, std::uint8_t code,
                                       std::uint32_t parameter, const Ipv6Address& source,
                                       ByteView offending) {
  const auto header = Ipv6Header::parse(offending);
  // A Packet Too Big may answer a multicast, nothing else may (RFC 4443 §2.4 (e.3)).
  if (!header || header->source.is_unspecified() || header->source.is_multicast() ||
      (header->destination.is_multicast() && type != wire::icmpv6::kPacketTooBig) ||
      wire::may_be_icmpv6_error(offending)) {
    return std::nullopt;
  }
  const std::size_t room = wire::kMinimumMtu - kIpv6HeaderSize - wire::kIcmpv6HeaderSize;
  const ByteView quote = offending.first(std::min(offending.size(), room));
  Ipv6Header outer;
  outer.payload_length = static_cast<std::uint16_t>(wire::kIcmpv6HeaderSize + quote.size());
  outer.next_header = protocol::kIcmpv6;
  outer.source = source;
  outer.destination = header->source;
  Bytes packet(kIpv6HeaderSize + outer.payload_length);
  Writer writer(packet);
  outer.write(writer);
  wire::Icmpv6Header{type, code, 0, parameter}.write(writer);
  writer.bytes(quote);
  wire::icmpv6_set_checksum(outer.source, outer.destination,
                            MutableBytes(packet).subspan(kIpv6HeaderSize));
  return packet;
}

std::optional<ByteView> quoted_inner(ByteView quoted_packet) {
  const auto header = Ipv6Header::parse(quoted_packet);
  if (!header) {
    return std::nullopt;
  }
  ByteView rest = quoted_packet.subspan(kIpv6HeaderSize);
  std::uint8_t next = header->next_header;
  if (next == protocol::kFragment && rest.size() >= wire::kFragmentHeaderSize) {
    Reader reader(rest);
    next = reader.u8();
    reader.skip(1);
    if ((reader.u16() & 0xfff8U) != 0) {
      return std::nullopt;  // the inner header is in another fragment
    }
    rest = rest.subspan(wire::kFragmentHeaderSize);
  }
  return next == protocol::kIpv6 ? std::optional(rest) : std::nullopt;
}

}  // namespace anyhome::mobile
