#include "test/support/home_agent_fixture.h"

#include "common/checksum.h"
#include "common/wire/ipv6.h"

namespace anyhome::test {

Bytes build_update(const UpdateSpec& spec) {
  std::array<std::byte, 2048> buffer{};
  auto writer =
      wire::start_binding_update(buffer, {spec.sequence}, spec.flags, Lifetime(spec.lifetime));
  if (spec.alternate_care_of) {
    writer.alternate_care_of(*spec.alternate_care_of);
  }
  if (spec.nonce_indices) {
    writer.nonce_indices({1, 2});
  }
  for (const wire::MobileNetworkPrefix& prefix : spec.prefixes) {
    writer.mobile_network_prefix(prefix);
  }
  if (spec.more) {
    spec.more(writer);
  }
  const Ipv6Address logical_source =
      spec.home_address_option ? spec.home_address.address() : spec.source;
  const MutableBytes message = writer.finish(logical_source, spec.destination);
  Bytes header(message.begin(), message.end());
  if (spec.tamper) {
    spec.tamper(header);
    if (spec.reseal && header.size() >= 6) {
      store_be16(header.data() + 4, 0);
      store_be16(header.data() + 4, upper_layer_checksum(logical_source, spec.destination,
                                                         wire::protocol::kMobility, header));
    }
  }
  const std::size_t options = spec.home_address_option ? wire::kHomeAddressHeaderSize : 0;
  Bytes packet(wire::kIpv6HeaderSize + options + header.size());
  Writer out(packet);
  wire::Ipv6Header ip;
  ip.payload_length = static_cast<std::uint16_t>(options + header.size());
  ip.next_header = options != 0 ? wire::protocol::kDestinationOptions : wire::protocol::kMobility;
  ip.source = spec.source;
  ip.destination = spec.destination;
  ip.write(out);
  if (options != 0) {
    wire::write_home_address_header(out, wire::protocol::kMobility, spec.home_address);
  }
  out.bytes(header);
  REQUIRE(out.ok());
  return packet;
}

Sent take_apart(ByteView packet) {
  Sent sent;
  const auto header = wire::Ipv6Header::parse(packet);
  REQUIRE(header);
  REQUIRE(wire::kIpv6HeaderSize + header->payload_length == packet.size());
  sent.header = *header;
  sent.protocol = header->next_header;
  ByteView rest = packet.subspan(wire::kIpv6HeaderSize);
  if (sent.protocol == wire::protocol::kRouting) {
    sent.routing_home_address = wire::parse_type2_routing_header(rest);
    REQUIRE(sent.routing_home_address);
    sent.protocol = std::to_integer<std::uint8_t>(rest[0]);
    rest = rest.subspan(wire::kType2RoutingHeaderSize);
  }
  sent.message.assign(rest.begin(), rest.end());
  // The checksum is over the final destination (RFC 6275 §6.1.1).
  const Ipv6Address destination =
      sent.routing_home_address ? sent.routing_home_address->address() : header->destination;
  INFO("checksum of what was sent");
  CHECK(upper_layer_checksum(header->source, destination, sent.protocol, sent.message) == 0);
  return sent;
}

void HomeAgentFixture::run_for(Duration duration) {
  effects.clear();
  const Instant end = now.instant + duration;
  while (true) {
    const auto deadline = agent.next_deadline();
    if (!deadline || *deadline > end) {
      break;
    }
    advance(std::max(*deadline - now.instant, Duration::zero()));
    agent.on_timer(now, effects);
  }
  advance(end - now.instant);
  agent.on_timer(now, effects);
}

std::optional<wire::BindingStatus> HomeAgentFixture::update(const UpdateSpec& spec) {
  receive(build_update(spec));
  const auto answer = acknowledgement();
  return answer ? std::optional(answer->status) : std::nullopt;
}

std::vector<Sent> HomeAgentFixture::sent() const {
  std::vector<Sent> result;
  for (const auto& packet : all<control::SendPacket>()) {
    result.push_back(take_apart(effects.bytes(packet)));
  }
  return result;
}

std::optional<wire::BindingAcknowledgement> HomeAgentFixture::acknowledgement() const {
  std::optional<wire::BindingAcknowledgement> found;
  for (const Sent& packet : sent()) {
    if (packet.protocol == wire::protocol::kMobility &&
        std::to_integer<std::uint8_t>(packet.message.at(2)) ==
            wire::mh_type::kBindingAcknowledgement) {
      REQUIRE_FALSE(found);
      last_acknowledgement_ = packet.message;  // the parsed message holds views into it
      const auto parsed = wire::parse_binding_acknowledgement(last_acknowledgement_);
      REQUIRE(parsed);
      found = *parsed;
    }
  }
  return found;
}

std::vector<std::string> HomeAgentFixture::order() const {
  struct Name {
    std::string operator()(const forwarding::SetBinding&) const { return "set"; }
    std::string operator()(const forwarding::RemoveBinding&) const { return "remove"; }
    std::string operator()(const forwarding::SetPrefix&) const { return "set-prefix"; }
    std::string operator()(const forwarding::RemovePrefix&) const { return "remove-prefix"; }
    std::string operator()(const forwarding::SetPeer&) const { return "set-peer"; }
    std::string operator()(const control::SendPacket&) const { return "send"; }
    std::string operator()(const control::ForwardPacket&) const { return "forward"; }
    std::string operator()(const control::Note&) const { return "note"; }
  };
  std::vector<std::string> names;
  for (const control::Effect& effect : effects.list()) {
    names.push_back(std::visit(Name{}, effect));
  }
  return names;
}

}  // namespace anyhome::test
