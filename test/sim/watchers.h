// The watchers by name; invariants.cpp puts them together for a theme.
#pragma once

#include <memory>

#include "test/sim/invariants.h"

namespace anyhome::sim {

// Every record of an agent's register, slot by slot.
template <class Visit>
void for_each_binding(const Pop& pop, Visit visit) {
  const control::BindingCache& bindings = pop.agent().bindings();
  for (control::BindingSlot slot = 0; slot < bindings.slot_end(); ++slot) {
    if (bindings.at(slot).state != control::BindingState::Free) {
      visit(bindings.at(slot));
    }
  }
}

// watch_state.cpp
std::unique_ptr<Watcher> watch_routes();
std::unique_ptr<Watcher> watch_versions();
std::unique_ptr<Watcher> watch_lifetimes(Duration longest_delay);
std::unique_ptr<Watcher> watch_acknowledged();
std::unique_ptr<Watcher> watch_digest_sums();
std::unique_ptr<Watcher> watch_digests();
// watch_wire.cpp
std::unique_ptr<Watcher> watch_tunnels();
std::unique_ptr<Watcher> watch_identifiers();
std::unique_ptr<Watcher> watch_silence();
std::unique_ptr<Watcher> watch_service();
std::unique_ptr<Watcher> watch_effects();
std::unique_ptr<Watcher> watch_late_deregistrations();
// watch_progress.cpp
std::unique_ptr<Watcher> watch_losses();
std::unique_ptr<Watcher> watch_switches();
std::unique_ptr<Watcher> watch_readiness();
std::unique_ptr<Watcher> watch_death();
std::unique_ptr<Watcher> watch_propagation();
// adversary.cpp
std::unique_ptr<Watcher> make_adversary(std::uint64_t seed);

}  // namespace anyhome::sim
