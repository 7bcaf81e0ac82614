#include "test/sim/network.h"

#include <algorithm>
#include <expected>

#include "common/wire/extension.h"
#include "common/wire/haha.h"
#include "common/wire/ipv6.h"

namespace anyhome::sim {
namespace {

// The State Synchronization message of a packet between locators; nullopt for everything else.
std::optional<wire::StateSynchronization> find_synchronization(ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  const wire::CodePoints points;
  if (!header || header->next_header != wire::protocol::kMobility || packet.size() < 48 ||
      std::to_integer<std::uint8_t>(packet[wire::kIpv6HeaderSize + 2]) !=
          points.state_synchronization) {
    return std::nullopt;
  }
  const auto message =
      wire::parse_state_synchronization(packet.subspan(wire::kIpv6HeaderSize), points);
  return message ? std::optional(*message) : std::nullopt;
}

}  // namespace

Network::Network(Topology& topology, EventQueue& queue, Ledger& ledger, History& history,
                 Random random)
    : topology_(topology),
      queue_(queue),
      ledger_(ledger),
      history_(history),
      random_(random),
      cuts_(std::size_t{topology.pops()} * topology.pops()),
      faults_(topology.pops()) {}

std::expected<Network::Route, std::string_view> Network::route(
    const End& from, const Ipv6Address& destination) const {
  const Whereabouts where = plan::locate(destination);
  const bool from_pop = from.kind == EndKind::Pop;
  switch (where.place) {
    case Place::Home:
    case Place::MobileNetwork: {
      if (from_pop) {
        return std::unexpected("home-prefix-from-inside");
      }
      const auto pop = topology_.entry(from.index, destination);
      if (!pop) {
        return std::unexpected("home-prefix-unreachable");
      }
      return Route{
          {EndKind::Pop, *pop}, topology_.to_pop(from.index, *pop), &internet, Port::Internet};
    }
    case Place::Pop:
      if (where.index >= topology_.pops()) {
        return std::unexpected("no-such-locator");
      }
      if (!from_pop) {
        return Route{{EndKind::Pop, where.index},
                     topology_.to_pop(from.index, where.index),
                     &internet,
                     Port::Internet};
      }
      if (is_cut(from.index, where.index)) {
        return std::unexpected("link-cut");
      }
      return Route{{EndKind::Pop, where.index},
                   topology_.between(from.index, where.index),
                   &haha,
                   Port::Haha};
    case Place::Access:
    case Place::Correspondent: {
      const SiteIndex site = where.place == Place::Access ? topology_.access(where.index)
                                                          : topology_.correspondents(where.index);
      if (site >= topology_.sites()) {
        return std::unexpected("no-such-network");
      }
      // Between two sites: by way of the POP that is next to the sender, as the Internet would.
      const Duration delay =
          from_pop ? topology_.to_pop(site, from.index)
                   : topology_.to_pop(from.index, topology_.preference(from.index).front()) +
                         topology_.to_pop(site, topology_.preference(from.index).front());
      return Route{{EndKind::Site, site}, delay, &internet, Port::Internet};
    }
    case Place::Nowhere:
      break;
  }
  return std::unexpected("no-such-network");
}

void Network::send(Instant now, End from, Packet packet) {
  const auto header = wire::Ipv6Header::parse(packet.bytes);
  if (!header) {
    lose(now, packet, "not-ipv6");
    return;
  }
  const auto found = route(from, header->destination);
  if (!found) {
    lose(now, packet, found.error());
    return;
  }
  if (!tamper(packet, *found)) {
    lose(now, packet, "deaf-peer");
    return;
  }
  if (found->port == Port::Haha && header->next_header == wire::protocol::kIpv6) {
    ++packet.links;
  }
  if (random_.chance(found->quality->loss)) {
    lose(now, packet, "network-loss");
    return;
  }
  const auto arrival = [&] {
    return now + found->delay + random_.between(Duration{}, found->quality->jitter);
  };
  const Transit transit{std::move(packet), from, found->to, found->port};
  if (random_.chance(found->quality->duplicate)) {
    if (const auto data = find_data(transit.packet.bytes)) {
      ledger_.duplicate(data->id);
    }
    deliver(arrival(), transit);
  }
  deliver(arrival(), transit);
}

// False: the packet does not arrive.
bool Network::tamper(Packet& packet, const Route& route) {
  if (route.port != Port::Haha) {
    return true;
  }
  const PeerFault& fault = faults_[route.to.index];
  if (!fault.deaf && fault.forgets == 0) {
    return true;
  }
  auto message = find_synchronization(packet.bytes);
  if (!message) {
    return true;
  }
  if (fault.deaf) {
    return false;
  }
  if (message->type != wire::SsType::Reply || message->bindings.size() < 2 ||
      !random_.chance(fault.forgets)) {
    return true;
  }
  message->bindings.erase(message->bindings.begin() +
                          static_cast<std::ptrdiff_t>(random_.below(message->bindings.size())));
  const auto header = wire::Ipv6Header::parse(packet.bytes);
  std::array<std::byte, 2048> buffer{};
  const MutableBytes written = wire::write_state_synchronization(
      buffer, *message, wire::CodePoints{}, Locator(header->source), Locator(header->destination));
  packet.bytes.resize(wire::kIpv6HeaderSize);
  packet.bytes.insert(packet.bytes.end(), written.begin(), written.end());
  store_be16(packet.bytes.data() + wire::ipv6_offset::kPayloadLength,
             static_cast<std::uint16_t>(written.size()));
  return true;
}

void Network::deliver(Instant at, const Transit& transit) {
  std::uint32_t slot = 0;
  if (free_.empty()) {
    slot = static_cast<std::uint32_t>(slots_.size());
    slots_.push_back(transit);
  } else {
    slot = free_.back();
    free_.pop_back();
    slots_[slot] = transit;
  }
  queue_.push(at, EventKind::Arrival, slot);
}

Transit Network::take(std::uint32_t slot) {
  free_.push_back(slot);
  return std::move(slots_[slot]);
}

void Network::cut(PopIndex from, PopIndex to, bool cut) {
  cuts_[from * topology_.pops() + to] = cut;
}

void Network::heal() {
  haha = {};
  internet = {};
  cuts_.assign(cuts_.size(), false);
  std::ranges::fill(faults_, PeerFault{});
}

bool Network::perfect() const {
  const auto good = [](const PathQuality& quality) {
    return quality.loss == 0 && quality.duplicate == 0;
  };
  return good(haha) && good(internet) &&
         std::ranges::none_of(cuts_, [](bool cut) { return cut; }) &&
         std::ranges::none_of(faults_, [](const PeerFault& f) { return f.deaf || f.forgets != 0; });
}

Duration Network::longest_link_delay() const {
  Duration longest{};
  for (PopIndex left = 0; left < topology_.pops(); ++left) {
    for (PopIndex right = 0; right < topology_.pops(); ++right) {
      longest = std::max(longest, topology_.between(left, right));
    }
  }
  return longest + haha.jitter;
}

void Network::lose(Instant now, const Packet& packet, std::string_view reason) {
  history_.add(now, "lost ({}): {}", reason, history_.wanted() ? describe(packet.bytes) : "");
  if (const auto data = find_data(packet.bytes)) {
    ledger_.lose(data->id, reason);
  }
}

}  // namespace anyhome::sim
