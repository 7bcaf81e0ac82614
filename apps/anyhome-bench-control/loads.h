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

// Binding Updates, acknowledged; without and with RFC 4285.
struct UpdateFigures {
  std::vector<Rate> rates;
  double bytes_per_binding = 0;  // records, index and timers; and entries and links
};

// Throw std::runtime_error when something is not answered as it has to be.
UpdateFigures measure_updates(const LoadSettings& settings);

// Waits of Binding Updates that come in meanwhile, one each millisecond, until they are answered.
struct Waits {
  std::uint64_t count = 0;
  double p99_ms = 0;
  double longest_ms = 0;
};

// A home agent takes over all bindings of another one.
struct TakeoverFigures {
  Rate rate;           // global bindings, by the time that it was at work
  double seconds = 0;  // of its control core
  Waits at_taker;
  Waits at_giver;
  double longest_round_ms = 0;  // of either
};

// It boots, and asks for everything.
TakeoverFigures measure_bootstrap(const LoadSettings& settings);
// It serves already, and hears of everything because mobile nodes register at the other one.
TakeoverFigures measure_synchronization(const LoadSettings& settings);

}  // namespace anyhome::bench
