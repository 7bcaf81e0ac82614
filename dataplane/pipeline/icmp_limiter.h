// How many ICMPv6 errors a worker may send (RFC 4443 §2.4 (f)).
//
// Packet Too Big is the one error that a working network cannot do without, so it has buckets of
// its own: 4096 by hash of the two addresses with ten a second each, and one over all of them. A
// scan of the home prefix empties the bucket of Destination Unreachable and touches nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/time.h"
#include "common/token_bucket.h"

namespace anyhome::dataplane {

// Limits of one worker: the agent's, divided by the number of workers.
struct IcmpRates {
  std::uint32_t unreachable = 100;
  std::uint32_t packet_too_big = 10000;
  std::uint32_t other = 1000;
};

class IcmpLimiter {
 public:
  static constexpr std::size_t kFlowBuckets = 4096;
  static constexpr std::uint8_t kPerFlow = 10;  // per second and flow, also the burst

  explicit IcmpLimiter(const IcmpRates& rates)
      : unreachable_(rates.unreachable, rates.unreachable),
        packet_too_big_(rates.packet_too_big, rates.packet_too_big),
        other_(rates.other, rates.other) {}

  bool take_unreachable(Instant now) { return unreachable_.take(now); }
  bool take_other(Instant now) { return other_.take(now); }
  bool take_packet_too_big(Instant now, std::uint32_t address_hash) {
    return flows_[address_hash % kFlowBuckets].take(now) && packet_too_big_.take(now);
  }

 private:
  // A bucket in 8 bytes: whole tokens, refilled ten a second by the tenths that have passed.
  class FlowBucket {
   public:
    bool take(Instant now) {
      const auto tenth = static_cast<std::uint32_t>(now.time_since_epoch().count() / 100'000'000);
      const std::uint32_t passed = tenth - last_tenth_;
      last_tenth_ = tenth;
      used_ = passed >= used_ ? 0 : used_ - passed;
      if (used_ >= kPerFlow) {
        return false;
      }
      ++used_;
      return true;
    }

   private:
    std::uint32_t last_tenth_ = 0;
    std::uint32_t used_ = 0;
  };

  TokenBucket unreachable_;
  TokenBucket packet_too_big_;
  TokenBucket other_;
  std::array<FlowBucket, kFlowBuckets> flows_{};
};

}  // namespace anyhome::dataplane
