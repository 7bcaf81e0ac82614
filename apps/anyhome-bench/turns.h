// Who is measured when. What is compared takes turns, in phases of milliseconds, so that what slows
// down one slows down its neighbours; each is measured until it has had enough quiet phases, or
// until the time is used.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "apps/anyhome-bench/figure.h"
#include "apps/anyhome-bench/measurements.h"

namespace anyhome::bench {

using SampleSets = std::map<std::string, Samples>;

struct Turn {
  std::string figure;         // whose quiet phases tell whether there are enough
  std::function<void()> run;  // adds some phases to the samples
};

// Every turn is taken once for nothing, to warm up, and once more in any case. When there are busy
// phases enough, a turn waits for the core to be quiet, as long as there is time.
void take_turns(const Plan& plan, SampleSets& samples, const std::vector<Turn>& turns);

// All of them as figures; what has another unit or sense is for the caller to add.
void record_cycles(const Plan& plan, const SampleSets& samples, Record& record);

}  // namespace anyhome::bench
