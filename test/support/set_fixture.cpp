#include "test/support/set_fixture.h"

#include <algorithm>

namespace anyhome::test {

using control::Effect;

config::HomeAgent member_config(unsigned own, unsigned members) {
  config::HomeAgent config = insecure_config();
  config.address = member_address(own);
  config.locator = member_locator(own);
  config.haha.group_id = 7;
  config.haha.link_is_secure = true;
  config.haha.set_key.assign(16, std::byte{0x5a});
  for (unsigned i = 0; i < members; ++i) {
    if (i != own) {
      config.haha.peers.push_back(
          {"member" + std::to_string(i), member_address(i), member_locator(i), true});
    }
  }
  return config;
}

std::optional<wire::HaHello> SetMessage::hello() const {
  const auto parsed = wire::parse_ha_hello(message(), {});
  return std::to_integer<std::uint8_t>(message()[2]) == wire::CodePoints{}.ha_hello && parsed
             ? std::optional(*parsed)
             : std::nullopt;
}

std::optional<wire::StateSynchronization> SetMessage::sync() const {
  const auto parsed = wire::parse_state_synchronization(message(), {});
  return std::to_integer<std::uint8_t>(message()[2]) == wire::CodePoints{}.state_synchronization &&
                 parsed
             ? std::optional(*parsed)
             : std::nullopt;
}

std::optional<wire::StateSynchronization> SetMessage::sync(wire::SsType type) const {
  auto message = sync();
  return message && message->type == type ? message : std::nullopt;
}

SetFixture::SetFixture(unsigned members, bool started, Configure configure)
    : effects(members), agents_(members), alive_(members, false) {
  for (unsigned i = 0; i < members; ++i) {
    configs_.push_back(member_config(i, members));
    if (configure) {
      configure(i, configs_.back());
    }
  }
  for (unsigned i = 0; i < members; ++i) {
    agents_[i] = std::make_unique<control::HomeAgent>(configs_[i], now, i + 1, epoch_);
  }
  if (started) {
    for (unsigned i = 0; i < members; ++i) {
      start(i);
    }
    run_for(std::chrono::seconds(3));
    const auto all_serve = [&] {
      return std::ranges::all_of(agents_, [](const auto& agent) { return agent->serving(); });
    };
    for (unsigned more = 0; more < 30 && !all_serve(); ++more) {
      run_for(std::chrono::seconds(1));
    }
    for (unsigned i = 0; i < members; ++i) {
      REQUIRE(agents_[i]->serving());
    }
    messages.clear();
    for (auto& list : effects) {
      list.clear();
    }
  }
}

void SetFixture::start(unsigned i) {
  alive_[i] = true;
  control::Effects effects_of_start;
  agents_[i]->start(now, effects_of_start);
  agents_[i]->set_able(now, true, effects_of_start);
  take(i, effects_of_start);
  carry();
}

void SetFixture::restart(unsigned i) {
  agents_[i] = std::make_unique<control::HomeAgent>(configs_[i], now, i + 1, ++epoch_);
  start(i);
}

void SetFixture::take(unsigned i, const control::Effects& list) {
  for (const Effect& effect : list.list()) {
    const auto* packet = std::get_if<control::SendPacket>(&effect);
    if (packet == nullptr) {
      effects[i].push_back(effect);
      continue;
    }
    const ByteView bytes = list.bytes(*packet);
    const Ipv6Address destination = wire::Ipv6Header::parse(bytes)->destination;
    bool to_member = false;
    for (unsigned other = 0; other < members(); ++other) {
      if (member_locator(other).address() == destination) {
        SetMessage message{i, other, Bytes(bytes.begin(), bytes.end())};
        messages.push_back(message);
        if (!lose(message)) {
          on_the_way_.push_back(std::move(message));
        }
        to_member = true;
      }
    }
    if (!to_member) {
      elsewhere.push_back({i, take_apart(bytes)});
    }
  }
}

void SetFixture::carry() {
  while (!on_the_way_.empty()) {
    const SetMessage message = std::move(on_the_way_.front());
    on_the_way_.pop_front();
    if (!alive_[message.to]) {
      continue;
    }
    control::Effects caused;
    agents_[message.to]->on_packet(now, {}, message.packet, caused);
    take(message.to, caused);
  }
}

void SetFixture::run_for(Duration duration) {
  const Instant end = now.instant + duration;
  while (true) {
    std::optional<Instant> next;
    for (unsigned i = 0; i < members(); ++i) {
      if (const auto deadline = agents_[i]->next_deadline(); deadline && alive_[i]) {
        next = std::min(next.value_or(*deadline), *deadline);
      }
    }
    if (!next || *next > end) {
      break;
    }
    const Duration step = std::max(*next - now.instant, Duration::zero());
    now.instant += step;
    now.wall += step;
    for (unsigned i = 0; i < members(); ++i) {
      if (const auto deadline = agents_[i]->next_deadline();
          alive_[i] && deadline && *deadline <= now.instant) {
        control::Effects caused;
        agents_[i]->on_timer(now, caused);
        take(i, caused);
        carry();
      }
    }
  }
  now.wall += end - now.instant;
  now.instant = end;
}

void SetFixture::receive(unsigned i, const Bytes& packet,
                         const forwarding::PuntMetadata& metadata) {
  control::Effects caused;
  agents_[i]->on_packet(now, metadata, packet, caused);
  take(i, caused);
  carry();
}

std::optional<wire::BindingStatus> SetFixture::update(unsigned i, const UpdateSpec& spec,
                                                      std::optional<unsigned> forwarder) {
  const std::size_t before = elsewhere.size();
  forwarding::PuntMetadata metadata;
  metadata.punt_class = forwarding::PuntClass::Mobility;
  if (forwarder) {
    const auto& peers = configs_[i].haha.peers;
    const auto found = std::ranges::find(peers, member_locator(*forwarder), &config::Peer::locator);
    metadata.peer = static_cast<std::uint16_t>(found - peers.begin());
    metadata.decapsulations = 1;
  }
  UpdateSpec to_member = spec;
  to_member.destination = member_address(i).address();
  receive(i, build_update(to_member), metadata);
  std::optional<wire::BindingStatus> status;
  for (std::size_t k = before; k < elsewhere.size(); ++k) {
    const Sent& sent = elsewhere[k].sent;
    if (elsewhere[k].from == i && sent.protocol == wire::protocol::kMobility &&
        std::to_integer<std::uint8_t>(sent.message.at(2)) ==
            wire::mh_type::kBindingAcknowledgement) {
      status = wire::parse_binding_acknowledgement(sent.message)->status;
    }
  }
  return status;
}

namespace {

Bytes envelope(const Locator& from, const Locator& to, ByteView message) {
  Bytes packet(wire::kIpv6HeaderSize + message.size());
  Writer writer(packet);
  wire::Ipv6Header header;
  header.payload_length = static_cast<std::uint16_t>(message.size());
  header.next_header = wire::protocol::kMobility;
  header.source = from.address();
  header.destination = to.address();
  header.write(writer);
  writer.bytes(message);
  return packet;
}

}  // namespace

void SetFixture::send_message(unsigned to, const Locator& from,
                              const wire::StateSynchronization& message) {
  Bytes buffer(2048);
  const MutableBytes written =
      wire::write_state_synchronization(buffer, message, {}, from, member_locator(to));
  REQUIRE_FALSE(written.empty());
  receive(to, envelope(from, member_locator(to), written));
}

void SetFixture::send_message(unsigned to, const Locator& from, const wire::HaHello& message) {
  Bytes buffer(2048);
  const MutableBytes written = wire::write_ha_hello(buffer, message, {}, from, member_locator(to));
  REQUIRE_FALSE(written.empty());
  receive(to, envelope(from, member_locator(to), written));
}

std::string SetFixture::view(const HomeAddress& home) const {
  std::string text;
  for (unsigned i = 0; i < members(); ++i) {
    const control::Binding* found = binding(i, home);
    std::string one = "-";
    if (!alive_[i]) {
      one = "x";
    } else if (found != nullptr && found->registered()) {
      one = "R";
    } else if (found != nullptr && found->global()) {
      const Locator primary = agents_[i]->primary_of(*found).config->locator;
      for (unsigned other = 0; other < members(); ++other) {
        if (member_locator(other) == primary) {
          one = "G" + std::to_string(other);
        }
      }
    }
    text += (text.empty() ? "" : " ") + one;
  }
  return text;
}

std::vector<control::Note> SetFixture::notes(unsigned i, control::NoteKind kind) const {
  std::vector<control::Note> found;
  for (const Effect& effect : effects[i]) {
    if (const auto* note = std::get_if<control::Note>(&effect); note && note->kind == kind) {
      found.push_back(*note);
    }
  }
  return found;
}

std::vector<SentByMember> SetFixture::switches() const {
  std::vector<SentByMember> found;
  for (const SentByMember& one : elsewhere) {
    if (one.sent.protocol == wire::protocol::kMobility &&
        std::to_integer<std::uint8_t>(one.sent.message.at(2)) == wire::mh_type::kHomeAgentSwitch) {
      found.push_back(one);
    }
  }
  return found;
}

}  // namespace anyhome::test
