#include "apps/anyhome-pktgen/composer.h"

#include <algorithm>
#include <cstring>

namespace anyhome::pktgen {
namespace {

// What signalling may take: an SS-REP fills a packet of the minimum MTU and more.
constexpr std::size_t kLargestSignalling = 2048 + 40 + 18;
// A care-of address that is another node's for sure: of the move before the first.
constexpr std::uint64_t kNobodysCareOf = std::uint64_t{0xffff} << kMoveShift;

std::vector<UserPacket> user_packets(const TrafficSettings& settings) {
  if (!settings.templates.empty()) {
    return settings.templates;
  }
  std::vector<UserPacket> packets;
  for (const WeightedSize& size : settings.sizes.sizes()) {
    packets.push_back(generated_packet(size.bytes));
  }
  return packets;
}

// How many silent nodes are passed over, before one speaks all the same.
constexpr unsigned kMaxPicks = 64;

}  // namespace

Composer::Composer(const TrafficSettings& settings, NodeTable& nodes, const ComposerPlace& place)
    : settings_(settings),
      nodes_(nodes),
      place_(place),
      random_(mix(settings.seed) + place.sender),
      own_nodes_((settings.network.nodes + place.senders - 1 - place.sender) / place.senders) {
  for (std::size_t i = 0; i < settings.mix.size(); ++i) {
    const TrafficEntry& entry = settings.mix[i];
    const Nature nature = row_of(entry.kind).nature;
    const std::uint32_t count =
        entry.kind == Kind::HahaOut ? settings.network.global_nodes : own_nodes_;
    Stream stream{entry, Pattern(settings.pattern, std::max<std::uint32_t>(count, 1)),
                  {},    ethernet_header(settings, entry.port),
                  0,     static_cast<std::uint8_t>(place.sender * settings.mix.size() + i),
                  0};
    if (nature == Nature::Measured || (nature == Nature::Bad && !is_binding_update(entry.kind))) {
      for (const UserPacket& packet : user_packets(settings)) {
        stream.frames.emplace_back(entry.kind, settings, entry.port, packet);
        largest_ = std::max(largest_, stream.frames.back().size());
      }
    } else if (nature != Nature::Foreign) {
      largest_ = std::max(largest_, kLargestSignalling);
    }
    weights_ += entry.weight;
    moves_ = moves_ || entry.kind == Kind::Move;
    streams_.push_back(std::move(stream));
  }
  for (const auto& frame : settings.pcap_frames) {
    largest_ = std::max(largest_, frame.size());
  }
}

std::size_t Composer::choose_stream() {
  if (streams_.size() == 1) {
    return 0;
  }
  std::uint64_t at = random_.below(weights_);
  std::size_t i = 0;
  while (at >= streams_[i].entry.weight) {
    at -= streams_[i++].entry.weight;
  }
  return i;
}

Composed Composer::compose(std::span<std::byte> to, std::uint32_t ticks, WallTime now) {
  const std::size_t chosen = choose_stream();
  Stream& stream = streams_[chosen];
  Composed composed{0, stream.entry.port, static_cast<std::uint8_t>(chosen)};
  if (!stream.frames.empty()) {
    composed.size = compose_data(stream, to.data(), ticks);
  } else if (is_binding_update(stream.entry.kind)) {
    composed.size = compose_update(stream, to, now);
  } else if (stream.entry.kind == Kind::SsReply) {
    composed.size = compose_state(stream, to, now);
  } else {
    composed.size = compose_foreign(stream, to);
  }
  return composed;
}

std::size_t Composer::compose_data(Stream& stream, std::byte* to, std::uint32_t ticks) {
  const Network& network = settings_.network;
  const bool global = stream.entry.kind == Kind::HahaOut;
  if (own_nodes_ == 0 && !global) {
    return 0;
  }
  std::uint64_t picked = stream.pattern.next(random_);
  // A mobile node that has moved is silent until its Binding Update is acknowledged.
  for (unsigned tries = 0; moves_ && stream.entry.kind == Kind::ReverseTunnel &&
                           nodes_.moving(own_node(picked)) && tries < kMaxPicks;
       ++tries) {
    picked = stream.pattern.next(random_);
  }
  const std::uint32_t node = global ? static_cast<std::uint32_t>(picked) : own_node(picked);
  Endpoints endpoints;
  endpoints.home = node + lower_half(global ? network.first_global_home.address()
                                            : network.first_home.address());
  endpoints.correspondent = node % network.correspondents + lower_half(network.first_correspondent);
  if (stream.entry.kind == Kind::ReverseTunnel) {
    endpoints.care_of = nodes_.care_of_steps(node) + lower_half(network.first_care_of.address());
  } else if (stream.entry.kind == Kind::BadCareOf) {
    endpoints.care_of = kNobodysCareOf + node + lower_half(network.first_care_of.address());
  } else if (stream.entry.kind == Kind::BadHomeAddress) {
    endpoints.home += nodes_.size();  // behind the last one
  }
  const DataFrame& frame =
      stream.frames[settings_.templates.empty() ? settings_.sizes.choose(random_)
                                                : stream.number % stream.frames.size()];
  frame.write(to, endpoints, {place_.run, stream.mark, stream.number++, ticks});
  return frame.size();
}

std::size_t Composer::compose_update(Stream& stream, std::span<std::byte> to, WallTime now) {
  if (own_nodes_ == 0) {
    return 0;
  }
  const Kind kind = stream.entry.kind;
  std::uint32_t node = own_node(0);
  if (kind == Kind::Register) {
    while (place_.only_unregistered && stream.registered < own_nodes_ &&
           nodes_.registered(own_node(stream.registered))) {
      ++stream.registered;
    }
    if (stream.registered == own_nodes_) {
      if (place_.only_unregistered) {
        return 0;
      }
      stream.registered = 0;
    }
    node = own_node(stream.registered++);
  } else {
    node = own_node(stream.pattern.next(random_));
  }
  if (kind == Kind::Move) {
    nodes_.move(node);
  }
  // What is refused must not use up the numbers of what is not.
  const SequenceNumber sequence{row_of(kind).nature == Nature::Bad ? std::uint16_t{0}
                                                                   : nodes_.take_sequence(node)};
  if (kind == Kind::Move) {
    nodes_.set_moving(node);
  }
  return put(stream, to,
             binding_update(settings_, kind, node, nodes_.care_of_steps(node), sequence, now));
}

std::size_t Composer::compose_state(Stream& stream, std::span<std::byte> to, WallTime now) {
  // Identifiers are 1 to 65535 (rulings §3), the senders' apart from each other.
  const std::uint64_t number = std::uint64_t{stream.number++} * place_.senders + place_.sender;
  const auto identifier = static_cast<std::uint16_t>(number % 65535U + 1U);
  const auto first = static_cast<std::uint32_t>(number * bindings_in_message(settings_) %
                                                settings_.network.global_nodes);
  return put(stream, to, state_reply(settings_, first, identifier, now));
}

std::size_t Composer::compose_foreign(Stream& stream, std::span<std::byte> to) {
  if (settings_.pcap_frames.empty()) {
    return 0;
  }
  const auto& frame = settings_.pcap_frames[stream.number++ % settings_.pcap_frames.size()];
  std::memcpy(to.data(), frame.data(), frame.size());
  // From us to whom we send to, whoever it was from and to.
  if (frame.size() >= 12) {
    std::memcpy(to.data(), stream.ethernet.data(), 12);
  }
  return frame.size();
}

std::size_t Composer::put(const Stream& stream, std::span<std::byte> to, const Packet& packet) {
  std::memcpy(to.data(), stream.ethernet.data(), stream.ethernet.size());
  std::memcpy(to.data() + stream.ethernet.size(), packet.data(), packet.size());
  return stream.ethernet.size() + packet.size();
}

}  // namespace anyhome::pktgen
