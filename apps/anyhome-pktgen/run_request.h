// What a run is asked for, what part of it each sender has, and what a share of a link comes to.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "apps/anyhome-pktgen/schedule.h"
#include "apps/anyhome-pktgen/settings.h"

namespace anyhome::pktgen {

struct RunRequest {
  std::vector<TrafficEntry> mix;
  RateProfile rate;
  std::uint64_t count = 0;               // 0: no limit
  std::chrono::nanoseconds duration{0};  // 0: no limit
  // What has not come so long after the last that did does not come.
  std::chrono::nanoseconds drain{0};
  bool only_unregistered = false;
};

// Those that have something to send: the mobile nodes are divided among them.
std::size_t busy_senders(const std::vector<TrafficEntry>& mix, std::size_t senders,
                         std::uint32_t nodes);

struct SenderShare {
  RateProfile rate;
  std::uint64_t count = ~std::uint64_t{0};
  std::chrono::nanoseconds duration = std::chrono::nanoseconds::max();
};
// All shares together are the request.
SenderShare share_of(const RunRequest& request, std::size_t sender, std::size_t senders);

// What a frame of the mix takes on a wire in the mean: its tunnel, its tag, FCS, preamble and gap
// included.
double mean_wire_bytes(const TrafficSettings& settings, const std::vector<TrafficEntry>& mix);

}  // namespace anyhome::pktgen
