// What every packet counts, summed up over a burst: an addition to memory that nobody else reads,
// instead of one through the environment.
#pragma once

#include <cstdint>

#include "common/forwarding/counters.h"

namespace anyhome::dataplane {

struct BurstCounts {
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t forwarded = 0;
  std::uint64_t to_mobile_node = 0;
  std::uint64_t to_peer = 0;
  std::uint64_t from_mobile_node = 0;
  std::uint64_t from_peer = 0;

  template <class Env>
  void pass_on(Env& env) {
    using forwarding::Counter;
    env.count(Counter::Sent, sent);
    env.count(Counter::SentBytes, sent_bytes);
    env.count(Counter::Forwarded, forwarded);
    env.count(Counter::EncapsulatedToMobileNode, to_mobile_node);
    env.count(Counter::EncapsulatedToPeer, to_peer);
    env.count(Counter::DecapsulatedFromMobileNode, from_mobile_node);
    env.count(Counter::DecapsulatedFromPeer, from_peer);
    *this = {};
  }
};

}  // namespace anyhome::dataplane
