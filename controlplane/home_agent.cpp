#include "controlplane/home_agent.h"

#include <algorithm>

#include "common/wire/extension.h"
#include "common/wire/ipv6.h"
#include "controlplane/global_bindings.h"
#include "controlplane/hello.h"
#include "controlplane/intake.h"
#include "controlplane/prefetch.h"
#include "controlplane/primary_switch.h"
#include "controlplane/registration.h"
#include "controlplane/schedule.h"
#include "controlplane/state_sync.h"

namespace anyhome::control {
namespace {

// Timers of one call: when a million bindings end together, packets and peers are served in
// between.
constexpr unsigned kTimersPerCall = 256;
// Slots that a walk over all of them looks at in one event.
constexpr unsigned kSlotsPerEvent = 4096;

}  // namespace

HomeAgent::HomeAgent(const config::HomeAgent& config, const Now& start, std::uint64_t hash_seed,
                     std::uint32_t boot_epoch)
    : core_(config, start, hash_seed, boot_epoch) {
  core_.ready = core_.members.alone();
}

void HomeAgent::start(const Now& now, Effects& effects) { start_set(core_, now, effects); }

void HomeAgent::set_able(const Now& now, bool able, Effects& effects) {
  const bool before = core_.serving();
  core_.able = able;
  if (core_.serving() != before) {
    announce_to_set(core_, now, false, effects);
  }
}

void HomeAgent::on_packet(const Now& now, const forwarding::PuntMetadata& metadata, ByteView packet,
                          Effects& effects) {
  core_.last_update.reset();
  process_packet(core_, now, metadata, packet, effects);
  finish(now, effects);
}

void HomeAgent::on_timer(const Now& now, Effects& effects) {
  core_.last_update.reset();
  for (unsigned fired = 0; fired < kTimersPerCall; ++fired) {
    const auto payload = core_.timers.pop_due(now.instant);
    if (!payload) {
      break;
    }
    const std::uint32_t index = timer_index(*payload);
    switch (timer_kind(*payload)) {
      case TimerKind::Binding:
        binding_timer(core_, index, now, effects);
        break;
      case TimerKind::Former:
        forget_former(core_, index, now, effects);
        break;
      case TimerKind::Switch:
        switch_timer(core_, index, now, effects);
        break;
      case TimerKind::Peer:
        peer_timer(core_, core_.members.peers()[index], now, effects);
        break;
    }
  }
  finish(now, effects);
}

std::optional<Instant> HomeAgent::next_deadline() const {
  const auto timer = core_.timers.next_deadline();
  return timer && core_.background_at ? std::min(*timer, *core_.background_at)
                                      : std::max(timer, core_.background_at);
}

void HomeAgent::finish(const Now& now, Effects& effects) {
  if (core_.members.alone()) {
    return;
  }
  bool more = false;
  if (core_.background_at && *core_.background_at <= now.instant) {
    core_.background_at.reset();
    more = sweep_unconfirmed(core_, now, effects, kSlotsPerEvent);
    more = rescue_some(core_, now, kSlotsPerEvent) || more;
    more = drain_some(core_, now, kSlotsPerEvent) || more;
  }
  more = pump(core_, now, effects) || more;
  for (PeerState& peer : core_.members.peers()) {
    schedule_peer(core_, peer);
  }
  if (more) {
    core_.work_at(now.instant);
  }
}

bool HomeAgent::on_refused(const Now& now, const forwarding::ForwardingUpdate& refused,
                           Effects& effects) {
  return undo_refused_update(core_, now, refused, effects);
}

bool HomeAgent::remove(const Now& now, const HomeAddress& home_address, Effects& effects) {
  core_.last_update.reset();
  const bool removed = remove_binding(core_, home_address, now, effects);
  finish(now, effects);
  return removed;
}

bool HomeAgent::drain(const Now& now, unsigned per_second, Effects& effects) {
  if (std::ranges::none_of(core_.members.peers(), &PeerState::may_be_switched_to)) {
    return false;
  }
  core_.drain = Drain{true, TokenBucket(per_second, per_second), 0, now.instant};
  announce_to_set(core_, now, false, effects);
  core_.work_at(now.instant);
  finish(now, effects);
  return true;
}

void HomeAgent::undrain(const Now& now, Effects& effects) {
  if (!core_.drain.active) {
    return;
  }
  core_.drain.active = false;
  std::vector<BindingSlot> pending;
  for (const auto& [slot, one] : core_.switches) {
    if (one.reason == SwitchReason::Drain) {
      pending.push_back(slot);
    }
  }
  for (const BindingSlot slot : pending) {
    cancel_switch(core_, slot);
  }
  announce_to_set(core_, now, false, effects);
  finish(now, effects);
}

bool HomeAgent::drained() const {
  return core_.drain.active && core_.bindings.registered() == 0 &&
         std::ranges::all_of(core_.members.peers(),
                             [](const PeerState& peer) { return !peer.up || peer.stream.idle(); });
}

void HomeAgent::leave(const Now& now, Effects& effects) {
  announce_to_set(core_, now, true, effects);
}

bool HomeAgent::switch_to(const Now& now, const HomeAddress& home_address, PeerIndex peer,
                          Effects& effects) {
  if (peer >= core_.members.peers().size() ||
      !offer_by_operator(core_, home_address, core_.members.peers()[peer], now)) {
    return false;
  }
  finish(now, effects);
  return true;
}

// IPv6, Destination Options with PadN and the Home Address option (RFC 6275 §6.3: its alignment
// leaves no other place, if it is the only one).
std::optional<HomeAddress> HomeAgent::likely_home_address(ByteView packet) {
  constexpr std::size_t kOption = wire::kIpv6HeaderSize + 6;
  constexpr std::size_t kAddress = kOption + 2;
  if (packet.size() < kAddress + Ipv6Address::kSize ||
      packet[wire::ipv6_offset::kNextHeader] != std::byte{wire::protocol::kDestinationOptions} ||
      packet[kOption] != std::byte{wire::kOptionHomeAddress}) {
    return std::nullopt;
  }
  return HomeAddress(wire::address_at(packet, kAddress));
}

void HomeAgent::prefetch(std::span<const HomeAddress> home_addresses) const {
  for (unsigned step = 0; step < kPrefetchSteps; ++step) {
    for (const HomeAddress& home_address : home_addresses) {
      control::prefetch(core_, home_address, step);
    }
  }
}

std::size_t HomeAgent::memory_bytes() const {
  return core_.bindings.memory_bytes() + core_.authenticator->memory_bytes();
}

}  // namespace anyhome::control
