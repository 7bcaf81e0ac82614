#include "controlplane/tunnel_errors.h"

#include "controlplane/registration.h"

namespace anyhome::control {
namespace {

// The tunnel packet that an error quotes.
struct QuotedTunnelPacket {
  Ipv6Address tunnel_source;
  Ipv6Address tunnel_destination;
  ByteView inner;  // cut where the quote ends
};

std::optional<QuotedTunnelPacket> quoted_tunnel_packet(ByteView quote) {
  const auto outer = wire::Ipv6Header::parse(quote);
  const auto chain = wire::walk_headers(quote);
  if (!outer || !chain) {
    return std::nullopt;
  }
  std::size_t inner_at = chain->upper_offset;
  std::uint8_t protocol = chain->protocol;
  // A first fragment of an outer packet still shows the inner header.
  if (chain->fragment && chain->fragment->offset_bytes == 0) {
    protocol = chain->fragment->next_header;
    inner_at += wire::kFragmentHeaderSize;
  }
  if (protocol != wire::protocol::kIpv6 || inner_at > quote.size()) {
    return std::nullopt;
  }
  return QuotedTunnelPacket{outer->source, outer->destination, quote.subspan(inner_at)};
}

Binding* binding_of(Core& core, const Ipv6Address& inner_destination) {
  if (Binding* binding = core.bindings.find(HomeAddress(inner_destination))) {
    return binding;
  }
  const HomeAddress* owner = core.bindings.owner_of_address(inner_destination);
  return owner != nullptr ? core.bindings.find(*owner) : nullptr;
}

// RFC 2473 §8: to the source of the inner packet, as if the tunnel were one link.
void relay(Core& core, const Now& now, const QuotedTunnelPacket& quoted,
           const wire::Ipv6Header& inner, const wire::Icmpv6Header& error, Effects& effects) {
  if (!may_be_answered_by_error(quoted.inner) || !core.icmp_errors.take(now.instant)) {
    core.counters.count(ControlCounter::ErrorsLimited);
    return;
  }
  const Envelope envelope{core.own_address(), inner.source, std::nullopt};
  const std::size_t room = wire::kMinimumMtu;
  const MutableBytes packet = effects.room(room);
  Writer message(packet.subspan(wire::kIpv6HeaderSize));
  Icmpv6Error{error, quoted.inner}.write(message);
  if (!message.ok()) {
    return;
  }
  wire::icmpv6_set_checksum(envelope.source, envelope.destination, message.written());
  Writer header(packet);
  wire::Ipv6Header ip;
  ip.payload_length = static_cast<std::uint16_t>(message.size());
  ip.next_header = wire::protocol::kIcmpv6;
  ip.source = envelope.source;
  ip.destination = envelope.destination;
  ip.write(header);
  effects.forward(wire::kIpv6HeaderSize + message.size());
  core.counters.count(ControlCounter::TunnelErrorsRelayed);
}

// RFC 2473 §7.1: a packet of up to 1280 bytes gets through in fragments; the source need not know.
void relay_packet_too_big(Core& core, const Now& now, const QuotedTunnelPacket& quoted,
                          const wire::Ipv6Header& inner, std::uint32_t path_mtu, Effects& effects) {
  const std::size_t inner_size = wire::kIpv6HeaderSize + inner.payload_length;
  if (inner_size > wire::kMinimumMtu) {
    const std::uint32_t inner_mtu = std::max<std::uint32_t>(
        path_mtu - static_cast<std::uint32_t>(wire::kIpv6HeaderSize), wire::kMinimumMtu);
    relay(core, now, quoted, inner, {wire::icmpv6::kPacketTooBig, 0, 0, inner_mtu}, effects);
  }
}

bool is_own_link(const Core& core, const QuotedTunnelPacket& quoted) {
  return core.config.locator && quoted.tunnel_source == core.config.locator->address() &&
         std::ranges::any_of(core.config.haha.peers, [&](const config::Peer& peer) {
           return peer.locator.address() == quoted.tunnel_destination;
         });
}

}  // namespace

void process_tunnel_error(Core& core, const Now& now, const wire::Ipv6Header& header,
                          ByteView message, Effects& effects) {
  core.counters.count(ControlCounter::TunnelErrorsReceived);
  const auto error = wire::parse_icmpv6_error(message);
  const auto quoted = error ? quoted_tunnel_packet(error->packet) : std::nullopt;
  const auto inner = quoted ? wire::Ipv6Header::parse(quoted->inner) : std::nullopt;
  if (!inner || !wire::icmpv6_checksum_ok(header.source, header.destination, message)) {
    core.counters.count(ControlCounter::TunnelErrorsForeign);
    return;
  }
  const bool too_big = error->type == wire::icmpv6::kPacketTooBig;
  const auto path_mtu = static_cast<std::uint16_t>(
      std::clamp<std::uint32_t>(error->parameter, wire::kMinimumMtu, 0xfffeU));
  Binding* binding = binding_of(core, inner->destination);
  const bool own_tunnel = binding != nullptr && binding->registered() &&
                          quoted->tunnel_source == core.own_address() &&
                          quoted->tunnel_destination == binding->care_of_address.address();
  // Rulings §10: about a HAHA link of ours, too. Its MTU is the operator's to say (link-mtu).
  if (!own_tunnel && !is_own_link(core, *quoted)) {
    core.counters.count(ControlCounter::TunnelErrorsForeign);
    return;
  }
  if (!too_big) {
    relay(core, now, *quoted, *inner,
          {wire::icmpv6::kDestinationUnreachable, wire::icmpv6::kCodeAddressUnreachable, 0, 0},
          effects);
    return;
  }
  if (own_tunnel && path_mtu < binding->path_mtu) {
    lower_path_mtu(core, *binding, path_mtu, now, effects);
  }
  relay_packet_too_big(core, now, *quoted, *inner, path_mtu, effects);
}

}  // namespace anyhome::control
