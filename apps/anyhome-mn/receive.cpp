// What comes from the access network: every check a message has to pass before it may change
// anything (RFC 6275 §9.2, §11.7.3, §11.4; RFC 5142 §6; RFC 4285; rulings §9).
#include <algorithm>
#include <chrono>

#include "apps/anyhome-mn/authentication.h"
#include "apps/anyhome-mn/mobile_node.h"
#include "apps/anyhome-mn/tunnel.h"
#include "common/wire/icmpv6.h"

namespace anyhome::mobile {
namespace {

namespace protocol = wire::protocol;
namespace icmpv6 = wire::icmpv6;
namespace mh_type = wire::mh_type;

Counter counter_for(wire::MobilityError error) {
  switch (error) {
    case wire::MobilityError::Truncated:
      return Counter::DropMobilityTruncated;
    case wire::MobilityError::BadChecksum:
      return Counter::DropMobilityChecksum;
    case wire::MobilityError::UnknownType:
      return Counter::DropMobilityUnknownType;
    case wire::MobilityError::BadPayloadProto:
      return Counter::DropMobilityPayloadProto;
    case wire::MobilityError::TooShort:
      return Counter::DropMobilityTooShort;
    case wire::MobilityError::BrokenOptions:
      return Counter::DropMobilityBrokenOptions;
  }
  return Counter::DropMobilityTruncated;
}

// Behind a type 2 routing header the home address is the destination (RFC 6275 §6.4).
const Ipv6Address& final_destination(const Received& received) {
  return received.routing_home ? received.routing_home->address() : received.header.destination;
}

}  // namespace

void MobileNode::on_network_packet(Now now, ByteView packet, Effects& effects) {
  const auto received = parse_received(packet);
  if (!received) {
    counters_.add(received.error());
    return;
  }
  on_received(now, *received, effects);
}

void MobileNode::on_received(Now now, const Received& received, Effects& effects) {
  const Context ctx{now, effects};
  if (!is_our_care_of(received.header.destination)) {
    counters_.add(Counter::DropNotForUs);
    return;
  }
  if (received.routing_home && received.routing_home != settings_.home_address) {
    counters_.add(Counter::DropRoutingHeaderNotOurs);
    return;
  }
  switch (received.protocol) {
    case protocol::kMobility:
      receive_mobility(ctx, received);
      break;
    case protocol::kIcmpv6:
      receive_icmpv6(ctx, received);
      break;
    case protocol::kIpv6:
      receive_tunnel(ctx, received);
      break;
    default:
      receive_routed(ctx, received);
      break;
  }
}

void MobileNode::receive_mobility(const Context& ctx, const Received& received) {
  const wire::CodePoints points;
  const auto checked = wire::check_mobility_header(received.upper, received.header.source,
                                                   final_destination(received), points);
  if (!checked) {
    counters_.add(counter_for(checked.error()));
    // RFC 6275 §9.3.3; only to somebody we deal with, so that nobody can make us talk to a third.
    if (checked.error() == wire::MobilityError::UnknownType &&
        deals_with(HomeAgentAddress(received.header.source))) {
      counters_.add(Counter::BindingErrorsSent);
      ctx.effects.emplace_back(SendToNetwork{
          make_binding_error(CareOfAddress(received.header.destination), received.header.source,
                             wire::kBindingErrorUnknownType)});
    }
    return;
  }
  if (checked->type == mh_type::kBindingError) {
    receive_binding_error(ctx, received, checked->message);
    return;
  }
  const bool expected = checked->type == mh_type::kBindingAcknowledgement ||
                        checked->type == mh_type::kBindingRefreshRequest ||
                        checked->type == mh_type::kHomeAgentSwitch;
  if (!expected) {
    counters_.add(Counter::DropMobilityUnexpectedType);
  } else if (!received.routing_home) {
    // RFC 6275 §11.7.3, rulings §9: away from home all of them come with a type 2 routing header.
    counters_.add(Counter::DropWithoutRoutingHeader);
  } else if (checked->type == mh_type::kBindingAcknowledgement) {
    receive_acknowledgement(ctx, received, checked->message);
  } else if (checked->type == mh_type::kHomeAgentSwitch) {
    receive_switch(ctx, received, checked->message);
  } else {
    receive_refresh_request(ctx, received);
  }
}

void MobileNode::receive_acknowledgement(const Context& ctx, const Received& received,
                                         ByteView message) {
  const auto answer = wire::parse_binding_acknowledgement(message);
  if (!answer) {
    counters_.add(counter_for(answer.error()));
    return;
  }
  const HomeAgentAddress from(received.header.source);
  const auto is_from = [&](const std::optional<Exchange>& exchange) {
    return exchange && exchange->was_sent() && exchange->home_agent() == from;
  };
  if (!is_from(pending_) && !is_from(closing_)) {
    counters_.add(Counter::DropAcknowledgementUnsolicited);
    return;
  }
  if (settings_.security) {
    const Verdict verdict = verify(*settings_.security, from, received.header.destination,
                                   settings_.home_address, message, answer->options);
    if (verdict != Verdict::Valid) {
      counters_.add(verdict == Verdict::Missing ? Counter::DropAcknowledgementUnauthenticated
                                                : Counter::DropAcknowledgementBadAuthenticator);
      event(ctx, EventKind::UnauthenticatedAnswer, from, 0,
            static_cast<std::uint8_t>(answer->status));
      return;
    }
  }
  const bool closing = !is_from(pending_);
  Exchange& exchange = closing ? *closing_ : *pending_;
  const auto sent_at = exchange.sent_at(answer->sequence);
  // Status 135 names the home agent's number instead of ours. One that is older than what we use
  // answers an earlier message.
  const HomeAgentRecord* record = records_.find(from);
  const bool names_newer = answer->status == wire::BindingStatus::SequenceOutOfWindow &&
                           record != nullptr &&
                           !record->last_sequence.is_newer_than(answer->sequence);
  if (!sent_at && !names_newer) {
    counters_.add(Counter::DropAcknowledgementSequence);
    return;
  }
  const bool is_accepted = wire::is_accepted(answer->status);
  counters_.add(is_accepted ? Counter::AcknowledgementsAccepted
                            : Counter::AcknowledgementsRejected);
  Event acknowledged{EventKind::Acknowledged,
                     settings_.home_address,
                     from,
                     exchange.care_of(),
                     static_cast<std::uint8_t>(answer->status),
                     0,
                     {}};
  acknowledged.latency = sent_at ? ctx.now.instant - *sent_at : Duration{};
  ctx.effects.emplace_back(acknowledged);
  if (closing) {
    if (is_accepted || !corrected(ctx, *closing_, *answer) || closing_->corrections() > 3) {
      closing_.reset();
    }
    return;
  }
  last_status_ = answer->status;
  if (is_accepted && sent_at) {
    accepted(ctx, *answer, *sent_at);
  } else {
    rejected(ctx, *answer);
  }
}

// Why a Home Agent Switch is not believed.
std::optional<Counter> MobileNode::switch_fault(const Received& received,
                                                const wire::HomeAgentSwitch& offer,
                                                ByteView message) const {
  const HomeAgentAddress from(received.header.source);
  if (!settings_.security) {
    const bool known = deals_with(from) || settings_.home_prefix.contains(from.address());
    return known ? std::nullopt : std::optional(Counter::DropSwitchFromStranger);
  }
  const Verdict verdict = verify(*settings_.security, from, received.header.destination,
                                 settings_.home_address, message, offer.options);
  // Rulings §9: option 9 last, and option 10 against replay.
  if (verdict == Verdict::Missing || !offer.options.replay_protection) {
    return Counter::DropSwitchUnauthenticated;
  }
  if (verdict == Verdict::Bad) {
    return Counter::DropSwitchBadAuthenticator;
  }
  const HomeAgentRecord* record = records_.find(from);
  if (record != nullptr && *offer.options.replay_protection <= record->last_switch) {
    return Counter::DropSwitchReplayed;
  }
  return std::nullopt;
}

void MobileNode::receive_switch(const Context& ctx, const Received& received, ByteView message) {
  const auto offer = wire::parse_home_agent_switch(message);
  if (!offer) {
    counters_.add(counter_for(offer.error()));
    return;
  }
  if (const auto fault = switch_fault(received, *offer, message)) {
    counters_.add(*fault);
    return;
  }
  const HomeAgentAddress from(received.header.source);
  HomeAgentRecord& record =
      records_.get(from, ctx.now.instant, {static_cast<std::uint16_t>(random())});
  record.last_switch = offer->options.replay_protection.value_or(record.last_switch);
  if (goal_ != Goal::Away) {
    counters_.add(Counter::DropSwitchNotAway);
    return;
  }
  follow_switch(ctx, from, *offer);
}

void MobileNode::follow_switch(const Context& ctx, const HomeAgentAddress& from,
                               const wire::HomeAgentSwitch& offer) {
  // RFC 5142 §6.1: those that share the home prefix first, then the rest, both in their order.
  std::vector<HomeAgentAddress> targets = offer.home_agents;
  std::erase_if(targets,
                [](const auto& target) { return !target.address().is_unicast_routable(); });
  std::ranges::stable_partition(targets, [&](const auto& target) {
    return settings_.home_prefix.contains(target.address());
  });
  stopped_ = false;
  if (targets.empty()) {
    counters_.add(Counter::SwitchesFollowed);
    event(ctx, EventKind::SwitchFollowed, std::nullopt);
    if (!discovery_.running()) {
      start_discovery(ctx);  // the binding carries on until there is another one
    }
    return;
  }
  const auto current = target();
  if (current == targets.front()) {
    counters_.add(Counter::SwitchesAlreadyThere);
    // RFC 5142 §5.2: it goes on asking until it sees a Binding Update. And a home agent that asks
    // long after we have left it believes us there: a Binding Update from before has overtaken the
    // one by which we went, so the one to have the last word gets another.
    if (!pending_ && (from == current || !accepts_tunnel_from(from))) {
      begin(ctx, *current);
    }
    return;
  }
  counters_.add(Counter::SwitchesFollowed);
  candidates_.assign(targets.begin() + 1, targets.end());
  event(ctx, EventKind::SwitchFollowed, targets.front());
  begin(ctx, targets.front());
}

void MobileNode::receive_refresh_request(const Context& ctx, const Received& received) {
  const HomeAgentAddress from(received.header.source);
  if (goal_ != Goal::Away || !binding_ || binding_->home_agent != from) {
    counters_.add(Counter::DropRefreshRequestFromStranger);
    return;
  }
  counters_.add(Counter::RefreshRequestsReceived);
  if (!pending_) {
    begin(ctx, from);
  }
}

void MobileNode::receive_binding_error(const Context& ctx, const Received& received,
                                       ByteView message) {
  const auto error = wire::parse_binding_error(message);
  if (!error) {
    counters_.add(counter_for(error.error()));
    return;
  }
  const HomeAgentAddress from(received.header.source);
  const bool unknown_binding = error->status == wire::kBindingErrorUnknownBinding;
  // Status 2 may be about a packet without Home Address option, then the field is `::`.
  const bool about_us = error->home_address == settings_.home_address.address() ||
                        (!unknown_binding && error->home_address.is_unspecified());
  if (!deals_with(from) || !about_us) {
    counters_.add(Counter::DropBindingErrorFromStranger);
    return;
  }
  counters_.add(unknown_binding ? Counter::BindingErrorsUnknownBinding
                                : Counter::BindingErrorsUnknownType);
  event(ctx, EventKind::BindingErrorReceived, from, 0, error->status);
  // It is not authenticated, so the tunnel stays until the Binding Update is answered.
  if (unknown_binding && goal_ == Goal::Away && !pending_ && binding_ &&
      binding_->home_agent == from) {
    begin(ctx, from);
  }
}

void MobileNode::receive_icmpv6(const Context& ctx, const Received& received) {
  const auto header = wire::Icmpv6Header::parse(received.upper);
  if (!header || !wire::icmpv6_checksum_ok(received.header.source, final_destination(received),
                                           received.upper)) {
    counters_.add(Counter::DropIcmpChecksum);
    return;
  }
  if (header->type == icmpv6::kMobilePrefixAdvertisement) {
    receive_prefix_advertisement(ctx, received);
  } else if (received.routing_home) {
    receive_routed(ctx, received);  // for a program at the home address
  } else if (header->type == icmpv6::kHomeAgentDiscoveryReply) {
    receive_discovery_reply(ctx, received);
  } else if (icmpv6::is_error(header->type)) {
    receive_error(ctx, received);
  } else {
    counters_.add(Counter::DropIcmpUnexpectedType);
  }
}

void MobileNode::receive_discovery_reply(const Context& ctx, const Received& received) {
  auto reply = wire::DiscoveryReply::parse(received.upper);
  if (!discovery_.running() || !reply || reply->identifier != discovery_.identifier()) {
    counters_.add(Counter::DropDiscoveryReplyUnexpected);
    return;
  }
  std::vector<HomeAgentAddress>& listed = reply->home_agents;
  const auto count = static_cast<std::int64_t>(listed.size());
  std::erase_if(listed,
                [](const auto& address) { return !address.address().is_unicast_routable(); });
  // RFC 3963 §7.2: R says that they support mobile routers.
  const bool lacks_support =
      settings_.mobile_router != MobileRouterMode::Off && !reply->mobile_router_support;
  if (listed.empty() || lacks_support) {
    counters_.add(Counter::DropDiscoveryReplyUseless);
    return;
  }
  counters_.add(Counter::DiscoveryRepliesReceived);
  // RFC 6275 §11.4.1: in the order of the list; ours is "those of the home prefix first".
  std::ranges::stable_partition(listed, [&](const auto& address) {
    return settings_.home_prefix.contains(address.address());
  });
  event(ctx, EventKind::DiscoverySucceeded, listed.front(), count);
  candidates_.assign(listed.begin() + 1, listed.end());
  begin(ctx, listed.front());
}

void MobileNode::receive_prefix_advertisement(const Context& ctx, const Received& received) {
  const auto advertisement = wire::PrefixAdvertisement::parse(received.upper);
  const HomeAgentAddress from(received.header.source);
  // RFC 6275 §11.4.3: with type 2 routing header, from the home agent we are registered with.
  if (!advertisement || !received.routing_home || !binding_ || binding_->home_agent != from) {
    counters_.add(Counter::DropPrefixAdvertisement);
    return;
  }
  counters_.add(Counter::PrefixAdvertisementsReceived);
  event(ctx, EventKind::PrefixAdvertised, from,
        static_cast<std::int64_t>(advertisement->prefixes.size()));
  if (prefix_discovery_.running() && advertisement->identifier == prefix_discovery_.identifier()) {
    prefix_discovery_.stop();
  }
}

void MobileNode::receive_error(const Context& ctx, const Received& received) {
  const auto quoted = wire::parse_icmpv6_error(received.upper);
  const auto header = quoted ? wire::Ipv6Header::parse(quoted->packet) : std::nullopt;
  if (!header || !is_our_care_of(header->source)) {
    counters_.add(Counter::DropIcmpErrorNotOurs);
    return;
  }
  const HomeAgentAddress home_agent(header->destination);
  const Ipv6Address anycast =
      settings_.discovery_address.value_or(settings_.home_prefix.home_agents_anycast());
  if (!deals_with(home_agent) && !(discovery_.running() && header->destination == anycast)) {
    counters_.add(Counter::DropIcmpErrorNotOurs);
    return;
  }
  if (header->next_header == protocol::kIpv6 || header->next_header == protocol::kFragment) {
    if (const auto inner = quoted_inner(quoted->packet)) {
      tunnel_error(ctx, home_agent, quoted->type, quoted->parameter, *inner);
      return;
    }
  }
  counters_.add(Counter::SignallingErrorsReceived);
  event(ctx, EventKind::SignallingError, home_agent, quoted->code, quoted->type);
}

}  // namespace anyhome::mobile
