// What a control thread may have to do a million times, and how fast it does it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace anyhome::bench {

struct Rate {
  std::string name;
  double per_second = 0;  // events, by the time that the control thread was at work
  double cycles = 0;      // of the time stamp counter, per event
  double must = 0;        // per second; 0: nothing is demanded
  double goal = 0;
};

struct LoadSettings {
  std::uint32_t bindings = 1'000'000;
  std::uint32_t events = 300'000;  // of loads that do not create all bindings
};

struct Results {
  std::vector<Rate> rates;
  double takeover_seconds = 0;   // of its control core, until a booting agent has all bindings
  double longest_step_ms = 0;    // of either agent during that: what an acknowledgement waits
  double bytes_per_binding = 0;  // records, index and timers; and entries and links
};

// Throws std::runtime_error when something is not answered as it has to be.
Results run_loads(const LoadSettings& settings);

}  // namespace anyhome::bench
