// What a second core does to the first: another worker, or the control thread that changes the
// tables. Needs a second lcore.
#pragma once

#include <cstdint>
#include <optional>

#include "apps/anyhome-bench/figures.h"
#include "apps/anyhome-bench/runner.h"
#include "apps/anyhome-bench/world.h"

namespace anyhome::bench {

// Cycles per packet of one worker by itself, and of the slower one of two at once.
struct Scaling {
  Figures alone;
  Figures together;
};
// nullopt: there is no second lcore.
std::optional<Scaling> measure_workers(World& world, Path path, unsigned rounds,
                                       std::uint64_t packets);

// Cycles per packet while nothing changes, and while bindings are changed, added and removed.
struct Churn {
  Figures still;
  Figures changing;
  double changes_per_second = 0;
};
// Throws std::runtime_error when a packet for a binding that was there before and after is lost.
std::optional<Churn> measure_churn(World& world, unsigned rounds, std::uint64_t packets);

}  // namespace anyhome::bench
