#include "common/wire/extension.h"

#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::wire;
using anyhome::test::Bytes;
using anyhome::test::hex;
using anyhome::test::ip6;

namespace {

// An IPv6 header in front of `rest`, whose first header is `next_header`.
Bytes packet(std::uint8_t next_header, const Bytes& rest) {
  Bytes bytes(kIpv6HeaderSize);
  Writer writer(bytes);
  Ipv6Header header;
  header.next_header = next_header;
  header.payload_length = static_cast<std::uint16_t>(rest.size());
  header.source = ip6("2001:db8:ff::100");
  header.destination = ip6("2001:db8:0:1::1a");
  header.write(writer);
  bytes.insert(bytes.end(), rest.begin(), rest.end());
  return bytes;
}

Bytes home_address_packet(std::string_view home) {
  Bytes rest(kHomeAddressHeaderSize);
  Writer writer(rest);
  write_home_address_header(writer, protocol::kMobility, HomeAddress(ip6(home)));
  rest.resize(rest.size() + 8);
  return packet(protocol::kDestinationOptions, rest);
}

struct Malformed {
  std::string_view what;
  std::uint8_t first;
  std::string_view rest;
  ChainError error;
  std::uint16_t pointer;
};

}  // namespace

TEST_CASE("a packet without extension headers", "[extension]") {
  const auto chain = walk_headers(packet(protocol::kIcmpv6, hex("8000000000000000")));
  REQUIRE(chain);
  CHECK(chain->protocol == protocol::kIcmpv6);
  CHECK(chain->upper_offset == 40);
  CHECK(chain->protocol_at == 6);
  CHECK_FALSE(chain->has_home_address());
}

TEST_CASE("a Home Address option is found at its offset", "[extension]") {
  const Bytes bytes = home_address_packet("2001:db8:0:1::100");
  const auto chain = walk_headers(bytes);
  REQUIRE(chain);
  CHECK(chain->protocol == protocol::kMobility);
  CHECK(chain->upper_offset == 64);
  CHECK(chain->protocol_at == 40);
  REQUIRE(chain->has_home_address());
  CHECK(chain->home_address_at % 8 == 0);  // alignment 8n+6 puts the address on 8n
  CHECK(address_at(bytes, chain->home_address_at) == ip6("2001:db8:0:1::100"));
}

TEST_CASE("several headers, options and an atomic fragment are walked through", "[extension]") {
  // hop-by-hop (router alert), destination options (encapsulation limit 4), atomic fragment, TCP
  const auto bytes = packet(protocol::kHopByHop, hex("3c 00 05 02 0000 0100"
                                                     "2c 00 04 01 04 01 01 00"
                                                     "06 00 0000 12345678"
                                                     "0000"));
  const auto chain = walk_headers(bytes);
  REQUIRE(chain);
  CHECK(chain->protocol == protocol::kTcp);
  CHECK(chain->upper_offset == 64);
  CHECK(chain->encapsulation_limit_at == 52);
  CHECK_FALSE(chain->fragment);
}

TEST_CASE("a real fragment ends the walk", "[extension]") {
  const auto chain = walk_headers(packet(protocol::kFragment, hex("29 00 05a9 00000007 ffff")));
  REQUIRE(chain);
  CHECK(chain->protocol == protocol::kFragment);
  REQUIRE(chain->fragment);
  CHECK(*chain->fragment == FragmentHeader{protocol::kIpv6, 0x05a8, true, 7});
  Bytes written(8);
  Writer writer(written);
  chain->fragment->write(writer);
  CHECK(written == hex("29 00 05a9 00000007"));
}

TEST_CASE("malformed header chains are named", "[extension]") {
  const Malformed rows[] = {
      {"header missing", protocol::kDestinationOptions, "", ChainError::Truncated, 40},
      {"header longer than the packet", protocol::kDestinationOptions, "06 01 0104 00000000",
       ChainError::Truncated, 41},
      {"option longer than the header", protocol::kDestinationOptions, "06 00 0105 00000000",
       ChainError::Truncated, 42},
      {"option without a length", protocol::kDestinationOptions, "06 00 0103 000000 1e",
       ChainError::Truncated, 47},
      {"hop-by-hop in second place", protocol::kDestinationOptions,
       "00 00 0104 00000000 06 00 0104 00000000", ChainError::MisplacedHopByHop, 40},
      {"unknown option, skip", protocol::kDestinationOptions, "06 00 1e04 00000000",
       ChainError::Truncated, 0},
      {"unknown option, discard", protocol::kDestinationOptions, "06 00 5e04 00000000",
       ChainError::UnwantedOption, 42},
      {"unknown option, report", protocol::kDestinationOptions, "06 00 9e04 00000000",
       ChainError::ReportedOption, 42},
      {"unknown option, report unless multicast", protocol::kDestinationOptions,
       "06 00 de04 00000000", ChainError::ReportedOption, 42},
      {"routing header with segments left", protocol::kRouting, "06 00 00 01 00000000",
       ChainError::UnknownRoutingType, 42},
      {"type 2 routing header, not ours", protocol::kRouting,
       "06 02 02 01 00000000 20010db8000000010000000000000100", ChainError::UnknownRoutingType, 42},
      {"home address in hop-by-hop", protocol::kHopByHop,
       "06 02 01020000 c910 20010db8000000010000000000000100", ChainError::BadHomeAddress, 46},
      {"home address of a wrong length", protocol::kDestinationOptions, "06 00 c904 00000000",
       ChainError::BadHomeAddress, 42},
      {"home address multicast", protocol::kDestinationOptions,
       "06 02 01020000 c910 ff020000000000000000000000000001", ChainError::BadHomeAddress, 46},
      {"home address twice", protocol::kDestinationOptions,
       "3c 02 01020000 c910 20010db8000000010000000000000100"
       "06 02 01020000 c910 20010db8000000010000000000000100",
       ChainError::BadHomeAddress, 70},
  };
  for (const Malformed& row : rows) {
    INFO(row.what);
    const auto chain = walk_headers(packet(row.first, hex(row.rest)));
    if (row.what == "unknown option, skip") {
      CHECK(chain.has_value());
      continue;
    }
    REQUIRE_FALSE(chain.has_value());
    CHECK(chain.error().error == row.error);
    CHECK(chain.error().pointer == row.pointer);
  }
  CHECK(walk_headers(packet(60, hex("06 00 9e04 00000000"))).error().report_to_multicast_too);
  CHECK_FALSE(walk_headers(packet(60, hex("06 00 de04 00000000"))).error().report_to_multicast_too);
}

TEST_CASE("the walk is bounded", "[extension]") {
  Bytes many;
  for (int i = 0; i < 9; ++i) {
    const auto header = hex("3c 00 0104 00000000");
    many.insert(many.end(), header.begin(), header.end());
  }
  CHECK(walk_headers(packet(60, many)).error().error == ChainError::TooManyHeaders);
  Bytes options = hex("06 12");  // 152 bytes: 150 of one-byte padding
  options.resize(152);
  CHECK(walk_headers(packet(60, options)).error().error == ChainError::TooManyHeaders);
}

TEST_CASE("every truncation of a valid chain is refused", "[extension]") {
  const Bytes whole = home_address_packet("2001:db8:0:1::100");
  for (std::size_t length = 0; length < 64; ++length) {
    INFO(length);
    CHECK_FALSE(walk_headers(ByteView(whole).first(length)).has_value());
  }
}

TEST_CASE("type 2 routing headers are written and read back", "[extension]") {
  Bytes bytes(kType2RoutingHeaderSize);
  Writer writer(bytes);
  write_type2_routing_header(writer, protocol::kMobility, HomeAddress(ip6("2001:db8:0:1::100")));
  CHECK(bytes == hex("87 02 02 01 00000000 20010db8000000010000000000000100"));
  CHECK(parse_type2_routing_header(bytes) == HomeAddress(ip6("2001:db8:0:1::100")));
  for (const std::size_t at : {1U, 2U, 3U}) {
    Bytes broken = bytes;
    broken[at] = std::byte{9};
    CHECK_FALSE(parse_type2_routing_header(broken));
  }
  CHECK_FALSE(parse_type2_routing_header(ByteView(bytes).first(23)));
}
