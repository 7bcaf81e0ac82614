// What can be asked of a mobile node.
#include <algorithm>

#include "apps/anyhome-mn/mobile_node.h"

namespace anyhome::mobile {
namespace {

void earliest(std::optional<Instant>& result, const std::optional<Instant>& candidate) {
  if (candidate && (!result || *candidate < *result)) {
    result = candidate;
  }
}

}  // namespace

std::string_view to_string(State state) {
  switch (state) {
    case State::Detached:
      return "detached";
    case State::Discovering:
      return "discovering";
    case State::Registering:
      return "registering";
    case State::Registered:
      return "registered";
    case State::Deregistering:
      return "deregistering";
    case State::Home:
      return "home";
    case State::Rejected:
      return "rejected";
  }
  return "state";
}

std::optional<Instant> MobileNode::next_deadline() const {
  std::optional<Instant> result;
  for (const auto& former : formers_) {
    earliest(result, former.until);
  }
  for (const auto& former : former_care_ofs_) {
    earliest(result, former.until);
  }
  if (binding_) {
    earliest(result, binding_->expires);
    if (goal_ == Goal::Away) {
      earliest(result, binding_->refresh);
    }
  }
  if (pending_) {
    earliest(result, pending_->due());
  }
  if (closing_) {
    earliest(result, closing_->due());
  }
  earliest(result, discovery_.due());
  earliest(result, prefix_discovery_.due());
  earliest(result, retry_at_);
  return result == Instant::max() ? std::nullopt : result;
}

State MobileNode::state() const {
  switch (goal_) {
    case Goal::None:
      return State::Detached;
    case Goal::Home:
      return pending_ ? State::Deregistering : State::Home;
    case Goal::Away:
      break;
  }
  if (binding_ && binding_->care_of == care_of_) {
    return State::Registered;
  }
  if (pending_) {
    return State::Registering;
  }
  return discovery_.running() ? State::Discovering : State::Rejected;
}

bool MobileNode::settled() const {
  return !pending_ && !discovery_.running() && !retry_at_ && !stopped_ &&
         (state() == State::Registered || state() == State::Home);
}

std::optional<HomeAgentAddress> MobileNode::home_agent() const {
  if (pending_) {
    return pending_->home_agent();
  }
  return binding_ ? std::optional(binding_->home_agent) : last_home_agent_;
}

std::optional<std::uint16_t> MobileNode::discovery_identifier() const {
  return discovery_.running() ? std::optional(discovery_.identifier()) : std::nullopt;
}

bool MobileNode::is_our_care_of(const Ipv6Address& address) const {
  const CareOfAddress care_of(address);
  return care_of_ == care_of || std::ranges::any_of(former_care_ofs_, [&](const auto& former) {
           return former.address == care_of;
         });
}

// Whether this home agent may have something to say to us.
bool MobileNode::deals_with(const HomeAgentAddress& home_agent) const {
  return (pending_ && pending_->home_agent() == home_agent) ||
         (closing_ && closing_->home_agent() == home_agent) || accepts_tunnel_from(home_agent);
}

}  // namespace anyhome::mobile
