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
};
inline constexpr std::size_t kControlCounterCount =
    static_cast<std::size_t>(ControlCounter::PathMtuLowered) + 1;

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
