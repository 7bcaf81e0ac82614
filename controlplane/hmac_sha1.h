// HMAC-SHA1 (RFC 2104) with the key's share of the work done once.
//
// A general HMAC context of the library is 864 bytes and is rebuilt per message otherwise (3143
// cycles for a Binding Update against 943 with the key prepared). All that a key leaves behind in
// SHA-1 are two states of five words: these are kept, 40 bytes per mobile node.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/bytes.h"

namespace anyhome::control {

class HmacSha1Key {
 public:
  static constexpr std::size_t kDigestSize = 20;
  using Digest = std::array<std::byte, kDigestSize>;

  explicit HmacSha1Key(ByteView key);

  // HMAC over the concatenation of the pieces.
  [[nodiscard]] Digest sign(std::span<const ByteView> pieces) const;

 private:
  using State = std::array<std::uint32_t, 5>;

  State inner_{};
  State outer_{};
};

// Compares without telling by its duration where two values differ.
bool equal_in_constant_time(ByteView a, ByteView b);

}  // namespace anyhome::control
