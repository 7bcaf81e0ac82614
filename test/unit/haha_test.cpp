#include "common/wire/haha.h"

#include <random>

#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::wire;
using anyhome::test::Bytes;
using anyhome::test::hex;
using anyhome::test::ip6;

namespace {

const Locator kL1{*Ipv6Address::parse("2001:db8:a1::1a")};
const Locator kL2{*Ipv6Address::parse("2001:db8:b2::2a")};
const CodePoints kPoints;

Bytes written(const StateSynchronization& message) {
  std::array<std::byte, 2048> buffer{};
  const MutableBytes bytes = write_state_synchronization(buffer, message, kPoints, kL1, kL2);
  return {bytes.begin(), bytes.end()};
}

StateSynchronization rich_reply() {
  StateSynchronization reply;
  reply.type = SsType::Reply;
  reply.global = true;
  reply.acknowledge = true;
  reply.identifier = 9;
  for (unsigned i = 0; i < 3; ++i) {
    BindingCacheInformation binding;
    binding.flags = 0xc400;
    binding.sequence = {static_cast<std::uint16_t>(i)};
    binding.lifetime = Lifetime(10);
    binding.change_counter = 3;
    binding.home_address = HomeAddress(ip6("2001:db8:0:1::100"));
    binding.care_of_address = CareOfAddress(ip6("2001:db8:ff::100"));
    binding.timestamp = Timestamp{0x123456789abcULL + i};
    for (unsigned p = 0; p < i; ++p) {
      binding.prefixes.push_back({64, ip6("2001:db8:0:100::")});
    }
    binding.aaa.assign(i * 3, std::byte{0x55});
    binding.vendor.assign(i, VendorSpecific{32473, 3, Bytes(i, std::byte{1})});
    reply.bindings.push_back(binding);
  }
  return reply;
}

}  // namespace

TEST_CASE("sub-options belong to the binding before them", "[haha][R45]") {
  const StateSynchronization reply = rich_reply();
  const Bytes bytes = written(reply);
  REQUIRE_FALSE(bytes.empty());
  CHECK(bytes.size() % 8 == 0);
  const auto parsed = parse_state_synchronization(bytes, kPoints);
  REQUIRE(parsed);
  CHECK(*parsed == reply);
}

TEST_CASE("selectors of a request are read back", "[haha]") {
  StateSynchronization request;
  request.global = true;
  request.identifier = 4;
  request.addresses = {{0, 128, ip6("2001:db8:0:1::100")}};
  request.prefixes = {{64, ip6("2001:db8:0:100::")}};
  request.vendor = {{32473, 2, Bytes(3, std::byte{7})}};
  request.restart_counter = 5;
  const auto parsed = parse_state_synchronization(written(request), kPoints);
  REQUIRE(parsed);
  CHECK(*parsed == request);
}

TEST_CASE("malformed State Synchronization messages are told apart", "[haha][R53]") {
  const auto error = [](std::string_view text) {
    return parse_state_synchronization(hex(text), kPoints).error();
  };
  CHECK(error("3b 00 f1 00 0000 01 c0") == SsError::TooShort);
  CHECK(error("3b 01 f1 00 0000 03 40 0001 0104 00000000") == SsError::UnknownType);
  CHECK(error("3b 01 f1 00 0000 01 c0 0001 0104 00000000") == SsError::NoOption);
  // an option runs past the end
  CHECK(error("3b 01 f1 00 0000 01 c0 0001 f028 00000000") == SsError::Malformed);
  // a prefix before any binding
  CHECK(error("3b 03 f1 00 0000 01 c0 0001 0000 0612 0040 20010db8000001000000000000000000"
              "0000") == SsError::Malformed);
  // a BCI of 39 bytes
  Bytes short_bci = hex("3b 06 f1 00 0000 01 c0 0001 f027");
  short_bci.resize(56);
  CHECK(parse_state_synchronization(short_bci, kPoints).error() == SsError::Malformed);
  // options, but none that counts
  CHECK(error("3b 01 f1 00 0000 01 c0 0001 c804 00000000") == SsError::Malformed);
}

TEST_CASE("a longer BCI is accepted and its surplus ignored", "[haha]") {
  Bytes longer =
      hex("3b 06 f1 00 0000 01 c0 0001 f02c c000 0001 0002 0000"
          "20010db8000000010000000000000100 00000000000000000000000000000000 aabbccdd");
  longer.resize(56);
  const auto parsed = parse_state_synchronization(longer, kPoints);
  REQUIRE(parsed);
  CHECK(parsed->bindings.at(0).home_address == HomeAddress(ip6("2001:db8:0:1::100")));
}

TEST_CASE("cut and scrambled messages never do more than fail", "[haha]") {
  const Bytes whole = written(rich_reply());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    (void)parse_state_synchronization(ByteView(whole).first(length), kPoints);
  }
  std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same bytes every run
  for (int round = 0; round < 20000; ++round) {
    Bytes scrambled = whole;
    for (int i = 0; i < 4; ++i) {
      scrambled[random() % scrambled.size()] = static_cast<std::byte>(random());
    }
    const auto parsed = parse_state_synchronization(scrambled, kPoints);
    if (parsed) {
      const auto again = parse_state_synchronization(written(*parsed), kPoints);
      REQUIRE(again);
      CHECK(*again == *parsed);
    }
  }
}

TEST_CASE("a message that would need a longer Header Len is not written", "[haha]") {
  StateSynchronization reply = rich_reply();
  while (reply.bindings.size() < 60) {
    reply.bindings.push_back(reply.bindings.front());
  }
  CHECK(written(reply).empty());
}

TEST_CASE("HELLO flags and options", "[haha]") {
  HaHello hello;
  hello.sequence = {500};
  hello.group_id = 255;
  hello.request = true;
  hello.vendor = {{32473, 1, Bytes(20, std::byte{9})}};
  std::array<std::byte, 2048> buffer{};
  const MutableBytes bytes = write_ha_hello(buffer, hello, kPoints, kL1, kL2);
  CHECK(parse_ha_hello(bytes, kPoints) == hello);
  CHECK(parse_ha_hello(ByteView(bytes).first(15), kPoints).error() == MobilityError::TooShort);
  CHECK(parse_ha_hello(ByteView(bytes).first(21), kPoints).error() == MobilityError::BrokenOptions);
}
