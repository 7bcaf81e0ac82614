// The state of the control core that its parts share. Each part is a file of free functions or a
// small class over this; nothing here has a clock, a thread or a socket.
#pragma once

#include <algorithm>
#include <memory>

#include "common/config/config.h"
#include "common/token_bucket.h"
#include "controlplane/authenticator.h"
#include "controlplane/binding_cache.h"
#include "controlplane/control_counters.h"
#include "controlplane/effects.h"
#include "controlplane/mobile_nodes.h"
#include "controlplane/signalling.h"
#include "controlplane/timer_wheel.h"

namespace anyhome::control {

// Everything a Binding Acknowledgement needs to know about the Binding Update it answers.
struct ReplyContext {
  Envelope envelope;
  HomeAddress home_address;
  SequenceNumber sequence;
  std::uint16_t flags = 0;  // of the Binding Update
  ReplyProtection protection;
};

struct Core {
  Core(const config::HomeAgent& home_agent, const Now& start, std::uint64_t hash_seed)
      : config(home_agent),
        mobile_nodes(config.mobile_nodes),
        bindings(home_agent.max_bindings, hash_seed),
        timers(start.instant),
        authenticator(make_authenticator(home_agent)),
        binding_errors(home_agent.binding_error_rate, home_agent.binding_error_rate),
        icmp_errors(home_agent.binding_error_rate, home_agent.binding_error_rate),
        discovery(home_agent.discovery_rate, home_agent.discovery_rate),
        started(start.instant) {}

  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  const config::HomeAgent config;
  MobileNodes mobile_nodes;
  BindingCache bindings;
  TimerWheel timers;
  std::unique_ptr<Authenticator> authenticator;
  ControlCounters counters;
  TokenBucket binding_errors;
  TokenBucket icmp_errors;
  TokenBucket discovery;
  Instant started;
  // Whether new registrations and discovery are served (draft §5.1, R5).
  bool serving = false;
  // The registration that the last event's effects belong to, should a table refuse one of them.
  std::optional<ReplyContext> last_update;

  [[nodiscard]] const Ipv6Address& own_address() const { return config.address.address(); }
  [[nodiscard]] Ipv6Address discovery_address() const {
    return config.discovery_address.value_or(config.home_prefixes.front().home_agents_anycast());
  }
  [[nodiscard]] bool in_home_prefix(const Ipv6Address& address) const {
    return std::ranges::any_of(config.home_prefixes,
                               [&](const Prefix& prefix) { return prefix.contains(address); });
  }
  [[nodiscard]] bool in_nemo_pool(const Ipv6Address& address) const {
    return std::ranges::any_of(config.nemo_pools, [&](const config::NemoPool& pool) {
      return pool.pool.contains(address);
    });
  }
  // When the home prefix stops being valid or preferred; nullopt: never.
  [[nodiscard]] std::optional<Instant> prefix_end(
      const std::optional<std::chrono::seconds>& lifetime) const {
    return lifetime ? std::optional(started + Duration(*lifetime)) : std::nullopt;
  }
};

}  // namespace anyhome::control
