#include "controlplane/registration.h"

#include <utility>

#include "controlplane/registration_rules.h"

namespace anyhome::control {
namespace {

using wire::BindingStatus;

// RFC 6275 §12: how long a de-registered binding's sequence number is remembered.
constexpr Duration kMaxDeleteBceTimeout = std::chrono::seconds(10);
// RFC 8201 §4: a lowered path MTU is tried anew after ten minutes at the earliest.
constexpr Duration kPathMtuAge = std::chrono::minutes(10);
// Requests per lifetime, each at half of what is left: the last one leaves an eighth of the lead.
constexpr unsigned kMaxRefreshRequests = 4;

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
      sequence = update.entry != nullptr
                     ? update.entry->sequence
                     : core.authenticator->last_sequence(update.home_address).value_or(sequence);
    }
    acknowledge(core, reply_to(core, update), step.status, sequence, Lifetime(0), effects);
    effects.add(
        Note{NoteKind::Refused, update.home_address, update.care_of_address, step.status, 0});
    return false;
  }
  return true;
}

// The next thing that happens to a binding by itself.
Instant next_event(const Core& core, const Binding& binding) {
  Instant next = binding.expires;
  if (!binding.registered()) {
    return next;
  }
  if (binding.path_mtu != forwarding::kPathMtuUnknown) {
    next = std::min(next, binding.path_mtu_expires);
  }
  // A lead of more than half the lifetime would ask for a refresh all the time.
  const Duration lead =
      std::min<Duration>(core.config.refresh_request_lead, Duration(binding.granted.seconds()) / 2);
  if (lead > Duration::zero() && binding.refresh_requests < kMaxRefreshRequests) {
    next = std::min(next, binding.expires - lead / (1U << binding.refresh_requests));
  }
  return next;
}

void schedule(Core& core, Binding& binding) {
  const Instant next = next_event(core, binding);
  if (binding.timer == kNoTimer) {
    binding.timer = core.timers.arm(next, core.bindings.slot_of(binding));
  } else {
    core.timers.rearm(binding.timer, next);
  }
}

void erase(Core& core, Binding& binding) {
  core.timers.cancel(binding.timer);
  core.bindings.erase(binding);
}

// RFC 6275 §10.3.2: the entry stops serving and is kept a while for its sequence number.
void remember_sequence_only(Core& core, Binding& binding, const Now& now) {
  for (const Prefix& prefix : binding.prefixes) {
    core.bindings.release(prefix);
  }
  binding.prefixes.clear();
  core.bindings.set_state(binding, BindingState::Remembered);
  binding.expires = now.instant + kMaxDeleteBceTimeout;
  binding.path_mtu = forwarding::kPathMtuUnknown;
  schedule(core, binding);
}

void forward_to(const Core& core, const Binding& binding, Effects& effects) {
  effects.add(forwarding::SetBinding{binding.home_address,
                                     forwarding::BindingKind::Bound,
                                     core.own_address(),
                                     binding.care_of_address.address(),
                                     binding.path_mtu,
                                     {}});
}

// RFC 3963 §6.1.2: the prefixes of the update replace those of the binding.
void replace_prefixes(Core& core, Binding& binding, std::vector<Prefix> prefixes,
                      Effects& effects) {
  for (const Prefix& old : binding.prefixes) {
    if (std::ranges::find(prefixes, old) == prefixes.end()) {
      core.bindings.release(old);
      effects.add(forwarding::RemovePrefix{old});
    }
  }
  for (const Prefix& prefix : prefixes) {
    if (core.bindings.owner_of(prefix) == nullptr) {
      core.bindings.claim(prefix, binding.home_address);
      effects.add(forwarding::SetPrefix{prefix, binding.home_address});
    }
  }
  binding.prefixes = std::move(prefixes);
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
  effects.add(forwarding::RemoveBinding{binding.home_address});
  effects.add(Note{NoteKind::Deregistered, binding.home_address, binding.care_of_address,
                   BindingStatus::Accepted, 0});
  core.counters.count(ControlCounter::Deregistered);
  remember_sequence_only(core, binding, update.now);
}

void enroll(Core& core, Update& update, Effects& effects) {
  const bool was_registered = update.registered();
  Binding& binding =
      update.entry != nullptr ? *update.entry : core.bindings.create(update.home_address);
  const bool moved = was_registered && binding.care_of_address != update.care_of_address;
  if (!was_registered) {
    core.bindings.set_state(binding, BindingState::Registered);
    binding.registered_at = update.now.instant;
    binding.next_prefix_advertisement = update.now.instant;
  }
  if (!was_registered || moved) {
    binding.path_mtu = forwarding::kPathMtuUnknown;
  }
  binding.care_of_address = update.care_of_address;
  binding.sequence = update.message.sequence;
  binding.flags = update.message.flags;
  binding.granted = granted_lifetime(core, update);
  binding.expires = update.now.instant + Duration(binding.granted.seconds());
  binding.refresh_requests = 0;
  binding.explicit_prefixes = !update.message.options.mobile_network_prefixes.empty();
  schedule(core, binding);

  // The table entry comes before the acknowledgement that promises it.
  if (!was_registered || moved) {
    forward_to(core, binding, effects);
  }
  replace_prefixes(core, binding, std::move(update.prefixes), effects);
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
}

}  // namespace

void process_binding_update(Core& core, Update update, Effects& effects) {
  core.counters.count(ControlCounter::BindingUpdateReceived);
  update.entry = core.bindings.find(update.home_address);
  if (!passes(core, update, validity_rules(), effects)) {
    return;
  }
  // Valid: its sequence number counts, whatever becomes of the request.
  if (update.entry != nullptr) {
    update.entry->sequence = update.message.sequence;
  }
  core.authenticator->remember({update.message, update.mobility_header, update.home_address,
                                update.care_of_address, update.security_association});
  if (update.removes()) {
    if (passes(core, update, deregistration_rules(), effects)) {
      deregister(core, update, effects);
    }
  } else if (passes(core, update, registration_rules(), effects)) {
    core.last_update = reply_to(core, update);
    enroll(core, update, effects);
  }
}

void binding_timer(Core& core, BindingSlot slot, const Now& now, Effects& effects) {
  Binding& binding = core.bindings.at(slot);
  binding.timer = kNoTimer;
  if (now.instant >= binding.expires) {
    if (binding.registered()) {
      effects.add(forwarding::RemoveBinding{binding.home_address});
      effects.add(Note{NoteKind::Expired, binding.home_address, binding.care_of_address,
                       BindingStatus::Accepted, 0});
      core.counters.count(ControlCounter::Expired);
    }
    erase(core, binding);
    return;
  }
  if (binding.path_mtu != forwarding::kPathMtuUnknown && now.instant >= binding.path_mtu_expires) {
    binding.path_mtu = forwarding::kPathMtuUnknown;
    forward_to(core, binding, effects);
  }
  const unsigned requests = binding.refresh_requests;
  const Duration lead =
      std::min<Duration>(core.config.refresh_request_lead, Duration(binding.granted.seconds()) / 2);
  if (lead > Duration::zero() && requests < kMaxRefreshRequests &&
      now.instant >= binding.expires - lead / (1U << requests)) {
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
  schedule(core, binding);
}

bool undo_refused_update(Core& core, const Now& now, Effects& effects) {
  if (!core.last_update) {
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
  remember_sequence_only(core, *binding, now);
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
  remember_sequence_only(core, *binding, now);
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
