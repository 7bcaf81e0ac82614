// The other members of the global home agent set, by locator: every native packet's source is
// looked up here, so it has to cost next to nothing.
//
// Open addressing over 1,024 slots of one byte, which for the 255 peers that a set may have is a
// quarter full: one slot is read for most packets, and an address is compared only where it is
// likely to be the one. Filled before workers start, and never changed.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "common/address.h"
#include "common/forwarding/punt.h"

namespace anyhome::dataplane {

// Peers are numbered 0 to 254 by the configuration (common/config/validate_set.cpp).
inline constexpr std::uint16_t kMaxPeers = 255;

class PeerSet {
 public:
  PeerSet() { slots_.fill(kEmpty); }

  // The next peer; its index is the number of those before it. At most kMaxPeers.
  void add(const Locator& locator) {
    Words words;
    std::memcpy(words.data(), locator.address().octets.data(), sizeof words);
    std::size_t slot = slot_of(words);
    while (slots_[slot] != kEmpty) {
      slot = (slot + 1) % kSlots;
    }
    slots_[slot] = static_cast<std::uint8_t>(locators_.size());
    locators_.push_back(words);
  }

  // Index of the peer whose locator the 16 bytes are, or kNoPeer.
  [[nodiscard]] std::uint16_t find(const std::byte* address) const {
    Words words;
    std::memcpy(words.data(), address, sizeof words);
    for (std::size_t slot = slot_of(words); slots_[slot] != kEmpty; slot = (slot + 1) % kSlots) {
      const Words& known = locators_[slots_[slot]];
      if (((known[0] ^ words[0]) | (known[1] ^ words[1])) == 0) {
        return slots_[slot];
      }
    }
    return forwarding::kNoPeer;
  }
  [[nodiscard]] bool contains(const std::byte* address) const {
    return find(address) != forwarding::kNoPeer;
  }
  [[nodiscard]] bool empty() const { return locators_.empty(); }
  [[nodiscard]] std::size_t size() const { return locators_.size(); }
  [[nodiscard]] Ipv6Address locator(std::size_t peer) const {
    Ipv6Address address;
    std::memcpy(address.octets.data(), locators_[peer].data(), Ipv6Address::kSize);
    return address;
  }

 private:
  using Words = std::array<std::uint64_t, 2>;
  static constexpr std::size_t kSlots = 1024;
  static constexpr std::uint8_t kEmpty = 0xff;

  static std::size_t slot_of(const Words& words) {
    constexpr std::uint64_t kGolden = 0x9e37'79b9'7f4a'7c15ULL;
    constexpr unsigned kSlotBits = 10;
    static_assert(std::size_t{1} << kSlotBits == kSlots);
    const std::uint64_t mixed = (words[0] ^ (words[1] * kGolden)) * kGolden;
    return static_cast<std::size_t>(mixed >> (64U - kSlotBits));
  }

  std::array<std::uint8_t, kSlots> slots_;
  std::vector<Words> locators_;
};

}  // namespace anyhome::dataplane
