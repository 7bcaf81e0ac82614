// How much a worker keeps of fragments that wait for the rest of their datagram (reassembler.h).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "common/time.h"

namespace anyhome::dataplane {

// Of one datagram.
inline constexpr std::size_t kMaxFragments = 8;

struct ReassemblyLimits {
  std::uint32_t datagrams = 128;    // 0: fragments for us are dropped
  std::uint32_t bytes = 2U << 20U;  // of all that is kept
  Duration timeout = std::chrono::seconds(2);
};

}  // namespace anyhome::dataplane
