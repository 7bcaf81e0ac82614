// The timer of a question that is asked again, ever more slowly, until somebody answers: Dynamic
// Home Agent Address Discovery (RFC 6275 §11.4.1) and mobile prefix discovery (§11.4.2).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "common/time.h"

namespace anyhome::mobile {

inline constexpr Duration kInitialDhaadTimeout = std::chrono::seconds(3);  // RFC 6275 §12
inline constexpr unsigned kDhaadRetries = 4;                               // RFC 6275 §12
inline constexpr Duration kInitialSolicitTimer = std::chrono::seconds(3);  // RFC 6275 §12
inline constexpr unsigned kPrefixSolicitationRetries = 3;                  // our own bound

class Solicitation {
 public:
  Solicitation(Duration first_timeout, unsigned retries)
      : first_timeout_(first_timeout), retries_(retries) {}

  void start(Instant now, std::uint16_t identifier) {
    identifier_ = identifier;
    sent_ = 0;
    due_ = now;
  }
  void stop() { due_.reset(); }
  [[nodiscard]] bool running() const { return due_.has_value(); }
  [[nodiscard]] const std::optional<Instant>& due() const { return due_; }
  [[nodiscard]] std::uint16_t identifier() const { return identifier_; }

  // To be called when due. True: ask (again). False: all retries are used up, it is over.
  bool next(Instant now) {
    if (sent_ > retries_) {
      stop();
      return false;
    }
    due_ = now + first_timeout_ * (1U << sent_);
    ++sent_;
    return true;
  }

 private:
  Duration first_timeout_;
  unsigned retries_;
  std::uint16_t identifier_ = 0;
  unsigned sent_ = 0;
  std::optional<Instant> due_;
};

}  // namespace anyhome::mobile
