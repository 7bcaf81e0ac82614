// Everything a mobile node counts: each name typed once, here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace anyhome::mobile {

enum class Counter : std::uint8_t {
  // Signalling sent
  BindingUpdatesSent,
  BindingUpdatesRetransmitted,
  DeregistrationsSent,
  DiscoveryRequestsSent,
  PrefixSolicitationsSent,
  BindingErrorsSent,
  // Signalling received and acted upon
  AcknowledgementsAccepted,
  AcknowledgementsRejected,
  RefreshRequestsReceived,
  BindingErrorsUnknownBinding,
  BindingErrorsUnknownType,
  SwitchesFollowed,
  SwitchesAlreadyThere,
  DiscoveryRepliesReceived,
  PrefixAdvertisementsReceived,
  PacketTooBigReceived,
  TunnelErrorsRelayed,
  SignallingErrorsReceived,
  // Data
  TunnelPacketsSent,
  TunnelBytesSent,
  TunnelFragmentsSent,
  TunnelPacketsReceived,
  TunnelBytesReceived,
  RoutingHeaderPacketsReceived,
  PacketTooBigToHost,
  UnreachableToHost,
  TimeExceededToHost,
  // Dropped: any packet from the access network
  DropNotIpv6,
  DropTruncated,
  DropExtensionHeader,
  DropUnwantedOption,
  DropFragment,
  DropNotForUs,
  DropRoutingHeaderNotOurs,
  DropUnexpectedProtocol,
  // Dropped: Mobility Header
  DropMobilityTruncated,
  DropMobilityChecksum,
  DropMobilityUnknownType,
  DropMobilityPayloadProto,
  DropMobilityTooShort,
  DropMobilityBrokenOptions,
  DropMobilityUnexpectedType,
  DropWithoutRoutingHeader,
  DropAcknowledgementUnsolicited,
  DropAcknowledgementSequence,
  DropAcknowledgementUnauthenticated,
  DropAcknowledgementBadAuthenticator,
  DropSwitchFromStranger,
  DropSwitchUnauthenticated,
  DropSwitchBadAuthenticator,
  DropSwitchReplayed,
  DropSwitchNotAway,
  DropRefreshRequestFromStranger,
  DropBindingErrorFromStranger,
  // Dropped: ICMPv6
  DropIcmpChecksum,
  DropIcmpUnexpectedType,
  DropIcmpErrorNotOurs,
  DropDiscoveryReplyUnexpected,
  DropDiscoveryReplyUseless,
  DropPrefixAdvertisement,
  // Dropped: tunnel packets from the access network
  DropTunnelSource,
  DropTunnelInnerMalformed,
  DropTunnelInnerNotOurs,
  DropTunnelCongestionMark,
  // Dropped: packets from the host
  DropHostMalformed,
  DropHostNotRegistered,
  DropHostSource,
  DropHostLinkLocal,
  DropHostMulticast,
  DropHostHopLimit,
  DropHostTooBig,
  DropHostLoop,
  IcmpErrorsRateLimited,
};
inline constexpr std::size_t kCounterCount =
    static_cast<std::size_t>(Counter::IcmpErrorsRateLimited) + 1;

struct CounterInfo {
  Counter counter;
  std::string_view name;
  std::string_view sentence;
};

inline constexpr std::array<CounterInfo, kCounterCount> kCounters = {{
    {Counter::BindingUpdatesSent, "binding-updates-sent",
     "Binding Updates with a lifetime, first transmissions and retransmissions."},
    {Counter::BindingUpdatesRetransmitted, "binding-updates-retransmitted",
     "Binding Updates sent again because no acknowledgement came in time."},
    {Counter::DeregistrationsSent, "deregistrations-sent", "Binding Updates with lifetime 0."},
    {Counter::DiscoveryRequestsSent, "discovery-requests-sent",
     "Home Agent Address Discovery Requests."},
    {Counter::PrefixSolicitationsSent, "prefix-solicitations-sent", "Mobile Prefix Solicitations."},
    {Counter::BindingErrorsSent, "binding-errors-sent",
     "Binding Errors for Mobility Header types nobody here knows."},
    {Counter::AcknowledgementsAccepted, "acknowledgements-accepted",
     "Binding Acknowledgements with a status below 128."},
    {Counter::AcknowledgementsRejected, "acknowledgements-rejected",
     "Binding Acknowledgements with a status of 128 or more."},
    {Counter::RefreshRequestsReceived, "refresh-requests-received",
     "Binding Refresh Requests of our home agents."},
    {Counter::BindingErrorsUnknownBinding, "binding-errors-unknown-binding",
     "Binding Errors with status 1: the home agent does not know us."},
    {Counter::BindingErrorsUnknownType, "binding-errors-unknown-type",
     "Binding Errors with status 2: the home agent does not know a message type."},
    {Counter::SwitchesFollowed, "switches-followed", "Home Agent Switches that started a move."},
    {Counter::SwitchesAlreadyThere, "switches-already-there",
     "Home Agent Switches to where we are, or are going, already."},
    {Counter::DiscoveryRepliesReceived, "discovery-replies-received",
     "Home Agent Address Discovery Replies that were used."},
    {Counter::PrefixAdvertisementsReceived, "prefix-advertisements-received",
     "Mobile Prefix Advertisements of our home agent."},
    {Counter::PacketTooBigReceived, "packet-too-big-received",
     "Packet Too Big about our tunnel, believed."},
    {Counter::TunnelErrorsRelayed, "tunnel-errors-relayed",
     "ICMPv6 errors about tunnel packets, passed on to the source of the inner packet."},
    {Counter::SignallingErrorsReceived, "signalling-errors-received",
     "ICMPv6 errors about Binding Updates and solicitations."},
    {Counter::TunnelPacketsSent, "tunnel-packets-sent", "Packets put into the tunnel."},
    {Counter::TunnelBytesSent, "tunnel-bytes-sent", "Bytes of those, inner packets."},
    {Counter::TunnelFragmentsSent, "tunnel-fragments-sent",
     "Fragments of outer packets that did not fit the path."},
    {Counter::TunnelPacketsReceived, "tunnel-packets-received", "Packets taken out of the tunnel."},
    {Counter::TunnelBytesReceived, "tunnel-bytes-received", "Bytes of those, inner packets."},
    {Counter::RoutingHeaderPacketsReceived, "routing-header-packets-received",
     "Packets of our home agent that came by type 2 routing header, without a tunnel."},
    {Counter::PacketTooBigToHost, "packet-too-big-to-host",
     "Packet Too Big written back to the host."},
    {Counter::UnreachableToHost, "unreachable-to-host",
     "Destination Unreachable written back to the host."},
    {Counter::TimeExceededToHost, "time-exceeded-to-host",
     "Time Exceeded written back to the host."},
    {Counter::DropNotIpv6, "drop-not-ipv6", "Shorter than an IPv6 header, or another version."},
    {Counter::DropTruncated, "drop-truncated", "Shorter than the payload length says."},
    {Counter::DropExtensionHeader, "drop-extension-header",
     "An extension header that is broken, repeated beyond reason, or a strange routing header."},
    {Counter::DropUnwantedOption, "drop-unwanted-option",
     "An unknown option whose type says to discard the packet."},
    {Counter::DropFragment, "drop-fragment", "A fragment: reassembly is the kernel's."},
    {Counter::DropNotForUs, "drop-not-for-us", "Not to one of our care-of addresses."},
    {Counter::DropRoutingHeaderNotOurs, "drop-routing-header-not-ours",
     "A type 2 routing header with somebody else's home address."},
    {Counter::DropUnexpectedProtocol, "drop-unexpected-protocol",
     "An upper layer that is not a mobile node's concern."},
    {Counter::DropMobilityTruncated, "drop-mobility-truncated",
     "A Mobility Header shorter than it says."},
    {Counter::DropMobilityChecksum, "drop-mobility-checksum", "A wrong checksum."},
    {Counter::DropMobilityUnknownType, "drop-mobility-unknown-type",
     "A Mobility Header type nobody here knows; answered by a Binding Error."},
    {Counter::DropMobilityPayloadProto, "drop-mobility-payload-proto",
     "Payload Proto other than 59."},
    {Counter::DropMobilityTooShort, "drop-mobility-too-short",
     "Header Len below the fixed part of the type."},
    {Counter::DropMobilityBrokenOptions, "drop-mobility-broken-options",
     "Mobility options that run past the end."},
    {Counter::DropMobilityUnexpectedType, "drop-mobility-unexpected-type",
     "A message that no home agent sends to a mobile node."},
    {Counter::DropWithoutRoutingHeader, "drop-without-routing-header",
     "A message of a home agent without a type 2 routing header."},
    {Counter::DropAcknowledgementUnsolicited, "drop-acknowledgement-unsolicited",
     "A Binding Acknowledgement from a home agent that owes us none."},
    {Counter::DropAcknowledgementSequence, "drop-acknowledgement-sequence",
     "A Binding Acknowledgement whose sequence number matches nothing outstanding."},
    {Counter::DropAcknowledgementUnauthenticated, "drop-acknowledgement-unauthenticated",
     "A Binding Acknowledgement without our authentication option although we have a key."},
    {Counter::DropAcknowledgementBadAuthenticator, "drop-acknowledgement-bad-authenticator",
     "A Binding Acknowledgement whose authenticator does not fit the key."},
    {Counter::DropSwitchFromStranger, "drop-switch-from-stranger",
     "A Home Agent Switch that is neither authenticated nor from the home prefix."},
    {Counter::DropSwitchUnauthenticated, "drop-switch-unauthenticated",
     "A Home Agent Switch without authentication or replay protection although we have a key."},
    {Counter::DropSwitchBadAuthenticator, "drop-switch-bad-authenticator",
     "A Home Agent Switch whose authenticator does not fit the key."},
    {Counter::DropSwitchReplayed, "drop-switch-replayed",
     "A Home Agent Switch not newer than the last one of that home agent."},
    {Counter::DropSwitchNotAway, "drop-switch-not-away",
     "A Home Agent Switch while we do not want to be registered."},
    {Counter::DropRefreshRequestFromStranger, "drop-refresh-request-from-stranger",
     "A Binding Refresh Request of somebody we are not registered with."},
    {Counter::DropBindingErrorFromStranger, "drop-binding-error-from-stranger",
     "A Binding Error of somebody we are not registered with, or about another home address."},
    {Counter::DropIcmpChecksum, "drop-icmp-checksum", "ICMPv6 with a wrong checksum."},
    {Counter::DropIcmpUnexpectedType, "drop-icmp-unexpected-type",
     "ICMPv6 that is not a mobile node's concern."},
    {Counter::DropIcmpErrorNotOurs, "drop-icmp-error-not-ours",
     "An ICMPv6 error that quotes no packet of ours."},
    {Counter::DropDiscoveryReplyUnexpected, "drop-discovery-reply-unexpected",
     "A discovery reply without a request, or with another identifier."},
    {Counter::DropDiscoveryReplyUseless, "drop-discovery-reply-useless",
     "A discovery reply without a usable home agent."},
    {Counter::DropPrefixAdvertisement, "drop-prefix-advertisement",
     "A Mobile Prefix Advertisement without routing header or not of our home agent."},
    {Counter::DropTunnelSource, "drop-tunnel-source",
     "A tunnel packet of somebody who is not our home agent."},
    {Counter::DropTunnelInnerMalformed, "drop-tunnel-inner-malformed",
     "A tunnel packet without a whole IPv6 packet inside."},
    {Counter::DropTunnelInnerNotOurs, "drop-tunnel-inner-not-ours",
     "A tunnel packet for an address that is neither ours nor of our mobile network."},
    {Counter::DropTunnelCongestionMark, "drop-tunnel-congestion-mark",
     "Congestion experienced outside, no ECN inside (RFC 6040 §4.2)."},
    {Counter::DropHostMalformed, "drop-host-malformed", "Not a whole IPv6 packet."},
    {Counter::DropHostNotRegistered, "drop-host-not-registered", "There is no tunnel now."},
    {Counter::DropHostSource, "drop-host-source",
     "Neither from the home address nor out of a mobile network prefix."},
    {Counter::DropHostLinkLocal, "drop-host-link-local", "Link-local addresses stay on the link."},
    {Counter::DropHostMulticast, "drop-host-multicast", "Multicast is not tunnelled."},
    {Counter::DropHostHopLimit, "drop-host-hop-limit", "The hop limit is used up."},
    {Counter::DropHostTooBig, "drop-host-too-big", "Larger than the tunnel and than 1280 bytes."},
    {Counter::DropHostLoop, "drop-host-loop", "A packet of the tunnel itself (RFC 2473 §3.1)."},
    {Counter::IcmpErrorsRateLimited, "icmp-errors-rate-limited",
     "Errors not written because there were too many."},
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
  return true;
}
}  // namespace detail
static_assert(detail::counters_in_order(),
              "the table lists the counters in the enumeration's order");

class Counters {
 public:
  void add(Counter counter, std::uint64_t count = 1) {
    values_[static_cast<std::size_t>(counter)] += count;
  }
  [[nodiscard]] std::uint64_t operator[](Counter counter) const {
    return values_[static_cast<std::size_t>(counter)];
  }
  Counters& operator+=(const Counters& other) {
    for (std::size_t i = 0; i < kCounterCount; ++i) {
      values_[i] += other.values_[i];
    }
    return *this;
  }
  friend bool operator==(const Counters&, const Counters&) = default;

 private:
  std::array<std::uint64_t, kCounterCount> values_{};
};

}  // namespace anyhome::mobile
