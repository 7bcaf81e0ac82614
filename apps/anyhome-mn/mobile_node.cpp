// Registration: when a Binding Update goes out, to whom, and what happens when nobody answers.
#include "apps/anyhome-mn/mobile_node.h"

#include <algorithm>
#include <utility>

namespace anyhome::mobile {
namespace {

using std::chrono::seconds;

// Unanswered copies after which another home agent is tried, when there is one. With RFC 6275's
// timers: 1.5 + 3 + 6 + 12 s for somebody else on the list, 24 s more for a new discovery.
constexpr unsigned kPatienceWithCandidates = 4;
constexpr unsigned kPatience = 5;
constexpr unsigned kPatienceDeregistering = 5;
// After a rejection, and after a discovery without result (our own choice; RFC 6275 has none).
constexpr Duration kFirstRetry = seconds(4);
constexpr Duration kMaxRetry = seconds(64);

std::int64_t whole_seconds(Duration duration) {
  return std::chrono::duration_cast<seconds>(duration).count();
}

}  // namespace

MobileNode::MobileNode(Settings settings, std::uint64_t seed)
    : settings_(std::move(settings)), random_state_(seed) {}

void MobileNode::attach(Now now, const CareOfAddress& care_of, std::size_t access_mtu,
                        Effects& effects) {
  constexpr std::size_t kMaxFormerCareOfs = 4;
  if (care_of_ && *care_of_ != care_of) {
    // Listened to until the new one is registered, and a while longer.
    if (former_care_ofs_.size() == kMaxFormerCareOfs) {
      former_care_ofs_.erase(former_care_ofs_.begin());
    }
    former_care_ofs_.push_back({*care_of_, Instant::max()});
  }
  std::erase_if(former_care_ofs_, [&](const auto& former) { return former.address == care_of; });
  care_of_ = care_of;
  access_mtu_ = access_mtu;
  records_.forget_paths();
  register_now(now, effects);
}

void MobileNode::register_now(Now now, Effects& effects) {
  if (!care_of_) {
    return;
  }
  goal_ = Goal::Away;
  retry_at_.reset();
  backoff_ = {};
  stopped_ = false;
  start({now, effects});
}

void MobileNode::deregister(Now now, Effects& effects) {
  const Context ctx{now, effects};
  if (goal_ == Goal::Home) {
    return;
  }
  const bool sent_elsewhere = pending_ && pending_->was_sent() &&
                              (!binding_ || pending_->home_agent() != binding_->home_agent);
  const auto elsewhere = sent_elsewhere ? std::optional(pending_->home_agent()) : std::nullopt;
  goal_ = Goal::Home;
  pending_.reset();
  discovery_.stop();
  prefix_discovery_.stop();
  retry_at_.reset();
  stopped_ = false;
  candidates_.clear();
  if (!binding_ && !elsewhere) {
    return;  // nobody to tell
  }
  if (binding_ && elsewhere) {
    close(ctx, *elsewhere);  // it may have accepted already
  }
  pending_.emplace(Purpose::Deregister, binding_ ? binding_->home_agent : *elsewhere, *care_of_,
                   kInitialBindackTimeout, now.instant);
  transmit(ctx, *pending_);
}

std::optional<HomeAgentAddress> MobileNode::target() const {
  if (pending_ && pending_->purpose() == Purpose::Register) {
    return pending_->home_agent();
  }
  if (binding_) {
    return binding_->home_agent;
  }
  return last_home_agent_ ? last_home_agent_ : settings_.home_agent;
}

void MobileNode::start(const Context& ctx) {
  if (const auto home_agent = target()) {
    begin(ctx, *home_agent);
  } else if (!discovery_.running()) {
    start_discovery(ctx);
  }
}

void MobileNode::start_discovery(const Context& ctx) {
  discovery_.start(ctx.now.instant, static_cast<std::uint16_t>(random()));
  event(ctx, EventKind::DiscoveryStarted);
  discovery_due(ctx);
}

void MobileNode::begin(const Context& ctx, const HomeAgentAddress& home_agent) {
  if (pending_ && pending_->was_sent() && pending_->home_agent() != home_agent) {
    // It may have accepted and be delivering.
    leave(ctx, pending_->home_agent());
  }
  if (closing_ && closing_->home_agent() == home_agent) {
    closing_.reset();
  }
  discovery_.stop();
  retry_at_.reset();
  const bool first = !binding_ || binding_->home_agent != home_agent;
  pending_.emplace(Purpose::Register, home_agent, *care_of_,
                   first ? kInitialBindackTimeoutFirstRegistration : kInitialBindackTimeout,
                   ctx.now.instant);
  transmit(ctx, *pending_);
}

void MobileNode::close(const Context& ctx, const HomeAgentAddress& home_agent) {
  closing_.emplace(Purpose::Deregister, home_agent, *care_of_, kInitialBindackTimeout,
                   ctx.now.instant);
  transmit(ctx, *closing_);
}

void MobileNode::transmit(const Context& ctx, Exchange& exchange) {
  HomeAgentRecord& record =
      records_.get(exchange.home_agent(), ctx.now.instant, {static_cast<std::uint16_t>(random())});
  const Instant allowed = record.next_update_allowed(ctx.now.instant);
  if (allowed > ctx.now.instant) {
    exchange.defer(allowed);
    return;
  }
  // RFC 6275 §11.8: a retransmission carries a greater number too.
  const SequenceNumber sequence = record.last_sequence.next();
  const bool again = exchange.unanswered() != 0;
  exchange.note_sent(ctx.now.instant, sequence);
  record.note_update(ctx.now.instant, sequence);
  if (again) {
    counters_.add(Counter::BindingUpdatesRetransmitted);
    event(ctx, EventKind::Retransmitted, exchange.home_agent(), exchange.unanswered());
  }
  send_update(ctx, exchange, sequence);
}

void MobileNode::send_update(const Context& ctx, const Exchange& exchange,
                             SequenceNumber sequence) {
  const bool registering = exchange.purpose() == Purpose::Register;
  UpdateContents contents;
  contents.home_address = settings_.home_address;
  contents.home_agent = exchange.home_agent();
  contents.care_of = exchange.care_of();
  contents.sequence = sequence;
  contents.flags = wire::bu_flag::kAcknowledge | wire::bu_flag::kHomeRegistration;
  if (settings_.mobile_router != MobileRouterMode::Off) {
    contents.flags |= wire::bu_flag::kMobileRouter;
  }
  if (registering) {
    contents.lifetime = settings_.lifetime;
    if (settings_.mobile_router == MobileRouterMode::Explicit) {
      contents.prefixes = settings_.prefixes;  // RFC 3963 §5.2: in every Binding Update
    }
  }
  contents.identifier = settings_.identifier;
  if (settings_.timestamps) {
    contents.timestamp = next_timestamp(ctx);
  }
  contents.security = settings_.security ? &*settings_.security : nullptr;
  ctx.effects.emplace_back(SendToNetwork{make_binding_update(contents)});
  counters_.add(registering ? Counter::BindingUpdatesSent : Counter::DeregistrationsSent);
}

NtpTimestamp MobileNode::next_timestamp(const Context& ctx) {
  const NtpTimestamp clock = NtpTimestamp::from(ctx.now.wall + clock_offset_);
  last_timestamp_ = std::max(clock, NtpTimestamp{last_timestamp_.value + 1});
  return last_timestamp_;
}

// Rulings §6: what it has sent already is still taken.
void MobileNode::leave(const Context& ctx, const HomeAgentAddress& home_agent) {
  constexpr std::size_t kMaxFormers = 8;
  std::erase_if(formers_, [&](const auto& former) { return former.address == home_agent; });
  if (formers_.size() == kMaxFormers) {
    formers_.erase(formers_.begin());
  }
  formers_.push_back({home_agent, ctx.now.instant + kFormerTime});
}

// How many copies may stay unanswered before somebody else is tried; 0: there is nobody else.
unsigned MobileNode::patience() const {
  if (pending_->purpose() == Purpose::Deregister) {
    return kPatienceDeregistering;
  }
  const HomeAgentAddress& current = pending_->home_agent();
  if (!candidates_.empty() || (binding_ && binding_->home_agent != current)) {
    return kPatienceWithCandidates;
  }
  return settings_.home_agent == current ? 0 : kPatience;
}

void MobileNode::pending_due(const Context& ctx) {
  const unsigned limit = patience();
  if (limit == 0 || pending_->unanswered() < limit) {
    transmit(ctx, *pending_);
    return;
  }
  event(ctx, EventKind::Unanswered, pending_->home_agent());
  if (pending_->purpose() == Purpose::Deregister) {
    pending_.reset();
    binding_.reset();
    return;
  }
  next_target(ctx, false, 0);
}

void MobileNode::closing_due(const Context& ctx) {
  if (closing_->unanswered() < kPatienceDeregistering) {
    transmit(ctx, *closing_);
  } else {
    closing_.reset();
  }
}

void MobileNode::discovery_due(const Context& ctx) {
  if (discovery_.next(ctx.now.instant)) {
    const wire::DiscoveryRequest request{discovery_.identifier(),
                                         settings_.mobile_router != MobileRouterMode::Off};
    const Ipv6Address destination =
        settings_.discovery_address.value_or(settings_.home_prefix.home_agents_anycast());
    ctx.effects.emplace_back(
        SendToNetwork{make_discovery_request(*care_of_, destination, request)});
    counters_.add(Counter::DiscoveryRequestsSent);
    return;
  }
  backoff_ = kMaxRetry;
  retry_at_ = ctx.now.instant + backoff_;
  event(ctx, EventKind::DiscoveryFailed, std::nullopt, whole_seconds(backoff_));
}

void MobileNode::prefix_discovery_due(const Context& ctx) {
  if (!binding_ || goal_ != Goal::Away) {
    prefix_discovery_.stop();
    return;
  }
  if (prefix_discovery_.next(ctx.now.instant)) {
    ctx.effects.emplace_back(SendToNetwork{make_prefix_solicitation(
        *care_of_, binding_->home_agent, settings_.home_address, prefix_discovery_.identifier())});
    counters_.add(Counter::PrefixSolicitationsSent);
  }
}

// No home agent is left to be tried at once.
void MobileNode::retry_after(const Context& ctx, const HomeAgentAddress& failed,
                             std::uint8_t status) {
  if (last_home_agent_ == failed) {
    last_home_agent_.reset();
  }
  backoff_ = backoff_ == Duration{} ? kFirstRetry : std::min(2 * backoff_, kMaxRetry);
  retry_at_ = ctx.now.instant + backoff_;
  event(ctx, EventKind::Rejected, failed, whole_seconds(backoff_), status);
}

void MobileNode::expire(const Context& ctx) {
  const Instant now = ctx.now.instant;
  std::erase_if(formers_, [&](const auto& former) { return former.until <= now; });
  std::erase_if(former_care_ofs_, [&](const auto& former) { return former.until <= now; });
  if (!binding_ || binding_->expires > now) {
    return;
  }
  event(ctx, EventKind::BindingExpired, binding_->home_agent);
  binding_.reset();
  if (goal_ == Goal::Away && !pending_ && !discovery_.running() && !retry_at_ && !stopped_) {
    start(ctx);
  }
}

void MobileNode::on_timer(Now now, Effects& effects) {
  const Context ctx{now, effects};
  const auto is_due = [&](const std::optional<Instant>& at) { return at && *at <= now.instant; };
  expire(ctx);
  if (pending_ && pending_->due() <= now.instant) {
    pending_due(ctx);
  }
  if (closing_ && closing_->due() <= now.instant) {
    closing_due(ctx);
  }
  if (is_due(discovery_.due())) {
    discovery_due(ctx);
  }
  if (is_due(prefix_discovery_.due())) {
    prefix_discovery_due(ctx);
  }
  if (is_due(retry_at_)) {
    retry_at_.reset();
    start(ctx);
  }
  if (binding_ && goal_ == Goal::Away && binding_->refresh <= now.instant) {
    binding_->refresh = Instant::max();
    if (!pending_ && !discovery_.running() && !retry_at_ && !stopped_) {
      begin(ctx, binding_->home_agent);
    }
  }
}

void MobileNode::event(const Context& ctx, EventKind kind,
                       std::optional<HomeAgentAddress> home_agent, std::int64_t value,
                       std::uint8_t status) {
  ctx.effects.emplace_back(
      Event{kind, settings_.home_address, home_agent, care_of_, status, value, {}});
}

// splitmix64: a seed gives the same numbers everywhere.
std::uint64_t MobileNode::random() {
  std::uint64_t z = (random_state_ += 0x9e3779b97f4a7c15ULL);
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31U);
}

}  // namespace anyhome::mobile
