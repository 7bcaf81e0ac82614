#include "common/wire/mobility.h"

#include "common/checksum.h"
#include "common/wire/ipv6.h"
#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::wire;
using anyhome::test::Bytes;
using anyhome::test::hex;
using anyhome::test::ip6;

namespace {

const Ipv6Address kSource = *Ipv6Address::parse("2001:db8:0:1::100");
const Ipv6Address kDestination = *Ipv6Address::parse("2001:db8:0:1::1a");
const CodePoints kPoints;

Bytes copy(ByteView bytes) { return {bytes.begin(), bytes.end()}; }

// Makes the checksum right again after a test has broken something else.
Bytes resealed(Bytes message) {
  message[4] = message[5] = std::byte{0};
  const std::uint16_t sum =
      upper_layer_checksum(kSource, kDestination, protocol::kMobility, message);
  store_be16(message.data() + 4, sum);
  return message;
}

Bytes update_with_everything() {
  std::array<std::byte, 2048> buffer{};
  MessageWriter writer = start_binding_update(
      buffer, {77}, bu_flag::kHomeRegistration | bu_flag::kMobileRouter, Lifetime(100));
  writer.alternate_care_of(CareOfAddress(ip6("2001:db8:ff::100")));
  writer.mobile_network_prefix({64, ip6("2001:db8:0:100::")});
  writer.mobile_network_prefix({56, ip6("2001:db8:0:200::")});
  writer.mobile_node_identifier({kIdentifierSubtypeNai, "mn1@example.net"});
  writer.replay_protection(NtpTimestamp{0x0102030405060708ULL});
  writer.authentication(kAuthenticationMnHa, 1000);
  return copy(writer.finish(kSource, kDestination));
}

}  // namespace

TEST_CASE("every option of a Binding Update is read back", "[mobility]") {
  const Bytes message = update_with_everything();
  const auto checked = check_mobility_header(message, kSource, kDestination, kPoints);
  REQUIRE(checked);
  CHECK(checked->type == mh_type::kBindingUpdate);
  const auto update = parse_binding_update(checked->message);
  REQUIRE(update);
  const MobilityOptions& options = update->options;
  CHECK(options.alternate_care_of == CareOfAddress(ip6("2001:db8:ff::100")));
  REQUIRE(options.mobile_network_prefixes.size() == 2);
  CHECK(options.mobile_network_prefixes[1].prefix() == Prefix(ip6("2001:db8:0:200::"), 56));
  REQUIRE(options.mobile_node_identifier);
  CHECK(options.mobile_node_identifier->identifier == "mn1@example.net");
  CHECK(options.identifier_precedes_authentication);
  CHECK(options.replay_protection == NtpTimestamp{0x0102030405060708ULL});
  REQUIRE(options.mn_ha_authentication);
  CHECK(options.mn_ha_authentication->spi == 1000);
  CHECK(options.mn_ha_authentication->authenticator.size() == kAuthenticatorSize);
}

TEST_CASE("options stand where their alignment wants them", "[mobility]") {
  const Bytes message = update_with_everything();
  OptionWalker walker(message, 12);
  std::size_t seen = 0;
  while (const auto raw = walker.next()) {
    const auto* rule = std::ranges::find(kOptionRules, raw->type, &OptionRule::type);
    REQUIRE(rule != std::end(kOptionRules));
    INFO(rule->name);
    CHECK((raw->data_at - 2) % rule->alignment == rule->offset);
    ++seen;
  }
  CHECK(seen == 6);
  CHECK_FALSE(walker.broken());
}

TEST_CASE("the authenticator ends the message", "[mobility]") {
  for (const std::string_view nai :
       {"a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg", "abcdefgh"}) {
    std::array<std::byte, 2048> buffer{};
    MessageWriter writer = start_binding_update(buffer, {1}, 0, Lifetime(1));
    writer.mobile_node_identifier({kIdentifierSubtypeNai, nai});
    const std::size_t at = writer.authentication(kAuthenticationMnHa, 256);
    const MutableBytes message = writer.finish(kSource, kDestination);
    INFO(nai);
    CHECK(message.size() == at + kAuthenticatorSize);
    CHECK((at - 7) % 4 == 1);  // RFC 4285 §5: the option's type byte at 4n+1
    const auto update = parse_binding_update(message);
    REQUIRE(update);
    REQUIRE(update->options.mn_ha_authentication);
    CHECK(update->options.mn_ha_authentication->authenticator_at == at);
  }
}

TEST_CASE("the checks of RFC 6275 §9.2 come in their order", "[mobility]") {
  const Bytes good = update_with_everything();
  const auto error = [](const Bytes& message) {
    return check_mobility_header(message, kSource, kDestination, kPoints).error();
  };
  Bytes all_wrong = good;
  all_wrong[0] = std::byte{6};    // payload proto
  all_wrong[2] = std::byte{200};  // type
  CHECK(error(all_wrong) == MobilityError::BadChecksum);
  CHECK(error(resealed(all_wrong)) == MobilityError::UnknownType);
  Bytes proto = good;
  proto[0] = std::byte{6};
  CHECK(error(resealed(proto)) == MobilityError::BadPayloadProto);
  Bytes shorter(good.begin(), good.begin() + 8);
  shorter[1] = std::byte{0};
  CHECK(error(resealed(shorter)) == MobilityError::TooShort);
  shorter[0] = std::byte{6};
  CHECK(error(resealed(shorter)) == MobilityError::BadPayloadProto);
}

TEST_CASE("a message cut anywhere is truncated", "[mobility]") {
  const Bytes good = update_with_everything();
  for (std::size_t length = 0; length < good.size(); ++length) {
    INFO(length);
    const auto checked =
        check_mobility_header(ByteView(good).first(length), kSource, kDestination, kPoints);
    REQUIRE_FALSE(checked);
    CHECK(checked.error() == MobilityError::Truncated);
  }
}

TEST_CASE("bytes behind the header are not part of it", "[mobility]") {
  Bytes longer = update_with_everything();
  const std::size_t size = longer.size();
  longer.resize(size + 5, std::byte{0xaa});
  const auto checked = check_mobility_header(longer, kSource, kDestination, kPoints);
  REQUIRE(checked);
  CHECK(checked->message.size() == size);
}

TEST_CASE("types known and unknown", "[mobility][R97]") {
  for (unsigned type = 0; type < 256; ++type) {
    Bytes message(24);
    message[0] = std::byte{59};
    message[1] = std::byte{2};
    message[2] = static_cast<std::byte>(type);
    const bool known = type <= 7 || type == 12 || type == 240 || type == 241;
    const auto checked = check_mobility_header(resealed(message), kSource, kDestination, kPoints);
    INFO(type);
    CHECK(checked.has_value() == known);
  }
  CodePoints moved;
  moved.ha_hello = 250;
  Bytes hello = resealed(hex("3b02fa00 0000 0001 0000 0003 0001 07 20 0000000000000000"));
  CHECK(check_mobility_header(hello, kSource, kDestination, moved).has_value());
  CHECK_FALSE(check_mobility_header(hello, kSource, kDestination, kPoints).has_value());
}

TEST_CASE("unknown, repeated and misshapen options", "[mobility]") {
  // unknown option 200; refresh advice of length 3 (skipped); two alternate care-of addresses
  const Bytes message =
      hex("3b 07 05 00 0000 0001 4000 0001"
          "c8 02 ffff 02 03 000000 00"
          "01 00 03 10 20010db800ff00000000000000000001"
          "01 04 00000000 03 10 20010db800ff00000000000000000002");
  const auto update = parse_binding_update(message);
  REQUIRE(update);
  CHECK_FALSE(update->options.refresh_advice);
  CHECK(update->options.alternate_care_of == CareOfAddress(ip6("2001:db8:ff::1")));
}

TEST_CASE("an option that runs past the end breaks the message", "[mobility]") {
  for (const char* tail : {"03 10 0000", "01 09 0000", "05 ff 0000", "000000 03"}) {
    const Bytes message = hex(std::string("3b 01 05 00 0000 0001 4000 0001") + tail);
    INFO(tail);
    const auto update = parse_binding_update(message);
    REQUIRE_FALSE(update);
    CHECK(update.error() == MobilityError::BrokenOptions);
  }
}

TEST_CASE("a writer that runs out of room writes nothing", "[mobility]") {
  std::array<std::byte, 20> buffer{};
  MessageWriter writer = start_binding_update(buffer, {1}, 0, Lifetime(1));
  writer.alternate_care_of(CareOfAddress(kSource));
  CHECK(writer.finish(kSource, kDestination).empty());
}

TEST_CASE("Home Agent Switch counts its addresses", "[mobility]") {
  std::array<std::byte, 2048> buffer{};
  const std::vector<HomeAgentAddress> many(200, HomeAgentAddress(kDestination));
  MessageWriter writer = start_home_agent_switch(buffer, many);
  const auto parsed = parse_home_agent_switch(writer.finish(kDestination, kSource));
  REQUIRE(parsed);
  CHECK(parsed->home_agents.size() == 127);
  // Says two, holds one.
  const auto lying =
      parse_home_agent_switch(hex("3b 02 0c 00 0000 02 00 20010db800000001000000000000002a"));
  REQUIRE_FALSE(lying);
  CHECK(lying.error() == MobilityError::TooShort);
}

TEST_CASE("statuses below 128 accept", "[mobility]") {
  CHECK(is_accepted(BindingStatus::AcceptedPrefixDiscoveryNecessary));
  CHECK_FALSE(is_accepted(BindingStatus::ReasonUnspecified));
  CHECK(to_string(BindingStatus::SequenceOutOfWindow) == "sequence-out-of-window");
  CHECK(to_string(static_cast<BindingStatus>(200)) == "status");
}
