// SipHash-2-4 (Aumasson, Bernstein 2012): a keyed 64-bit hash that cannot be steered without the
// key.
//
// libcrypto has it too, behind an interface that costs ten times the hash itself; the digests of a
// million bindings are kept up to date with every change (docs/decisions/).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "common/bytes.h"

namespace anyhome {

class SipHash {
 public:
  using Key = std::array<std::byte, 16>;

  explicit constexpr SipHash(const Key& key) {
    const std::uint64_t k0 = load(key.data());
    const std::uint64_t k1 = load(key.data() + 8);
    v_ = {k0 ^ 0x736f6d6570736575ULL, k1 ^ 0x646f72616e646f6dULL, k0 ^ 0x6c7967656e657261ULL,
          k1 ^ 0x7465646279746573ULL};
  }

  [[nodiscard]] constexpr std::uint64_t operator()(ByteView bytes) const {
    State v = v_;
    const std::size_t whole = bytes.size() / 8 * 8;
    for (std::size_t at = 0; at < whole; at += 8) {
      absorb(v, load(bytes.data() + at));
    }
    std::uint64_t last = static_cast<std::uint64_t>(bytes.size()) << 56U;
    for (std::size_t at = whole; at < bytes.size(); ++at) {
      last |= std::to_integer<std::uint64_t>(bytes[at]) << (8 * (at - whole));
    }
    absorb(v, last);
    v[2] ^= 0xff;
    for (int i = 0; i < 4; ++i) {
      round(v);
    }
    return v[0] ^ v[1] ^ v[2] ^ v[3];
  }

 private:
  using State = std::array<std::uint64_t, 4>;

  static constexpr std::uint64_t load(const std::byte* at) {  // little-endian, by definition
    std::uint64_t word = 0;
    if (!std::is_constant_evaluated() && std::endian::native == std::endian::little) {
      std::memcpy(&word, at, sizeof word);
      return word;
    }
    for (unsigned i = 0; i < 8; ++i) {
      word |= std::to_integer<std::uint64_t>(at[i]) << (8 * i);
    }
    return word;
  }
  static constexpr void absorb(State& v, std::uint64_t word) {
    v[3] ^= word;
    round(v);
    round(v);
    v[0] ^= word;
  }
  static constexpr void round(State& v) {
    v[0] += v[1];
    v[1] = std::rotl(v[1], 13) ^ v[0];
    v[0] = std::rotl(v[0], 32);
    v[2] += v[3];
    v[3] = std::rotl(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = std::rotl(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = std::rotl(v[1], 17) ^ v[2];
    v[2] = std::rotl(v[2], 32);
  }

  State v_{};
};

}  // namespace anyhome
