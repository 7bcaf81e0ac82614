#include "apps/anyhomed/effect_executor.h"

#include <algorithm>

#include "apps/anyhomed/log.h"

namespace anyhome {
namespace {

using namespace forwarding;

// What an update is about: a home address or a prefix.
Prefix key_of(const ForwardingUpdate& update) {
  struct Key {
    Prefix operator()(const SetBinding& u) const { return {u.home_address.address(), 128}; }
    Prefix operator()(const RemoveBinding& u) const { return {u.home_address.address(), 128}; }
    Prefix operator()(const SetPrefix& u) const { return u.prefix; }
    Prefix operator()(const RemovePrefix& u) const { return u.prefix; }
    Prefix operator()(const SetPeer& u) const { return {u.address.address(), 128}; }
  };
  return std::visit(Key{}, update);
}

bool is_removal(const ForwardingUpdate& update) {
  return std::holds_alternative<RemoveBinding>(update) ||
         std::holds_alternative<RemovePrefix>(update);
}

}  // namespace

bool EffectExecutor::apply(const ForwardingUpdate& update) {
  if (!deferred_.empty()) {
    const Prefix key = key_of(update);
    std::erase_if(deferred_, [&](const ForwardingUpdate& old) { return key_of(old) == key; });
  }
  const auto applied = tables_.apply(update);
  if (applied) {
    return true;
  }
  if (is_removal(update)) {
    deferred_.push_back(update);
    return true;
  }
  ++refusals_;
  return false;
}

void EffectExecutor::retry_deferred() {
  while (!deferred_.empty() && tables_.apply(deferred_.front())) {
    deferred_.pop_front();
  }
}

void EffectExecutor::run(const Now& now, const control::Effects& effects) {
  control::Effects instead;
  for (const control::Effect& effect : effects.list()) {
    bool refused = false;
    std::visit(
        [&](const auto& one) {
          using T = std::decay_t<decltype(one)>;
          if constexpr (std::is_same_v<T, control::SendPacket>) {
            injector_.send(dataplane::InjectKind::Signalling, effects.bytes(one));
          } else if constexpr (std::is_same_v<T, control::ForwardPacket>) {
            injector_.send(dataplane::InjectKind::Data, effects.bytes(one));
          } else if constexpr (std::is_same_v<T, control::Note>) {
            log(now, one);
          } else {
            refused = !apply(ForwardingUpdate(one));
          }
        },
        effect);
    if (refused && agent_.on_refused(now, instead)) {
      run(now, instead);  // only removals, packets and notes: it cannot be refused again
      return;
    }
  }
}

void EffectExecutor::log(const Now& now, const control::Note& note) {
  using control::NoteKind;
  const bool chatty = note.kind == NoteKind::Refreshed;
  if (chatty) {
    log::debug("refreshed home-address={} care-of-address={} lifetime={}",
               note.home_address.to_string(), note.care_of_address.to_string(), note.value);
    return;
  }
  if (!log_budget_.take(now.instant)) {
    ++lines_suppressed_;
    return;
  }
  if (lines_suppressed_ != 0) {
    log::info("lines-not-written={}", lines_suppressed_);
    lines_suppressed_ = 0;
  }
  const std::string home = note.home_address.to_string();
  const std::string care_of = note.care_of_address.to_string();
  switch (note.kind) {
    case NoteKind::Registered:
      log::info("registered home-address={} care-of-address={} lifetime={}", home, care_of,
                note.value);
      break;
    case NoteKind::Moved:
      log::info("moved home-address={} care-of-address={} lifetime={}", home, care_of, note.value);
      break;
    case NoteKind::Deregistered:
      log::info("deregistered home-address={}", home);
      break;
    case NoteKind::Expired:
      log::info("expired home-address={} care-of-address={}", home, care_of);
      break;
    case NoteKind::Removed:
      log::notice("removed home-address={} by=operator", home);
      break;
    case NoteKind::Refused:
      log::info("refused home-address={} care-of-address={} status={} reason={}", home, care_of,
                static_cast<unsigned>(note.status), wire::to_string(note.status));
      break;
    case NoteKind::TableRefused:
      log::warning("table-full home-address={} status=130; raise max-bindings or max-prefixes",
                   home);
      break;
    case NoteKind::PathMtuLowered:
      log::info("path-mtu home-address={} care-of-address={} mtu={}", home, care_of, note.value);
      break;
    case NoteKind::Refreshed:
      break;
  }
}

}  // namespace anyhome
