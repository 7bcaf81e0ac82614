// Where everything is: POPs and sites on a map, delays by distance, and which POP a packet for the
// home prefix enters at.
//
// A site is where mobile nodes or correspondents are attached. Each prefers the POPs by distance
// and takes the first one whose announcement has reached it; announcements and withdrawals take
// their time to get there, each to each site another.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "common/address.h"
#include "common/time.h"
#include "test/sim/event_queue.h"
#include "test/sim/random.h"

namespace anyhome::sim {

using PopIndex = std::uint32_t;
using SiteIndex = std::uint32_t;

struct TopologySetup {
  unsigned pops = 3;
  unsigned access_networks = 4;
  unsigned correspondent_sites = 2;
  Duration nearest = std::chrono::microseconds(500);  // between neighbours
  Duration farthest = std::chrono::milliseconds(80);  // across the map
  // Of a route's announcement or withdrawal on its way to a site.
  Duration convergence_least = std::chrono::milliseconds(50);
  Duration convergence_most = std::chrono::milliseconds(400);
  // Each site spreads over its two nearest POPs by destination, crosswise: what is for the first
  // POP's home agent enters at the second, and the other way round.
  bool crosswise = false;
};

class Topology {
 public:
  Topology(const TopologySetup& setup, Random& random);

  [[nodiscard]] unsigned pops() const { return setup_.pops; }
  [[nodiscard]] unsigned sites() const {
    return setup_.access_networks + setup_.correspondent_sites;
  }
  // Sites are numbered access networks first.
  [[nodiscard]] SiteIndex access(unsigned network) const { return network; }
  [[nodiscard]] SiteIndex correspondents(unsigned site) const {
    return setup_.access_networks + site;
  }

  [[nodiscard]] Duration to_pop(SiteIndex site, PopIndex pop) const {
    return site_delays_[site * setup_.pops + pop];
  }
  [[nodiscard]] Duration between(PopIndex left, PopIndex right) const {
    return pop_delays_[left * setup_.pops + right];
  }
  // POPs by distance.
  [[nodiscard]] const std::vector<PopIndex>& preference(SiteIndex site) const {
    return preferences_[site];
  }

  // The POP begins or ends to announce the home prefix; sites learn of it by Route events.
  void announce(Instant now, PopIndex pop, bool announced, EventQueue& queue, Random& random);
  // A Route event; false when it is out of date.
  bool learn(const Event& event);
  [[nodiscard]] bool announced(PopIndex pop) const { return announced_[pop].on; }
  [[nodiscard]] bool sees(SiteIndex site, PopIndex pop) const {
    return visible_[site * setup_.pops + pop];
  }

  // Where a packet from the site for this address enters; nullopt: there is no route.
  [[nodiscard]] std::optional<PopIndex> entry(SiteIndex site, const Ipv6Address& destination) const;

 private:
  struct Announcement {
    bool on = false;
    std::uint32_t generation = 0;
  };

  TopologySetup setup_;
  std::vector<Duration> site_delays_;
  std::vector<Duration> pop_delays_;
  std::vector<std::vector<PopIndex>> preferences_;
  std::vector<Announcement> announced_;
  std::vector<bool> visible_;
};

}  // namespace anyhome::sim
