#include "common/wire/icmpv6.h"

#include <algorithm>

#include "common/checksum.h"
#include "common/wire/extension.h"
#include "common/wire/ipv6.h"

namespace anyhome::wire {
namespace {

constexpr std::uint16_t kMobileRouterFlag = 0x8000;
constexpr std::uint16_t kManagedFlag = 0x8000;
constexpr std::uint16_t kOtherFlag = 0x4000;
constexpr std::uint8_t kPrefixInformationType = 3;  // RFC 4861 §4.6.2
constexpr std::uint8_t kPrefixInformationUnits = 4;
constexpr std::uint8_t kOnLink = 0x80;
constexpr std::uint8_t kAutonomous = 0x40;
constexpr std::uint8_t kRouterAddress = 0x20;
constexpr std::size_t kChecksumOffset = 2;

// The identifier and the flags of a message of the wanted type with code 0.
struct IdentifierAndFlags {
  std::uint16_t identifier = 0;
  std::uint16_t flags = 0;
};

std::optional<IdentifierAndFlags> read_header(Reader& reader, std::uint8_t type) {
  const std::uint8_t got_type = reader.u8();
  const std::uint8_t code = reader.u8();
  reader.skip(2);
  const std::uint16_t identifier = reader.u16();
  const std::uint16_t flags = reader.u16();
  if (!reader.ok() || got_type != type || code != 0) {
    return std::nullopt;
  }
  return IdentifierAndFlags{identifier, flags};
}

void write_header(Writer& writer, std::uint8_t type, std::uint16_t identifier,
                  std::uint16_t flags) {
  writer.u8(type);
  writer.u8(0);
  writer.u16(0);
  writer.u16(identifier);
  writer.u16(flags);
}

PrefixInformation read_prefix_information(Reader& reader) {
  PrefixInformation info;
  info.prefix_length = reader.u8();
  const std::uint8_t flags = reader.u8();
  info.on_link = (flags & kOnLink) != 0;
  info.autonomous = (flags & kAutonomous) != 0;
  info.router_address = (flags & kRouterAddress) != 0;
  info.valid_lifetime_seconds = reader.u32();
  info.preferred_lifetime_seconds = reader.u32();
  reader.skip(4);
  info.prefix = reader.address();
  return info;
}

}  // namespace

std::optional<Icmpv6Header> Icmpv6Header::parse(ByteView message) {
  Reader reader(message);
  Icmpv6Header header;
  header.type = reader.u8();
  header.code = reader.u8();
  header.checksum = reader.u16();
  header.parameter = reader.u32();
  return reader.ok() ? std::optional(header) : std::nullopt;
}

void Icmpv6Header::write(Writer& writer) const {
  writer.u8(type);
  writer.u8(code);
  writer.u16(checksum);
  writer.u32(parameter);
}

bool may_be_icmpv6_error(ByteView packet) {
  Reader reader(packet);
  reader.skip(ipv6_offset::kNextHeader);
  std::uint8_t protocol = reader.u8();
  reader.skip(kIpv6HeaderSize - ipv6_offset::kNextHeader - 1);
  bool first_bytes = true;  // not those of a later fragment
  for (unsigned headers = 0; first_bytes; ++headers) {
    const bool authentication = protocol == protocol::kAh;
    const bool fragment = protocol == protocol::kFragment;
    if (!authentication && !fragment && protocol != protocol::kHopByHop &&
        protocol != protocol::kRouting && protocol != protocol::kDestinationOptions) {
      break;
    }
    if (headers == kMaxExtensionHeaders) {
      return true;
    }
    protocol = reader.u8();
    const std::size_t length = reader.u8();
    if (fragment) {
      constexpr std::uint16_t kOffset = 0xfff8;
      first_bytes = (reader.u16() & kOffset) == 0;
      reader.skip(4);
    } else {
      // RFC 4302 §2.2 counts in 4 bytes, less two of them; RFC 8200 §4 in 8 bytes, less one.
      reader.skip((authentication ? 4 * (length + 2) : 8 * (length + 1)) - 2);
    }
  }
  if (!reader.ok()) {
    return true;
  }
  if (protocol != protocol::kIcmpv6) {
    return false;
  }
  const std::uint8_t type = reader.u8();
  return !first_bytes || !reader.ok() || icmpv6::is_error(type) || type == icmpv6::kRedirect;
}

bool icmpv6_checksum_ok(const Ipv6Address& source, const Ipv6Address& destination,
                        ByteView message) {
  return upper_layer_checksum(source, destination, protocol::kIcmpv6, message) == 0;
}

void icmpv6_set_checksum(const Ipv6Address& source, const Ipv6Address& destination,
                         MutableBytes message) {
  if (message.size() < kIcmpv6HeaderSize) {
    return;
  }
  store_be16(message.data() + kChecksumOffset, 0);
  store_be16(message.data() + kChecksumOffset,
             upper_layer_checksum(source, destination, protocol::kIcmpv6, message));
}

std::optional<DiscoveryRequest> DiscoveryRequest::parse(ByteView message) {
  Reader reader(message);
  const auto header = read_header(reader, icmpv6::kHomeAgentDiscoveryRequest);
  if (!header) {
    return std::nullopt;
  }
  return DiscoveryRequest{header->identifier, (header->flags & kMobileRouterFlag) != 0};
}

void DiscoveryRequest::write(Writer& writer) const {
  write_header(writer, icmpv6::kHomeAgentDiscoveryRequest, identifier,
               mobile_router_support ? kMobileRouterFlag : std::uint16_t{0});
}

std::optional<DiscoveryReply> DiscoveryReply::parse(ByteView message) {
  Reader reader(message);
  const auto header = read_header(reader, icmpv6::kHomeAgentDiscoveryReply);
  // The number of addresses follows from the length: whole addresses only (RFC 6275 §6.6).
  if (!header || reader.remaining() % Ipv6Address::kSize != 0) {
    return std::nullopt;
  }
  DiscoveryReply reply{header->identifier, (header->flags & kMobileRouterFlag) != 0, {}};
  while (reader.remaining() != 0) {
    reply.home_agents.emplace_back(reader.address());
  }
  return reply;
}

void DiscoveryReply::write(Writer& writer) const {
  write_header(writer, icmpv6::kHomeAgentDiscoveryReply, identifier,
               mobile_router_support ? kMobileRouterFlag : std::uint16_t{0});
  const std::size_t count = std::min(home_agents.size(), kMaxDiscoveryAddresses);
  for (std::size_t i = 0; i < count; ++i) {
    writer.address(home_agents[i].address());
  }
}

std::optional<PrefixSolicitation> PrefixSolicitation::parse(ByteView message) {
  Reader reader(message);
  const auto header = read_header(reader, icmpv6::kMobilePrefixSolicitation);
  return header ? std::optional(PrefixSolicitation{header->identifier}) : std::nullopt;
}

void PrefixSolicitation::write(Writer& writer) const {
  write_header(writer, icmpv6::kMobilePrefixSolicitation, identifier, 0);
}

std::optional<PrefixAdvertisement> PrefixAdvertisement::parse(ByteView message) {
  Reader reader(message);
  const auto header = read_header(reader, icmpv6::kMobilePrefixAdvertisement);
  if (!header) {
    return std::nullopt;
  }
  PrefixAdvertisement result{header->identifier,
                             (header->flags & kManagedFlag) != 0,
                             (header->flags & kOtherFlag) != 0,
                             {}};
  while (reader.remaining() != 0) {
    const std::uint8_t type = reader.u8();
    const std::uint8_t units = reader.u8();
    if (!reader.ok() || units == 0) {  // RFC 4861 §4.6: length 0 is invalid
      return std::nullopt;
    }
    Reader option(reader.bytes(8U * units - 2U));
    if (!reader.ok()) {
      return std::nullopt;
    }
    if (type == kPrefixInformationType && units == kPrefixInformationUnits) {
      result.prefixes.push_back(read_prefix_information(option));
    }
  }
  return result;
}

void PrefixAdvertisement::write(Writer& writer) const {
  write_header(
      writer, icmpv6::kMobilePrefixAdvertisement, identifier,
      static_cast<std::uint16_t>((managed ? kManagedFlag : 0U) | (other ? kOtherFlag : 0U)));
  for (const PrefixInformation& info : prefixes) {
    writer.u8(kPrefixInformationType);
    writer.u8(kPrefixInformationUnits);
    writer.u8(info.prefix_length);
    writer.u8(static_cast<std::uint8_t>((info.on_link ? kOnLink : 0U) |
                                        (info.autonomous ? kAutonomous : 0U) |
                                        (info.router_address ? kRouterAddress : 0U)));
    writer.u32(info.valid_lifetime_seconds);
    writer.u32(info.preferred_lifetime_seconds);
    writer.u32(0);
    writer.address(info.prefix);
  }
}

std::optional<QuotedPacket> parse_icmpv6_error(ByteView message) {
  const auto header = Icmpv6Header::parse(message);
  if (!header || !icmpv6::is_error(header->type) ||
      message.size() < kIcmpv6HeaderSize + kIpv6HeaderSize) {
    return std::nullopt;
  }
  return QuotedPacket{header->type, header->code, header->parameter,
                      message.subspan(kIcmpv6HeaderSize)};
}

}  // namespace anyhome::wire
