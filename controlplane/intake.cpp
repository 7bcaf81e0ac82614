#include "controlplane/intake.h"

#include "controlplane/discovery.h"
#include "controlplane/hello.h"
#include "controlplane/primary_switch.h"
#include "controlplane/registration.h"
#include "controlplane/state_sync.h"
#include "controlplane/tunnel_errors.h"

namespace anyhome::control {
namespace {

// A packet whose headers have been walked.
struct Received {
  Now now;
  ByteView packet;
  wire::Ipv6Header header;
  wire::HeaderChain chain;
  // Behind a Home Address option it is the source for everything above (RFC 6275 §6.3).
  std::optional<HomeAddress> home_address;
  const forwarding::PuntMetadata& metadata;

  [[nodiscard]] ByteView upper() const { return packet.subspan(chain.upper_offset); }
  [[nodiscard]] const Ipv6Address& logical_source() const {
    return home_address ? home_address->address() : header.source;
  }
};

// RFC 6275 §9.3.3: to the address the packet came from on the wire, never to what is not unicast.
void send_binding_error(Core& core, const Received& received, std::uint8_t status,
                        Effects& effects) {
  if (received.header.source.is_multicast() || received.header.source.is_unspecified()) {
    return;
  }
  if (!core.binding_errors.take(received.now.instant)) {
    core.counters.count(ControlCounter::BindingErrorsLimited);
    return;
  }
  const Envelope envelope{core.answering_address(received.header.destination),
                          received.header.source, std::nullopt};
  send_message(effects, envelope, wire::protocol::kMobility, wire::kMinimumMtu,
               [&](MutableBytes buffer) {
                 const Ipv6Address home =
                     received.home_address ? received.home_address->address() : Ipv6Address{};
                 return wire::start_binding_error(buffer, status, home)
                     .finish(envelope.source, envelope.destination);
               });
  core.counters.count(ControlCounter::BindingErrorsSent);
}

// RFC 6275 §9.2: Parameter Problem code 0 at a byte of the Mobility Header.
void send_parameter_problem(Core& core, const Received& received, std::size_t byte,
                            Effects& effects) {
  if (!may_be_answered_by_error(received.packet) || !core.icmp_errors.take(received.now.instant)) {
    core.counters.count(ControlCounter::ErrorsLimited);
    return;
  }
  const wire::Icmpv6Header header{wire::icmpv6::kParameterProblem,
                                  wire::icmpv6::kCodeErroneousField, 0,
                                  static_cast<std::uint32_t>(received.chain.upper_offset + byte)};
  send_icmpv6(
      effects,
      {core.answering_address(received.header.destination), received.header.source, std::nullopt},
      Icmpv6Error{header, received.packet});
  core.counters.count(ControlCounter::ParameterProblemsSent);
}

void refuse_mobility_header(Core& core, const Received& received, wire::MobilityError error,
                            Effects& effects) {
  switch (error) {
    case wire::MobilityError::Truncated:
      core.counters.count(ControlCounter::MobilityTruncated);
      break;
    case wire::MobilityError::BadChecksum:
      core.counters.count(ControlCounter::MobilityBadChecksum);
      break;
    case wire::MobilityError::UnknownType:
      core.counters.count(ControlCounter::MobilityUnknownType);
      send_binding_error(core, received, wire::kBindingErrorUnknownType, effects);
      break;
    case wire::MobilityError::BadPayloadProto:
      core.counters.count(ControlCounter::MobilityBadPayloadProto);
      send_parameter_problem(core, received, 0, effects);
      break;
    case wire::MobilityError::TooShort:
      core.counters.count(ControlCounter::MobilityTooShort);
      send_parameter_problem(core, received, 1, effects);
      break;
    case wire::MobilityError::BrokenOptions:
      core.counters.count(ControlCounter::MobilityBrokenOptions);
      break;
  }
}

// HA-HELLO and State Synchronization count only between locators and out of no tunnel (rulings §8).
void process_set_message(Core& core, const Received& received,
                         const wire::CheckedMobilityHeader& checked, Effects& effects) {
  if (core.members.alone() || !core.config.locator ||
      received.header.destination != core.config.locator->address() ||
      received.metadata.decapsulations != 0 || received.home_address) {
    core.counters.count(ControlCounter::SetMessageMisplaced);
    return;
  }
  PeerState* sender = core.members.find(received.header.source);
  if (checked.type == core.config.code_points.ha_hello) {
    process_hello(core, received.now, sender, received.header.source, checked.message, effects);
  } else {
    process_state_synchronization(core, received.now, sender, received.header.source,
                                  checked.message, effects);
  }
}

void process_mobility_header(Core& core, const Received& received, Effects& effects) {
  core.counters.count(ControlCounter::MobilityReceived);
  const auto checked =
      wire::check_mobility_header(received.upper(), received.logical_source(),
                                  received.header.destination, core.config.code_points);
  if (!checked) {
    refuse_mobility_header(core, received, checked.error(), effects);
    return;
  }
  const bool of_set = checked->type == core.config.code_points.ha_hello ||
                      checked->type == core.config.code_points.state_synchronization;
  if (of_set) {
    process_set_message(core, received, *checked, effects);
    return;
  }
  if (received.header.destination != core.own_address()) {
    core.counters.count(ControlCounter::MobilityNotForHomeAgent);
    return;
  }
  if (checked->type == wire::mh_type::kBindingError) {
    const auto error = wire::parse_binding_error(checked->message);
    // Without a Home Address option it names nobody; the source may be a home address then.
    const Ipv6Address& home = error && !error->home_address.is_unspecified()
                                  ? error->home_address
                                  : received.logical_source();
    if (!error || error->status != wire::kBindingErrorUnknownType ||
        !switch_refused(core, HomeAddress(home))) {
      core.counters.count(ControlCounter::MobilityNotForUsToHandle);
    }
    return;
  }
  if (checked->type != wire::mh_type::kBindingUpdate) {
    // HoTI, CoTI, HoT and CoT (RFC 6275 §6.1.3 to §6.1.6) are between mobile and correspondent
    // nodes; BA, BE, BRR and Home Agent Switch are ours to send.
    core.counters.count(ControlCounter::MobilityNotForUsToHandle);
    return;
  }
  const auto update = wire::parse_binding_update(checked->message);
  if (!update) {
    refuse_mobility_header(core, received, update.error(), effects);
    return;
  }
  // RFC 6275 §9.5.1: the options go before the source address.
  const CareOfAddress care_of =
      update->options.alternate_care_of.value_or(CareOfAddress(received.header.source));
  process_binding_update(core,
                         Update{received.now,
                                *update,
                                checked->message,
                                received.header.source,
                                received.home_address.has_value(),
                                HomeAddress(received.logical_source()),
                                care_of,
                                received.metadata.security_association,
                                received.metadata.peer,
                                nullptr,
                                {},
                                {}},
                         effects);
}

// RFC 6275 §9.3.1: in front of anything but a Mobility Header, ESP or AH the option needs a binding
// of that home address at this source.
void process_with_home_address(Core& core, const Received& received, Effects& effects) {
  if (received.chain.protocol == wire::protocol::kEsp ||
      received.chain.protocol == wire::protocol::kAh) {
    core.counters.count(ControlCounter::HomeAddressUnsupported);
    return;
  }
  Binding* binding = core.bindings.find(*received.home_address);
  if (binding == nullptr || !binding->registered() ||
      binding->care_of_address.address() != received.header.source) {
    core.counters.count(ControlCounter::HomeAddressWithoutBinding);
    send_binding_error(core, received, wire::kBindingErrorUnknownBinding, effects);
    return;
  }
  const auto icmp = wire::Icmpv6Header::parse(received.upper());
  if (received.chain.protocol == wire::protocol::kIcmpv6 && icmp &&
      icmp->type == wire::icmpv6::kMobilePrefixSolicitation) {
    process_prefix_solicitation(core, received.now, received.header, *binding, received.upper(),
                                effects);
    return;
  }
  core.counters.count(ControlCounter::HomeAddressUnsupported);
}

void process_icmpv6(Core& core, const Received& received, Effects& effects) {
  const auto icmp = wire::Icmpv6Header::parse(received.upper());
  if (!icmp) {
    core.counters.count(ControlCounter::DiscoveryMalformed);
  } else if (icmp->type == wire::icmpv6::kHomeAgentDiscoveryRequest) {
    process_discovery_request(core, received.now, received.header, received.upper(), effects);
  } else if (icmp->type == wire::icmpv6::kMobilePrefixSolicitation) {
    core.counters.count(ControlCounter::PrefixSolicitationsRefused);
  } else if (wire::icmpv6::is_error(icmp->type)) {
    process_tunnel_error(core, received.now, received.header, received.upper(), effects);
  }
}

}  // namespace

void process_packet(Core& core, const Now& now, const forwarding::PuntMetadata& metadata,
                    ByteView packet, Effects& effects) {
  const auto header = wire::Ipv6Header::parse(packet);
  if (!header || wire::kIpv6HeaderSize + header->payload_length > packet.size()) {
    core.counters.count(ControlCounter::MobilityTruncated);
    return;
  }
  packet = packet.first(wire::kIpv6HeaderSize + header->payload_length);
  const auto chain = wire::walk_headers(packet);
  if (!chain || chain->fragment) {
    core.counters.count(ControlCounter::MobilityTruncated);
    return;
  }
  if (metadata.punt_class == forwarding::PuntClass::Stranded) {
    process_stranded(core, now, packet, effects);
    return;
  }
  Received received{now, packet, *header, *chain, std::nullopt, metadata};
  if (chain->has_home_address()) {
    received.home_address = HomeAddress(wire::address_at(packet, chain->home_address_at));
  }
  if (chain->protocol == wire::protocol::kMobility) {
    process_mobility_header(core, received, effects);
  } else if (received.home_address) {
    process_with_home_address(core, received, effects);
  } else if (chain->protocol == wire::protocol::kIcmpv6) {
    process_icmpv6(core, received, effects);
  }
}

}  // namespace anyhome::control
