// What an event will touch of a million bindings, brought nearer before its turn comes.
//
// A binding nobody has asked for lately is in memory, and to get there takes four steps that depend
// on each other: index, record, timer, the timer's neighbours. One event alone waits for each of
// them; of several events that are known together the waits of a step overlap. Whoever has several
// calls each step for all of them before the next one. Nothing is changed or decided here.
#pragma once

#include "controlplane/core.h"

namespace anyhome::control {

inline constexpr unsigned kPrefetchSteps = 4;

inline void prefetch(const Core& core, const HomeAddress& home_address, unsigned step) {
  if (step == 0) {
    core.bindings.prefetch(home_address);
    core.authenticator->prefetch(home_address, false);
    return;
  }
  if (step == 1) {
    core.authenticator->prefetch(home_address, true);
  }
  const Binding* binding = core.bindings.prefetch_record(home_address);
  if (binding == nullptr || step == 1) {
    return;
  }
  if (step == 2) {
    core.timers.prefetch(binding->timer);
  } else {
    core.timers.prefetch_neighbors(binding->timer);
  }
}

}  // namespace anyhome::control
