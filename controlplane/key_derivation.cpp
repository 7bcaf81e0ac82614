#include "controlplane/key_derivation.h"

#include <algorithm>
#include <span>
#include <string_view>

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace anyhome::control {

// Rulings §9 (R108): what one home agent has accepted is nothing to another.
std::array<std::byte, 16> derive_key(ByteView key, const HomeAgentAddress& home_agent) {
  constexpr std::string_view kLabel = "anyhome";
  std::array<unsigned char, kLabel.size() + Ipv6Address::kSize> text{};
  std::ranges::copy(kLabel, text.begin());
  std::ranges::copy(home_agent.address().octets, text.begin() + kLabel.size());
  std::array<std::byte, EVP_MAX_MD_SIZE> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), text.data(), text.size(),
       static_cast<unsigned char*>(static_cast<void*>(digest.data())), &length);
  std::array<std::byte, 16> derived{};
  std::copy_n(digest.begin(), derived.size(), derived.begin());
  return derived;
}

}  // namespace anyhome::control
