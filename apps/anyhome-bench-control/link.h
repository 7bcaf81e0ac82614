// How long state synchronization takes over a long and lossy link, and what it costs there.
#pragma once

#include <cstdint>

namespace anyhome::bench {

struct LinkSettings {
  std::uint32_t bindings = 1'000'000;
  std::uint16_t window = 1024;  // max-outstanding
  double round_trip_ms = 100;
  double loss = 0.01;  // of the packets of each direction
};

struct LinkFigures {
  LinkSettings settings;
  double seconds = 0;            // from the start of the one that boots until it has all of them
  double bytes_per_binding = 0;  // on the link, both directions, IPv6 headers included
  double repeated = 0;           // of the messages, the share that was sent again
};

LinkFigures measure_link(const LinkSettings& settings);

}  // namespace anyhome::bench
