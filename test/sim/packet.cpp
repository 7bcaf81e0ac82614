#include "test/sim/packet.h"

#include <fmt/format.h>

#include "common/wire/extension.h"
#include "common/wire/haha.h"
#include "common/wire/icmpv6.h"
#include "common/wire/ipv6.h"
#include "common/wire/mobility.h"

namespace anyhome::sim {
namespace {

namespace protocol = wire::protocol;

constexpr std::uint64_t kMark = 0x616e'7968'6f6d'6521ULL;  // "anyhome!"
constexpr std::size_t kUdpHeader = 8;
constexpr std::uint16_t kPort = 9;  // discard
constexpr std::size_t kNumbers = 16;

std::string describe_reply(const wire::StateSynchronization& message) {
  std::string text = fmt::format("ss-rep {}", message.identifier);
  for (const wire::BindingCacheInformation& binding : message.bindings) {
    if (binding.home_address.address().is_unspecified()) {
      text += fmt::format(" end({})", binding.sequence.value);
      continue;
    }
    text += fmt::format(" {}({}s T={:x} n={}", binding.home_address.to_string(),
                        binding.lifetime.seconds().count(),
                        binding.timestamp ? binding.timestamp->value : 0, binding.change_counter);
    for (const wire::MobileNetworkPrefix& raw : binding.prefixes) {
      const auto prefix = raw.prefix();
      text += " " + (prefix ? prefix->to_string() : std::string("bad-prefix"));
    }
    for (const wire::VendorSpecific& vendor : binding.vendor) {
      text += fmt::format(" vendor-{}", vendor.subtype);
    }
    text += ")";
  }
  return text;
}

std::string describe_synchronization(ByteView message) {
  const auto parsed = wire::parse_state_synchronization(message, wire::CodePoints{});
  if (!parsed) {
    return "ss-malformed";
  }
  switch (parsed->type) {
    case wire::SsType::Request: {
      std::string text = fmt::format("ss-req {}", parsed->identifier);
      for (const wire::IpAddressOption& address : parsed->addresses) {
        text += " " + address.address.to_string();
      }
      return text + (parsed->vendor.empty() ? "" : " bucket");
    }
    case wire::SsType::Reply:
      return describe_reply(*parsed);
    case wire::SsType::Acknowledgement: {
      std::string text = fmt::format("ss-ack {}", parsed->identifier);
      for (const wire::SsStatusOption& status : parsed->statuses) {
        text += fmt::format(" {}={}", status.home_address.to_string(),
                            static_cast<unsigned>(status.status));
      }
      return text;
    }
  }
  return "ss";
}

std::string describe_mobility(ByteView message) {
  if (message.size() < 8) {
    return "mobility-header";
  }
  const wire::CodePoints points;
  const auto type = std::to_integer<std::uint8_t>(message[2]);
  if (type == points.state_synchronization) {
    return describe_synchronization(message);
  }
  if (type == points.ha_hello) {
    const auto hello = wire::parse_ha_hello(message, points);
    return hello ? fmt::format("hello {}{}{} life={}", hello->sequence.value,
                               hello->active ? " A" : "", hello->request ? " R" : "",
                               hello->lifetime_seconds)
                 : "hello-malformed";
  }
  switch (type) {
    case wire::mh_type::kBindingUpdate: {
      const auto update = wire::parse_binding_update(message);
      return update ? fmt::format("binding-update {} life={}s", update->sequence.value,
                                  update->lifetime.seconds().count())
                    : "binding-update malformed";
    }
    case wire::mh_type::kBindingAcknowledgement: {
      const auto answer = wire::parse_binding_acknowledgement(message);
      return answer ? fmt::format("binding-acknowledgement {} status={} life={}s",
                                  answer->sequence.value, static_cast<unsigned>(answer->status),
                                  answer->lifetime.seconds().count())
                    : "binding-acknowledgement malformed";
    }
    case wire::mh_type::kBindingRefreshRequest:
      return "binding-refresh-request";
    case wire::mh_type::kBindingError:
      return fmt::format("binding-error status={}", std::to_integer<unsigned>(message[6]));
    case wire::mh_type::kHomeAgentSwitch: {
      const auto offer = wire::parse_home_agent_switch(message);
      return fmt::format("home-agent-switch {}", offer && !offer->home_agents.empty()
                                                     ? offer->home_agents.front().to_string()
                                                     : "nobody");
    }
    default:
      return fmt::format("mobility-header {}", type);
  }
}

}  // namespace

Bytes make_data(const Ipv6Address& source, const Ipv6Address& destination, DataId id) {
  Bytes bytes(wire::kIpv6HeaderSize + kUdpHeader + kNumbers);
  Writer writer(bytes);
  wire::Ipv6Header header;
  header.payload_length = static_cast<std::uint16_t>(kUdpHeader + kNumbers);
  header.next_header = protocol::kUdp;
  header.source = source;
  header.destination = destination;
  header.write(writer);
  writer.u16(kPort);
  writer.u16(kPort);
  writer.u16(static_cast<std::uint16_t>(kUdpHeader + kNumbers));
  writer.u16(0);
  writer.u64(kMark);
  writer.u64(id);
  return bytes;
}

ByteView innermost(ByteView packet) {
  while (packet.size() >= 2 * wire::kIpv6HeaderSize &&
         std::to_integer<std::uint8_t>(packet[wire::ipv6_offset::kNextHeader]) == protocol::kIpv6) {
    packet = packet.subspan(wire::kIpv6HeaderSize);
  }
  return packet;
}

std::optional<DataView> find_data(ByteView packet) {
  const ByteView inner = innermost(packet);
  const auto header = wire::Ipv6Header::parse(inner);
  if (!header || header->next_header != protocol::kUdp ||
      inner.size() != wire::kIpv6HeaderSize + kUdpHeader + kNumbers) {
    return std::nullopt;
  }
  Reader reader(inner.subspan(wire::kIpv6HeaderSize + kUdpHeader));
  if (reader.u64() != kMark) {
    return std::nullopt;
  }
  return DataView{reader.u64(), header->source, header->destination};
}

std::optional<Acknowledgement> find_acknowledgement(ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  if (!header || header->next_header != protocol::kRouting) {
    return std::nullopt;
  }
  const ByteView rest = packet.subspan(wire::kIpv6HeaderSize);
  const auto home = wire::parse_type2_routing_header(rest);
  if (!home || std::to_integer<std::uint8_t>(rest[0]) != protocol::kMobility ||
      rest.size() < wire::kType2RoutingHeaderSize + 12) {
    return std::nullopt;
  }
  const ByteView message = rest.subspan(wire::kType2RoutingHeaderSize);
  if (std::to_integer<std::uint8_t>(message[2]) != wire::mh_type::kBindingAcknowledgement) {
    return std::nullopt;
  }
  const auto answer = wire::parse_binding_acknowledgement(message);
  return answer ? std::optional(Acknowledgement{*home, answer->status, answer->lifetime})
                : std::nullopt;
}

std::string describe(ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  if (!header) {
    return "not-ipv6";
  }
  std::string text =
      fmt::format("{} > {} ", header->source.to_string(), header->destination.to_string());
  if (header->next_header == protocol::kIpv6) {
    return text + fmt::format("(hop-limit {}) ", header->hop_limit) +
           describe(packet.subspan(wire::kIpv6HeaderSize));
  }
  if (const auto data = find_data(packet)) {
    return text + fmt::format("data {}", data->id);
  }
  ByteView rest = packet.subspan(wire::kIpv6HeaderSize);
  std::uint8_t next = header->next_header;
  if (next == protocol::kRouting) {
    if (const auto home = wire::parse_type2_routing_header(rest)) {
      text += fmt::format("via {} ", home->to_string());
    }
    next = rest.empty() ? next : std::to_integer<std::uint8_t>(rest[0]);
    rest = rest.subspan(std::min(rest.size(), wire::kType2RoutingHeaderSize));
  } else if (const auto chain = wire::walk_headers(packet)) {
    if (chain->has_home_address()) {
      text += fmt::format("home {} ", wire::address_at(packet, chain->home_address_at).to_string());
    }
    next = chain->protocol;
    rest = packet.subspan(std::min<std::size_t>(chain->upper_offset, packet.size()));
  }
  if (next == protocol::kMobility) {
    return text + describe_mobility(rest);
  }
  if (next == protocol::kIcmpv6 && rest.size() >= 4) {
    return text + fmt::format("icmpv6 type={} code={}", std::to_integer<unsigned>(rest[0]),
                              std::to_integer<unsigned>(rest[1]));
  }
  return text + fmt::format("next-header={}", next);
}

}  // namespace anyhome::sim
