#include "test/sim/settings.h"

#include <algorithm>

#include <fmt/format.h>

#include "test/sim/address_plan.h"

namespace anyhome::sim {
namespace {

constexpr std::uint32_t kSpi = 1000;
constexpr std::size_t kKeySize = 16;

std::vector<std::byte> key_of(std::uint32_t mobile) {
  std::vector<std::byte> key(kKeySize, std::byte{0x5c});
  store_be32(key.data(), mobile);
  return key;
}
std::string name_of(std::uint32_t mobile) { return fmt::format("mn{}@sim.example", mobile); }

}  // namespace

config::HomeAgent home_agent_config(const Scenario& scenario, PopIndex pop) {
  config::HomeAgent config;
  config.home_prefixes = {plan::home_prefix()};
  config.address = plan::agent(pop);
  config.locator = plan::locator(pop);
  config.max_bindings =
      static_cast<std::uint32_t>(std::max<std::size_t>(64, scenario.mobiles.size()));
  config.nemo_pools = {{plan::mobile_network_pool(), 64}};
  config.nemo_any_prefix = true;
  config.authentication = scenario.authentication == AuthenticationKind::None
                              ? config::Authentication::InsecureNone
                              : config::Authentication::Rfc4285;
  config.replay_protection = scenario.authentication == AuthenticationKind::Timestamps
                                 ? config::ReplayProtection::Timestamp
                                 : config::ReplayProtection::Sequence;
  config.keys_per_home_agent = scenario.authentication == AuthenticationKind::DerivedKeys;
  if (scenario.authentication != AuthenticationKind::None) {
    for (std::uint32_t mobile = 0; mobile < scenario.mobiles.size(); ++mobile) {
      config::MobileNode node;
      node.name = fmt::format("mn{}", mobile);
      node.home_address = plan::home(mobile);
      node.identifier = name_of(mobile);
      node.spi = kSpi;
      node.key = key_of(mobile);
      config.mobile_nodes.push_back(std::move(node));
    }
  }
  config::Haha& set = config.haha;
  for (PopIndex peer = 0; peer < scenario.topology.pops; ++peer) {
    if (peer != pop) {
      set.peers.push_back(
          {fmt::format("pop{}", peer), plan::agent(peer), plan::locator(peer), true});
    }
  }
  set.group_id = 7;
  set.link_is_secure = true;
  set.set_key.assign(kKeySize, std::byte{0x3d});
  set.boot_wait = scenario.boot_wait;
  set.tombstone_time = scenario.tombstone_time;
  return config;
}

mobile::Settings mobile_settings(const Scenario& scenario, std::uint32_t mobile, bool later) {
  const MobilePlan& plan_of = scenario.mobiles[mobile];
  mobile::Settings settings;
  settings.home_address = plan::home(mobile);
  settings.home_prefix = plan::home_prefix();
  if (plan_of.home_agent) {
    settings.home_agent = plan::agent(*plan_of.home_agent);
  }
  settings.lifetime = Lifetime(plan_of.lifetime_units);
  settings.switch_deregisters = plan_of.switch_deregisters;
  if (plan_of.router) {
    settings.mobile_router = mobile::MobileRouterMode::Explicit;
    for (const std::uint32_t network : later ? plan_of.later_networks : plan_of.networks) {
      settings.prefixes.push_back(plan::mobile_network(network));
    }
  }
  if (scenario.authentication != AuthenticationKind::None) {
    settings.identifier = name_of(mobile);
    mobile::Security security;
    security.spi = kSpi;
    security.key = key_of(mobile);
    security.derivation = scenario.authentication == AuthenticationKind::DerivedKeys
                              ? mobile::KeyDerivation::PerHomeAgent
                              : mobile::KeyDerivation::Shared;
    settings.security = security;
    settings.timestamps = scenario.authentication == AuthenticationKind::Timestamps;
  }
  return settings;
}

}  // namespace anyhome::sim
