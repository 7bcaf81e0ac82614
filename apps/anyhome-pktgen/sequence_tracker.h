// What became of a numbered stream: how many came, twice, or behind a later one.
//
// A bit per number in a window of 65,536 behind the highest number seen tells a late packet from
// one that came twice. Loss is not told here but from what was sent: several receivers may share a
// stream, and what is missing at one has come to another.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "apps/anyhome-pktgen/tally.h"

namespace anyhome::pktgen {

class SequenceTracker {
 public:
  static constexpr std::uint32_t kWindow = 65536;

  enum class Arrival : std::uint8_t {
    InOrder,
    Reordered,  // RFC 4737 §3.3: below the highest number seen before
    Duplicate,
    TooLate,  // behind the window: reordered or duplicate, nobody knows
  };

  Arrival see(std::uint32_t number) {
    const auto ahead = static_cast<std::int32_t>(number - next_);
    if (ahead >= 0) {
      // What lies between has not come yet.
      forget(next_, static_cast<std::uint32_t>(ahead));
      mark(number);
      next_ = number + 1;
      return Arrival::InOrder;
    }
    if (static_cast<std::uint32_t>(-ahead) > kWindow) {
      too_late_.add(1);
      return Arrival::TooLate;
    }
    if (seen(number)) {
      duplicates_.add(1);
      return Arrival::Duplicate;
    }
    mark(number);
    reordered_.add(1);
    return Arrival::Reordered;
  }

  void clear() { *this = SequenceTracker(); }

  [[nodiscard]] std::uint64_t duplicates() const { return duplicates_.get(); }
  [[nodiscard]] std::uint64_t reordered() const { return reordered_.get(); }
  [[nodiscard]] std::uint64_t too_late() const { return too_late_.get(); }

 private:
  [[nodiscard]] static std::uint64_t bit(std::uint32_t number) { return 1ULL << (number % 64U); }
  [[nodiscard]] static std::size_t word(std::uint32_t number) { return number % kWindow / 64U; }
  [[nodiscard]] bool seen(std::uint32_t number) const {
    return (bits_[word(number)] & bit(number)) != 0;
  }
  void mark(std::uint32_t number) { bits_[word(number)] |= bit(number); }
  void forget(std::uint32_t from, std::uint32_t count) {
    if (count >= kWindow) {
      bits_.fill(0);
      return;
    }
    // The number itself is marked by the caller, whatever its bit was.
    for (std::uint32_t i = 0; i < count; ++i) {
      bits_[word(from + i)] &= ~bit(from + i);
    }
  }

  std::array<std::uint64_t, kWindow / 64> bits_{};
  std::uint32_t next_ = 0;
  Tally duplicates_;
  Tally reordered_;
  Tally too_late_;
};

}  // namespace anyhome::pktgen
