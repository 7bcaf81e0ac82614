#include "controlplane/primary_switch.h"

#include <algorithm>

#include "controlplane/registration.h"
#include "controlplane/schedule.h"
#include "controlplane/signalling.h"

namespace anyhome::control {
namespace {

// RFC 5142 §6: INITIAL-HA-SWITCH-TIMEOUT and MAX-HA-SWITCH-TIMEOUT.
constexpr Duration kFirstRepeat = std::chrono::seconds(5);
constexpr Duration kLongestRepeat = std::chrono::seconds(20);
// A switch that the rate does not let through is looked at again.
constexpr Duration kPaced = std::chrono::milliseconds(100);
// A mobile node of a dead peer that turns up here is asked over by the member that was chosen for
// it. Only if that has not worked for so long do we ask as well: of two who ask at once, the mobile
// node follows one, and may register with the other last (docs/protocol.md).
constexpr Duration kContactGrace = std::chrono::seconds(2);
// A drain looks again at those who have not followed.
constexpr Duration kDrainPass = std::chrono::seconds(1);

void arm(Core& core, BindingSlot slot, PendingSwitch& pending, Instant at) {
  pending.next = at;
  const std::uint64_t payload = timer_payload(TimerKind::Switch, slot);
  if (pending.timer == kNoTimer) {
    pending.timer = core.timers.arm(at, payload);
  } else {
    core.timers.rearm(pending.timer, at);
  }
}

void offer(Core& core, const Binding& binding, SwitchReason reason, std::optional<PeerIndex> target,
           const CareOfAddress& care_of, Instant at) {
  const BindingSlot slot = core.bindings.slot_of(binding);
  PendingSwitch& pending = core.switches[slot];
  const bool known = pending.timer != kNoTimer;
  const bool same = known && pending.target == target;
  pending.reason = reason;
  pending.care_of_address = care_of;
  pending.awaited = binding.version;
  if (same && pending.sent > 0) {
    return;  // repeated by its own clock, to where the mobile node is now
  }
  core.unsent_switches += known && pending.sent == 0 ? 0U : 1U;
  pending.target = target;
  pending.sent = 0;
  // Rulings §6: the target has our V before the mobile node comes. A rescuer is its own target.
  pending.acknowledged = !target.has_value();
  arm(core, slot, pending, same ? std::min(at, pending.next) : at);
}

HomeAgentAddress address_of(const Core& core, const PendingSwitch& pending) {
  return pending.target ? core.config.haha.peers[*pending.target].address : core.config.address;
}

// RFC 5142 §4; by type 2 routing header, authenticated as rulings §9 say.
void send_switch(Core& core, const HomeAddress& home_address, const CareOfAddress& care_of,
                 const HomeAgentAddress& target, const Now& now, Effects& effects) {
  const Envelope envelope{core.own_address(), care_of.address(), home_address};
  send_message(
      effects, envelope, wire::protocol::kMobility, wire::kMinimumMtu, [&](MutableBytes buffer) {
        auto writer = wire::start_home_agent_switch(buffer, std::span(&target, 1));
        writer.refresh_advice(Lifetime::rounded_down(Duration(core.config.haha.switch_advice)));
        core.authenticator->protect(writer, core.authenticator->unsolicited(now, home_address),
                                    home_address, care_of);
        return writer.finish(envelope.source, envelope.final_destination());
      });
}

// The live member that is to rescue this mobile node: all members choose the same one.
std::uint64_t rescue_weight(const HomeAddress& home_address, const HomeAgentAddress& member) {
  return hash_address(home_address.address(), hash_address(member.address()));
}

std::optional<PeerIndex> best_target(const Core& core, const HomeAddress& home_address) {
  std::optional<PeerIndex> best;
  std::uint64_t best_weight = 0;
  for (const PeerState& peer : core.members.peers()) {
    const std::uint64_t weight = rescue_weight(home_address, peer.config->address);
    if (peer.may_be_switched_to() && (!best || weight > best_weight)) {
      best = peer.index;
      best_weight = weight;
    }
  }
  return best;
}

bool is_ours_to_rescue(const Core& core, const HomeAddress& home_address) {
  if (!core.serving()) {
    return false;
  }
  const auto other = best_target(core, home_address);
  return !other || rescue_weight(home_address, core.config.address) >
                       rescue_weight(home_address, core.config.haha.peers[*other].address);
}

// The global binding that a packet out of a mobile network or from a home address belongs to.
Binding* binding_of_source(Core& core, const Ipv6Address& source) {
  if (Binding* binding = core.bindings.find(HomeAddress(source))) {
    return binding;
  }
  const HomeAddress* owner = core.bindings.owner_of_address(source);
  return owner != nullptr ? core.bindings.find(*owner) : nullptr;
}

bool is_of_dead_peer(const Core& core, const Binding& binding, const PeerState& peer) {
  return binding.global() && binding.version.member == peer.rank && !peer.up &&
         !binding.refuses_switch && core.serving();
}

void process_stranded_update(Core& core, const Now& now, PeerState& peer, ByteView packet,
                             const wire::Ipv6Header& header, const wire::HeaderChain& chain,
                             Effects& effects) {
  if (!chain.has_home_address()) {
    core.counters.count(ControlCounter::StrandedRefused);
    return;
  }
  const HomeAddress home(wire::address_at(packet, chain.home_address_at));
  const auto checked =
      wire::check_mobility_header(packet.subspan(chain.upper_offset), home.address(),
                                  header.destination, core.config.code_points);
  if (!checked || checked->type != wire::mh_type::kBindingUpdate) {
    core.counters.count(ControlCounter::StrandedRefused);
    return;
  }
  const auto update = wire::parse_binding_update(checked->message);
  if (!update || update->lifetime.is_zero()) {
    core.counters.count(ControlCounter::StrandedRefused);
    return;
  }
  const CareOfAddress care_of =
      update->options.alternate_care_of.value_or(CareOfAddress(header.source));
  const bool good = care_of.address().is_unicast_routable() &&
                    !core.in_home_prefix(care_of.address()) &&
                    (core.in_home_prefix(home.address()) || core.in_nemo_pool(home.address())) &&
                    core.authenticator->is_signed_for(
                        peer.config->address, {*update, checked->message, home, care_of, 0, {}});
  if (!good || !core.serving()) {
    core.counters.count(ControlCounter::StrandedRefused);
    return;
  }
  if (Binding* binding = core.bindings.find(home);
      binding != nullptr && is_of_dead_peer(core, *binding, peer)) {
    // Where it is now, perhaps nobody else knows.
    const bool known_elsewhere =
        care_of == binding->care_of_address && !is_ours_to_rescue(core, home);
    offer_rescue(core, *binding, care_of,
                 now.instant + (known_elsewhere ? kContactGrace : Duration{}));
  } else if ((binding == nullptr || !binding->live()) && core.rescue_tokens.take(now.instant)) {
    // Unknown here, but it can prove itself: asked once for each of its updates.
    send_switch(core, home, care_of, core.config.address, now, effects);
    core.counters.count(ControlCounter::SwitchesOffered);
  }
}

}  // namespace

void offer_nearer(Core& core, Binding& binding, const PeerState& forwarder, const Now& now) {
  if (!forwarder.may_be_switched_to() || binding.refuses_switch) {
    return;
  }
  if (now.instant < binding.dwell_until) {
    core.counters.count(ControlCounter::SwitchesDwelling);
    return;
  }
  offer(core, binding, SwitchReason::Nearer, forwarder.index, binding.care_of_address, now.instant);
}

void offer_rescue(Core& core, Binding& binding, const CareOfAddress& care_of, Instant at) {
  if (care_of != CareOfAddress{}) {
    offer(core, binding, SwitchReason::Rescue, std::nullopt, care_of, at);
  }
}

bool offer_by_operator(Core& core, const HomeAddress& home_address, const PeerState& target,
                       const Now& now) {
  Binding* binding = core.bindings.find(home_address);
  if (binding == nullptr || !binding->registered() || !target.may_be_switched_to()) {
    return false;
  }
  binding->refuses_switch = false;
  offer(core, *binding, SwitchReason::Operator, target.index, binding->care_of_address,
        now.instant);
  // Without a Binding Update there is nothing new to tell: what the target has is awaited as it is.
  for (PeerState& peer : core.members.peers()) {
    if (peer.index == target.index) {
      peer.stream.mark(core.bindings.slot_of(*binding));
    }
  }
  return true;
}

bool is_being_switched(const Core& core, const Binding& binding) {
  const auto pending = core.switches.find(core.bindings.slot_of(binding));
  return pending != core.switches.end() && pending->second.sent > 0 &&
         pending->second.reason != SwitchReason::Rescue;
}

void cancel_switch(Core& core, BindingSlot slot) {
  const auto pending = core.switches.find(slot);
  if (pending != core.switches.end()) {
    core.unsent_switches -= pending->second.sent == 0 ? 1U : 0U;
    core.timers.cancel(pending->second.timer);
    core.switches.erase(pending);
  }
}

void switch_target_knows(Core& core, const PeerState& peer, BindingSlot slot,
                         const Version& version, const Now& now) {
  const auto found = core.switches.find(slot);
  if (found == core.switches.end() || found->second.target != peer.index ||
      version < found->second.awaited || found->second.acknowledged) {
    return;
  }
  found->second.acknowledged = true;
  arm(core, slot, found->second, now.instant);
}

// R80: RFC 5142 §5's repetition, at our rate.
void switch_timer(Core& core, BindingSlot slot, const Now& now, Effects& effects) {
  const auto found = core.switches.find(slot);
  if (found == core.switches.end()) {
    return;
  }
  PendingSwitch& pending = found->second;
  pending.timer = kNoTimer;
  if (!pending.acknowledged) {
    arm(core, slot, pending, now.instant + kFirstRepeat);
    return;
  }
  TokenBucket& tokens = pending.target ? core.switch_tokens[*pending.target] : core.rescue_tokens;
  if (!tokens.take(now.instant)) {
    core.counters.count(ControlCounter::SwitchesPaced);
    arm(core, slot, pending, now.instant + kPaced);
    return;
  }
  const Binding& binding = core.bindings.at(slot);
  send_switch(core, binding.home_address, pending.care_of_address, address_of(core, pending), now,
              effects);
  core.counters.count(pending.sent == 0 ? ControlCounter::SwitchesOffered
                                        : ControlCounter::SwitchesRepeated);
  if (pending.sent == 0) {
    --core.unsent_switches;
    effects.add(Note{NoteKind::SwitchOffered, binding.home_address, pending.care_of_address,
                     wire::BindingStatus::Accepted, static_cast<std::uint32_t>(pending.reason),
                     pending.target.value_or(forwarding::kNoPeer)});
  }
  // RFC 5142 §5: the first repetition waits for half of the time that was advised, at most 5 s.
  Duration wait = std::min(Duration(core.config.haha.switch_advice) / 2, kFirstRepeat);
  for (unsigned i = 0; i < pending.sent && wait < kLongestRepeat; ++i) {
    wait *= 2;
  }
  ++pending.sent;
  arm(core, slot, pending, now.instant + std::min(wait, kLongestRepeat));
}

bool switch_refused(Core& core, const HomeAddress& home_address) {
  Binding* binding = core.bindings.find(home_address);
  if (binding == nullptr || !core.switches.contains(core.bindings.slot_of(*binding))) {
    return false;
  }
  // RFC 5142 §5.2: it is served on, and not asked again in the life of this binding.
  cancel_switch(core, core.bindings.slot_of(*binding));
  binding->refuses_switch = true;
  core.counters.count(ControlCounter::SwitchesRefused);
  return true;
}

void switch_target_lost(Core& core, const PeerState& peer) {
  std::vector<BindingSlot> lost;
  for (const auto& [slot, pending] : core.switches) {
    if (pending.target == peer.index) {
      lost.push_back(slot);
    }
  }
  for (const BindingSlot slot : lost) {
    cancel_switch(core, slot);
  }
}

void process_stranded(Core& core, const Now& now, ByteView packet, Effects& effects) {
  core.counters.count(ControlCounter::StrandedPackets);
  const auto header = wire::Ipv6Header::parse(packet);
  const auto chain = wire::walk_headers(packet);
  PeerState* peer = header ? core.members.find_by_address(header->destination) : nullptr;
  if (!chain || chain->fragment || peer == nullptr || peer->up) {
    core.counters.count(ControlCounter::StrandedRefused);
    return;
  }
  if (chain->protocol == wire::protocol::kMobility) {
    process_stranded_update(core, now, *peer, packet, *header, *chain, effects);
    return;
  }
  const auto inner = chain->protocol == wire::protocol::kIpv6
                         ? wire::Ipv6Header::parse(packet.subspan(chain->upper_offset))
                         : std::nullopt;
  Binding* binding = inner ? binding_of_source(core, inner->source) : nullptr;
  if (binding == nullptr || !is_of_dead_peer(core, *binding, *peer) ||
      binding->care_of_address.address() != header->source) {
    core.counters.count(ControlCounter::StrandedRefused);
    return;
  }
  const bool ours = is_ours_to_rescue(core, binding->home_address);
  offer_rescue(core, *binding, binding->care_of_address,
               now.instant + (ours ? Duration{} : kContactGrace));
}

// R98: unasked, and see process_stranded for those who come by themselves.
bool rescue_some(Core& core, const Now& now, unsigned budget) {
  while (!core.rescues.empty()) {
    Rescue& rescue = core.rescues.front();
    const PeerState& peer = core.members.peers()[rescue.peer];
    if (peer.up) {
      core.rescues.pop_front();
      continue;
    }
    for (; rescue.cursor < core.bindings.slot_end(); ++rescue.cursor) {
      if (budget-- == 0) {
        return true;
      }
      Binding& binding = core.bindings.at(rescue.cursor);
      if (!is_of_dead_peer(core, binding, peer) || core.switches.contains(rescue.cursor) ||
          binding.care_of_address == CareOfAddress{} ||
          !is_ours_to_rescue(core, binding.home_address)) {
        continue;
      }
      // Not more pending than the rate lets out in a second: the rest of the walk waits.
      if (core.unsent_switches >= core.config.haha.switch_rate) {
        core.work_at(now.instant + kPaced);
        return false;
      }
      offer_rescue(core, binding, binding.care_of_address, now.instant);
    }
    core.rescues.pop_front();
  }
  return false;
}

bool drain_some(Core& core, const Now& now, unsigned budget) {
  Drain& drain = core.drain;
  if (!drain.active) {
    return false;
  }
  if (now.instant < drain.next_pass) {
    core.work_at(drain.next_pass);
    return false;
  }
  for (; drain.cursor < core.bindings.slot_end(); ++drain.cursor) {
    if (budget-- == 0) {
      return true;
    }
    const Binding& binding = core.bindings.at(drain.cursor);
    if (!binding.registered() || binding.refuses_switch || core.switches.contains(drain.cursor)) {
      continue;
    }
    const auto target = best_target(core, binding.home_address);
    if (!target) {
      break;
    }
    if (!drain.tokens.take(now.instant)) {
      core.work_at(now.instant + kPaced);
      return false;
    }
    offer(core, binding, SwitchReason::Drain, target, binding.care_of_address, now.instant);
    core.members.peers()[*target].stream.mark(drain.cursor);
  }
  drain.cursor = 0;
  drain.next_pass = now.instant + kDrainPass;
  core.work_at(drain.next_pass);
  return false;
}

}  // namespace anyhome::control
