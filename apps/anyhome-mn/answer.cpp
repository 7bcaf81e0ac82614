// What a Binding Acknowledgement does (RFC 6275 §11.7.3, RFC 3963 §5.4, RFC 4285 §6). It has
// passed the checks of receive.cpp.
#include <algorithm>
#include <chrono>

#include "apps/anyhome-mn/mobile_node.h"

namespace anyhome::mobile {
namespace {

using std::chrono::seconds;
using wire::BindingStatus;

// A home agent and we could correct each other for ever.
constexpr unsigned kMaxCorrections = 5;

// Time left for retransmissions before a binding expires.
Duration refresh_margin(Duration lifetime) {
  return std::min(std::clamp<Duration>(lifetime / 5, seconds(2), seconds(60)), lifetime / 2);
}

enum class Remedy : std::uint8_t {
  RetryLater,  // the home agent's state may change
  Elsewhere,   // not this home agent
  Stop,        // neither time nor another home agent helps: the operator has to
};

Remedy remedy_for(BindingStatus status) {
  switch (status) {
    case BindingStatus::ReasonUnspecified:
    case BindingStatus::AdministrativelyProhibited:
    case BindingStatus::InsufficientResources:
    // After too many corrections.
    case BindingStatus::SequenceOutOfWindow:
    case BindingStatus::IdentificationMismatch:
      return Remedy::RetryLater;
    case BindingStatus::HomeRegistrationNotSupported:
    case BindingStatus::NotHomeSubnet:
    case BindingStatus::NotHomeAgentForMobileNode:
      return Remedy::Elsewhere;
    default:
      return Remedy::Stop;
  }
}

}  // namespace

void MobileNode::accepted(const Context& ctx, const wire::BindingAcknowledgement& answer,
                          Instant sent_at) {
  if (pending_->purpose() == Purpose::Deregister) {
    deregistered(ctx, answer);
    return;
  }
  // RFC 3963 §5.3: no R in the answer, no mobile router support.
  if (settings_.mobile_router != MobileRouterMode::Off &&
      (answer.flags & wire::ba_flag::kMobileRouter) == 0) {
    without_mobile_router_support(ctx);
    return;
  }
  // RFC 6275 §11.7.3: both lifetimes run from the sending of the Binding Update.
  const Lifetime granted = std::min(answer.lifetime, settings_.lifetime);
  if (sent_at + granted.seconds() <= ctx.now.instant) {
    next_target(ctx, true, static_cast<std::uint8_t>(BindingStatus::ReasonUnspecified));
    return;
  }
  const Exchange exchange = *pending_;
  pending_.reset();
  adopt_binding(ctx, exchange, answer, granted, sent_at);
  if (answer.status == BindingStatus::AcceptedPrefixDiscoveryNecessary) {
    prefix_discovery_.start(ctx.now.instant, static_cast<std::uint16_t>(random()));
    prefix_discovery_due(ctx);
  }
}

void MobileNode::adopt_binding(const Context& ctx, const Exchange& exchange,
                               const wire::BindingAcknowledgement& answer, Lifetime granted,
                               Instant sent_at) {
  const std::optional<Binding> old = binding_;
  binding_ = Binding{};
  binding_->home_agent = exchange.home_agent();
  binding_->care_of = exchange.care_of();
  binding_->sequence = answer.sequence;
  binding_->lifetime = granted;
  binding_->expires = sent_at + granted.seconds();
  binding_->refresh = binding_->expires - refresh_margin(granted.seconds());
  // Binding Refresh Advice counts when it is below the lifetime (RFC 6275 §6.2.4).
  const auto& advice = answer.options.refresh_advice;
  if (advice && !advice->is_zero() && *advice < granted) {
    binding_->refresh = sent_at + advice->seconds();
  }
  last_home_agent_ = exchange.home_agent();
  candidates_.clear();
  backoff_ = {};
  for (auto& former : former_care_ofs_) {
    former.until = std::min(former.until, ctx.now.instant + kFormerTime);
  }
  const bool switched = old && old->home_agent != binding_->home_agent;
  const bool news = !old || switched || old->care_of != binding_->care_of;
  event(ctx, news ? EventKind::Registered : EventKind::Refreshed, binding_->home_agent,
        granted.seconds().count(), static_cast<std::uint8_t>(answer.status));
  if (switched) {
    leave(ctx, old->home_agent);
    if (settings_.switch_deregisters) {
      close(ctx, old->home_agent);  // RFC 5142 §6.1; draft §5.5 says SHOULD NOT
    }
  }
}

void MobileNode::deregistered(const Context& ctx, const wire::BindingAcknowledgement& answer) {
  const HomeAgentAddress home_agent = pending_->home_agent();
  leave(ctx, home_agent);
  pending_.reset();
  binding_.reset();
  event(ctx, EventKind::Deregistered, home_agent, 0, static_cast<std::uint8_t>(answer.status));
}

void MobileNode::without_mobile_router_support(const Context& ctx) {
  const HomeAgentAddress home_agent = pending_->home_agent();
  event(ctx, EventKind::NoMobileRouterSupport, home_agent);
  // RFC 3963 §5.3: de-register before another home agent is tried.
  close(ctx, home_agent);
  if (binding_ && binding_->home_agent == home_agent) {
    binding_.reset();
  }
  next_target(ctx, true,
              static_cast<std::uint8_t>(BindingStatus::MobileRouterOperationNotPermitted));
}

void MobileNode::rejected(const Context& ctx, const wire::BindingAcknowledgement& answer) {
  if (pending_->corrections() < kMaxCorrections && corrected(ctx, *pending_, answer)) {
    return;
  }
  if (pending_->purpose() == Purpose::Deregister) {
    // 133: it has no binding. Whatever else it says, there is no more to be done than to say so.
    deregistered(ctx, answer);
    return;
  }
  if (remedy_for(answer.status) == Remedy::Elsewhere && binding_ &&
      binding_->home_agent == pending_->home_agent()) {
    binding_.reset();  // it says that it does not have it
  }
  next_target(ctx, true, static_cast<std::uint8_t>(answer.status));
}

// True when the answer said how to do better and the Binding Update goes out again.
bool MobileNode::corrected(const Context& ctx, Exchange& exchange,
                           const wire::BindingAcknowledgement& answer) {
  switch (answer.status) {
    case BindingStatus::SequenceOutOfWindow:
      adopt_sequence(ctx, exchange, answer.sequence);
      break;
    case BindingStatus::IdentificationMismatch:
      if (!answer.options.replay_protection) {
        return false;
      }
      adopt_clock(ctx, exchange, *answer.options.replay_protection);
      break;
    case BindingStatus::IdentificationRequired:
      if (settings_.timestamps) {
        return false;
      }
      settings_.timestamps = true;
      break;
    default:
      return false;
  }
  exchange.correct(ctx.now.instant);
  transmit(ctx, exchange);
  return true;
}

void MobileNode::adopt_sequence(const Context& ctx, Exchange& exchange, SequenceNumber theirs) {
  records_.get(exchange.home_agent(), ctx.now.instant, theirs).last_sequence = theirs;
  event(ctx, EventKind::SequenceAdopted, exchange.home_agent(), theirs.value);
}

// RFC 4285 §6: the answer carries the home agent's time (rulings §9: at least a second above the
// last accepted one).
void MobileNode::adopt_clock(const Context& ctx, Exchange& exchange, NtpTimestamp theirs) {
  // Its low half may be a copy of ours, up to a second below its clock: a second try adds one.
  const Duration offset = theirs.to_wall() - ctx.now.wall + seconds(1) * exchange.corrections();
  clock_offset_ = offset;
  last_timestamp_ = {};
  event(ctx, EventKind::ClockAdopted, exchange.home_agent(),
        std::chrono::duration_cast<seconds>(offset).count());
}

// The home agent of `pending_` said no (`answered`), or nothing.
void MobileNode::next_target(const Context& ctx, bool answered, std::uint8_t status) {
  const HomeAgentAddress failed = pending_->home_agent();
  const Remedy remedy =
      answered ? remedy_for(static_cast<BindingStatus>(status)) : Remedy::Elsewhere;
  pending_.reset();
  std::erase(candidates_, failed);
  if (!candidates_.empty()) {
    if (answered) {
      event(ctx, EventKind::Rejected, failed, 0, status);
    }
    const HomeAgentAddress next = candidates_.front();
    candidates_.erase(candidates_.begin());
    begin(ctx, next);
    return;
  }
  if (binding_ && binding_->home_agent != failed) {
    event(ctx, EventKind::SwitchFailed, binding_->home_agent, 0, status);
    begin(ctx, binding_->home_agent);  // it still serves us
    return;
  }
  if (!answered) {
    last_home_agent_.reset();
    if (settings_.home_agent) {
      begin(ctx, *settings_.home_agent);
    } else {
      start_discovery(ctx);
    }
    return;
  }
  if (remedy == Remedy::Stop) {
    stopped_ = true;
    event(ctx, EventKind::Rejected, failed, 0, status);
    return;
  }
  retry_after(ctx, failed, status);
}

}  // namespace anyhome::mobile
