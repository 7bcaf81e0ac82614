// A POP has failed, and all its mobile nodes register here at once.
#pragma once

#include <array>
#include <cstdint>

#include "common/forwarding/punt.h"

namespace anyhome::bench {

struct StormSettings {
  std::uint32_t mobile_nodes = 1'000'000;
  std::uint32_t places = 262144;  // of the control thread's queues
  unsigned spread_ms = 150;       // all of them notice within this; 10 Gbit/s of Binding Updates
};

struct StormFigures {
  StormSettings settings;
  double seconds = 0;            // until the last one is registered
  double half_seconds = 0;       // until half of them are
  double most_seconds = 0;       // until 99 of 100 are
  double messages_per_node = 0;  // Binding Updates sent
  // Binding Updates: beyond the workers' budget, into a full ring, displaced by newer ones.
  std::uint64_t beyond_budget = 0;
  std::uint64_t ring_full = 0;
  std::array<std::uint64_t, forwarding::kPuntClassCount> displaced{};
  std::uint64_t others_lost = 0;  // of all other classes, anywhere
  double longest_hello_wait_ms = 0;
  bool peer_lost = false;       // whether a HELLO was so late that the peer seemed dead
  std::uint64_t told_peer = 0;  // bindings that the peer knows when all are registered
  std::size_t queue_bytes = 0;  // touched
};

// Throws std::runtime_error when it does not end within ten minutes.
StormFigures measure_storm(const StormSettings& settings);

}  // namespace anyhome::bench
