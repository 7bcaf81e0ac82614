// What the control core counts: one row each, the name typed here only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/wire/mobility.h"

namespace anyhome::control {

enum class ControlCounter : std::uint8_t {
  // Mobility Header intake, in the order of RFC 6275 §9.2
  MobilityReceived,
  MobilityTruncated,
  MobilityBadChecksum,
  MobilityUnknownType,
  MobilityBadPayloadProto,
  MobilityTooShort,
  MobilityBrokenOptions,
  MobilityNotForHomeAgent,
  MobilityNotForUsToHandle,
  // Binding Updates
  BindingUpdateReceived,
  UpdateSourceNotUnicast,
  UpdateUnauthenticated,
  UpdateHomeAddressNotRoutable,
  UpdateCareOfNotRoutable,
  UpdateNonceIndices,
  UpdateCorrespondent,
  Registered,
  Refreshed,
  Moved,
  Deregistered,
  Expired,
  Removed,
  TableRefused,
  // What we send
  AcknowledgementsSent,
  RefreshRequestsSent,
  BindingErrorsSent,
  BindingErrorsLimited,
  ParameterProblemsSent,
  ErrorsLimited,
  // Discovery
  DiscoveryRequests,
  DiscoveryReplies,
  DiscoveryLimited,
  DiscoveryMalformed,
  PrefixSolicitations,
  PrefixAdvertisements,
  PrefixSolicitationsRefused,
  // Home Address options and ICMPv6 errors about tunnels
  HomeAddressWithoutBinding,
  HomeAddressUnsupported,
  TunnelErrorsReceived,
  TunnelErrorsForeign,
  TunnelErrorsRelayed,
  PathMtuLowered,
  // The global home agent set
  HelloReceived,
  HelloStale,
  HelloGroupMismatch,
  HelloNotGlobal,
  HelloSent,
  HelloAnswersLimited,
  StrangerMessages,
  StrangersAnswered,
  SetMessageMisplaced,
  SetMessageMalformed,
  SyncRequests,
  SyncRequestsRefused,
  SyncRequestsSent,
  SyncReplies,
  SyncRepliesMalformed,
  SyncRepliesSent,
  SyncRepliesRepeated,
  SyncAcknowledgements,
  SyncAcknowledgementsUnknown,
  SyncAcknowledgementsRefusing,
  SyncAcknowledgementsSent,
  IdentifiersExhausted,
  InformationReceived,
  InformationApplied,
  InformationStale,
  InformationRefused,
  ReturnedCopiesIgnored,
  Restored,
  CopiesRefreshed,
  UnconfirmedDropped,
  PrefixConflicts,
  ClockSkew,
  DigestMismatches,
  Yielded,
  SwitchesOffered,
  SwitchesRepeated,
  SwitchesRefused,
  SwitchesDwelling,
  SwitchesPaced,
  StrandedPackets,
  StrandedRefused,
  DeregisteredLate,
};
inline constexpr std::size_t kControlCounterCount =
    static_cast<std::size_t>(ControlCounter::DeregisteredLate) + 1;

struct ControlCounterInfo {
  ControlCounter counter;
  std::string_view name;
  std::string_view sentence;
};

inline constexpr std::array<ControlCounterInfo, kControlCounterCount> kControlCounters = {{
    {ControlCounter::MobilityReceived, "mobility-received", "Mobility Header packets taken in."},
    {ControlCounter::MobilityTruncated, "mobility-truncated",
     "Shorter than their Header Len says; dropped silently."},
    {ControlCounter::MobilityBadChecksum, "mobility-bad-checksum",
     "Checksum wrong; dropped silently (RFC 6275 §9.2)."},
    {ControlCounter::MobilityUnknownType, "mobility-unknown-type",
     "Type not known here; answered by Binding Error status 2."},
    {ControlCounter::MobilityBadPayloadProto, "mobility-bad-payload-proto",
     "Payload Proto other than 59; answered by Parameter Problem."},
    {ControlCounter::MobilityTooShort, "mobility-too-short",
     "Header Len below the type's fixed part; answered by Parameter Problem."},
    {ControlCounter::MobilityBrokenOptions, "mobility-broken-options",
     "An option runs past the end; dropped silently."},
    {ControlCounter::MobilityNotForHomeAgent, "mobility-not-for-home-agent",
     "Sent to another address of ours than the home agent's."},
    {ControlCounter::MobilityNotForUsToHandle, "mobility-not-for-us-to-handle",
     "Messages that only mobile or correspondent nodes process."},
    {ControlCounter::BindingUpdateReceived, "binding-update-received", "Binding Updates taken in."},
    {ControlCounter::UpdateSourceNotUnicast, "update-source-not-unicast",
     "Source address not unicast; discarded."},
    {ControlCounter::UpdateUnauthenticated, "update-unauthenticated",
     "No or no usable authentication; discarded."},
    {ControlCounter::UpdateHomeAddressNotRoutable, "update-home-address-not-routable",
     "Home address not unicast routable; discarded."},
    {ControlCounter::UpdateCareOfNotRoutable, "update-care-of-not-routable",
     "Care-of address not unicast routable; discarded."},
    {ControlCounter::UpdateNonceIndices, "update-nonce-indices",
     "Nonce Indices in a home registration; discarded."},
    {ControlCounter::UpdateCorrespondent, "update-correspondent",
     "Correspondent registration; discarded, a home agent is no correspondent node."},
    {ControlCounter::Registered, "registered", "New bindings."},
    {ControlCounter::Refreshed, "refreshed", "Bindings extended at the same care-of address."},
    {ControlCounter::Moved, "moved", "Bindings that changed their care-of address."},
    {ControlCounter::Deregistered, "deregistered", "Bindings ended by their mobile nodes."},
    {ControlCounter::Expired, "expired", "Bindings whose lifetime ran out."},
    {ControlCounter::Removed, "removed", "Bindings removed by an operator."},
    {ControlCounter::TableRefused, "table-refused",
     "Bindings undone because a forwarding table refused them; answered by status 130."},
    {ControlCounter::AcknowledgementsSent, "acknowledgements-sent",
     "Binding Acknowledgements sent, of any status."},
    {ControlCounter::RefreshRequestsSent, "refresh-requests-sent",
     "Binding Refresh Requests sent."},
    {ControlCounter::BindingErrorsSent, "binding-errors-sent", "Binding Errors sent."},
    {ControlCounter::BindingErrorsLimited, "binding-errors-limited",
     "Binding Errors not sent because of their rate limit."},
    {ControlCounter::ParameterProblemsSent, "parameter-problems-sent",
     "ICMPv6 Parameter Problems about Mobility Headers sent."},
    {ControlCounter::ErrorsLimited, "errors-limited",
     "ICMPv6 errors not sent because of their rate limit."},
    {ControlCounter::DiscoveryRequests, "discovery-requests", "DHAAD requests taken in."},
    {ControlCounter::DiscoveryReplies, "discovery-replies", "DHAAD replies sent."},
    {ControlCounter::DiscoveryLimited, "discovery-limited",
     "Discovery requests of any kind not answered because of their rate limit."},
    {ControlCounter::DiscoveryMalformed, "discovery-malformed",
     "Discovery messages with a bad checksum, form or code."},
    {ControlCounter::PrefixSolicitations, "prefix-solicitations",
     "Mobile Prefix Solicitations taken in."},
    {ControlCounter::PrefixAdvertisements, "prefix-advertisements",
     "Mobile Prefix Advertisements sent."},
    {ControlCounter::PrefixSolicitationsRefused, "prefix-solicitations-refused",
     "Solicitations without a Home Address option, or while prefix discovery is off."},
    {ControlCounter::HomeAddressWithoutBinding, "home-address-without-binding",
     "Home Address options without a matching binding; answered by Binding Error status 1."},
    {ControlCounter::HomeAddressUnsupported, "home-address-unsupported",
     "Packets with a Home Address option in front of what is neither a Mobility Header nor a "
     "Mobile Prefix Solicitation; dropped."},
    {ControlCounter::TunnelErrorsReceived, "tunnel-errors-received",
     "ICMPv6 errors that quote a packet of ours."},
    {ControlCounter::TunnelErrorsForeign, "tunnel-errors-foreign",
     "Of those, quoting no packet of a live binding; dropped."},
    {ControlCounter::TunnelErrorsRelayed, "tunnel-errors-relayed",
     "Of those, passed on to the inner source (RFC 2473 §8)."},
    {ControlCounter::PathMtuLowered, "path-mtu-lowered",
     "Tunnels whose path MTU was lowered by Packet Too Big."},
    {ControlCounter::HelloReceived, "hello-received", "HA-HELLO messages of peers taken in."},
    {ControlCounter::HelloStale, "hello-stale",
     "HELLO older than one that came before, or of an earlier life; ignored."},
    {ControlCounter::HelloGroupMismatch, "hello-group-mismatch",
     "HELLO of another group; discarded (R26)."},
    {ControlCounter::HelloNotGlobal, "hello-not-global",
     "HELLO without the G flag; discarded (R29)."},
    {ControlCounter::HelloSent, "hello-sent", "HA-HELLO messages sent."},
    {ControlCounter::HelloAnswersLimited, "hello-answers-limited",
     "HELLOs that asked more often than is answered."},
    {ControlCounter::StrangerMessages, "stranger-messages",
     "HELLO and synchronization of no member of the set; discarded (R25, R61, R100)."},
    {ControlCounter::StrangersAnswered, "strangers-answered",
     "SS-ACKs of status 130 to strangers."},
    {ControlCounter::SetMessageMisplaced, "set-message-misplaced",
     "HELLO or synchronization not to our locator, or out of a tunnel; discarded."},
    {ControlCounter::SetMessageMalformed, "set-message-malformed",
     "HELLO or request that cannot be read; discarded."},
    {ControlCounter::SyncRequests, "sync-requests", "SS-REQs of peers."},
    {ControlCounter::SyncRequestsRefused, "sync-requests-refused",
     "SS-REQs without the G flag, or more than can wait; discarded (R100)."},
    {ControlCounter::SyncRequestsSent, "sync-requests-sent", "SS-REQs sent, repetitions included."},
    {ControlCounter::SyncReplies, "sync-replies", "SS-REPs of peers."},
    {ControlCounter::SyncRepliesMalformed, "sync-replies-malformed",
     "SS-REPs answered by status 129 or 131."},
    {ControlCounter::SyncRepliesSent, "sync-replies-sent", "SS-REPs sent the first time."},
    {ControlCounter::SyncRepliesRepeated, "sync-replies-repeated", "SS-REPs sent again."},
    {ControlCounter::SyncAcknowledgements, "sync-acknowledgements", "SS-ACKs of peers."},
    {ControlCounter::SyncAcknowledgementsUnknown, "sync-acknowledgements-unknown",
     "SS-ACKs of an unknown Identifier or for a home address that was not in it."},
    {ControlCounter::SyncAcknowledgementsRefusing, "sync-acknowledgements-refusing",
     "Statuses of 128 and above in SS-ACKs."},
    {ControlCounter::SyncAcknowledgementsSent, "sync-acknowledgements-sent", "SS-ACKs sent."},
    {ControlCounter::IdentifiersExhausted, "identifiers-exhausted",
     "Messages that had to wait because every Identifier is in use or in quarantine."},
    {ControlCounter::InformationReceived, "information-received",
     "Binding Cache Informations in SS-REPs."},
    {ControlCounter::InformationApplied, "information-applied",
     "Of those, newer than what was known."},
    {ControlCounter::InformationStale, "information-stale",
     "Of those, not newer than what was known; acknowledged."},
    {ControlCounter::InformationRefused, "information-refused", "Of those, refused by status 128."},
    {ControlCounter::ReturnedCopiesIgnored, "returned-copies-ignored",
     "Returned bindings that were not asked for, or are no news."},
    {ControlCounter::Restored, "restored",
     "Our own bindings of an earlier life, given back by a peer."},
    {ControlCounter::CopiesRefreshed, "copies-refreshed",
     "Bindings told again because peers' copies would end before them."},
    {ControlCounter::UnconfirmedDropped, "unconfirmed-dropped",
     "Global bindings that their primary did not confirm."},
    {ControlCounter::PrefixConflicts, "prefix-conflicts",
     "Global bindings with a mobile network prefix that is another's."},
    {ControlCounter::ClockSkew, "clock-skew", "Timestamps of peers that are ahead of our clock."},
    {ControlCounter::DigestMismatches, "digest-mismatches",
     "Buckets that differed twice in a row and were asked for."},
    {ControlCounter::Yielded, "yielded", "Bindings whose mobile node registered at a peer."},
    {ControlCounter::SwitchesOffered, "switches-offered",
     "Home Agent Switch messages sent the first time."},
    {ControlCounter::SwitchesRepeated, "switches-repeated",
     "Home Agent Switch messages sent again."},
    {ControlCounter::SwitchesRefused, "switches-refused",
     "Mobile nodes that answered one by Binding Error status 2."},
    {ControlCounter::SwitchesDwelling, "switches-dwelling",
     "Switches not offered, because the mobile node has just come."},
    {ControlCounter::SwitchesPaced, "switches-paced", "Switches put off by the rate."},
    {ControlCounter::StrandedPackets, "stranded-packets",
     "Packets for the address of a dead home agent."},
    {ControlCounter::StrandedRefused, "stranded-refused",
     "Of those, not of a mobile node that is known or can prove itself."},
    {ControlCounter::DeregisteredLate, "deregistered-late",
     "De-registrations of mobile nodes that a peer serves by now; acknowledged."},
}};

static_assert(
    [] {
      for (std::size_t i = 0; i < kControlCounterCount; ++i) {
        if (kControlCounters[i].counter != static_cast<ControlCounter>(i)) {
          return false;
        }
      }
      return true;
    }(),
    "the table lists the counters in the enumeration's order");

class ControlCounters {
 public:
  void count(ControlCounter counter) { ++values_[static_cast<std::size_t>(counter)]; }
  void count(wire::BindingStatus status) { ++by_status_[static_cast<std::size_t>(status)]; }

  [[nodiscard]] std::uint64_t value(ControlCounter counter) const {
    return values_[static_cast<std::size_t>(counter)];
  }
  // Binding Acknowledgements sent with this status.
  [[nodiscard]] std::uint64_t value(wire::BindingStatus status) const {
    return by_status_[static_cast<std::size_t>(status)];
  }

 private:
  std::array<std::uint64_t, kControlCounterCount> values_{};
  std::array<std::uint64_t, 256> by_status_{};
};

}  // namespace anyhome::control
