// What a fuzzer hands to a target, taken apart bit by bit. Reading past the end gives zeros, so
// that every input means something.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "common/bytes.h"

namespace anyhome::fuzz {

class Input {
 public:
  explicit Input(ByteView bytes) : left_(bytes) {}

  [[nodiscard]] bool empty() const { return left_.empty(); }

  std::uint8_t u8() {
    if (left_.empty()) {
      return 0;
    }
    const auto value = std::to_integer<std::uint8_t>(left_[0]);
    left_ = left_.subspan(1);
    return value;
  }
  std::uint16_t u16() {
    const unsigned high = u8();
    return static_cast<std::uint16_t>((high << 8U) | u8());
  }
  // One bit of a byte of switches after another.
  static bool bit(unsigned flags, unsigned number) { return ((flags >> number) & 1U) != 0; }
  // At most `count` bytes.
  ByteView bytes(std::size_t count) {
    const ByteView taken = left_.first(std::min(count, left_.size()));
    left_ = left_.subspan(taken.size());
    return taken;
  }
  // A byte string that says its own length, in two bytes.
  ByteView string() { return bytes(u16()); }
  ByteView rest() { return bytes(left_.size()); }

 private:
  ByteView left_;
};

}  // namespace anyhome::fuzz
