#include "common/wire/extension.h"

namespace anyhome::wire {
namespace {

using ChainResult = std::expected<void, ChainProblem>;

std::unexpected<ChainProblem> problem(ChainError error, std::size_t pointer) {
  return std::unexpected(ChainProblem{error, static_cast<std::uint16_t>(pointer), false});
}

// What an unknown option asks for, in the two high bits of its type (RFC 8200 §4.2).
ChainResult unknown_option(std::uint8_t type, std::size_t at) {
  switch (type >> 6U) {
    case 0:
      return {};
    case 1:
      return problem(ChainError::UnwantedOption, at);
    case 2:
      return std::unexpected(
          ChainProblem{ChainError::ReportedOption, static_cast<std::uint16_t>(at), true});
    default:
      return problem(ChainError::ReportedOption, at);
  }
}

class Walk {
 public:
  explicit Walk(ByteView packet) : packet_(packet) {}

  std::expected<HeaderChain, ChainProblem> run() {
    chain_.protocol = octet(ipv6_offset::kNextHeader);
    chain_.protocol_at = ipv6_offset::kNextHeader;
    chain_.upper_offset = kIpv6HeaderSize;
    for (unsigned headers = 0; is_extension(chain_.protocol); ++headers) {
      if (headers == kMaxExtensionHeaders) {
        return problem(ChainError::TooManyHeaders, chain_.protocol_at);
      }
      if (const ChainResult result = step(headers); !result) {
        return std::unexpected(result.error());
      }
      if (chain_.fragment) {
        break;
      }
    }
    return chain_;
  }

 private:
  static bool is_extension(std::uint8_t next_header) {
    return next_header == protocol::kHopByHop || next_header == protocol::kRouting ||
           next_header == protocol::kDestinationOptions || next_header == protocol::kFragment;
  }

  [[nodiscard]] std::uint8_t octet(std::size_t at) const {
    return std::to_integer<std::uint8_t>(packet_[at]);
  }

  ChainResult step(unsigned headers_before) {
    const std::size_t at = chain_.upper_offset;
    // All extension headers walked here are at least 8 bytes long.
    if (at + 8 > packet_.size()) {
      return problem(ChainError::Truncated, at);
    }
    if (chain_.protocol == protocol::kFragment) {
      return fragment(at);
    }
    const std::size_t length = 8U * (octet(at + 1) + 1U);
    if (at + length > packet_.size()) {
      return problem(ChainError::Truncated, at + 1);
    }
    ChainResult result;
    if (chain_.protocol == protocol::kRouting) {
      result = routing(at);
    } else if (chain_.protocol == protocol::kHopByHop && headers_before != 0) {
      result = problem(ChainError::MisplacedHopByHop, chain_.protocol_at);
    } else {
      result = options(at + 2, at + length);
    }
    if (result) {
      advance(at, at, length);
    }
    return result;
  }

  void advance(std::size_t header_at, std::size_t next_header_at, std::size_t length) {
    chain_.protocol = octet(next_header_at);
    chain_.protocol_at = static_cast<std::uint16_t>(next_header_at);
    chain_.upper_offset = static_cast<std::uint16_t>(header_at + length);
  }

  ChainResult fragment(std::size_t at) {
    Reader reader(packet_.subspan(at));
    FragmentHeader header;
    header.next_header = reader.u8();
    reader.skip(1);
    const std::uint16_t offset_and_flags = reader.u16();
    header.offset_bytes = offset_and_flags & 0xfff8U;
    header.more = (offset_and_flags & 1U) != 0;
    header.identification = reader.u32();
    if (header.is_whole_packet()) {
      advance(at, at, kFragmentHeaderSize);
    } else {
      chain_.fragment = header;
    }
    return {};
  }

  ChainResult routing(std::size_t at) const {
    // RFC 8200 §4.4: an unknown type is ignored only when no segments are left.
    if (octet(at + 3) != 0) {
      return problem(ChainError::UnknownRoutingType, at + 2);
    }
    return {};
  }

  ChainResult options(std::size_t at, std::size_t end) {
    while (at < end) {
      if (++options_seen_ > kMaxOptionsPerPacket) {
        return problem(ChainError::TooManyHeaders, at);
      }
      const std::uint8_t type = octet(at);
      if (type == kOptionPad1) {
        ++at;
        continue;
      }
      if (at + 2 > end || at + 2U + octet(at + 1) > end) {
        return problem(ChainError::Truncated, at);
      }
      if (const ChainResult result = option(type, at, octet(at + 1)); !result) {
        return result;
      }
      at += 2U + octet(at + 1);
    }
    return {};
  }

  ChainResult option(std::uint8_t type, std::size_t at, std::size_t length) {
    switch (type) {
      case kOptionPadN:
        return {};
      case kOptionTunnelEncapsulationLimit:
        if (length == 1) {
          chain_.encapsulation_limit_at = static_cast<std::uint16_t>(at + 2);
        }
        return {};
      case kOptionHomeAddress:
        // RFC 6275 §6.3: length 16, once per packet, unicast routable; only in Destination Options.
        if (length != Ipv6Address::kSize || chain_.has_home_address() ||
            chain_.protocol != protocol::kDestinationOptions ||
            !address_at(packet_, at + 2).is_unicast_routable()) {
          return problem(ChainError::BadHomeAddress, at);
        }
        chain_.home_address_at = static_cast<std::uint16_t>(at + 2);
        return {};
      default:
        return unknown_option(type, at);
    }
  }

  ByteView packet_;
  HeaderChain chain_;
  unsigned options_seen_ = 0;
};

}  // namespace

void FragmentHeader::write(Writer& writer) const {
  writer.u8(next_header);
  writer.u8(0);
  writer.u16(static_cast<std::uint16_t>((offset_bytes & 0xfff8U) | (more ? 1U : 0U)));
  writer.u32(identification);
}

std::expected<HeaderChain, ChainProblem> walk_headers(ByteView packet) {
  if (packet.size() < kIpv6HeaderSize) {
    return problem(ChainError::Truncated, 0);
  }
  return Walk(packet).run();
}

Ipv6Address address_at(ByteView packet, std::size_t offset) {
  Reader reader(packet);
  reader.skip(offset);
  return reader.address();
}

void write_home_address_header(Writer& writer, std::uint8_t next_header, const HomeAddress& home) {
  writer.u8(next_header);
  writer.u8(kHomeAddressHeaderSize / 8 - 1);
  writer.u8(kOptionPadN);  // 8n+6: two bytes of header and four of padding before the option
  writer.u8(2);
  writer.zeros(2);
  writer.u8(kOptionHomeAddress);
  writer.u8(Ipv6Address::kSize);
  writer.address(home.address());
}

void write_type2_routing_header(Writer& writer, std::uint8_t next_header, const HomeAddress& home) {
  writer.u8(next_header);
  writer.u8(kType2RoutingHeaderSize / 8 - 1);
  writer.u8(kRoutingType2);
  writer.u8(1);  // segments left
  writer.zeros(4);
  writer.address(home.address());
}

std::optional<HomeAddress> parse_type2_routing_header(ByteView bytes) {
  Reader reader(bytes);
  reader.skip(1);
  const std::uint8_t length = reader.u8();
  const std::uint8_t type = reader.u8();
  const std::uint8_t segments_left = reader.u8();
  reader.skip(4);
  const HomeAddress home(reader.address());
  if (!reader.ok() || length != kType2RoutingHeaderSize / 8 - 1 || type != kRoutingType2 ||
      segments_left != 1 || !home.address().is_unicast_routable()) {
    return std::nullopt;
  }
  return home;
}

}  // namespace anyhome::wire
