#include "controlplane/hmac_sha1.h"

// The states of a SHA-1 computation are only visible through the interface that OpenSSL 3 calls
// low-level and deprecates; there is no other way to keep less than a whole context per key.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <algorithm>

#include <openssl/crypto.h>
#include <openssl/sha.h>

namespace anyhome::control {
namespace {

constexpr std::size_t kBlockSize = SHA_CBLOCK;
using Block = std::array<std::byte, kBlockSize>;
using State = std::array<std::uint32_t, 5>;

State state_of(const SHA_CTX& context) {
  return {context.h0, context.h1, context.h2, context.h3, context.h4};
}

// A context that has digested exactly one block and is in `state` since.
SHA_CTX resume(const State& state) {
  SHA_CTX context{};
  SHA1_Init(&context);
  context.h0 = state[0];
  context.h1 = state[1];
  context.h2 = state[2];
  context.h3 = state[3];
  context.h4 = state[4];
  context.Nl = kBlockSize * 8;
  return context;
}

State after_block(const Block& key, std::byte pad) {
  Block block{};
  std::ranges::transform(key, block.begin(), [pad](std::byte b) { return b ^ pad; });
  SHA_CTX context{};
  SHA1_Init(&context);
  SHA1_Update(&context, block.data(), block.size());
  return state_of(context);
}

HmacSha1Key::Digest finish(SHA_CTX& context) {
  std::array<unsigned char, SHA_DIGEST_LENGTH> raw{};
  SHA1_Final(raw.data(), &context);
  HmacSha1Key::Digest digest{};
  std::ranges::transform(raw, digest.begin(), [](unsigned char c) { return std::byte{c}; });
  return digest;
}

}  // namespace

HmacSha1Key::HmacSha1Key(ByteView key) {
  Block block{};
  if (key.size() > kBlockSize) {  // RFC 2104 §2: longer keys are hashed first
    SHA_CTX context{};
    SHA1_Init(&context);
    SHA1_Update(&context, key.data(), key.size());
    std::ranges::copy(finish(context), block.begin());
  } else {
    std::ranges::copy(key, block.begin());
  }
  inner_ = after_block(block, std::byte{0x36});
  outer_ = after_block(block, std::byte{0x5c});
  OPENSSL_cleanse(block.data(), block.size());
}

HmacSha1Key::Digest HmacSha1Key::sign(std::span<const ByteView> pieces) const {
  SHA_CTX inner = resume(inner_);
  for (const ByteView piece : pieces) {
    SHA1_Update(&inner, piece.data(), piece.size());
  }
  const Digest inner_digest = finish(inner);
  SHA_CTX outer = resume(outer_);
  SHA1_Update(&outer, inner_digest.data(), inner_digest.size());
  return finish(outer);
}

bool equal_in_constant_time(ByteView a, ByteView b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace anyhome::control
