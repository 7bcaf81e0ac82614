// The Internet checksum (RFC 1071) with the IPv6 pseudo-header (RFC 8200 §8.1).
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "common/address.h"
#include "common/bytes.h"

namespace anyhome {

// One's-complement sum, kept in host order of 16-bit network words. Feed even-sized pieces, the
// last one may be odd.
class ChecksumSum {
 public:
  void add(ByteView bytes) {
    const std::byte* at = bytes.data();
    std::size_t left = bytes.size();
    while (left >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, sizeof word);
      add64(word);
      at += 8;
      left -= 8;
    }
    if (left != 0) {
      std::uint64_t word = 0;
      std::memcpy(&word, at, left);
      add64(word);
    }
  }
  void add(const Ipv6Address& address) { add(std::as_bytes(std::span(address.octets))); }

  // Pseudo-header of RFC 8200 §8.1; `length` is the upper-layer length in bytes.
  void add_pseudo_header(const Ipv6Address& source, const Ipv6Address& destination,
                         std::uint32_t length, std::uint8_t next_header) {
    add(source);
    add(destination);
    std::array<std::byte, 8> tail{};
    store_be32(tail.data(), length);
    tail[7] = static_cast<std::byte>(next_header);
    add(tail);
  }

  // The value of the checksum field in host order; a sum over data that includes a right checksum
  // gives 0.
  [[nodiscard]] std::uint16_t finish() const {
    std::uint64_t sum = sum_;
    sum = (sum & 0xffff'ffffULL) + (sum >> 32U);
    sum = (sum & 0xffffULL) + (sum >> 16U);
    sum = (sum & 0xffffULL) + (sum >> 16U);
    sum = (sum & 0xffffULL) + (sum >> 16U);
    const auto folded = static_cast<std::uint16_t>(~sum);
    static_assert(std::endian::native == std::endian::little);
    return std::byteswap(folded);
  }

 private:
  // One's-complement addition is byte-order independent, so words are summed as loaded.
  void add64(std::uint64_t word) {
    sum_ += word;
    sum_ += static_cast<std::uint64_t>(sum_ < word);  // end-around carry
  }

  std::uint64_t sum_ = 0;
};

// Checksum of a whole upper-layer message; the checksum field counts as it stands in `message`.
inline std::uint16_t upper_layer_checksum(const Ipv6Address& source, const Ipv6Address& destination,
                                          std::uint8_t next_header, ByteView message) {
  ChecksumSum sum;
  sum.add_pseudo_header(source, destination, static_cast<std::uint32_t>(message.size()),
                        next_header);
  sum.add(message);
  return sum.finish();
}

}  // namespace anyhome
