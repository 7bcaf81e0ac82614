#include "controlplane/home_agent.h"

#include "controlplane/intake.h"
#include "controlplane/registration.h"

namespace anyhome::control {

HomeAgent::HomeAgent(const config::HomeAgent& config, const Now& start, std::uint64_t hash_seed)
    : core_(config, start, hash_seed) {}

void HomeAgent::on_packet(const Now& now, const forwarding::PuntMetadata& metadata, ByteView packet,
                          Effects& effects) {
  core_.last_update.reset();
  process_packet(core_, now, metadata, packet, effects);
}

void HomeAgent::on_timer(const Now& now, Effects& effects) {
  core_.last_update.reset();
  while (const auto slot = core_.timers.pop_due(now.instant)) {
    binding_timer(core_, static_cast<BindingSlot>(*slot), now, effects);
  }
}

bool HomeAgent::on_refused(const Now& now, Effects& effects) {
  return undo_refused_update(core_, now, effects);
}

bool HomeAgent::remove(const Now& now, const HomeAddress& home_address, Effects& effects) {
  core_.last_update.reset();
  return remove_binding(core_, home_address, now, effects);
}

std::size_t HomeAgent::memory_bytes() const {
  return core_.bindings.memory_bytes() + core_.authenticator->memory_bytes();
}

}  // namespace anyhome::control
