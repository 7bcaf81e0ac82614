#include "apps/anyhome-mn/fleet.h"

#include <algorithm>
#include <chrono>
#include <string>

#include <fmt/format.h>

#include "apps/anyhome-mn/tunnel.h"
#include "common/wire/extension.h"
#include "common/wire/icmpv6.h"

namespace anyhome::mobile {
namespace {

namespace protocol = wire::protocol;
__extension__ using Wide = unsigned __int128;

Wide to_number(const Ipv6Address& address) {
  Wide value = 0;
  for (const std::uint8_t octet : address.octets) {
    value = (value << 8U) | octet;
  }
  return value;
}

Ipv6Address to_address(Wide value) {
  Ipv6Address result;
  for (std::size_t i = Ipv6Address::kSize; i-- > 0;) {
    result.octets[i] = static_cast<std::uint8_t>(value & 0xffU);
    value >>= 8U;
  }
  return result;
}

Settings settings_of(const Settings& first, std::uint32_t index) {
  Settings settings = first;
  settings.home_address = HomeAddress(counted_up(first.home_address.address(), index));
  for (Prefix& prefix : settings.prefixes) {
    prefix = counted_up(prefix, index);
  }
  if (settings.identifier) {
    if (const auto at = settings.identifier->find("{}"); at != std::string::npos) {
      settings.identifier->replace(at, 2, std::to_string(index));
    }
  }
  return settings;
}

}  // namespace

Ipv6Address counted_up(const Ipv6Address& first, std::uint32_t steps) {
  return to_address(to_number(first) + steps);
}

Prefix counted_up(const Prefix& first, std::uint32_t steps) {
  const unsigned shift = Prefix::kMaxLength - first.length();
  const Wide step = shift < Prefix::kMaxLength ? Wide{steps} << shift : Wide{0};
  return {to_address(to_number(first.address()) + step), first.length()};
}

Fleet::Fleet(const FleetSettings& settings, std::uint64_t seed)
    : first_(settings.first), rate_(settings.registrations_per_second) {
  nodes_.reserve(settings.count);
  for (std::uint32_t i = 0; i < settings.count; ++i) {
    nodes_.emplace_back(settings_of(settings.first, i), seed + i);
  }
  deadlines_.resize(settings.count);
}

void Fleet::attach(Now now, const CareOfAddress& care_of, std::size_t access_mtu,
                   Effects& effects) {
  care_of_ = care_of;
  access_mtu_ = access_mtu;
  sweep_ = Sweep{Command::Attach, now.instant};
  sweep(now, effects);
}

void Fleet::register_now(Now now, Effects& effects) {
  // Those that a move has not reached yet shall still get the new care-of address.
  sweep_ = Sweep{sweep_ ? Command::Attach : Command::Register, now.instant};
  sweep(now, effects);
}

void Fleet::deregister(Now now, Effects& effects) {
  sweep_ = Sweep{Command::Deregister, now.instant};
  sweep(now, effects);
}

Instant Fleet::sweep_due(const Sweep& sweep) const {
  if (rate_ <= 0) {
    return sweep.started;
  }
  return sweep.started +
         std::chrono::duration_cast<Duration>(std::chrono::duration<double>(sweep.next / rate_));
}

void Fleet::sweep(Now now, Effects& effects) {
  while (sweep_ && sweep_due(*sweep_) <= now.instant) {
    const Command command = sweep_->command;
    const std::uint32_t index = sweep_->next++;
    if (sweep_->next == nodes_.size()) {
      sweep_.reset();
    }
    act(index, effects, [&](MobileNode& node) {
      switch (command) {
        case Command::Attach:
          node.attach(now, care_of_, access_mtu_, effects);
          break;
        case Command::Register:
          node.register_now(now, effects);
          break;
        case Command::Deregister:
          node.deregister(now, effects);
          break;
      }
    });
  }
}

// Everything done to a node goes through here: its events are counted, its deadline is kept.
template <class Action>
void Fleet::act(std::uint32_t index, Effects& effects, Action action) {
  const std::size_t before = effects.size();
  action(nodes_[index]);
  for (std::size_t i = before; i < effects.size(); ++i) {
    const Event* event = std::get_if<Event>(&effects[i]);
    if (event != nullptr && event->kind == EventKind::Acknowledged) {
      ++statistics_.by_status[event->status];
      statistics_.latency.add(event->latency);
    }
  }
  reschedule(index);
}

void Fleet::reschedule(std::uint32_t index) {
  const auto deadline = nodes_[index].next_deadline();
  if (deadline != deadlines_[index]) {
    if (deadlines_[index]) {
      queue_.erase({*deadlines_[index], index});
    }
    if (deadline) {
      queue_.insert({*deadline, index});
    }
    deadlines_[index] = deadline;
  }
  if (nodes_[index].discovery_identifier()) {
    discovering_.insert(index);
  } else {
    discovering_.erase(index);
  }
}

void Fleet::on_timer(Now now, Effects& effects) {
  sweep(now, effects);
  while (!queue_.empty() && queue_.begin()->first <= now.instant) {
    const std::uint32_t index = queue_.begin()->second;
    const auto before = deadlines_[index];
    act(index, effects, [&](MobileNode& node) { node.on_timer(now, effects); });
    if (deadlines_[index] == before) {
      break;  // a deadline that does not move must not spin
    }
  }
}

std::optional<Instant> Fleet::next_deadline() const {
  std::optional<Instant> result;
  if (!queue_.empty()) {
    result = queue_.begin()->first;
  }
  if (sweep_) {
    result = result ? std::min(*result, sweep_due(*sweep_)) : sweep_due(*sweep_);
  }
  return result;
}

std::optional<std::uint32_t> Fleet::node_with_home(const Ipv6Address& address) const {
  const Wide distance = to_number(address) - to_number(first_.home_address.address());
  return distance < nodes_.size() ? std::optional(static_cast<std::uint32_t>(distance))
                                  : std::nullopt;
}

std::optional<std::uint32_t> Fleet::owner_of(const Ipv6Address& address) const {
  if (const auto index = node_with_home(address)) {
    return index;
  }
  for (const Prefix& prefix : first_.prefixes) {
    const unsigned shift = Prefix::kMaxLength - prefix.length();
    if (shift >= Prefix::kMaxLength) {
      continue;
    }
    const Wide distance = (to_number(address) >> shift) - (to_number(prefix.address()) >> shift);
    if (distance < nodes_.size()) {
      return static_cast<std::uint32_t>(distance);
    }
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Fleet::addressee_of_icmpv6(const Received& received) const {
  if (const auto reply = wire::DiscoveryReply::parse(received.upper)) {
    const auto found = std::ranges::find_if(discovering_, [&](std::uint32_t index) {
      return nodes_[index].discovery_identifier() == reply->identifier;
    });
    return found == discovering_.end() ? std::optional<std::uint32_t>(0) : *found;
  }
  const auto quoted = wire::parse_icmpv6_error(received.upper);
  const auto header = quoted ? wire::Ipv6Header::parse(quoted->packet) : std::nullopt;
  if (!header) {
    return 0;
  }
  if (const auto inner = quoted_inner(quoted->packet)) {
    const auto inner_header = wire::Ipv6Header::parse(*inner);
    return inner_header ? owner_of(inner_header->source) : std::nullopt;
  }
  // Our own Binding Updates: the Home Address option is the last thing in the first header.
  constexpr std::size_t kHomeAddressAt =
      wire::kIpv6HeaderSize + wire::kHomeAddressHeaderSize - Ipv6Address::kSize;
  if (header->next_header == protocol::kDestinationOptions &&
      quoted->packet.size() >= kHomeAddressAt + Ipv6Address::kSize) {
    return node_with_home(wire::address_at(quoted->packet, kHomeAddressAt));
  }
  return 0;
}

// The node a packet is for; what names nobody in particular goes to the first.
std::optional<std::uint32_t> Fleet::addressee(const Received& received) const {
  if (received.routing_home) {
    return node_with_home(received.routing_home->address());
  }
  switch (received.protocol) {
    case protocol::kIpv6: {
      const auto inner = wire::Ipv6Header::parse(received.upper);
      return inner ? owner_of(inner->destination) : 0;
    }
    case protocol::kMobility: {
      constexpr std::size_t kErrorHomeAddressAt = 8;  // of a Binding Error (RFC 6275 §6.1.9)
      if (received.upper.size() < kErrorHomeAddressAt + Ipv6Address::kSize) {
        return 0;
      }
      return node_with_home(wire::address_at(received.upper, kErrorHomeAddressAt)).value_or(0);
    }
    case protocol::kIcmpv6:
      return addressee_of_icmpv6(received);
    default:
      return 0;
  }
}

void Fleet::on_network_packet(Now now, ByteView packet, Effects& effects) {
  const auto received = parse_received(packet);
  if (!received) {
    stray_.add(received.error());
    return;
  }
  const auto index = addressee(*received);
  if (!index) {
    stray_.add(received->routing_home                  ? Counter::DropRoutingHeaderNotOurs
               : received->protocol == protocol::kIpv6 ? Counter::DropTunnelInnerNotOurs
                                                       : Counter::DropIcmpErrorNotOurs);
    return;
  }
  act(*index, effects, [&](MobileNode& node) { node.on_received(now, *received, effects); });
}

void Fleet::on_host_packet(Now now, ByteView packet, Effects& effects) {
  const auto header = wire::Ipv6Header::parse(packet);
  const std::uint32_t index = header ? owner_of(header->source).value_or(0) : 0;
  act(index, effects, [&](MobileNode& node) { node.on_host_packet(now, packet, effects); });
}

bool Fleet::settled() const { return !sweep_ && std::ranges::all_of(nodes_, &MobileNode::settled); }

std::size_t Fleet::count_in(State state) const {
  return static_cast<std::size_t>(std::ranges::count(nodes_, state, &MobileNode::state));
}

Counters Fleet::total() const {
  Counters result = stray_;
  for (const MobileNode& node : nodes_) {
    result += node.counters();
  }
  return result;
}

}  // namespace anyhome::mobile
