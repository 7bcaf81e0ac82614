#include "apps/anyhome-mn/authentication.h"

#include <algorithm>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace anyhome::mobile {
namespace {

constexpr std::size_t kChecksumOffset = 4;
constexpr std::size_t kDerivedKeySize = 16;  // rulings §9

// OpenSSL speaks unsigned char, which may alias std::byte.
const unsigned char* raw(ByteView bytes) {
  return static_cast<const unsigned char*>(static_cast<const void*>(bytes.data()));
}

template <std::size_t N>
std::array<std::byte, N> hmac(const EVP_MD* digest, ByteView key, ByteView data) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned length = 0;
  // A null key means "the previous one" to OpenSSL, hence never an empty span's pointer.
  static constexpr unsigned char kNothing = 0;
  HMAC(digest, key.empty() ? &kNothing : raw(key), static_cast<int>(key.size()), raw(data),
       data.size(), out.data(), &length);
  std::array<std::byte, N> result{};
  std::ranges::transform(std::span(out).template first<N>(), result.begin(),
                         [](unsigned char octet) { return static_cast<std::byte>(octet); });
  return result;
}

void append(std::vector<std::byte>& to, ByteView bytes) {
  to.insert(to.end(), bytes.begin(), bytes.end());
}

void append(std::vector<std::byte>& to, const Ipv6Address& address) {
  append(to, std::as_bytes(std::span(address.octets)));
}

// RFC 4285 §5: the option is the last one. What alignment wants behind it is not an option.
bool is_last(ByteView message, const wire::MobilityAuthentication& option) {
  const std::size_t end = option.authenticator_at + option.authenticator.size();
  if (message.size() - end >= 8) {
    return false;
  }
  wire::OptionWalker walker(message, end);
  return !walker.next() && !walker.broken();
}

}  // namespace

std::array<std::byte, 20> hmac_sha1(ByteView key, ByteView data) {
  return hmac<20>(EVP_sha1(), key, data);
}

std::vector<std::byte> key_for(const Security& security, const HomeAgentAddress& home_agent) {
  if (security.derivation == KeyDerivation::Shared) {
    return security.key;
  }
  constexpr std::string_view kLabel = "anyhome";
  std::vector<std::byte> data;
  append(data, std::as_bytes(std::span(kLabel)));
  append(data, home_agent.address());
  const auto derived = hmac<kDerivedKeySize>(EVP_sha256(), security.key, data);
  return {derived.begin(), derived.end()};
}

Authenticator compute_authenticator(ByteView key, const Ipv6Address& care_of,
                                    const HomeAddress& home_address, ByteView covered) {
  std::vector<std::byte> data;
  data.reserve(2 * Ipv6Address::kSize + covered.size());
  append(data, care_of);
  append(data, home_address.address());
  const std::size_t message_at = data.size();
  append(data, covered);
  if (covered.size() >= kChecksumOffset + 2) {
    std::fill_n(data.begin() + static_cast<std::ptrdiff_t>(message_at + kChecksumOffset), 2,
                std::byte{0});
  }
  const auto digest = hmac_sha1(key, data);
  Authenticator result{};
  std::copy_n(digest.begin(), result.size(), result.begin());
  return result;
}

Verdict verify(const Security& security, const HomeAgentAddress& home_agent,
               const Ipv6Address& care_of, const HomeAddress& home_address, ByteView message,
               const wire::MobilityOptions& options) {
  const auto& option = options.mn_ha_authentication;
  if (!option || !is_last(message, *option)) {
    return Verdict::Missing;
  }
  if (option->spi != security.spi || option->authenticator.size() != wire::kAuthenticatorSize) {
    return Verdict::Bad;
  }
  const Authenticator expected =
      compute_authenticator(key_for(security, home_agent), care_of, home_address,
                            message.first(option->authenticator_at));
  return CRYPTO_memcmp(expected.data(), option->authenticator.data(), expected.size()) == 0
             ? Verdict::Valid
             : Verdict::Bad;
}

}  // namespace anyhome::mobile
