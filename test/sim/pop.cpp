#include "test/sim/pop.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace anyhome::sim {

Pop::Pop(std::uint32_t index, const config::HomeAgent& config, std::uint64_t hash_seed)
    : index_(index), config_(config), hash_seed_(hash_seed) {}

void Pop::start(const Now& now, PopOutput& output) {
  ++incarnation_;
  plane_ = std::make_unique<DataPlane>(config_);
  // Wall-clock seconds, and greater than the last one whatever the clock says (rulings §1).
  const std::int64_t clock =
      std::chrono::duration_cast<std::chrono::seconds>(now.wall.time_since_epoch()).count();
  last_epoch_ =
      std::max(static_cast<std::uint32_t>(std::max<std::int64_t>(clock, 0)), last_epoch_ + 1);
  agent_ =
      std::make_unique<control::HomeAgent>(config_, now, hash_seed_ + incarnation_, last_epoch_);
  output.core_ran = true;
  control::Effects effects;
  agent_->start(now, effects);
  run(now, effects, output);
  effects.clear();
  agent_->set_able(now, true, effects);
  run(now, effects, output);
}

void Pop::drain(const Now& now, bool drain, PopOutput& output) {
  constexpr unsigned kPerSecond = 50;
  control::Effects effects;
  output.core_ran = true;
  if (drain) {
    agent_->drain(now, kPerSecond, effects);
  } else {
    agent_->undrain(now, effects);
  }
  run(now, effects, output);
}

void Pop::crash() {
  agent_.reset();
  plane_.reset();
}

void Pop::receive(const Now& now, Port port, const Packet& packet, PopOutput& output) {
  Outcome outcome;
  plane_->receive(now.instant, port, packet.bytes, outcome);
  const auto data = find_data(packet.bytes);
  settle(now, outcome, {packet.links, static_cast<std::uint8_t>(packet.visits + 1)},
         data ? std::optional(data->id) : std::nullopt, output);
}

void Pop::on_timer(const Now& now, PopOutput& output) {
  control::Effects effects;
  agent_->on_timer(now, effects);
  output.core_ran = true;
  run(now, effects, output);
}

void Pop::run(const Now& now, const control::Effects& effects, PopOutput& output) {
  for (const control::Effect& effect : effects.list()) {
    Outcome outcome;
    if (const auto* packet = std::get_if<control::SendPacket>(&effect)) {
      const auto answer = find_acknowledgement(effects.bytes(*packet));
      if (answer && answer->is_registration() && !is_forwarded(answer->home_address)) {
        output.premature = answer->home_address;
      }
      plane_->originate(now.instant, false, effects.bytes(*packet), outcome);
    } else if (const auto* data = std::get_if<control::ForwardPacket>(&effect)) {
      plane_->originate(now.instant, true, effects.bytes(*data), outcome);
    } else if (const auto* note = std::get_if<control::Note>(&effect)) {
      output.notes.push_back(*note);
    } else {
      std::visit(
          [&](const auto& one) {
            if constexpr (std::is_constructible_v<forwarding::ForwardingUpdate, decltype(one)>) {
              plane_->apply(one);
              if constexpr (std::is_same_v<std::decay_t<decltype(one)>, forwarding::SetBinding>) {
                output.told.push_back(one.home_address);
              }
            }
          },
          effect);
    }
    settle(now, outcome, {}, std::nullopt, output);
  }
}

bool Pop::is_forwarded(const HomeAddress& home_address) const {
  const forwarding::SetBinding* set = plane_->binding(home_address);
  return set != nullptr && set->kind == forwarding::BindingKind::Bound;
}

// Sends what is to be sent and hands to the core what is its; `data` is the packet that all of it
// came from, if that was a data packet.
void Pop::settle(const Now& now, Outcome& outcome, Past past, std::optional<DataId> data,
                 PopOutput& output) {
  bool goes_on = false;
  for (Bytes& bytes : outcome.sent) {
    const auto inside = find_data(bytes);
    goes_on = goes_on || (inside && inside->id == data);
    output.sent.push_back({std::move(bytes), past.links, past.visits});
  }
  if (data && !goes_on) {
    if (!outcome.punted.empty()) {
      output.ended.push_back(
          {*data, fmt::format("punted-{}",
                              forwarding::to_string(outcome.punted.front().metadata.punt_class))});
    } else if (!outcome.dropped.empty()) {
      output.ended.push_back({*data, std::string(forwarding::info(outcome.dropped.front()).name)});
    } else {
      output.vanished = *data;
    }
  }
  for (const Outcome::Punted& punted : outcome.punted) {
    control::Effects effects;
    agent_->on_packet(now, punted.metadata, punted.bytes, effects);
    output.core_ran = true;
    run(now, effects, output);
  }
}

}  // namespace anyhome::sim
