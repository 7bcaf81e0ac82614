// Which of a peer's HELLOs have come, by their sequence numbers in one of its lives.
//
// A periodic HELLO and an answer that leave within the same milliseconds may overtake each other.
// The one that comes late says nothing any more (rulings §1), but it shows all the same that the
// link works: without that, two home agents whose clocks tick together lose a link that loses
// nothing. Only the last few numbers count, and each once, so that nothing old keeps a dead peer
// alive.
#pragma once

#include <cstdint>

#include "common/sequence.h"

namespace anyhome::control {

class HelloWindow {
 public:
  enum class Age : std::uint8_t {
    New,
    Late,   // overtaken by a newer one
    Stale,  // seen before, or too old
  };
  // Two seconds' worth at the default interval: one of its own and one answer in each.
  static constexpr unsigned kNumbers = 4;

  // The first of another life.
  void restart(SequenceNumber first) {
    newest_ = first;
    seen_ = 1;
  }

  Age admit(SequenceNumber sequence) {
    if (sequence.is_newer_than(newest_)) {
      const auto ahead = static_cast<std::uint16_t>(sequence.value - newest_.value);
      seen_ = static_cast<std::uint8_t>(ahead < kNumbers ? (unsigned{seen_} << ahead) | 1U : 1U);
      newest_ = sequence;
      return Age::New;
    }
    const auto behind = static_cast<std::uint16_t>(newest_.value - sequence.value);
    if (behind >= kNumbers || ((unsigned{seen_} >> behind) & 1U) != 0) {
      return Age::Stale;
    }
    seen_ = static_cast<std::uint8_t>(seen_ | (1U << behind));
    return Age::Late;
  }

 private:
  SequenceNumber newest_;
  std::uint8_t seen_ = 0;  // bit i: the number i below the newest
};

}  // namespace anyhome::control
