#include "apps/anyhome-mn/effects.h"

#include <fmt/format.h>

namespace anyhome::mobile {
namespace {

std::string name_of(std::uint8_t status) {
  const std::string_view name = wire::to_string(static_cast<wire::BindingStatus>(status));
  return name == "status" ? fmt::format("status {}", status)
                          : fmt::format("status {} ({})", status, name);
}

// What the kind's own fields say, without the addresses.
std::string details(const Event& event) {
  switch (event.kind) {
    case EventKind::Registered:
    case EventKind::Refreshed:
      return fmt::format("lifetime {} s", event.value);
    case EventKind::Acknowledged:
      return fmt::format("{} after {} us", name_of(event.status), event.latency.count() / 1000);
    case EventKind::Retransmitted:
      return fmt::format("transmission {}", event.value);
    case EventKind::Rejected:
      return name_of(event.status) + (event.value > 0
                                          ? fmt::format(", next try in {} s", event.value)
                                          : std::string(", not tried again here"));
    case EventKind::SequenceAdopted:
      return fmt::format("last accepted there: {}", event.value);
    case EventKind::ClockAdopted:
      return fmt::format("its clock differs by {} s", event.value);
    case EventKind::DiscoverySucceeded:
      return fmt::format("{} listed", event.value);
    case EventKind::DiscoveryFailed:
      return fmt::format("next try in {} s", event.value);
    case EventKind::PathMtuLowered:
      return fmt::format("path MTU {}", event.value);
    case EventKind::BindingErrorReceived:
      return fmt::format("status {}", event.status);
    case EventKind::UnauthenticatedAnswer:
      return name_of(event.status) + " ignored: wrong key or SPI?";
    case EventKind::SignallingError:
      return fmt::format("ICMPv6 type {} code {}", event.status, event.value);
    case EventKind::PrefixAdvertised:
      return fmt::format("{} prefixes", event.value);
    case EventKind::Deregistered:
    case EventKind::NoMobileRouterSupport:
    case EventKind::Unanswered:
    case EventKind::BindingExpired:
    case EventKind::SwitchFollowed:
    case EventKind::SwitchFailed:
    case EventKind::DiscoveryStarted:
      break;
  }
  return {};
}

}  // namespace

std::string_view to_string(EventKind kind) {
  switch (kind) {
    case EventKind::Registered:
      return "registered";
    case EventKind::Refreshed:
      return "refreshed";
    case EventKind::Deregistered:
      return "deregistered";
    case EventKind::Acknowledged:
      return "acknowledged";
    case EventKind::Retransmitted:
      return "retransmitted";
    case EventKind::Rejected:
      return "rejected";
    case EventKind::NoMobileRouterSupport:
      return "no-mobile-router-support";
    case EventKind::Unanswered:
      return "unanswered";
    case EventKind::BindingExpired:
      return "binding-expired";
    case EventKind::SequenceAdopted:
      return "sequence-adopted";
    case EventKind::ClockAdopted:
      return "clock-adopted";
    case EventKind::SwitchFollowed:
      return "switch-followed";
    case EventKind::SwitchFailed:
      return "switch-failed";
    case EventKind::DiscoveryStarted:
      return "discovery-started";
    case EventKind::DiscoverySucceeded:
      return "discovery-succeeded";
    case EventKind::DiscoveryFailed:
      return "discovery-failed";
    case EventKind::PathMtuLowered:
      return "path-mtu-lowered";
    case EventKind::BindingErrorReceived:
      return "binding-error-received";
    case EventKind::UnauthenticatedAnswer:
      return "unauthenticated-answer";
    case EventKind::SignallingError:
      return "signalling-error";
    case EventKind::PrefixAdvertised:
      return "prefix-advertised";
  }
  return "event";
}

std::string describe(const Event& event) {
  std::string text = fmt::format("{} {}", event.home_address.to_string(), to_string(event.kind));
  if (event.home_agent) {
    text += " home agent " + event.home_agent->to_string();
  }
  if (event.care_of) {
    text += " care-of " + event.care_of->to_string();
  }
  if (const std::string more = details(event); !more.empty()) {
    text += ": " + more;
  }
  return text;
}

bool is_routine(EventKind kind) {
  return kind == EventKind::Acknowledged || kind == EventKind::Refreshed;
}

}  // namespace anyhome::mobile
