// RFC 4285: vectors, who is believed, and whose clock counts.
#include "common/checksum.h"
#include "test/mobile_node/support.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

Bytes text(std::string_view characters) {
  const auto bytes = std::as_bytes(std::span(characters));
  return {bytes.begin(), bytes.end()};
}

void reseal(Bytes& packet, std::size_t at) {
  packet[at + 4] = packet[at + 5] = std::byte{0};
  store_be16(packet.data() + at + 4, upper_layer_checksum(kAgent1.address(), kHome.address(), 135,
                                                          ByteView(packet).subspan(at)));
}

}  // namespace

TEST_CASE("HMAC-SHA1 test vectors of RFC 2202", "[mobile-node]") {
  struct Vector {
    Bytes key;
    Bytes data;
    std::string_view digest;
  };
  const Bytes aa80(80, std::byte{0xaa});
  Bytes counting(25);
  for (std::size_t i = 0; i < counting.size(); ++i) {
    counting[i] = static_cast<std::byte>(i + 1);
  }
  const Vector vectors[] = {
      {Bytes(20, std::byte{0x0b}), text("Hi There"), "b617318655057264e28bc0b6fb378c8ef146be00"},
      {text("Jefe"), text("what do ya want for nothing?"),
       "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
      {Bytes(20, std::byte{0xaa}), Bytes(50, std::byte{0xdd}),
       "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
      {counting, Bytes(50, std::byte{0xcd}), "4c9007f4026250c6bc8414f9bf50c86c2d7235da"},
      {Bytes(20, std::byte{0x0c}), text("Test With Truncation"),
       "4c1a03424b55e07fe7f27be1d58bb9324a9a5a04"},
      {aa80, text("Test Using Larger Than Block-Size Key - Hash Key First"),
       "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
      {aa80, text("Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data"),
       "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
  };
  for (const Vector& vector : vectors) {
    CHECK(dump(mobile::hmac_sha1(vector.key, vector.data)) == dump(hex(vector.digest)));
  }
}

TEST_CASE("the authenticator of a Binding Update", "[mobile-node]") {
  Lab lab(secure_settings());
  lab.attach();
  const SentUpdate& update = lab.last();
  const auto& options = update.update.options;
  REQUIRE(options.mn_ha_authentication);
  CHECK(options.identifier_precedes_authentication);
  CHECK(options.mobile_node_identifier->identifier == "mn1@example.net");
  CHECK(options.replay_protection == NtpTimestamp::from(kStartOfTime));
  CHECK(options.mn_ha_authentication->spi == 1000);
  // Written out: care-of address, home address, message through the SPI with checksum zero.
  Bytes covered;
  const auto add = [&](ByteView bytes) {
    covered.insert(covered.end(), bytes.begin(), bytes.end());
  };
  add(std::as_bytes(std::span(kCareOf1.address().octets)));
  add(std::as_bytes(std::span(kHome.address().octets)));
  add(ByteView(update.message).first(options.mn_ha_authentication->authenticator_at));
  covered[32 + 4] = covered[32 + 5] = std::byte{0};
  const auto digest = mobile::hmac_sha1(test_key(), covered);
  CHECK(dump(ByteView(digest).first(12)) == dump(options.mn_ha_authentication->authenticator));
  // And it is the last thing in the message.
  CHECK(options.mn_ha_authentication->authenticator_at + 12 == update.message.size());
}

TEST_CASE("a key per home agent", "[mobile-node]") {
  mobile::Security security{1000, test_key(), mobile::KeyDerivation::PerHomeAgent};
  const auto key1 = mobile::key_for(security, kAgent1);
  CHECK(key1.size() == 16);
  CHECK(key1 != mobile::key_for(security, kAgent2));
  // python3: hmac.new(b'\x0b'*16, b'anyhome' + inet_pton(AF_INET6, '2001:db8:0:1::1a'), 'sha256')
  CHECK(dump(key1) == dump(hex("02c2fb3edef84b9f9b1e4e4b5154ca08")));
  mobile::Settings settings = secure_settings();
  settings.security = security;
  Lab lab(settings);
  lab.attach();
  lab.answer();
  CHECK(lab.node.state() == State::Registered);
}

TEST_CASE("with a key, an acknowledgement needs a good authenticator", "[mobile-node]") {
  Lab lab(secure_settings());
  lab.attach();
  const Bytes good = lab.answer_to(lab.last());
  SECTION("good") {
    lab.from_network(good);
    CHECK(lab.node.state() == State::Registered);
  }
  SECTION("altered") {
    Bytes bad = good;
    bad[64 + 11] ^= std::byte{1};  // the lifetime
    reseal(bad, 64);
    lab.from_network(bad);
    CHECK(lab.node.state() == State::Registering);
    CHECK(lab.count(Counter::DropAcknowledgementBadAuthenticator) == 1);
    CHECK(lab.saw(EventKind::UnauthenticatedAnswer));
  }
  SECTION("another SPI") {
    Bytes bad = good;
    const std::size_t spi_at = bad.size() - 12 - 4;
    bad[spi_at + 3] ^= std::byte{1};
    reseal(bad, 64);
    lab.from_network(bad);
    CHECK(lab.count(Counter::DropAcknowledgementBadAuthenticator) == 1);
  }
  SECTION("another SPI, with our key") {
    mobile::Settings other = secure_settings();
    other.security->spi = 1001;
    Lab agent(other);
    agent.attach();
    lab.from_network(agent.answer_to(lab.last()));
    CHECK(lab.node.state() == State::Registering);
    CHECK(lab.count(Counter::DropAcknowledgementBadAuthenticator) == 1);
  }
  SECTION("missing") {
    std::array<std::byte, 64> buffer{};
    wire::MessageWriter writer = wire::start_binding_acknowledgement(
        buffer, BindingStatus::Accepted, 0, lab.last().update.sequence, Lifetime(75));
    lab.from_network(lab.packet_of(writer, kAgent1.address(), kCareOf1.address(), {}, true, false));
    CHECK(lab.node.state() == State::Registering);
    CHECK(lab.count(Counter::DropAcknowledgementUnauthenticated) == 1);
  }
  SECTION("an option behind it") {
    Bytes longer = good;
    const Bytes extra = hex("02 02 00 01 01 02 00 00");  // Binding Refresh Advice
    longer.insert(longer.end(), extra.begin(), extra.end());
    longer[65] = static_cast<std::byte>(std::to_integer<unsigned>(longer[65]) + 1U);
    store_be16(longer.data() + 4, static_cast<std::uint16_t>(longer.size() - 40));
    reseal(longer, 64);
    lab.from_network(longer);
    CHECK(lab.count(Counter::DropAcknowledgementUnauthenticated) == 1);
  }
  SECTION("a rejection without one is ignored too") {
    std::array<std::byte, 64> buffer{};
    wire::MessageWriter writer = wire::start_binding_acknowledgement(
        buffer, BindingStatus::AuthenticationFailed, 0, lab.last().update.sequence, Lifetime(0));
    lab.from_network(lab.packet_of(writer, kAgent1.address(), kCareOf1.address(), {}, true, false));
    CHECK(lab.node.state() == State::Registering);
  }
}

TEST_CASE("status 144: the home agent's clock is adopted", "[mobile-node]") {
  Lab lab(secure_settings());
  const auto offset = GENERATE(-53s * 365 * 24 * 3600, -3600s, 3600s, 100000s);
  lab.attach();
  const WallTime theirs = lab.now.wall + offset;
  lab.answer({.status = BindingStatus::IdentificationMismatch,
              .lifetime = Lifetime(0),
              .timestamp = NtpTimestamp::from(theirs)});
  REQUIRE(lab.updates.size() == 2);
  CHECK(lab.last().update.options.replay_protection >= NtpTimestamp::from(theirs));
  CHECK(lab.last().update.options.replay_protection < NtpTimestamp::from(theirs + 1s));
  lab.answer();
  CHECK(lab.node.state() == State::Registered);
  // From then on its clock is used.
  lab.forget();
  lab.advance(241s);
  REQUIRE_FALSE(lab.updates.empty());
  CHECK(lab.updates[0].update.options.replay_protection >= NtpTimestamp::from(theirs + 239s));
}

TEST_CASE("a clock that stays wrong is not corrected for ever", "[mobile-node]") {
  Lab lab(secure_settings());
  lab.attach();
  for (int i = 0; i < 20 && lab.node.state() == State::Registering; ++i) {
    lab.answer({.status = BindingStatus::IdentificationMismatch,
                .timestamp = NtpTimestamp::from(lab.now.wall)});
    lab.advance(400ms);
  }
  CHECK(lab.updates.size() == 6);
  CHECK(lab.node.state() == State::Rejected);
}

TEST_CASE("timestamps grow even when the clock does not", "[mobile-node]") {
  Lab lab(secure_settings());
  lab.attach();
  lab.now.wall -= 1h;
  lab.register_now();
  REQUIRE(lab.updates.size() == 2);
  CHECK(lab.updates[1].update.options.replay_protection >
        lab.updates[0].update.options.replay_protection);
}

TEST_CASE("status 145: timestamps are sent from then on", "[mobile-node]") {
  mobile::Settings settings = secure_settings();
  settings.timestamps = false;
  Lab lab(settings);
  lab.attach();
  CHECK_FALSE(lab.last().update.options.replay_protection);
  lab.answer({.status = BindingStatus::IdentificationRequired});
  REQUIRE(lab.updates.size() == 2);
  CHECK(lab.last().update.options.replay_protection);
  SECTION("and a second time it stops") {
    lab.answer({.status = BindingStatus::IdentificationRequired});
    CHECK(lab.node.stopped());
  }
}
