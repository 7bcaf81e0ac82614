#include "common/wire/icmpv6.h"

#include "common/wire/ipv6.h"
#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::wire;
using anyhome::test::Bytes;
using anyhome::test::hex;
using anyhome::test::ip6;

namespace {

template <class Message>
Bytes written(const Message& message) {
  Bytes buffer(2048);
  Writer writer(buffer);
  message.write(writer);
  REQUIRE(writer.ok());
  buffer.resize(writer.size());
  return buffer;
}

template <class Message>
void check_round_trip(const Message& message) {
  const Bytes bytes = written(message);
  const auto parsed = Message::parse(bytes);
  REQUIRE(parsed);
  CHECK(*parsed == message);
}

}  // namespace

TEST_CASE("home agent discovery", "[icmpv6]") {
  check_round_trip(DiscoveryRequest{0x1234, false});
  check_round_trip(DiscoveryRequest{0x1234, true});
  CHECK(written(DiscoveryRequest{0x1234, true}) == hex("90 00 0000 1234 8000"));

  DiscoveryReply reply{7, true, {}};
  check_round_trip(reply);
  reply.home_agents.emplace_back(ip6("2001:db8:0:1::1a"));
  reply.home_agents.emplace_back(ip6("2001:db8:0:1::2a"));
  check_round_trip(reply);
  CHECK_FALSE(DiscoveryReply::parse(ByteView(written(reply)).first(8 + 31)));
  CHECK_FALSE(DiscoveryReply::parse(written(DiscoveryRequest{7, true})));

  reply.home_agents.assign(100, HomeAgentAddress(ip6("2001:db8:0:1::1a")));
  CHECK(written(reply).size() == 8 + 16 * kMaxDiscoveryAddresses);
  CHECK(kIpv6HeaderSize + written(reply).size() <= kMinimumMtu);
}

TEST_CASE("mobile prefix discovery", "[icmpv6]") {
  check_round_trip(PrefixSolicitation{99});
  PrefixAdvertisement advertisement{99, false, true, {}};
  advertisement.prefixes.push_back({64, true, true, true, 86400, 3600, ip6("2001:db8:0:1::1a")});
  check_round_trip(advertisement);
  Bytes bytes = written(advertisement);
  CHECK(bytes.size() == 8 + 32);
  bytes[9] = std::byte{0};
  CHECK_FALSE(PrefixAdvertisement::parse(bytes));
  bytes[9] = std::byte{5};
  CHECK_FALSE(PrefixAdvertisement::parse(bytes));
}

TEST_CASE("checksums of ICMPv6 messages", "[icmpv6]") {
  const auto source = ip6("2001:db8:ff::100");
  const auto destination = ip6("2001:db8:0:1:fdff:ffff:ffff:fffe");
  Bytes bytes = written(DiscoveryRequest{0x1234, true});
  icmpv6_set_checksum(source, destination, bytes);
  CHECK(icmpv6_checksum_ok(source, destination, bytes));
  CHECK_FALSE(icmpv6_checksum_ok(source, source, bytes));
  bytes[5] ^= std::byte{1};
  CHECK_FALSE(icmpv6_checksum_ok(source, destination, bytes));
}

TEST_CASE("the packet quoted in an error", "[icmpv6]") {
  Bytes bytes = hex("02 00 0000 000005b4");
  bytes.resize(8 + 40, std::byte{0x60});
  const auto quoted = parse_icmpv6_error(bytes);
  REQUIRE(quoted);
  CHECK(quoted->type == icmpv6::kPacketTooBig);
  CHECK(quoted->parameter == 1460);
  CHECK(quoted->packet.size() == 40);
  CHECK_FALSE(parse_icmpv6_error(ByteView(bytes).first(47)));
  bytes[0] = std::byte{icmpv6::kEchoRequest};
  CHECK_FALSE(parse_icmpv6_error(bytes));
}
