// Extension headers of any packet: the walk is bounded, reads only what is there, and what it
// answers lies inside the packet.
#include "common/wire/extension.h"
#include "test/fuzz/target.h"

namespace anyhome::fuzz {
namespace {

using namespace anyhome::wire;

// Whether `at` names a byte that is there; 0 stands for none.
bool inside(ByteView packet, std::size_t at, std::size_t size) {
  return at == 0 || (at > kIpv6HeaderSize && at + size <= packet.size());
}

void check_chain(ByteView packet, const HeaderChain& chain) {
  require(chain.upper_offset >= kIpv6HeaderSize && chain.upper_offset <= packet.size(),
          "the upper layer starts inside the packet");
  require(chain.protocol_at < packet.size(), "the byte that names the upper layer is there");
  require(std::to_integer<std::uint8_t>(packet[chain.protocol_at]) == chain.protocol,
          "and it names it");
  require(inside(packet, chain.home_address_at, Ipv6Address::kSize), "the home address is there");
  require(inside(packet, chain.encapsulation_limit_at, 1), "the encapsulation limit is there");
  require(
      !chain.has_home_address() || address_at(packet, chain.home_address_at).is_unicast_routable(),
      "a home address is routable (RFC 6275 §6.3)");
  require(!chain.fragment ||
              (chain.protocol == protocol::kFragment && !chain.fragment->is_whole_packet()),
          "a fragment is one, and ends the walk");
}

void check_round_trip(ByteView packet) {
  const auto home = parse_type2_routing_header(packet);
  if (!home) {
    return;
  }
  std::array<std::byte, kType2RoutingHeaderSize> again{};
  Writer writer(again);
  write_type2_routing_header(writer, std::to_integer<std::uint8_t>(packet[0]), *home);
  require(writer.ok() && parse_type2_routing_header(again) == home,
          "a type 2 routing header is written as it is read");
}

}  // namespace

void run(ByteView input) {
  const auto chain = walk_headers(input);
  if (chain) {
    check_chain(input, *chain);
  } else {
    require(input.empty() || chain.error().pointer <= input.size(),
            "a Parameter Problem points into the packet");
  }
  check_round_trip(input);
  if (const auto header = Ipv6Header::parse(input)) {
    std::array<std::byte, kIpv6HeaderSize> again{};
    Writer writer(again);
    header->write(writer);
    require(writer.ok() && Ipv6Header::parse(again) == header, "an IPv6 header is written as read");
  }
}

}  // namespace anyhome::fuzz
