#include "controlplane/registration.h"

#include <utility>

#include "controlplane/global_bindings.h"
#include "controlplane/primary_switch.h"
#include "controlplane/registration_rules.h"
#include "controlplane/schedule.h"

namespace anyhome::control {
namespace {

using wire::BindingStatus;

// RFC 8201 §4: a lowered path MTU is tried anew after ten minutes at the earliest.
constexpr Duration kPathMtuAge = std::chrono::minutes(10);
// Rulings §6: how long a mobile node that de-registered during a switch is still delivered to.
constexpr Duration kLeavingTime = std::chrono::seconds(10);
// What a table had no room for is tried again.
constexpr Duration kInstallRetry = std::chrono::seconds(1);

void acknowledge(Core& core, const ReplyContext& reply, BindingStatus status,
                 SequenceNumber sequence, Lifetime lifetime, Effects& effects) {
  // R says "processed by a home agent that serves mobile routers" (RFC 3963 §4.2). K is never set:
  // there is no key management that could follow movements (RFC 6275 §10.3.1).
  const bool router = (reply.flags & wire::bu_flag::kMobileRouter) != 0 && core.config.nemo;
  send_message(effects, reply.envelope, wire::protocol::kMobility, wire::kMinimumMtu,
               [&](MutableBytes buffer) {
                 auto writer = wire::start_binding_acknowledgement(
                     buffer, status, router ? wire::ba_flag::kMobileRouter : std::uint8_t{0},
                     sequence, lifetime);
                 const auto advice = static_cast<std::uint16_t>(
                     lifetime.units() * core.config.refresh_advice_percent / 100U);
                 // RFC 6275 §6.2.4: strictly below the lifetime, and only where there is one.
                 if (wire::is_accepted(status) && advice > 0 && advice < lifetime.units()) {
                   writer.refresh_advice(Lifetime(advice));
                 }
                 core.authenticator->protect(writer, reply.protection, reply.home_address,
                                             CareOfAddress(reply.envelope.destination));
                 return writer.finish(reply.envelope.source, reply.envelope.final_destination());
               });
  core.counters.count(ControlCounter::AcknowledgementsSent);
  core.counters.count(status);
}

// RFC 6275 §9.5.4: to the source of the update, by type 2 routing header iff it had the option.
ReplyContext reply_to(const Core& core, const Update& update) {
  ReplyContext reply;
  reply.envelope.source = core.own_address();
  reply.envelope.destination = update.source;
  if (update.has_home_address_option) {
    reply.envelope.home_address = update.home_address;
  }
  reply.home_address = update.home_address;
  reply.sequence = update.message.sequence;
  reply.flags = update.message.flags;
  reply.protection = update.protection;
  return reply;
}

// The first rule that objects decides. True: all passed.
bool passes(Core& core, Update& update, std::span<const Rule> rules, Effects& effects) {
  for (const Rule rule : rules) {
    const Step step = rule(core, update);
    if (step.verdict == Verdict::Continue) {
      continue;
    }
    if (step.verdict == Verdict::Discard) {
      core.counters.count(step.counter);
      return false;
    }
    // Status 135 carries the last accepted number (RFC 6275 §9.5.1).
    SequenceNumber sequence = update.message.sequence;
    if (step.status == BindingStatus::SequenceOutOfWindow) {
      sequence = last_sequence(core, update).value_or(sequence);
    }
    acknowledge(core, reply_to(core, update), step.status, sequence, Lifetime(0), effects);
    effects.add(
        Note{NoteKind::Refused, update.home_address, update.care_of_address, step.status, 0});
    return false;
  }
  return true;
}

void erase(Core& core, Binding& binding) {
  core.timers.cancel(binding.timer);
  core.formers.erase(core.bindings.slot_of(binding));
  core.bindings.erase(binding);
}

void forward_to(const Core& core, const Binding& binding, Effects& effects) {
  effects.add(forwarding::SetBinding{binding.home_address,
                                     forwarding::BindingKind::Bound,
                                     core.own_address(),
                                     binding.care_of_address.address(),
                                     binding.path_mtu,
                                     {}});
}

// RFC 6275 §10.3.1: the least of what is asked, what policy allows and what the prefix has left.
Lifetime granted_lifetime(const Core& core, const Update& update) {
  Duration lifetime =
      std::min<Duration>(update.message.lifetime.seconds(), core.config.max_lifetime);
  if (const auto end = core.prefix_end(core.config.prefix_valid_lifetime)) {
    lifetime = std::min(lifetime, *end - update.now.instant);
  }
  return Lifetime::rounded_down(lifetime);
}

// RFC 6275 §10.3.1: status 1 when the prefix is or becomes deprecated during the binding, or ends
// with it; compared in units of 4 s.
BindingStatus accepted_status(const Core& core, const Update& update, Lifetime granted) {
  const auto ends_within = [&](const std::optional<Instant>& end) {
    return end && Lifetime::rounded_down(*end - update.now.instant) <= granted;
  };
  const bool discover = ends_within(core.prefix_end(core.config.prefix_preferred_lifetime)) ||
                        ends_within(core.prefix_end(core.config.prefix_valid_lifetime));
  return discover ? BindingStatus::AcceptedPrefixDiscoveryNecessary : BindingStatus::Accepted;
}

void deregister(Core& core, Update& update, Effects& effects) {
  Binding& binding = *update.entry;
  // Acknowledged before the path goes: the order of these effects.
  acknowledge(core, reply_to(core, update), BindingStatus::Accepted, update.message.sequence,
              Lifetime(0), effects);
  if (is_being_switched(core, binding)) {
    // Rulings §6: it was asked to leave us and has perhaps not arrived elsewhere; its packets are
    // delivered until we hear from its new primary, or for ten seconds.
    cancel_switch(core, core.bindings.slot_of(binding));
    binding.leaving = true;
    binding.expires = std::min(binding.expires, update.now.instant + kLeavingTime);
    schedule(core, binding);
    return;
  }
  effects.add(forwarding::RemoveBinding{binding.home_address});
  effects.add(Note{NoteKind::Deregistered, binding.home_address, binding.care_of_address,
                   BindingStatus::Accepted, 0});
  core.counters.count(ControlCounter::Deregistered);
  withdraw(core, binding, update.now, effects);
}

// R83, rulings §6: the mobile node has gone to its new primary, and this comes late. True:
// answered.
bool acknowledge_late_deregistration(Core& core, Update& update, Effects& effects) {
  if (update.entry == nullptr || !update.entry->global()) {
    return false;
  }
  const auto former = core.formers.find(core.bindings.slot_of(*update.entry));
  if (former == core.formers.end() || update.now.instant >= former->second.until) {
    return false;
  }
  acknowledge(core, reply_to(core, update), BindingStatus::Accepted, update.message.sequence,
              Lifetime(0), effects);
  core.counters.count(ControlCounter::DeregisteredLate);
  return true;
}

// Rulings §6: a new primary keeps a mobile node for a while, longer with each return to the home
// agent it came from; otherwise two of them could pass it to each other for ever.
void start_to_dwell(const Core& core, Binding& binding, const Now& now) {
  const Duration longest(core.config.haha.switch_dwell_max);
  if (now.instant > binding.dwell_until + longest) {
    binding.returns = 0;
  } else if (std::exchange(binding.been_primary, false)) {
    binding.returns = static_cast<std::uint8_t>(std::min(binding.returns + 1, 12));
  }
  binding.dwell_until =
      now.instant +
      std::min(Duration(core.config.haha.switch_dwell) * (1U << binding.returns), longest);
}

// What the peers have to hear: everything but a plain refresh (R51), and that too while half of
// what their copies had has passed (rulings §4), or when the time of it protects against replay
// (§9).
bool is_news_for_peers(const Core& core, const Binding& binding, const Update& update, bool moved,
                       bool was_registered, std::uint16_t old_flags) {
  const bool by_time = core.config.authentication == config::Authentication::Rfc4285 &&
                       core.config.replay_protection == config::ReplayProtection::Timestamp;
  constexpr std::uint16_t kTold = wire::bu_flag::kMobileRouter;
  return !was_registered || (moved && core.config.haha.share_care_of_address) || by_time ||
         update.peer != forwarding::kNoPeer || binding.leaving ||
         ((old_flags ^ binding.flags) & kTold) != 0 || binding.prefixes != update.prefixes ||
         binding.told_until - update.now.instant < Duration(binding.granted.seconds()) / 2;
}

// Draft §5.3 (R33): a refresh and a move find the binding there, a first registration makes it.
void enroll(Core& core, Update& update, Effects& effects) {
  const bool was_registered = update.registered();
  Binding& binding = update.entry != nullptr
                         ? *update.entry
                         : core.bindings.create(update.home_address, BindingState::Registered);
  const bool moved = was_registered && binding.care_of_address != update.care_of_address;
  const bool taken_over = binding.global();
  take_out_of_digest(core, binding);
  if (!was_registered) {
    core.bindings.set_state(binding, BindingState::Registered);
    binding.registered_at = update.now.instant;
    binding.next_prefix_advertisement = update.now.instant;
    const BindingSlot slot = core.bindings.slot_of(binding);
    cancel_switch(core, slot);
    core.formers.erase(slot);
    core.supplements.erase(slot);
  }
  if (!was_registered || moved) {
    binding.path_mtu = forwarding::kPathMtuUnknown;
  }
  const std::uint16_t old_flags = binding.flags;
  binding.care_of_address = update.care_of_address;
  binding.sequence = update.message.sequence;
  binding.flags = update.message.flags;
  binding.granted = granted_lifetime(core, update);
  binding.expires = update.now.instant + Duration(binding.granted.seconds());
  binding.refresh_requests = 0;
  binding.explicit_prefixes = !update.message.options.mobile_network_prefixes.empty();
  if (taken_over) {
    start_to_dwell(core, binding, update.now);
  }
  const bool news = is_news_for_peers(core, binding, update, moved, was_registered, old_flags);
  binding.leaving = false;
  if (news) {
    binding.version =
        version_of_update(core, binding, update.now, update.message.options.replay_protection);
  }

  // The table entry comes before the acknowledgement that promises it.
  if (!was_registered || moved) {
    forward_to(core, binding, effects);
  }
  replace_prefixes(core, binding, std::move(update.prefixes), effects);
  put_into_digest(core, binding);
  if (news) {
    tell_peers(core, binding, update.now);
  }
  schedule(core, binding);
  acknowledge(core, reply_to(core, update), accepted_status(core, update, binding.granted),
              update.message.sequence, binding.granted, effects);
  const NoteKind kind = !was_registered ? NoteKind::Registered
                        : moved         ? NoteKind::Moved
                                        : NoteKind::Refreshed;
  effects.add(Note{kind, binding.home_address, binding.care_of_address, BindingStatus::Accepted,
                   static_cast<std::uint32_t>(binding.granted.seconds().count())});
  core.counters.count(!was_registered ? ControlCounter::Registered
                      : moved         ? ControlCounter::Moved
                                      : ControlCounter::Refreshed);
  // R77, then R78: acknowledged first. What came in natively is offered nothing (R75).
  if (update.peer != forwarding::kNoPeer) {
    offer_nearer(core, binding, core.members.peers()[update.peer], update.now);
  }
}

}  // namespace

// Draft §5.3 (R30): as RFC 6275 says, whoever else may know this mobile node.
void process_binding_update(Core& core, Update update, Effects& effects) {
  core.counters.count(ControlCounter::BindingUpdateReceived);
  update.entry = core.bindings.find(update.home_address);
  if (!passes(core, update, validity_rules(), effects)) {
    return;
  }
  // Valid: its sequence number counts, whatever becomes of the request.
  if (update.entry != nullptr && !update.entry->global()) {
    update.entry->sequence = update.message.sequence;
  }
  core.authenticator->remember({update.message,
                                update.mobility_header,
                                update.home_address,
                                update.care_of_address,
                                update.security_association,
                                {}});
  if (update.removes()) {
    if (acknowledge_late_deregistration(core, update, effects)) {
      return;
    }
    if (passes(core, update, deregistration_rules(), effects)) {
      deregister(core, update, effects);
    }
  } else if (passes(core, update, registration_rules(), effects)) {
    core.last_update = reply_to(core, update);
    enroll(core, update, effects);
  }
}

namespace {

void expire(Core& core, Binding& binding, const Now& now, Effects& effects) {
  if (binding.state == BindingState::Remembered) {
    erase(core, binding);
    return;
  }
  const Note note{binding.leaving ? NoteKind::Deregistered : NoteKind::Expired,
                  binding.home_address, binding.care_of_address, BindingStatus::Accepted, 0};
  core.counters.count(binding.leaving ? ControlCounter::Deregistered : ControlCounter::Expired);
  if (binding.global()) {
    drop_global(core, binding, now, effects);
    effects.add(note);
    return;
  }
  effects.add(forwarding::RemoveBinding{binding.home_address});
  effects.add(note);
  if (core.members.alone()) {
    cancel_switch(core, core.bindings.slot_of(binding));
    // Its prefixes have gone with it; what is left to do is to give them free.
    core.bindings.set_state(binding, BindingState::Remembered);
    replace_prefixes(core, binding, {}, effects);
    erase(core, binding);
  } else {
    withdraw(core, binding, now, effects);
  }
}

void request_refresh(Core& core, Binding& binding, Effects& effects) {
  ++binding.refresh_requests;
  // RFC 6275 §6.1.2; by type 2 routing header (rulings §9).
  const Envelope envelope{core.own_address(), binding.care_of_address.address(),
                          binding.home_address};
  send_message(effects, envelope, wire::protocol::kMobility, wire::kMinimumMtu,
               [&](MutableBytes buffer) {
                 return wire::start_binding_refresh_request(buffer).finish(
                     envelope.source, envelope.final_destination());
               });
  core.counters.count(ControlCounter::RefreshRequestsSent);
}

void install_again(Core& core, Binding& binding, Effects& effects) {
  binding.not_installed = false;
  if (!binding.global()) {
    return;
  }
  forward_over_link(core, binding, effects);
  for (const Prefix& prefix : binding.prefixes) {
    if (*core.bindings.owner_of(prefix) == binding.home_address) {
      effects.add(forwarding::SetPrefix{prefix, binding.home_address});
    }
  }
}

}  // namespace

void binding_timer(Core& core, BindingSlot slot, const Now& now, Effects& effects) {
  Binding& binding = core.bindings.at(slot);
  binding.timer = kNoTimer;
  if (now.instant >= binding.expires) {
    expire(core, binding, now, effects);
    return;
  }
  if (binding.not_installed && now.instant >= binding.install_at) {
    install_again(core, binding, effects);
  }
  if (binding.registered()) {
    if (binding.path_mtu != forwarding::kPathMtuUnknown &&
        now.instant >= binding.path_mtu_expires) {
      binding.path_mtu = forwarding::kPathMtuUnknown;
      forward_to(core, binding, effects);
    }
    if (!core.members.alone() && now.instant >= binding.share_at) {
      refresh_copies(core, binding, now);
    }
    if (const auto due = next_refresh_request(core, binding); due && now.instant >= *due) {
      request_refresh(core, binding, effects);
    }
  }
  schedule(core, binding);
}

bool undo_refused_update(Core& core, const Now& now, const forwarding::ForwardingUpdate& refused,
                         Effects& effects) {
  if (!core.last_update) {
    const auto* set = std::get_if<forwarding::SetBinding>(&refused);
    const auto* prefix = std::get_if<forwarding::SetPrefix>(&refused);
    if (set == nullptr && prefix == nullptr) {
      return false;
    }
    Binding* binding = core.bindings.find(set != nullptr ? set->home_address : prefix->owner);
    if (binding != nullptr && binding->global()) {
      binding->not_installed = true;
      binding->install_at = now.instant + kInstallRetry;
      schedule(core, *binding);
      core.counters.count(ControlCounter::TableRefused);
    }
    return false;
  }
  const ReplyContext reply = *std::exchange(core.last_update, std::nullopt);
  Binding* binding = core.bindings.find(reply.home_address);
  if (binding == nullptr || !binding->registered()) {
    return false;
  }
  effects.add(forwarding::RemoveBinding{reply.home_address});
  acknowledge(core, reply, BindingStatus::InsufficientResources, reply.sequence, Lifetime(0),
              effects);
  effects.add(Note{NoteKind::TableRefused, reply.home_address, binding->care_of_address,
                   BindingStatus::InsufficientResources, 0});
  core.counters.count(ControlCounter::TableRefused);
  withdraw(core, *binding, now, effects);
  return true;
}

bool remove_binding(Core& core, const HomeAddress& home_address, const Now& now, Effects& effects) {
  Binding* binding = core.bindings.find(home_address);
  if (binding == nullptr || !binding->registered()) {
    return false;
  }
  effects.add(forwarding::RemoveBinding{home_address});
  effects.add(
      Note{NoteKind::Removed, home_address, binding->care_of_address, BindingStatus::Accepted, 0});
  core.counters.count(ControlCounter::Removed);
  withdraw(core, *binding, now, effects);
  return true;
}

void lower_path_mtu(Core& core, Binding& binding, std::uint16_t path_mtu, const Now& now,
                    Effects& effects) {
  binding.path_mtu = path_mtu;
  binding.path_mtu_expires = now.instant + kPathMtuAge;
  forward_to(core, binding, effects);
  effects.add(Note{NoteKind::PathMtuLowered, binding.home_address, binding.care_of_address,
                   BindingStatus::Accepted, path_mtu});
  core.counters.count(ControlCounter::PathMtuLowered);
  schedule(core, binding);
}

}  // namespace anyhome::control
