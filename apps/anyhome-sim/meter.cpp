#include "apps/anyhome-sim/meter.h"

#include <algorithm>

#include "common/wire/code_points.h"
#include "common/wire/ipv6.h"
#include "test/sim/address_plan.h"

namespace anyhome::sim {
namespace {

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// Nothing for data.
std::optional<Meter::Kind> kind_of(ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  if (!header || find_data(packet)) {
    return std::nullopt;
  }
  const wire::CodePoints points;
  if (header->next_header == wire::protocol::kMobility &&
      packet.size() > wire::kIpv6HeaderSize + 8) {
    const auto type = std::to_integer<std::uint8_t>(packet[wire::kIpv6HeaderSize + 2]);
    if (type == points.ha_hello) {
      return Meter::Kind::Hello;
    }
    if (type == points.state_synchronization) {
      return Meter::Kind::Synchronization;
    }
  }
  return Meter::Kind::Signalling;
}

}  // namespace

void Meter::on_sent(World&, End from, const Packet& packet) {
  if (!on_ || from.kind != EndKind::Pop) {
    return;
  }
  if (const auto kind = kind_of(packet.bytes)) {
    Count& count = counts_[from.index][static_cast<std::size_t>(*kind)];
    ++count.messages;
    count.bytes += packet.bytes.size();
  }
}

void Meter::after_pop(World& world, PopIndex pop, const PopOutput& output) {
  for (const control::Note& note : output.notes) {
    using control::NoteKind;
    if (!on_ || (note.kind != NoteKind::Registered && note.kind != NoteKind::Moved)) {
      continue;
    }
    const control::Binding* binding = world.pops()[pop]->agent().bindings().find(note.home_address);
    if (binding == nullptr) {
      continue;
    }
    Update update{world.now(), binding->version.time, {}};
    for (const auto& other : world.pops()) {
      update.waiting.set(other->index(), other->up() && other->index() != pop);
    }
    const auto [known, added] = pending_.insert_or_assign(note.home_address, update);
    superseded_ += added ? 0U : 1U;
  }
  for (const HomeAddress& home_address : output.told) {
    const auto pending = pending_.find(home_address);
    if (pending == pending_.end() || !pending->second.waiting.test(pop)) {
      continue;
    }
    const control::Binding* binding = world.pops()[pop]->agent().bindings().find(home_address);
    if (binding == nullptr || binding->version.time < pending->second.time) {
      continue;
    }
    pending->second.waiting.reset(pop);
    const double took = seconds(world.now() - pending->second.at);
    learnt_.push_back(took);
    if (pending->second.waiting.none()) {
      converged_.push_back(took);
      pending_.erase(pending);
    }
  }
}

void Meter::on_data(World&, DataId) {}

void Meter::on_delivered(World& world, DataId id) {
  const Ledger::Entry* entry = world.ledger().at(id);
  if (entry != nullptr && entry->delivered == 1) {
    delivered_[entry->flow].push_back(entry->sent);
  }
}

double Meter::longest_gap(std::uint32_t flow, Instant from, Instant to, Duration interval) const {
  std::vector<Instant> times = {from};
  if (const auto found = delivered_.find(flow); found != delivered_.end()) {
    std::ranges::copy_if(found->second, std::back_inserter(times),
                         [&](Instant at) { return at > from && at < to; });
  }
  times.push_back(to);
  std::ranges::sort(times);
  Duration longest{};
  for (std::size_t i = 1; i < times.size(); ++i) {
    longest = std::max(longest, times[i] - times[i - 1]);
  }
  return std::max(0.0, seconds(longest - interval));
}

}  // namespace anyhome::sim
