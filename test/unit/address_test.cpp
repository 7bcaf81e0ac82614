#include "common/address.h"

#include <type_traits>
#include <unordered_set>

#include "common/prefix.h"
#include "common/sequence.h"
#include "test/support/bytes.h"

using namespace anyhome;
using anyhome::test::ip6;
using anyhome::test::prefix;

TEST_CASE("addresses are read and printed in the canonical form", "[address]") {
  CHECK(ip6("2001:DB8:0:0::1").to_string() == "2001:db8::1");
  for (const char* wrong : {"", "2001:db8::1%eth0", "2001:db8::/64", "::1 ", "1.2.3.4", "g::"}) {
    INFO(wrong);
    CHECK_FALSE(Ipv6Address::parse(wrong));
  }
  CHECK_FALSE(Ipv6Address::parse(std::string_view("::1\0", 4)));
}

TEST_CASE("what a unicast routable address is", "[address]") {
  for (const char* routable : {"2001:db8::1", "fd00::1", "fec0::1", "::1:0:0:0"}) {
    INFO(routable);
    CHECK(ip6(routable).is_unicast_routable());
  }
  for (const char* other :
       {"::", "::1", "ff02::1", "fe80::1", "febf::1", "::ffff:192.0.2.1", "::192.0.2.1"}) {
    INFO(other);
    CHECK_FALSE(ip6(other).is_unicast_routable());
  }
}

TEST_CASE("tagged addresses do not convert into each other", "[address]") {
  STATIC_REQUIRE_FALSE(std::is_convertible_v<HomeAddress, CareOfAddress>);
  STATIC_REQUIRE_FALSE(std::is_convertible_v<Ipv6Address, Locator>);
  STATIC_REQUIRE_FALSE(std::is_constructible_v<HomeAddress, CareOfAddress>);
}

TEST_CASE("prefixes", "[prefix]") {
  CHECK(prefix("2001:db8:0:1::/64").contains(ip6("2001:db8:0:1::100")));
  CHECK_FALSE(prefix("2001:db8:0:1::/64").contains(ip6("2001:db8:0:2::100")));
  CHECK(prefix("2001:db8:8000::/33").contains(ip6("2001:db8:ffff::1")));
  CHECK_FALSE(prefix("2001:db8:8000::/33").contains(ip6("2001:db8:7fff::1")));
  CHECK(prefix("::/0").contains(ip6("ff02::1")));
  CHECK(prefix("2001:db8::/32").overlaps(prefix("2001:db8:1::/48")));
  CHECK(prefix("2001:db8:1::/48").overlaps(prefix("2001:db8::/32")));
  CHECK_FALSE(prefix("2001:db8:1::/48").contains(prefix("2001:db8::/32")));
  CHECK(prefix("2001:db8::1/128").to_string() == "2001:db8::1/128");
  for (const char* wrong : {"2001:db8::", "2001:db8::1/64", "2001:db8::/129", "2001:db8::/",
                            "2001:db8::/6x", "/64", "2001:db8::/-1"}) {
    INFO(wrong);
    CHECK_FALSE(Prefix::parse(wrong));
  }
}

TEST_CASE("the home agents' anycast address of a prefix", "[prefix]") {
  // RFC 2526 §2 and protocol digest §6.1.
  CHECK(prefix("2001:db8:0:1::/64").home_agents_anycast() ==
        ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"));
  CHECK(prefix("2001:db8::/48").home_agents_anycast() ==
        ip6("2001:db8:0:ffff:ffff:ffff:ffff:fffe"));
}

TEST_CASE("sequence numbers are compared modulo 2^16", "[sequence]") {
  struct Row {
    unsigned last;
    unsigned candidate;
    bool newer;
  };
  // Protocol digest §7.2 and the sequence-number vectors of §21.
  const Row rows[] = {
      {15, 16, true},        {15, 32782, true},     {15, 15, false},   {15, 0, false},
      {15, 65535, false},    {15, 32783, false},    {65535, 0, true},  {65535, 32766, true},
      {65535, 65535, false}, {65535, 32767, false}, {0, 1, true},      {0, 32767, true},
      {0, 0, false},         {0, 32768, false},     {0, 65535, false},
  };
  for (const Row& row : rows) {
    INFO(row.last << " then " << row.candidate);
    const SequenceNumber last{static_cast<std::uint16_t>(row.last)};
    CHECK(SequenceNumber{static_cast<std::uint16_t>(row.candidate)}.is_newer_than(last) ==
          row.newer);
  }
}

TEST_CASE("the address hash spreads neighbours", "[address]") {
  std::unordered_set<std::uint64_t> low_bits;
  Ipv6Address address = ip6("2001:db8:0:1::");
  for (unsigned i = 0; i < 4096; ++i) {
    address.octets[14] = static_cast<std::uint8_t>(i >> 8U);
    address.octets[15] = static_cast<std::uint8_t>(i & 0xffU);
    low_bits.insert(hash_address(address) & 0xffffU);
  }
  // 4096 balls in 65536 bins: 3,970 different ones expected of a random function.
  CHECK(low_bits.size() > 3900);
}
