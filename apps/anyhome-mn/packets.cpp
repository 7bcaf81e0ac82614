#include "apps/anyhome-mn/packets.h"

#include <algorithm>
#include <array>

#include "apps/anyhome-mn/authentication.h"
#include "common/wire/extension.h"
#include "common/wire/mobility.h"

namespace anyhome::mobile {
namespace {

using wire::Ipv6Header;
using wire::kIpv6HeaderSize;
namespace protocol = wire::protocol;

using Step = std::expected<void, Counter>;

// Hop-by-Hop and Destination Options: a mobile node knows only padding (and RFC 2473's limit, whose
// type says "skip"); the two high bits of a type say whether others may be skipped (RFC 8200 §4.2).
// The Home Address option is for correspondents of mobile nodes: it says "discard" and we do.
Step check_options(ByteView options) {
  unsigned seen = 0;
  for (std::size_t at = 0; at < options.size();) {
    const auto type = std::to_integer<std::uint8_t>(options[at]);
    if (type == wire::kOptionPad1) {
      ++at;
      continue;
    }
    if (++seen > wire::kMaxOptionsPerPacket || options.size() - at < 2) {
      return std::unexpected(Counter::DropExtensionHeader);
    }
    const auto length = std::to_integer<std::size_t>(options[at + 1]);
    if (options.size() - at - 2 < length) {
      return std::unexpected(Counter::DropExtensionHeader);
    }
    if (type >> 6U != 0) {
      return std::unexpected(Counter::DropUnwantedOption);
    }
    at += 2 + length;
  }
  return {};
}

Step check_routing(ByteView header, Received& received) {
  if (std::to_integer<std::uint8_t>(header[3]) == 0) {
    return {};  // RFC 8200 §4.4: no segments left, skip whatever it is
  }
  const auto home = wire::parse_type2_routing_header(header);
  if (!home || received.routing_home) {
    return std::unexpected(Counter::DropExtensionHeader);
  }
  received.routing_home = home;
  return {};
}

// One extension header off the front of `received.upper`.
Step step_over(Received& received) {
  const ByteView rest = received.upper;
  if (rest.size() < 8) {
    return std::unexpected(Counter::DropExtensionHeader);
  }
  const std::size_t size = 8U * (std::to_integer<std::size_t>(rest[1]) + 1U);
  if (size > rest.size()) {
    return std::unexpected(Counter::DropExtensionHeader);
  }
  const Step result = received.protocol == protocol::kRouting
                          ? check_routing(rest.first(size), received)
                          : check_options(rest.subspan(2, size - 2));
  received.protocol = std::to_integer<std::uint8_t>(rest[0]);
  received.upper = rest.subspan(size);
  return result;
}

Bytes packet_of(Ipv6Header header, ByteView extension, ByteView upper) {
  header.payload_length = static_cast<std::uint16_t>(extension.size() + upper.size());
  Bytes packet(kIpv6HeaderSize + header.payload_length);
  Writer writer(packet);
  header.write(writer);
  writer.bytes(extension);
  writer.bytes(upper);
  return packet;
}

std::array<std::byte, wire::kHomeAddressHeaderSize> home_address_header(std::uint8_t next_header,
                                                                        const HomeAddress& home) {
  std::array<std::byte, wire::kHomeAddressHeaderSize> bytes{};
  Writer writer(bytes);
  wire::write_home_address_header(writer, next_header, home);
  return bytes;
}

}  // namespace

std::expected<Received, Counter> parse_received(ByteView packet) {
  const auto header = Ipv6Header::parse(packet);
  if (!header) {
    return std::unexpected(Counter::DropNotIpv6);
  }
  if (packet.size() - kIpv6HeaderSize < header->payload_length) {
    return std::unexpected(Counter::DropTruncated);
  }
  // A short Ethernet frame is padded: what the header does not announce is not there.
  Received received{*header, std::nullopt, header->next_header,
                    packet.subspan(kIpv6HeaderSize, header->payload_length)};
  for (unsigned headers = 0;; ++headers) {
    switch (received.protocol) {
      case protocol::kFragment:
        return std::unexpected(Counter::DropFragment);
      case protocol::kHopByHop:
        if (headers != 0) {
          return std::unexpected(Counter::DropExtensionHeader);
        }
        break;
      case protocol::kRouting:
      case protocol::kDestinationOptions:
        break;
      default:
        return received;
    }
    if (headers == wire::kMaxExtensionHeaders) {
      return std::unexpected(Counter::DropExtensionHeader);
    }
    if (const Step result = step_over(received); !result) {
      return std::unexpected(result.error());
    }
  }
}

Bytes make_binding_update(const UpdateContents& contents) {
  std::array<std::byte, wire::kMinimumMtu - kIpv6HeaderSize - wire::kHomeAddressHeaderSize>
      buffer{};
  wire::MessageWriter writer =
      wire::start_binding_update(buffer, contents.sequence, contents.flags, contents.lifetime);
  // RFC 6275 §11.7.1: ties the care-of address to what authenticates the message.
  writer.alternate_care_of(contents.care_of);
  for (const Prefix& prefix : contents.prefixes) {
    writer.mobile_network_prefix({static_cast<std::uint8_t>(prefix.length()), prefix.address()});
  }
  if (contents.identifier) {
    writer.mobile_node_identifier({wire::kIdentifierSubtypeNai, *contents.identifier});
  }
  if (contents.timestamp) {
    writer.replay_protection(*contents.timestamp);
  }
  if (contents.security != nullptr) {
    const std::size_t at = writer.authentication(wire::kAuthenticationMnHa, contents.security->spi);
    const MutableBytes message = writer.close();
    if (message.empty()) {
      return {};
    }
    const Authenticator authenticator =
        compute_authenticator(key_for(*contents.security, contents.home_agent),
                              contents.care_of.address(), contents.home_address, message.first(at));
    std::ranges::copy(authenticator, message.subspan(at).begin());
  }
  const ByteView message =
      writer.finish(contents.home_address.address(), contents.home_agent.address());
  if (message.empty()) {
    return {};
  }
  Ipv6Header header;
  header.next_header = protocol::kDestinationOptions;
  header.source = contents.care_of.address();
  header.destination = contents.home_agent.address();
  return packet_of(header, home_address_header(protocol::kMobility, contents.home_address),
                   message);
}

Bytes make_discovery_request(const CareOfAddress& care_of, const Ipv6Address& destination,
                             const wire::DiscoveryRequest& request) {
  std::array<std::byte, wire::kIcmpv6HeaderSize> message{};
  Writer writer(message);
  request.write(writer);
  wire::icmpv6_set_checksum(care_of.address(), destination, message);
  Ipv6Header header;
  header.next_header = protocol::kIcmpv6;
  header.source = care_of.address();
  header.destination = destination;
  return packet_of(header, {}, message);
}

Bytes make_prefix_solicitation(const CareOfAddress& care_of, const HomeAgentAddress& home_agent,
                               const HomeAddress& home_address, std::uint16_t identifier) {
  std::array<std::byte, wire::kIcmpv6HeaderSize> message{};
  Writer writer(message);
  wire::PrefixSolicitation{identifier}.write(writer);
  // The home address is the source of everything above the Home Address option (RFC 6275 §6.3).
  wire::icmpv6_set_checksum(home_address.address(), home_agent.address(), message);
  Ipv6Header header;
  header.next_header = protocol::kDestinationOptions;
  header.source = care_of.address();
  header.destination = home_agent.address();
  return packet_of(header, home_address_header(protocol::kIcmpv6, home_address), message);
}

Bytes make_binding_error(const CareOfAddress& care_of, const Ipv6Address& destination,
                         std::uint8_t status) {
  std::array<std::byte, 64> buffer{};
  wire::MessageWriter writer = wire::start_binding_error(buffer, status, Ipv6Address{});
  const ByteView message = writer.finish(care_of.address(), destination);
  Ipv6Header header;
  header.next_header = protocol::kMobility;
  header.source = care_of.address();
  header.destination = destination;
  return packet_of(header, {}, message);
}

}  // namespace anyhome::mobile
