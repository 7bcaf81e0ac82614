// Sums by which a home agent and its peer see whether they hold the same bindings (rulings §5,
// R105).
//
// Every live binding adds a keyed hash of what its owner says about it to one of 2^k buckets,
// chosen by the home address. Adding and subtracting is modulo 2^64, so a sum is kept by two
// operations per change, and two insertions of one thing do not cancel as they would under XOR.
// Without the key of the set nobody can make content with a wanted sum. Lifetimes are left out:
// they differ by the time a message takes. Tombstones are left out too: what a peer has too many
// shows as well as what it lacks, and two copies of a tombstone end at two times
// (docs/protocol.md).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>

#include "common/address.h"
#include "common/bytes.h"
#include "common/prefix.h"
#include "common/siphash.h"
#include "controlplane/version.h"

namespace anyhome::control {

inline constexpr unsigned kDigestBits = 8;  // k
inline constexpr std::uint16_t kDigestBuckets = 1U << kDigestBits;

struct Digest {
  std::array<std::uint64_t, kDigestBuckets> sums{};
  std::uint32_t count = 0;
};

class DigestHash {
 public:
  explicit DigestHash(std::span<const std::byte> key) : hash_(make_key(key)) {}

  [[nodiscard]] std::uint16_t bucket(const HomeAddress& home_address) const {
    return static_cast<std::uint16_t>(
        hash_(std::as_bytes(std::span(home_address.address().octets))) & (kDigestBuckets - 1));
  }

  // The 16 bytes of the home address, T (8), n (2), care-of address (16), then 17 bytes for each
  // prefix in ascending order: length and address. Numbers big-endian, as on the wire.
  [[nodiscard]] std::uint64_t content(const HomeAddress& home_address, const Version& version,
                                      const CareOfAddress& care_of,
                                      std::span<const Prefix> prefixes) const {
    // Of every binding at every change: copies of known length, and no check of bounds.
    std::array<std::byte, 42> head;
    std::memcpy(&head[0], home_address.address().octets.data(), 16);
    const std::uint64_t time = to_network(version.time.value);
    std::memcpy(&head[16], &time, 8);
    const std::uint16_t change = to_network(version.change);
    std::memcpy(&head[24], &change, 2);
    std::memcpy(&head[26], care_of.address().octets.data(), 16);
    std::uint64_t sum = hash_(head);
    // Each prefix by itself, so that their order does not matter.
    for (const Prefix& prefix : prefixes) {
      std::array<std::byte, 59> one{};
      Writer more(one);
      more.bytes(head);
      more.u8(static_cast<std::uint8_t>(prefix.length()));
      more.bytes(std::as_bytes(std::span(prefix.address().octets)));
      sum += hash_(one);
    }
    return sum;
  }

 private:
  template <class T>
  static T to_network(T value) {
    return std::endian::native == std::endian::little ? std::byteswap(value) : value;
  }
  static SipHash::Key make_key(std::span<const std::byte> key) {
    SipHash::Key result{};
    for (std::size_t i = 0; i < result.size() && i < key.size(); ++i) {
      result[i] = key[i];
    }
    return result;
  }

  SipHash hash_;
};

}  // namespace anyhome::control
