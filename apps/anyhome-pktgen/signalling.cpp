#include "apps/anyhome-pktgen/signalling.h"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

#include "apps/anyhome-mn/packets.h"
#include "apps/anyhome-pktgen/node_table.h"
#include "common/wire/haha.h"
#include "common/wire/ipv6.h"
#include "common/wire/mobility.h"

namespace anyhome::pktgen {
namespace {

// Header Len of a Mobility Header counts to 2048 bytes.
constexpr std::size_t kMaxMessage = 2048;
constexpr std::uint16_t kHelloLifetime = 30;
constexpr std::uint32_t kRestartCounter = 1;

// The checksum of the Mobility Header, behind the Home Address option's header.
constexpr std::size_t kMobilityChecksumAt = wire::kIpv6HeaderSize + 24 + 4;

// Between two locators nothing stands before the Mobility Header.
Packet between_home_agents(const Network& network, ByteView message) {
  wire::Ipv6Header header;
  header.next_header = wire::protocol::kMobility;
  header.source = network.peer.address();
  header.destination = network.locator.address();
  header.payload_length = static_cast<std::uint16_t>(message.size());
  Packet packet(wire::kIpv6HeaderSize + message.size());
  Writer writer(packet);
  header.write(writer);
  writer.bytes(message);
  return packet;
}

}  // namespace

std::string identifier_of(const std::string& pattern, std::uint32_t node) {
  const std::size_t at = pattern.find("{}");
  return at == std::string::npos
             ? pattern
             : pattern.substr(0, at) + std::to_string(node) + pattern.substr(at + 2);
}

std::string mobile_nodes_line(const TrafficSettings& settings, std::uint32_t node) {
  const mobile::Security& security = *settings.signalling.security;
  std::string line = fmt::format(
      "{},{},", counted_on(settings.network.first_home.address(), node).to_string(), security.spi);
  for (const std::byte octet : security.key) {
    line += fmt::format("{:02x}", std::to_integer<unsigned>(octet));
  }
  if (settings.signalling.identifier) {
    line += "," + identifier_of(*settings.signalling.identifier, node);
  }
  return line;
}

Packet binding_update(const TrafficSettings& settings, Kind kind, std::uint32_t node,
                      std::uint64_t care_of_steps, SequenceNumber sequence, WallTime now) {
  const Network& network = settings.network;
  const Signalling& signalling = settings.signalling;
  mobile::UpdateContents contents;
  contents.home_address = HomeAddress(counted_on(network.first_home.address(), node));
  contents.home_agent = network.home_agent;
  contents.care_of = CareOfAddress(counted_on(network.first_care_of.address(), care_of_steps));
  contents.sequence = sequence;
  contents.flags = wire::bu_flag::kAcknowledge | wire::bu_flag::kHomeRegistration;
  contents.lifetime = signalling.lifetime;
  std::string identifier;
  if (signalling.identifier) {
    identifier = identifier_of(*signalling.identifier, node);
    contents.identifier = identifier;
  }
  if (signalling.timestamps) {
    contents.timestamp = NtpTimestamp::from(now);
  }
  contents.security = signalling.security ? &*signalling.security : nullptr;
  if (kind == Kind::BadAuthenticator && contents.security != nullptr) {
    mobile::Security wrong = *signalling.security;
    wrong.key.front() ^= std::byte{1};
    contents.security = &wrong;
    return mobile::make_binding_update(contents);
  }
  Packet packet = mobile::make_binding_update(contents);
  if (kind == Kind::BadChecksum && packet.size() > kMobilityChecksumAt) {
    packet[kMobilityChecksumAt] ^= std::byte{1};
  }
  return packet;
}

std::uint32_t bindings_in_message(const TrafficSettings& settings) {
  return std::min(settings.signalling.bindings_per_message, settings.network.global_nodes);
}

Packet state_reply(const TrafficSettings& settings, std::uint32_t first, std::uint16_t identifier,
                   WallTime now) {
  const Network& network = settings.network;
  wire::StateSynchronization message;
  message.type = wire::SsType::Reply;
  message.acknowledge = true;
  message.global = true;
  message.identifier = identifier;
  const std::uint32_t count = bindings_in_message(settings);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t node = (first + i) % network.global_nodes;
    wire::BindingCacheInformation binding;
    binding.flags = wire::bu_flag::kAcknowledge | wire::bu_flag::kHomeRegistration;
    binding.sequence = {1};
    binding.lifetime = settings.signalling.lifetime;
    binding.change_counter = identifier;
    binding.home_address = HomeAddress(counted_on(network.first_global_home.address(), node));
    binding.timestamp = Timestamp::from(now);
    message.bindings.push_back(std::move(binding));
  }
  std::array<std::byte, kMaxMessage> buffer{};
  return between_home_agents(
      network, wire::write_state_synchronization(buffer, message, network.code_points, network.peer,
                                                 network.locator));
}

Packet hello(const TrafficSettings& settings, SequenceNumber sequence) {
  const Network& network = settings.network;
  wire::HaHello message;
  message.sequence = sequence;
  message.lifetime_seconds = kHelloLifetime;
  message.interval_seconds = 1;
  message.group_id = network.group_id;
  message.active = true;
  message.global = true;
  message.restart_counter = kRestartCounter;
  std::array<std::byte, kMaxMessage> buffer{};
  return between_home_agents(network, wire::write_ha_hello(buffer, message, network.code_points,
                                                           network.peer, network.locator));
}

Packet answer_state(const TrafficSettings& settings, ByteView packet) {
  const Network& network = settings.network;
  const auto header = wire::Ipv6Header::parse(packet);
  if (!header || header->source != network.locator.address() ||
      header->destination != network.peer.address() ||
      packet.size() - wire::kIpv6HeaderSize < header->payload_length) {
    return {};
  }
  const auto checked =
      wire::check_mobility_header(packet.subspan(wire::kIpv6HeaderSize, header->payload_length),
                                  header->source, header->destination, network.code_points);
  if (!checked || checked->type != network.code_points.state_synchronization) {
    return {};
  }
  const auto question = wire::parse_state_synchronization(checked->message, network.code_points);
  if (!question || question->type == wire::SsType::Acknowledgement) {
    return {};
  }
  wire::StateSynchronization answer;
  answer.global = true;
  answer.identifier = question->identifier;
  if (question->type == wire::SsType::Request) {
    // The end mark: no home address, and the question's number (rulings §4).
    answer.type = wire::SsType::Reply;
    answer.acknowledge = true;
    answer.bindings.emplace_back().sequence = {question->identifier};
  } else {
    answer.type = wire::SsType::Acknowledgement;
    for (const auto& binding : question->bindings) {
      answer.statuses.push_back({wire::SsStatus::Success, binding.home_address});
    }
  }
  std::array<std::byte, kMaxMessage> buffer{};
  return between_home_agents(
      network, wire::write_state_synchronization(buffer, answer, network.code_points, network.peer,
                                                 network.locator));
}

}  // namespace anyhome::pktgen
