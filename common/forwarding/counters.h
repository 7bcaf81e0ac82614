// What a worker counts besides drops: each name typed once, here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace anyhome::forwarding {

enum class Counter : std::uint8_t {
  Received,
  ReceivedBytes,
  Sent,
  SentBytes,
  EncapsulatedToMobileNode,
  EncapsulatedToPeer,
  DecapsulatedFromMobileNode,
  DecapsulatedFromPeer,
  RelayedToHomeAgent,
  RelayedBetweenPeers,
  DecapsulatedFormer,
  HandedOff,
  TakenOver,
  Hairpinned,
  Forwarded,
  FragmentsCreated,
  Reassembled,
  MssClamped,
  IcmpUnreachableSent,
  IcmpPacketTooBigSent,
  IcmpTimeExceededSent,
  IcmpParameterProblemSent,
  IcmpForbidden,
  IcmpRateLimited,
  PuntedRouting,
  PuntedHahaHello,
  PuntedMobility,
  PuntedHahaSync,
  PuntedStranded,
  PuntedDiscovery,
  PuntedTunnelError,
  PuntedNeighborDiscovery,
  PuntedResolve,
  PuntedHost,
  Injected,
};
inline constexpr std::size_t kCounterCount = static_cast<std::size_t>(Counter::Injected) + 1;

struct CounterInfo {
  Counter counter;
  std::string_view name;
  std::string_view sentence;
};

inline constexpr std::array<CounterInfo, kCounterCount> kCounters = {{
    {Counter::Received, "received", "Packets taken from ports."},
    {Counter::ReceivedBytes, "received-bytes", "Bytes of those, with link-layer headers."},
    {Counter::Sent, "sent", "Packets given to ports."},
    {Counter::SentBytes, "sent-bytes", "Bytes of those, with link-layer headers."},
    {Counter::EncapsulatedToMobileNode, "encapsulated-to-mobile-node",
     "Packets tunnelled to a care-of address."},
    {Counter::EncapsulatedToPeer, "encapsulated-to-peer",
     "Packets tunnelled to another home agent over a HAHA link."},
    {Counter::DecapsulatedFromMobileNode, "decapsulated-from-mobile-node",
     "Packets taken out of a mobile node's reverse tunnel, past the source check."},
    {Counter::DecapsulatedFromPeer, "decapsulated-from-peer", "Packets taken out of a HAHA link."},
    {Counter::RelayedToHomeAgent, "relayed-to-home-agent",
     "Packets for another home agent's own address, sent on over its HAHA link."},
    {Counter::RelayedBetweenPeers, "relayed-between-peers",
     "Packets out of one HAHA link into another."},
    {Counter::DecapsulatedFormer, "decapsulated-former",
     "Packets let out of the tunnel of a mobile node that has just registered elsewhere."},
    {Counter::HandedOff, "handed-off",
     "Fragments for us left to the worker that puts their datagram together."},
    {Counter::TakenOver, "taken-over", "Fragments that another worker received."},
    {Counter::Hairpinned, "hairpinned", "Packets from one mobile node's tunnel into another's."},
    {Counter::Forwarded, "forwarded", "Packets sent natively along a route."},
    {Counter::FragmentsCreated, "fragments-created",
     "Fragments of outer packets that did not fit the path."},
    {Counter::Reassembled, "reassembled", "Packets for us that were put together from fragments."},
    {Counter::MssClamped, "mss-clamped", "TCP connections whose MSS was lowered."},
    {Counter::IcmpUnreachableSent, "icmp-unreachable-sent", "Destination Unreachable sent."},
    {Counter::IcmpPacketTooBigSent, "icmp-packet-too-big-sent", "Packet Too Big sent."},
    {Counter::IcmpTimeExceededSent, "icmp-time-exceeded-sent", "Time Exceeded sent."},
    {Counter::IcmpParameterProblemSent, "icmp-parameter-problem-sent", "Parameter Problem sent."},
    {Counter::IcmpForbidden, "icmp-forbidden",
     "Errors not sent because RFC 4443 §2.4 (e) forbids an answer to such a packet."},
    {Counter::IcmpRateLimited, "icmp-rate-limited",
     "Errors not sent because their token bucket was empty."},
    {Counter::PuntedRouting, "punted-routing", "BGP and BFD packets given to the host."},
    {Counter::PuntedHahaHello, "punted-haha-hello",
     "HA-HELLO messages of peers given to the control thread."},
    {Counter::PuntedMobility, "punted-mobility",
     "Mobility Header messages given to the control thread."},
    {Counter::PuntedHahaSync, "punted-haha-sync",
     "State Synchronization messages of peers given to the control thread."},
    {Counter::PuntedStranded, "punted-stranded",
     "Packets for the address of a dead home agent given to the control thread."},
    {Counter::PuntedDiscovery, "punted-discovery",
     "Home agent and prefix discovery given to the control thread."},
    {Counter::PuntedTunnelError, "punted-tunnel-error",
     "ICMPv6 errors about our tunnels given to the control thread."},
    {Counter::PuntedNeighborDiscovery, "punted-neighbor-discovery",
     "Neighbour discovery given to the host."},
    {Counter::PuntedResolve, "punted-resolve",
     "Packets waiting for their next hop's link-layer address."},
    {Counter::PuntedHost, "punted-host", "Everything else given to the host."},
    {Counter::Injected, "injected", "Packets of the control thread and the host sent out."},
}};

constexpr std::string_view to_string(Counter counter) {
  return kCounters[static_cast<std::size_t>(counter)].name;
}

namespace detail {
constexpr bool counters_in_order() {
  for (std::size_t i = 0; i < kCounterCount; ++i) {
    if (kCounters[i].counter != static_cast<Counter>(i)) {
      return false;
    }
  }
  return kCounters[kCounterCount - 1].counter == Counter::Injected;
}
}  // namespace detail
static_assert(detail::counters_in_order(),
              "the table lists the counters in the enumeration's order");

}  // namespace anyhome::forwarding
