// The parts of a run, each of which adds its figures to a record. What cannot be measured here, for
// want of memory or of a second processor, leaves a note that says so. All of them throw
// std::runtime_error when packets do not come out as they have to.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "apps/anyhome-bench/record.h"
#include "apps/anyhome-bench/speed.h"
#include "apps/anyhome-bench/world.h"

namespace anyhome::bench {

struct Plan {
  std::vector<std::uint32_t> sizes;
  std::vector<dataplane::BindingIndex> indexes;
  unsigned quiet_phases = 0;                    // that are enough
  double seconds = 0;                           // for tables of one size, when there are not enough
  std::uint64_t packets = 0;                    // of a phase
  std::function<bool(std::string_view)> wants;  // a path or a reference
  BestSpeed* best = nullptr;
};

// path/PATH/SIZE/INDEX, reference/NAME/SIZE, to-exact-match/PATH/SIZE/INDEX.
void measure_paths(const Plan& plan, Record& record);
// routes/from-mobile-node/ROUTES/dense, scattered, and routes/lpm/...: a thousand bindings.
void measure_routes(const Plan& plan, Record& record);
// stage-cycles/PATH/total, and the record's profile: a thousand bindings.
void measure_stages(const Plan& plan, Record& record);
// workers/...: what more workers are worth, with flows of their own, or for one HAHA link.
void measure_workers(const Plan& plan, Record& record);
// churn/...: what a packet costs while the tables change.
void measure_churn(const Plan& plan, Record& record);
// memory/..., start-up/...: of empty tables.
void measure_tables(const Plan& plan, Record& record);

// Each path once, in the order of kPaths, for callgrind: how many packets of each were forwarded,
// as counted/PATH. Nothing is timed.
void count_paths(const Plan& plan, Record& record);

}  // namespace anyhome::bench
