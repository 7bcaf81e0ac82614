// Binding Updates signed as RFC 4285 wants it, by code that shares nothing with what is tested.
#pragma once

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "test/support/home_agent_fixture.h"

namespace anyhome::test {

inline const Bytes kKey = hex("000102030405060708090a0b0c0d0e0f");
inline constexpr std::uint32_t kSpi = 1000;
inline constexpr std::string_view kNai = "mn1@example.net";

// The library's own HMAC, over a contiguous copy.
inline Bytes library_hmac(ByteView key, const Bytes& data) {
  std::array<unsigned char, 20> digest{};
  unsigned length = 0;
  REQUIRE(HMAC(EVP_sha1(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(data.data()), data.size(), digest.data(),
               &length) != nullptr);
  Bytes result(length);
  std::ranges::transform(digest, result.begin(), [](unsigned char c) { return std::byte{c}; });
  return result;
}

// RFC 4285 §5.1, put together independently of the code under test.
inline Bytes authenticator(ByteView key, const Ipv6Address& care_of, const HomeAddress& home,
                           ByteView covered) {
  Bytes data;
  for (const std::uint8_t octet : care_of.octets) {
    data.push_back(std::byte{octet});
  }
  for (const std::uint8_t octet : home.address().octets) {
    data.push_back(std::byte{octet});
  }
  Bytes message(covered.begin(), covered.end());
  message[4] = message[5] = std::byte{0};
  data.insert(data.end(), message.begin(), message.end());
  Bytes result = library_hmac(key, data);
  result.resize(12);
  return result;
}

inline config::HomeAgent secure_config() {
  config::HomeAgent config = insecure_config();
  config.authentication = config::Authentication::Rfc4285;
  config::MobileNode node;
  node.home_address = kHome;
  node.identifier = std::string(kNai);
  node.spi = kSpi;
  node.key = kKey;
  config.mobile_nodes = {node};
  return config;
}

struct Signing {
  Bytes key = kKey;
  std::uint32_t spi = kSpi;
  std::string_view nai = kNai;
  std::optional<NtpTimestamp> timestamp;
};

inline UpdateSpec signed_update(std::uint16_t sequence, const Signing& signing = {}) {
  UpdateSpec spec;
  spec.sequence = sequence;
  spec.more = [signing, care_of = spec.source](wire::MessageWriter& writer) {
    if (!signing.nai.empty()) {
      writer.mobile_node_identifier({wire::kIdentifierSubtypeNai, signing.nai});
    }
    if (signing.timestamp) {
      writer.replay_protection(*signing.timestamp);
    }
    const std::size_t at = writer.authentication(wire::kAuthenticationMnHa, signing.spi);
    const MutableBytes message = writer.close();
    const Bytes mac = authenticator(signing.key, care_of, kHome, message.first(at));
    std::ranges::copy(mac, message.subspan(at).begin());
  };
  return spec;
}

}  // namespace anyhome::test
