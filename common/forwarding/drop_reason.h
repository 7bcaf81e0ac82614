// Every reason for which a packet is not forwarded: one row each, with the name an operator sees,
// a sentence, and the document that demands it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace anyhome::forwarding {

enum class DropReason : std::uint8_t {
  // Link layer and IPv6 header
  FrameTooShort,
  OtherEthertype,
  OtherVlan,
  OtherDestinationMac,
  BadVersion,
  BadPayloadLength,
  InvalidSource,
  InvalidDestination,
  LinkLocalSource,
  HomeSourceOutsideTunnel,
  HeaderNotContiguous,
  // Headers of packets for us
  HeaderTruncated,
  TooManyHeaders,
  MisplacedHopByHop,
  UnwantedOption,
  UnknownOption,
  UnknownRoutingHeader,
  BadHomeAddressOption,
  FragmentForUs,
  FragmentMalformed,
  FragmentOverlap,
  FragmentDuplicate,
  FragmentLimit,
  FragmentEvicted,
  FragmentTimeout,
  EspUnsupported,
  NoHost,
  // Reverse tunnel
  TunnelInnerMalformed,
  TunnelInnerNotIpv6,
  TunnelSourceUnbound,
  TunnelCareOfMismatch,
  NestedTooDeep,
  CongestionNotExpected,
  // HAHA links
  HahaPort,
  HahaStranger,
  HahaNested,
  HahaInnerNotOurs,
  HahaMisrouted,
  HahaBack,
  HahaRelayLimit,
  HahaLocatorSource,
  PeerDown,
  PrimaryDead,
  // Resolution
  NoBinding,
  NoRoute,
  RouteProhibited,
  NeighborUnresolved,
  NeighborFailed,
  MulticastNotForwarded,
  LinkLocalDestination,
  // Sending
  HopLimitExceeded,
  PacketTooBig,
  EncapsulationLimit,
  TunnelLoop,
  NoHeadroom,
  NoBuffer,
  PortDown,
  TransmitQueueFull,
  // Hand-over to other workers and to the control thread
  HandoffRingFull,
  PuntBudget,
  PuntRingFull,
};
inline constexpr std::size_t kDropReasonCount =
    static_cast<std::size_t>(DropReason::PuntRingFull) + 1;

struct DropReasonInfo {
  DropReason reason;
  std::string_view name;       // kebab-case, what operators see
  std::string_view sentence;   // why, for somebody who has only this line
  std::string_view reference;  // where it is demanded
};

inline constexpr std::array<DropReasonInfo, kDropReasonCount> kDropReasons = {{
    {DropReason::FrameTooShort, "frame-too-short",
     "The frame ends before its Ethernet and IPv6 headers do.", "RFC 8200 §3"},
    {DropReason::OtherEthertype, "other-ethertype",
     "The frame carries something else than IPv6 and there is no host interface to give it to.",
     "docs/architecture.md"},
    {DropReason::OtherVlan, "other-vlan",
     "The frame has a VLAN tag other than the port's, or lacks the port's.", "IEEE 802.1Q"},
    {DropReason::OtherDestinationMac, "other-destination-mac",
     "The frame is addressed to another station.", "IEEE 802.3"},
    {DropReason::BadVersion, "bad-version", "The IP version field is not 6.", "RFC 8200 §3"},
    {DropReason::BadPayloadLength, "bad-payload-length",
     "The IPv6 payload length is larger than the frame.", "RFC 8200 §3"},
    {DropReason::InvalidSource, "invalid-source",
     "The source is multicast, unspecified or loopback.", "RFC 4291 §2.5.3, §2.7"},
    {DropReason::InvalidDestination, "invalid-destination",
     "The destination is unspecified or loopback.", "RFC 4291 §2.5.2, §2.5.3"},
    {DropReason::LinkLocalSource, "link-local-source",
     "A packet with a link-local source is not forwarded off its link.", "RFC 4291 §2.5.6"},
    {DropReason::HomeSourceOutsideTunnel, "home-source-outside-tunnel",
     "A packet from outside claims a source inside the home prefix.", "docs/architecture.md"},
    {DropReason::HeaderNotContiguous, "header-not-contiguous",
     "The packet is scattered over buffer segments and could not be joined.",
     "docs/architecture.md"},
    {DropReason::HeaderTruncated, "header-truncated",
     "An extension header of a packet for us runs past its end.", "RFC 8200 §4"},
    {DropReason::TooManyHeaders, "too-many-headers",
     "A packet for us has more extension headers or options than are walked.", "RFC 8504 §5.3"},
    {DropReason::MisplacedHopByHop, "misplaced-hop-by-hop",
     "A Hop-by-Hop header is not directly behind the IPv6 header; Parameter Problem code 1.",
     "RFC 8200 §4"},
    {DropReason::UnwantedOption, "unwanted-option",
     "An unknown option asks for the packet to be discarded.", "RFC 8200 §4.2"},
    {DropReason::UnknownOption, "unknown-option",
     "An unknown option asks for discard and report; Parameter Problem code 2.", "RFC 8200 §4.2"},
    {DropReason::UnknownRoutingHeader, "unknown-routing-header",
     "A routing header of unknown type has segments left; Parameter Problem code 0.",
     "RFC 8200 §4.4"},
    {DropReason::BadHomeAddressOption, "bad-home-address-option",
     "A Home Address option is misshapen, repeated or not unicast routable.", "RFC 6275 §9.3.1"},
    {DropReason::FragmentForUs, "fragment-for-us",
     "A fragment is for our anycast address, or reassembly is switched off.", "RFC 2473 §7.2"},
    {DropReason::FragmentMalformed, "fragment-malformed",
     "A fragment for us has an impossible length or place.", "RFC 8200 §4.5"},
    {DropReason::FragmentOverlap, "fragment-overlap",
     "Fragments for us overlap; the whole datagram is dropped.", "RFC 8200 §4.5"},
    {DropReason::FragmentDuplicate, "fragment-duplicate", "A fragment for us came twice.",
     "RFC 8200 §4.5"},
    {DropReason::FragmentLimit, "fragment-limit",
     "A datagram for us has more fragments or bytes than are kept for one.",
     "docs/architecture.md"},
    {DropReason::FragmentEvicted, "fragment-evicted",
     "An unfinished datagram for us had to give way to another.", "docs/architecture.md"},
    {DropReason::FragmentTimeout, "fragment-timeout",
     "The rest of a datagram for us did not come in time.", "RFC 8200 §4.5"},
    {DropReason::EspUnsupported, "esp-unsupported",
     "An ESP packet is addressed to us and no security association is configured.", "RFC 4303"},
    {DropReason::NoHost, "no-host",
     "A packet is for this host itself and there is no host interface.", "docs/architecture.md"},
    {DropReason::TunnelInnerMalformed, "tunnel-inner-malformed",
     "The packet inside a tunnel is truncated or has impossible addresses.", "RFC 2473 §3.3"},
    {DropReason::TunnelInnerNotIpv6, "tunnel-inner-not-ipv6",
     "The packet inside a tunnel is not IPv6.", "RFC 2473 §3.3"},
    {DropReason::TunnelSourceUnbound, "tunnel-source-unbound",
     "The inner source of a reverse-tunnelled packet has no binding here.", "RFC 6275 §10.4.5"},
    {DropReason::TunnelCareOfMismatch, "tunnel-care-of-mismatch",
     "The outer source of a reverse-tunnelled packet is not the registered care-of address.",
     "RFC 6275 §10.4.5"},
    {DropReason::NestedTooDeep, "nested-too-deep",
     "The packet was taken out of two tunnels already.", "docs/architecture.md"},
    {DropReason::CongestionNotExpected, "congestion-not-expected",
     "The tunnel met congestion and the packet inside cannot carry the mark.", "RFC 6040 §4.2"},
    {DropReason::HahaPort, "haha-port",
     "A packet from another home agent's locator came in on a port without haha = yes.",
     "docs/protocol.md"},
    {DropReason::HahaStranger, "haha-stranger",
     "A tunnel packet to the locator comes from no member of the home agent set.",
     "docs/protocol.md"},
    {DropReason::HahaNested, "haha-nested", "A packet of a HAHA link came out of another tunnel.",
     "docs/protocol.md"},
    {DropReason::HahaInnerNotOurs, "haha-inner-not-ours",
     "A HAHA link brought a packet for an address that is not served here.", "docs/protocol.md"},
    {DropReason::HahaMisrouted, "haha-misrouted",
     "A HAHA link brought a packet for another home agent's own address.", "docs/protocol.md"},
    {DropReason::HahaBack, "haha-back",
     "A packet would go back to the home agent whose HAHA link brought it.", "docs/protocol.md"},
    {DropReason::HahaRelayLimit, "haha-relay-limit",
     "A packet has been relayed from HAHA link to HAHA link three times.", "docs/protocol.md"},
    {DropReason::HahaLocatorSource, "haha-locator-source",
     "A tunnel packet for another home agent claims a member's locator as its source.",
     "docs/protocol.md"},
    {DropReason::PeerDown, "peer-down",
     "The home agent that the packet is for does not answer; Destination Unreachable code 3.",
     "docs/protocol.md"},
    {DropReason::PrimaryDead, "primary-dead",
     "The mobile node's home agent does not answer; Destination Unreachable code 3.",
     "docs/protocol.md"},
    {DropReason::NoBinding, "no-binding",
     "No binding for the home address; Destination Unreachable code 3.", "draft §5.6"},
    {DropReason::NoRoute, "no-route",
     "No route to the destination; Destination Unreachable code 0.", "RFC 4443 §3.1"},
    {DropReason::RouteProhibited, "route-prohibited",
     "The route to the destination is a blackhole, or forbids.", "RFC 4443 §3.1"},
    {DropReason::NeighborUnresolved, "neighbor-unresolved",
     "The next hop's link-layer address is not known and the waiting room is full.",
     "RFC 4861 §7.2.2"},
    {DropReason::NeighborFailed, "neighbor-failed",
     "The next hop does not answer neighbour solicitations; Destination Unreachable code 3.",
     "RFC 4861 §7.2.2"},
    {DropReason::MulticastNotForwarded, "multicast-not-forwarded",
     "Multicast is not tunnelled to mobile nodes.", "RFC 6275 §10.4.2"},
    {DropReason::LinkLocalDestination, "link-local-destination",
     "A link-local destination cannot be reached through a tunnel.", "RFC 6275 §10.4.2"},
    {DropReason::HopLimitExceeded, "hop-limit-exceeded", "The hop limit ran out; Time Exceeded.",
     "RFC 4443 §3.3"},
    {DropReason::PacketTooBig, "packet-too-big",
     "The packet does not fit the link or the tunnel; Packet Too Big.", "RFC 2473 §7.1"},
    {DropReason::EncapsulationLimit, "encapsulation-limit",
     "The packet allows no further encapsulation; Parameter Problem code 0.", "RFC 2473 §4.1.1"},
    {DropReason::TunnelLoop, "tunnel-loop", "Encapsulating would send the tunnel into itself.",
     "RFC 2473 §4.1.2"},
    {DropReason::NoHeadroom, "no-headroom", "The buffer has no room left for another header.",
     "docs/architecture.md"},
    {DropReason::NoBuffer, "no-buffer", "The packet pool is empty.", "docs/architecture.md"},
    {DropReason::PortDown, "port-down", "The outgoing port has no link.", "docs/architecture.md"},
    {DropReason::TransmitQueueFull, "transmit-queue-full",
     "The outgoing port does not take packets as fast as they come.", "docs/architecture.md"},
    {DropReason::HandoffRingFull, "handoff-ring-full",
     "The worker that the packet was left to is behind and its ring is full.",
     "docs/architecture.md"},
    {DropReason::PuntBudget, "punt-budget", "The class of control packets is over its budget.",
     "docs/architecture.md"},
    {DropReason::PuntRingFull, "punt-ring-full",
     "The control thread is behind and its ring is full.", "docs/architecture.md"},
}};

constexpr const DropReasonInfo& info(DropReason reason) {
  return kDropReasons[static_cast<std::size_t>(reason)];
}

namespace detail {
constexpr bool in_order() {
  for (std::size_t i = 0; i < kDropReasonCount; ++i) {
    if (kDropReasons[i].reason != static_cast<DropReason>(i)) {
      return false;
    }
  }
  return kDropReasons[kDropReasonCount - 1].reason == DropReason::PuntRingFull;
}
}  // namespace detail
static_assert(detail::in_order(), "the table lists the reasons in the order of the enumeration");

}  // namespace anyhome::forwarding
