// The tunnel as the mobile node uses it: which packets may go in and out, and what becomes of
// ICMPv6 errors about them (RFC 6275 §11.3, RFC 2473 §8, rulings §6).
#include <algorithm>
#include <chrono>

#include "apps/anyhome-mn/mobile_node.h"
#include "apps/anyhome-mn/tunnel.h"
#include "common/wire/icmpv6.h"

namespace anyhome::mobile {
namespace {

namespace icmpv6 = wire::icmpv6;
using wire::Ipv6Header;

constexpr double kErrorsPerSecond = 100;
constexpr double kErrorBurst = 100;

Counter counter_of_error(std::uint8_t type) {
  switch (type) {
    case icmpv6::kPacketTooBig:
      return Counter::PacketTooBigToHost;
    case icmpv6::kTimeExceeded:
      return Counter::TimeExceededToHost;
    default:
      return Counter::UnreachableToHost;
  }
}

}  // namespace

bool MobileNode::owns(const Ipv6Address& address) const {
  return address == settings_.home_address.address() ||
         std::ranges::any_of(settings_.prefixes,
                             [&](const Prefix& prefix) { return prefix.contains(address); });
}

bool MobileNode::accepts_tunnel_from(const HomeAgentAddress& home_agent) const {
  // From the Binding Update on: its answer may come later than the first packet (rulings §6).
  const bool asked = pending_ && pending_->purpose() == Purpose::Register && pending_->was_sent() &&
                     pending_->home_agent() == home_agent;
  return asked || (binding_ && binding_->home_agent == home_agent) ||
         std::ranges::any_of(formers_,
                             [&](const auto& former) { return former.address == home_agent; });
}

void MobileNode::on_host_packet(Now now, ByteView packet, Effects& effects) {
  const Context ctx{now, effects};
  const auto header = Ipv6Header::parse(packet);
  if (!header) {
    counters_.add(Counter::DropHostMalformed);
    return;
  }
  if (header->destination.is_multicast()) {
    counters_.add(Counter::DropHostMulticast);
    return;
  }
  if (header->source.is_link_local() || header->destination.is_link_local()) {
    counters_.add(Counter::DropHostLinkLocal);
    return;
  }
  if (!owns(header->source)) {
    counters_.add(Counter::DropHostSource);
    return;
  }
  if (goal_ != Goal::Away || !binding_) {
    counters_.add(Counter::DropHostNotRegistered);
    return;
  }
  // After a move the new care-of address is used at once: the Binding Update went ahead.
  const TunnelEntry entry{*care_of_, binding_->home_agent,
                          path_mtu_to(binding_->home_agent, now.instant),
                          settings_.tunnel_hop_limit};
  auto outer = encapsulate(packet, entry, static_cast<std::uint32_t>(random()));
  if (outer) {
    counters_.add(Counter::TunnelPacketsSent);
    counters_.add(Counter::TunnelBytesSent, packet.size());
    counters_.add(Counter::TunnelFragmentsSent, outer->size() > 1 ? outer->size() : 0);
    for (Bytes& part : *outer) {
      ctx.effects.emplace_back(SendToNetwork{std::move(part)});
    }
    return;
  }
  switch (outer.error()) {
    case TunnelRefusal::Malformed:
      counters_.add(Counter::DropHostMalformed);
      break;
    case TunnelRefusal::Loop:
      counters_.add(Counter::DropHostLoop);
      break;
    case TunnelRefusal::HopLimit:
      counters_.add(Counter::DropHostHopLimit);
      error_to_host(ctx, icmpv6::kTimeExceeded, icmpv6::kCodeHopLimit, 0, packet);
      break;
    case TunnelRefusal::TooBig:
      counters_.add(Counter::DropHostTooBig);
      error_to_host(ctx, icmpv6::kPacketTooBig, 0,
                    static_cast<std::uint32_t>(reported_mtu(entry.path_mtu)), packet);
      break;
  }
}

void MobileNode::receive_tunnel(const Context& ctx, const Received& received) {
  if (!accepts_tunnel_from(HomeAgentAddress(received.header.source))) {
    counters_.add(Counter::DropTunnelSource);
    return;
  }
  const auto header = Ipv6Header::parse(received.upper);
  if (header && !owns(header->destination)) {
    counters_.add(Counter::DropTunnelInnerNotOurs);
    return;
  }
  auto inner = decapsulate(received.header.traffic_class, received.upper);
  if (!inner) {
    counters_.add(inner.error() == TunnelFault::Malformed ? Counter::DropTunnelInnerMalformed
                                                          : Counter::DropTunnelCongestionMark);
    return;
  }
  counters_.add(Counter::TunnelPacketsReceived);
  counters_.add(Counter::TunnelBytesReceived, inner->size());
  ctx.effects.emplace_back(DeliverToHost{std::move(*inner)});
}

// What a home agent itself says to the home address comes by type 2 routing header, not through
// the tunnel (RFC 6275 §10.4.2): the packet with the home address as destination.
void MobileNode::receive_routed(const Context& ctx, const Received& received) {
  if (!received.routing_home || !accepts_tunnel_from(HomeAgentAddress(received.header.source))) {
    counters_.add(Counter::DropUnexpectedProtocol);
    return;
  }
  Ipv6Header header = received.header;
  header.next_header = received.protocol;
  header.payload_length = static_cast<std::uint16_t>(received.upper.size());
  header.destination = settings_.home_address.address();
  Bytes packet(wire::kIpv6HeaderSize + received.upper.size());
  Writer writer(packet);
  header.write(writer);
  writer.bytes(received.upper);
  counters_.add(Counter::RoutingHeaderPacketsReceived);
  ctx.effects.emplace_back(DeliverToHost{std::move(packet)});
}

// An ICMPv6 error about a tunnel packet; `inner` is the start of what was in it.
void MobileNode::tunnel_error(const Context& ctx, const HomeAgentAddress& home_agent,
                              std::uint8_t type, std::uint32_t parameter, ByteView inner) {
  const auto header = Ipv6Header::parse(inner);
  // A forger has to know a packet of ours (protocol digest §9).
  if (!header || !owns(header->source)) {
    counters_.add(Counter::DropIcmpErrorNotOurs);
    return;
  }
  if (type != icmpv6::kPacketTooBig) {
    // RFC 2473 §8.2-8.3: to the source the tunnel is one hop that does not work.
    if (type == icmpv6::kDestinationUnreachable || type == icmpv6::kTimeExceeded) {
      counters_.add(Counter::TunnelErrorsRelayed);
      error_to_host(ctx, icmpv6::kDestinationUnreachable, icmpv6::kCodeAddressUnreachable, 0,
                    inner);
    } else {
      counters_.add(Counter::SignallingErrorsReceived);
      event(ctx, EventKind::SignallingError, home_agent, 0, type);
    }
    return;
  }
  counters_.add(Counter::PacketTooBigReceived);
  const std::size_t mtu = std::max<std::size_t>(parameter, wire::kMinimumMtu);  // RFC 8201 §4
  if (mtu < path_mtu_to(home_agent, ctx.now.instant)) {
    HomeAgentRecord& record =
        records_.get(home_agent, ctx.now.instant, {static_cast<std::uint16_t>(random())});
    record.path_mtu = mtu;
    record.path_mtu_until = ctx.now.instant + kPathMtuTime;
    event(ctx, EventKind::PathMtuLowered, home_agent, static_cast<std::int64_t>(mtu));
  }
  // RFC 2473 §8.1: the source is told when it can do something about it.
  if (wire::kIpv6HeaderSize + header->payload_length > reported_mtu(mtu)) {
    error_to_host(ctx, icmpv6::kPacketTooBig, 0, static_cast<std::uint32_t>(reported_mtu(mtu)),
                  inner);
  }
}

void MobileNode::error_to_host(const Context& ctx, std::uint8_t type, std::uint8_t code,
                               std::uint32_t parameter, ByteView offending) {
  const double elapsed = std::chrono::duration<double>(ctx.now.instant - error_tokens_at_).count();
  error_tokens_ = std::min(kErrorBurst, error_tokens_ + elapsed * kErrorsPerSecond);
  error_tokens_at_ = ctx.now.instant;
  if (error_tokens_ < 1) {
    counters_.add(Counter::IcmpErrorsRateLimited);
    return;
  }
  auto packet =
      make_icmpv6_error(type, code, parameter, settings_.home_address.address(), offending);
  if (packet) {
    error_tokens_ -= 1;
    counters_.add(counter_of_error(type));
    ctx.effects.emplace_back(DeliverToHost{std::move(*packet)});
  }
}

std::size_t MobileNode::path_mtu_to(const HomeAgentAddress& home_agent, Instant now) const {
  const HomeAgentRecord* record = records_.find(home_agent);
  const bool learnt = record != nullptr && record->path_mtu && now < record->path_mtu_until;
  return learnt ? std::min(access_mtu_, *record->path_mtu) : access_mtu_;
}

std::size_t MobileNode::path_mtu(Instant now) const {
  const auto current = home_agent();
  return current ? path_mtu_to(*current, now) : access_mtu_;
}

}  // namespace anyhome::mobile
