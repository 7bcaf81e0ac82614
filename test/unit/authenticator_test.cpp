// RFC 4285 and the HMAC under it.
#include <random>

#include "controlplane/hmac_sha1.h"
#include "test/support/signed_update.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using control::ControlCounter;
using wire::BindingStatus;

namespace {

void check_signed(const HomeAgentFixture& fixture) {
  const auto answer = fixture.acknowledgement();
  REQUIRE(answer);
  REQUIRE(answer->options.mn_ha_authentication);
  const auto& option = *answer->options.mn_ha_authentication;
  CHECK(option.spi == kSpi);
  CHECK(answer->options.identifier_precedes_authentication);
  const Sent sent = fixture.sent().front();
  CHECK(sent.message.size() == option.authenticator_at + 12);  // the last option
  const Bytes expected = authenticator(kKey, sent.header.destination, kHome,
                                       ByteView(sent.message).first(option.authenticator_at));
  CHECK(std::ranges::equal(ByteView(sent.message).subspan(option.authenticator_at), expected));
}

}  // namespace

TEST_CASE("HMAC-SHA1 test cases of RFC 2202", "[authentication]") {
  struct Row {
    Bytes key;
    std::string data;
    std::string digest;
  };
  const Row rows[] = {
      {Bytes(20, std::byte{0x0b}), "Hi There", "b617318655057264e28bc0b6fb378c8ef146be00"},
      {hex("4a656665"), "what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
      {Bytes(20, std::byte{0xaa}), std::string(50, '\xdd'),
       "125d7342b9ac11cd91a39af48aa17b4f63f175d3"},
      {Bytes(80, std::byte{0xaa}), "Test Using Larger Than Block-Size Key - Hash Key First",
       "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
  };
  for (const Row& row : rows) {
    const control::HmacSha1Key key(row.key);
    const ByteView pieces[] = {std::as_bytes(std::span(row.data))};
    const auto digest = key.sign(pieces);
    CHECK(Bytes(digest.begin(), digest.end()) == hex(row.digest));
  }
}

TEST_CASE("HMAC-SHA1 equals the library's for every length and split", "[authentication]") {
  std::mt19937 random(3);  // NOLINT(cert-msc51-cpp): the same bytes every run
  for (std::size_t length = 0; length < 200; ++length) {
    Bytes key(random() % 100);
    Bytes data(length);
    for (std::byte& b : key) {
      b = static_cast<std::byte>(random());
    }
    for (std::byte& b : data) {
      b = static_cast<std::byte>(random());
    }
    const std::size_t split = length == 0 ? 0 : random() % length;
    const ByteView pieces[] = {ByteView(data).first(split), ByteView(data).subspan(split)};
    const auto digest = control::HmacSha1Key(key).sign(pieces);
    CHECK(Bytes(digest.begin(), digest.end()) == library_hmac(key, data));
  }
}

TEST_CASE("a signed Binding Update is accepted and its answer is signed", "[authentication]") {
  HomeAgentFixture fixture(secure_config());
  CHECK(fixture.update(signed_update(1)) == BindingStatus::Accepted);
  check_signed(fixture);
}

TEST_CASE("what is not authentic does not register", "[authentication]") {
  HomeAgentFixture fixture(secure_config());
  SECTION("no option: silence") {
    CHECK(fixture.update({}) == std::nullopt);
    CHECK(fixture.count(ControlCounter::UpdateUnauthenticated) == 1);
  }
  SECTION("unknown SPI: silence") {
    Signing signing;
    signing.spi = 1001;
    CHECK(fixture.update(signed_update(1, signing)) == std::nullopt);
  }
  SECTION("unknown home address: silence") {
    UpdateSpec spec = signed_update(1);
    spec.home_address = kOtherHome;
    CHECK(fixture.update(spec) == std::nullopt);
  }
  SECTION("no identifier in front: silence") {
    Signing signing;
    signing.nai = "";
    CHECK(fixture.update(signed_update(1, signing)) == std::nullopt);
  }
  SECTION("wrong key: 146, signed with the right one") {
    Signing signing;
    signing.key[3] ^= std::byte{1};
    CHECK(fixture.update(signed_update(1, signing)) == BindingStatus::AuthenticationFailed);
    check_signed(fixture);
  }
  SECTION("another identifier: 146") {
    Signing signing;
    signing.nai = "mn2@example.net";
    CHECK(fixture.update(signed_update(1, signing)) == BindingStatus::AuthenticationFailed);
  }
  SECTION("any changed byte under the authenticator: 146 or silence") {
    const Bytes good = build_update(signed_update(1));
    for (std::size_t at = 64 + 6; at < good.size() - 12; ++at) {
      UpdateSpec spec = signed_update(1);
      spec.tamper = [at](Bytes& m) { m[at - 64] ^= std::byte{0x01}; };
      const auto status = fixture.update(spec);
      INFO("byte " << at - 64);
      CHECK((!status || *status == BindingStatus::AuthenticationFailed));
      fixture.advance(1s);  // the answers are rate-limited
    }
  }
  SECTION("another care-of address: 146") {
    UpdateSpec spec = signed_update(1);
    spec.source = kNewCareOf.address();
    CHECK(fixture.update(spec) == BindingStatus::AuthenticationFailed);
  }
  CHECK(fixture.agent.bindings().entries() == 0);
}

TEST_CASE("answers to unauthenticated updates are limited", "[authentication]") {
  HomeAgentFixture fixture(secure_config());  // 10 per second
  Signing signing;
  signing.key[3] ^= std::byte{1};
  int answers = 0;
  for (int i = 0; i < 50; ++i) {
    answers += fixture.update(signed_update(1, signing)).has_value() ? 1 : 0;
  }
  CHECK(answers == 10);
}

TEST_CASE("an old update cannot be replayed after the binding is gone", "[authentication]") {
  HomeAgentFixture fixture(secure_config());
  const UpdateSpec first = signed_update(1);
  CHECK(fixture.update(first) == BindingStatus::Accepted);
  fixture.run_for(600s);  // expired, forgotten
  CHECK(fixture.agent.bindings().entries() == 0);
  CHECK(fixture.update(first) == BindingStatus::SequenceOutOfWindow);
  CHECK(fixture.acknowledgement()->sequence.value == 1);
  CHECK(fixture.update(signed_update(2)) == BindingStatus::Accepted);
}

TEST_CASE("replay protection by timestamp", "[authentication]") {
  config::HomeAgent config = secure_config();
  config.replay_protection = config::ReplayProtection::Timestamp;
  HomeAgentFixture fixture(config);
  const auto at = [&](Duration offset) {
    Signing signing;
    signing.timestamp = NtpTimestamp::from(fixture.now.wall + offset);
    return signing;
  };
  SECTION("in time") {
    CHECK(fixture.update(signed_update(1, at(0s))) == BindingStatus::Accepted);
    // The whole field comes back (RFC 4285 §6).
    CHECK(fixture.acknowledgement()->options.replay_protection ==
          NtpTimestamp::from(fixture.now.wall));
    check_signed(fixture);
  }
  SECTION("missing: 145") {
    CHECK(fixture.update(signed_update(1)) == BindingStatus::IdentificationRequired);
    check_signed(fixture);
  }
  SECTION("too old, too new: 144 with our time in the high half") {
    for (const Duration offset : {Duration(-8s), Duration(8s), Duration(-24h * 365)}) {
      const Signing signing = at(offset);
      CHECK(fixture.update(signed_update(1, signing)) == BindingStatus::IdentificationMismatch);
      const auto ours = fixture.acknowledgement()->options.replay_protection;
      REQUIRE(ours);
      CHECK(ours->value >> 32U == NtpTimestamp::from(fixture.now.wall).value >> 32U);
      CHECK((ours->value & 0xffffffffU) == (signing.timestamp->value & 0xffffffffU));
      check_signed(fixture);
    }
  }
  SECTION("within the window both ways") {
    CHECK(fixture.update(signed_update(1, at(-7s))) == BindingStatus::Accepted);
    CHECK(fixture.update(signed_update(2, at(7s))) == BindingStatus::Accepted);
  }
  SECTION("not newer than the last accepted: 144, later than that one") {
    CHECK(fixture.update(signed_update(1, at(3s))) == BindingStatus::Accepted);
    CHECK(fixture.update(signed_update(2, at(3s))) == BindingStatus::IdentificationMismatch);
    CHECK(fixture.acknowledgement()->options.replay_protection->to_wall() >= fixture.now.wall + 4s);
    CHECK(fixture.update(signed_update(2, at(2s))) == BindingStatus::IdentificationMismatch);
    CHECK(fixture.update(signed_update(2, at(4s))) == BindingStatus::Accepted);
  }
  SECTION("a replay after expiry is stopped by its timestamp") {
    const UpdateSpec first = signed_update(1, at(0s));
    CHECK(fixture.update(first) == BindingStatus::Accepted);
    fixture.run_for(600s);
    CHECK(fixture.update(first) == BindingStatus::IdentificationMismatch);
    // A mobile node that lost its sequence number starts anew.
    CHECK(fixture.update(signed_update(1, at(0s))) == BindingStatus::Accepted);
  }
}

TEST_CASE("a clock that was set back goes on from the last accepted timestamp",
          "[authentication][I15]") {
  config::HomeAgent config = secure_config();
  config.replay_protection = config::ReplayProtection::Timestamp;
  HomeAgentFixture fixture(config);
  const auto signing = [](NtpTimestamp stamp) { return Signing{.timestamp = stamp}; };
  for (const Duration step : {Duration(-1h), Duration(-24h * 365 * 50), Duration(1h)}) {
    const NtpTimestamp before = NtpTimestamp::from(fixture.now.wall);
    REQUIRE(fixture.update(signed_update(1, signing(before))) == BindingStatus::Accepted);
    fixture.now.wall += step;
    fixture.run_for(1s);
    // The answer to a stamp by the right clock says which one is good, and that one is.
    const NtpTimestamp right{before.value + (100ULL << 32U)};
    const auto first = fixture.update(signed_update(2, signing(right)));
    CHECK(first == BindingStatus::IdentificationMismatch);
    const auto told = fixture.acknowledgement()->options.replay_protection;
    REQUIRE(told);
    CHECK(fixture.update(signed_update(3, signing(*told))) == BindingStatus::Accepted);
    // Still nothing twice, and nothing old.
    CHECK(fixture.update(signed_update(4, signing(*told))) ==
          BindingStatus::IdentificationMismatch);
    CHECK(fixture.update(signed_update(5, signing(before))) ==
          BindingStatus::IdentificationMismatch);
    fixture.now.wall -= step;
    fixture.run_for(1h);
  }
}

TEST_CASE("status 135 answers are signed too", "[authentication]") {
  HomeAgentFixture fixture(secure_config());
  fixture.update(signed_update(5));
  CHECK(fixture.update(signed_update(5)) == BindingStatus::SequenceOutOfWindow);
  check_signed(fixture);
}
