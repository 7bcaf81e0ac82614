#include "apps/anyhomed/effect_executor.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "apps/anyhomed/bring_nearer.h"
#include "apps/anyhomed/log.h"
#include "apps/anyhomed/note_log.h"

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

// What may not be given up: it is tried again until there is room.
bool is_lasting(const ForwardingUpdate& update) {
  return std::holds_alternative<RemoveBinding>(update) ||
         std::holds_alternative<RemovePrefix>(update) || std::holds_alternative<SetPeer>(update);
}

}  // namespace

bool EffectExecutor::apply(const ForwardingUpdate& update) {
  const bool applied = tables_.apply(update).has_value();
  if (!applied && !is_lasting(update)) {
    // What is to go still goes: the tables have not taken anything in its place.
    ++refusals_;
    return false;
  }
  if (!deferred_.empty()) {
    const Prefix key = key_of(update);
    std::erase_if(deferred_, [&](const ForwardingUpdate& old) { return key_of(old) == key; });
  }
  if (!applied) {
    deferred_.push_back(update);
  }
  return true;
}

void EffectExecutor::retry_deferred() {
  while (!deferred_.empty() && tables_.apply(deferred_.front())) {
    deferred_.pop_front();
  }
}

void EffectExecutor::run(const Now& now, const control::Effects& effects, Way way) {
  control::Effects instead;
  bring_nearer(effects, std::as_const(tables_));
  for (const control::Effect& effect : effects.list()) {
    std::optional<ForwardingUpdate> refused;
    std::visit(
        [&](const auto& one) {
          using T = std::decay_t<decltype(one)>;
          if constexpr (std::is_same_v<T, control::SendPacket>) {
            injector_.send(way == Way::Routes ? dataplane::InjectKind::Signalling
                                              : dataplane::InjectKind::Data,
                           effects.bytes(one));
          } else if constexpr (std::is_same_v<T, control::ForwardPacket>) {
            injector_.send(dataplane::InjectKind::Data, effects.bytes(one));
          } else if constexpr (std::is_same_v<T, control::Note>) {
            log(now, one);
          } else {
            if (!apply(ForwardingUpdate(one))) {
              refused = one;
            }
          }
        },
        effect);
    if (refused && agent_.on_refused(now, *refused, instead)) {
      run(now, instead, way);  // only removals, packets and notes: it cannot be refused again
      return;
    }
  }
}

void EffectExecutor::log(const Now& now, const control::Note& note) {
  const bool limited = note.kind != control::NoteKind::Refreshed && !is_about_set(note);
  if (limited && !log_budget_.take(now.instant)) {
    ++lines_suppressed_;
    return;
  }
  if (limited && lines_suppressed_ != 0) {
    log::info("lines-not-written={}", std::exchange(lines_suppressed_, 0));
  }
  log_note(note, agent_.config());
}

}  // namespace anyhome
