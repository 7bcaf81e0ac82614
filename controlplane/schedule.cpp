#include "controlplane/schedule.h"

namespace anyhome::control {
namespace {

Instant next_event(const Core& core, const Binding& binding) {
  Instant next = binding.expires;
  if (binding.not_installed) {
    next = std::min(next, binding.install_at);
  }
  if (!binding.registered()) {
    return next;
  }
  if (binding.path_mtu != forwarding::kPathMtuUnknown) {
    next = std::min(next, binding.path_mtu_expires);
  }
  if (!core.members.alone()) {
    next = std::min(next, binding.share_at);
  }
  return std::min(next, next_refresh_request(core, binding).value_or(next));
}

}  // namespace

std::optional<Instant> next_refresh_request(const Core& core, const Binding& binding) {
  // A lead of more than half the lifetime would ask for a refresh all the time.
  const Duration lead =
      std::min<Duration>(core.config.refresh_request_lead, Duration(binding.granted.seconds()) / 2);
  if (lead <= Duration::zero() || binding.refresh_requests >= kMaxRefreshRequests ||
      binding.leaving) {
    return std::nullopt;
  }
  return binding.expires - lead / (1U << binding.refresh_requests);
}

void schedule(Core& core, Binding& binding) {
  const Instant next = next_event(core, binding);
  if (binding.timer == kNoTimer) {
    binding.timer =
        core.timers.arm(next, timer_payload(TimerKind::Binding, core.bindings.slot_of(binding)));
  } else {
    core.timers.rearm(binding.timer, next);
  }
}

}  // namespace anyhome::control
