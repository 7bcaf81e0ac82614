// Bounds-checked reading and writing of network byte order.
//
// Every parser and writer of the project goes through these two classes. Both carry a sticky
// failure: reading past the end yields zeros and marks the reader failed, writing past the end
// writes nothing and marks the writer overflowed. A caller checks once, after the last field,
// instead of after each one, and arbitrary input can never cause undefined behaviour.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "common/address.h"

namespace anyhome {

using ByteView = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

// Reads big-endian values from a byte view.
class Reader {
 public:
  constexpr explicit Reader(ByteView bytes) : bytes_(bytes) {}

  [[nodiscard]] constexpr bool ok() const { return !failed_; }
  [[nodiscard]] constexpr std::size_t offset() const { return offset_; }
  [[nodiscard]] constexpr std::size_t remaining() const { return bytes_.size() - offset_; }

  constexpr std::uint8_t u8() { return static_cast<std::uint8_t>(read<1>()); }
  constexpr std::uint16_t u16() { return static_cast<std::uint16_t>(read<2>()); }
  constexpr std::uint32_t u32() { return static_cast<std::uint32_t>(read<4>()); }
  constexpr std::uint64_t u64() { return read<8>(); }

  constexpr Ipv6Address address() {
    Ipv6Address result;
    const ByteView raw = bytes(Ipv6Address::kSize);
    for (std::size_t i = 0; i < raw.size(); ++i) {
      result.octets[i] = std::to_integer<std::uint8_t>(raw[i]);
    }
    return result;
  }

  // The next `count` bytes, or an empty view (and a failed reader) when fewer are left.
  constexpr ByteView bytes(std::size_t count) {
    if (!claim(count)) {
      return {};
    }
    return bytes_.subspan(offset_ - count, count);
  }

  constexpr void skip(std::size_t count) { (void)claim(count); }
  constexpr ByteView rest() { return bytes(remaining()); }

 private:
  constexpr bool claim(std::size_t count) {
    if (failed_ || count > remaining()) {
      failed_ = true;
      return false;
    }
    offset_ += count;
    return true;
  }

  template <std::size_t N>
  constexpr std::uint64_t read() {
    if (!claim(N)) {
      return 0;
    }
    std::uint64_t value = 0;
    for (std::size_t i = offset_ - N; i < offset_; ++i) {
      value = (value << 8U) | std::to_integer<std::uint64_t>(bytes_[i]);
    }
    return value;
  }

  ByteView bytes_;
  std::size_t offset_ = 0;
  bool failed_ = false;
};

// Writes big-endian values into a caller's buffer; never allocates.
class Writer {
 public:
  constexpr explicit Writer(MutableBytes buffer) : buffer_(buffer) {}

  [[nodiscard]] constexpr bool ok() const { return !overflowed_; }
  [[nodiscard]] constexpr std::size_t size() const { return offset_; }
  [[nodiscard]] constexpr std::size_t room() const { return buffer_.size() - offset_; }
  [[nodiscard]] constexpr MutableBytes written() const { return buffer_.first(offset_); }

  constexpr void u8(std::uint8_t value) { write<1>(value); }
  constexpr void u16(std::uint16_t value) { write<2>(value); }
  constexpr void u32(std::uint32_t value) { write<4>(value); }
  constexpr void u64(std::uint64_t value) { write<8>(value); }

  constexpr void address(const Ipv6Address& address) {
    for (const std::uint8_t octet : address.octets) {
      u8(octet);
    }
  }

  constexpr void bytes(ByteView data) {
    if (!claim(data.size())) {
      return;
    }
    for (std::size_t i = 0; i < data.size(); ++i) {
      buffer_[offset_ - data.size() + i] = data[i];
    }
  }

  constexpr void zeros(std::size_t count) {
    if (!claim(count)) {
      return;
    }
    for (std::size_t i = offset_ - count; i < offset_; ++i) {
      buffer_[i] = std::byte{0};
    }
  }

  // Overwrites bytes that were written before; the field must lie wholly inside them.
  constexpr void patch_u8(std::size_t at, std::uint8_t value) { patch<1>(at, value); }
  constexpr void patch_u16(std::size_t at, std::uint16_t value) { patch<2>(at, value); }

 private:
  constexpr bool claim(std::size_t count) {
    if (overflowed_ || count > room()) {
      overflowed_ = true;
      return false;
    }
    offset_ += count;
    return true;
  }

  template <std::size_t N>
  constexpr void write(std::uint64_t value) {
    if (claim(N)) {
      store<N>(offset_ - N, value);
    }
  }

  template <std::size_t N>
  constexpr void patch(std::size_t at, std::uint64_t value) {
    if (overflowed_ || at + N > offset_) {
      overflowed_ = true;
      return;
    }
    store<N>(at, value);
  }

  template <std::size_t N>
  constexpr void store(std::size_t at, std::uint64_t value) {
    for (std::size_t i = 0; i < N; ++i) {
      buffer_[at + i] = static_cast<std::byte>(value >> (8U * (N - 1 - i)));
    }
  }

  MutableBytes buffer_;
  std::size_t offset_ = 0;
  bool overflowed_ = false;
};

// The one place where bytes are seen as another type: text that came over the wire.
inline std::string_view as_text(ByteView bytes) {
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): std::byte may alias char
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Unchecked big-endian access for hot paths that have proved the bounds already.
inline std::uint16_t load_be16(const std::byte* at) {
  return static_cast<std::uint16_t>((std::to_integer<unsigned>(at[0]) << 8U) |
                                    std::to_integer<unsigned>(at[1]));
}
inline std::uint32_t load_be32(const std::byte* at) {
  std::uint32_t value = 0;
  std::memcpy(&value, at, sizeof value);
  return __builtin_bswap32(value);
}
inline void store_be16(std::byte* at, std::uint16_t value) {
  at[0] = static_cast<std::byte>(value >> 8U);
  at[1] = static_cast<std::byte>(value & 0xffU);
}
inline void store_be32(std::byte* at, std::uint32_t value) {
  value = __builtin_bswap32(value);
  std::memcpy(at, &value, sizeof value);
}
inline void store_be64(std::byte* at, std::uint64_t value) {
  value = __builtin_bswap64(value);
  std::memcpy(at, &value, sizeof value);
}

}  // namespace anyhome
