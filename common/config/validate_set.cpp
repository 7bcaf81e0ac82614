#include "common/config/validate_set.h"

#include <algorithm>
#include <map>
#include <string>

namespace anyhome::config {
namespace {

constexpr std::size_t kSetKeyBytes = 16;  // SipHash's key
constexpr std::size_t kMaxPeers = 255;

// Draft §5.1 (R1): what a member has to know of itself and of the others.
class SetValidation {
 public:
  SetValidation(const Config& config, std::vector<Mistake>& mistakes)
      : config_(config),
        agent_(config.home_agent),
        set_(config.home_agent.haha),
        mistakes_(mistakes) {}

  void run() {
    times();
    if (set_.alone()) {
      return;
    }
    own();
    peers();
    security();
    links();
  }

 private:
  void mistake(std::string option, std::string value, std::string problem, std::string remedy) {
    mistakes_.push_back(
        {std::move(option), std::move(value), std::move(problem), std::move(remedy)});
  }

  [[nodiscard]] bool is_served(const Ipv6Address& address) const {
    return std::ranges::any_of(agent_.home_prefixes,
                               [&](const Prefix& p) { return p.contains(address); }) ||
           std::ranges::any_of(agent_.nemo_pools,
                               [&](const NemoPool& p) { return p.pool.contains(address); });
  }

  void times() {
    if (config_.runtime.draining_route_metric <= config_.runtime.route_metric) {
      mistake("draining-route-metric", std::to_string(config_.runtime.draining_route_metric),
              "not above route-metric, so draining would attract traffic", "make it larger");
    }
    if (set_.hello_lifetime < set_.hello_interval) {
      mistake("hello-lifetime", std::to_string(set_.hello_lifetime.count()),
              "shorter than hello-interval, so every peer would be down between two HELLOs",
              "make it three times hello-interval");
    }
    if (set_.switch_dwell_max < set_.switch_dwell) {
      mistake("switch-dwell-max", std::to_string(set_.switch_dwell_max.count()),
              "less than switch-dwell", "make it at least as long");
    }
  }

  void own() {
    if (!agent_.locator) {
      mistake("locator", "", "missing",
              "a home agent with peers needs the address that its provider routes here");
    }
    if (!set_.group_id) {
      mistake("group-id", "", "missing",
              "give the set a number of 0 to 255, the same at all members");
    }
    if (set_.set_key.size() != kSetKeyBytes) {
      mistake("set-key", set_.set_key.empty() ? "" : "(not shown)",
              set_.set_key.empty() ? "missing" : "not 16 bytes",
              "give 32 hexadecimal digits, the same at all members: openssl rand -hex 16");
    }
  }

  void peers() {
    if (set_.peers.size() > kMaxPeers) {
      mistake("peer.NAME.locator", std::to_string(set_.peers.size()), "more than 255 peers",
              "split the set");
    }
    std::map<Ipv6Address, std::string> addresses;
    std::map<Ipv6Address, std::string> locators;
    for (const Peer& peer : set_.peers) {
      const std::string section = "peer." + peer.name;
      const Ipv6Address& address = peer.address.address();
      const Ipv6Address& locator = peer.locator.address();
      if (address.is_unspecified()) {
        mistake(section + ".home-agent-address", "", "missing",
                "give the address that mobile nodes of that home agent register with");
      } else if (address == agent_.address.address()) {
        mistake(section + ".home-agent-address", address.to_string(),
                "this home agent's own address", "a home agent is not its own peer: leave it out");
      } else if (!is_served(address)) {
        mistake(section + ".home-agent-address", address.to_string(),
                "outside of every home prefix", "all members serve the same home prefix");
      } else if (const auto [first, added] = addresses.emplace(address, peer.name); !added) {
        mistake(section + ".home-agent-address", address.to_string(),
                "also the address of peer." + first->second, "give each its own");
      }
      if (locator.is_unspecified()) {
        mistake(section + ".locator", "", "missing",
                "give the address that the provider of that home agent routes to it");
      } else if (agent_.locator && locator == agent_.locator->address()) {
        mistake(section + ".locator", locator.to_string(), "this home agent's own locator",
                "a home agent is not its own peer: leave it out");
      } else if (!locator.is_unicast_routable() || is_served(locator)) {
        mistake(section + ".locator", locator.to_string(),
                "not a unicast address outside of the home prefixes and pools",
                "give the address that the provider of that home agent routes to it");
      } else if (const auto [first, added] = locators.emplace(locator, peer.name); !added) {
        mistake(section + ".locator", locator.to_string(),
                "also the locator of peer." + first->second, "give each its own");
      }
    }
  }

  // One key at several home agents and only sequence numbers: what one of them has forgotten can be
  // replayed at another (rulings §9).
  void security() {
    if (!set_.link_is_secure) {
      mistake("link-is-secure", "no", "HAHA links are not protected by ESP of this program",
              "protect the traffic between the locators by other means and say "
              "link-is-secure = yes");
    }
    if (agent_.authentication == Authentication::Rfc4285 &&
        agent_.replay_protection == ReplayProtection::Sequence && !agent_.keys_per_home_agent) {
      mistake("replay-protection", "sequence",
              "an old Binding Update could be replayed at another home agent of the set",
              "say replay-protection = timestamp, or keys-per-home-agent = yes");
    }
  }

  void links() {
    if (set_.wanted_links() > set_.peers.size()) {
      mistake("min-links", std::to_string(set_.wanted_links()), "more than there are peers",
              "make it " + std::to_string(set_.peers.size()) + " or less");
    }
    if (!config_.ports.empty() && std::ranges::none_of(config_.ports, &Port::haha)) {
      mistake("port.NAME.haha", "no", "HAHA links may come in on no port",
              "say haha = yes in the section of the port that faces the other home agents");
    }
  }

  const Config& config_;
  const HomeAgent& agent_;
  const Haha& set_;
  std::vector<Mistake>& mistakes_;
};

}  // namespace

void validate_set(const Config& config, std::vector<Mistake>& mistakes) {
  SetValidation(config, mistakes).run();
}

}  // namespace anyhome::config
