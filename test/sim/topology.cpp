#include "test/sim/topology.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "test/sim/address_plan.h"

namespace anyhome::sim {
namespace {

struct Point {
  double x = 0;
  double y = 0;
};

Point anywhere(Random& random) { return {random.unit(), random.unit()}; }

// Close to a POP, as access networks are, but not on top of it.
Point near(const Point& centre, Random& random) {
  constexpr double kReach = 0.15;
  return {centre.x + (random.unit() - 0.5) * kReach, centre.y + (random.unit() - 0.5) * kReach};
}

}  // namespace

Topology::Topology(const TopologySetup& setup, Random& random)
    : setup_(setup),
      announced_(setup.pops),
      visible_(std::size_t{setup.pops} * (setup.access_networks + setup.correspondent_sites)) {
  std::vector<Point> pop_points(setup.pops);
  for (Point& point : pop_points) {
    point = anywhere(random);
  }
  const auto delay = [&](const Point& from, const Point& to) {
    const double distance = std::hypot(from.x - to.x, from.y - to.y) / std::sqrt(2.0);
    return setup.nearest +
           Duration(static_cast<std::int64_t>(
               distance * static_cast<double>((setup.farthest - setup.nearest).count())));
  };
  for (const Point& left : pop_points) {
    for (const Point& right : pop_points) {
      pop_delays_.push_back(delay(left, right));
    }
  }
  for (SiteIndex site = 0; site < sites(); ++site) {
    const Point here = near(pop_points[site % setup.pops], random);
    std::vector<PopIndex> order(setup.pops);
    std::iota(order.begin(), order.end(), 0U);
    for (const Point& pop : pop_points) {
      site_delays_.push_back(delay(here, pop));
    }
    std::ranges::stable_sort(order, {}, [&](PopIndex pop) { return to_pop(site, pop); });
    preferences_.push_back(std::move(order));
  }
}

void Topology::announce(Instant now, PopIndex pop, bool announced, EventQueue& queue,
                        Random& random) {
  Announcement& state = announced_[pop];
  if (state.on == announced) {
    return;
  }
  state.on = announced;
  ++state.generation;
  for (SiteIndex site = 0; site < sites(); ++site) {
    queue.push(now + random.between(setup_.convergence_least, setup_.convergence_most),
               EventKind::Route, site * setup_.pops + pop, state.generation);
  }
}

bool Topology::learn(const Event& event) {
  const Announcement& state = announced_[event.subject % setup_.pops];
  if (event.generation != state.generation) {
    return false;
  }
  visible_[event.subject] = state.on;
  return true;
}

std::optional<PopIndex> Topology::entry(SiteIndex site, const Ipv6Address& destination) const {
  std::optional<PopIndex> first;
  for (const PopIndex pop : preferences_[site]) {
    if (!sees(site, pop)) {
      continue;
    }
    if (!setup_.crosswise) {
      return pop;
    }
    if (first) {
      // The two ends of a crosswise path; whatever else there is goes by its address.
      const bool for_first = destination == plan::agent(*first).address();
      const bool for_second = destination == plan::agent(pop).address();
      return for_first                            ? pop
             : for_second                         ? *first
             : (destination.octets[15] & 1U) != 0 ? pop
                                                  : *first;
    }
    first = pop;
  }
  return first;
}

}  // namespace anyhome::sim
