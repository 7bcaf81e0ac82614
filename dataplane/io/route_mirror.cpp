#include "dataplane/io/route_mirror.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace anyhome::host {
namespace {

constexpr Prefix kMulticast(Ipv6Address{{0xff}}, 8);
constexpr Prefix kLinkLocal(Ipv6Address{{0xfe, 0x80}}, 10);

// Link-local prefixes exist once per link, so a table of prefixes cannot hold them; the data path
// forwards neither them nor multicast.
bool of_interest(const RouteMessage& message) {
  return (message.table == kMainTable || message.table == kLocalTable) &&
         !kMulticast.contains(message.prefix) && !kLinkLocal.contains(message.prefix);
}

// The local table is asked first, by the kernel's first rule.
auto rank(const RouteMessage& route) {
  return std::tuple(route.table == kLocalTable ? 0 : 1, route.metric, route.preference);
}

bool same_key(const RouteMessage& a, const RouteMessage& b) {
  return a.table == b.table && a.metric == b.metric;
}

bool same_hop(const NextHop& a, const NextHop& b) {
  return a.interface == b.interface && a.gateway == b.gateway;
}

// Of the sort that forms multipath routes with others of its key.
bool has_gateway(const RouteMessage& route) {
  return route.kind == RouteKind::Unicast && route.nexthop_object == 0 &&
         !route.next_hops.empty() && !route.next_hops.front().gateway.is_unspecified();
}

bool has_hop(const RouteMessage& route, const NextHop& hop) {
  return std::ranges::any_of(route.next_hops,
                             [&](const NextHop& other) { return same_hop(hop, other); });
}

bool same_route(const RouteMessage& a, const RouteMessage& b) {
  if (!same_key(a, b) || a.kind != b.kind || a.nexthop_object != b.nexthop_object ||
      has_gateway(a) != has_gateway(b)) {
    return false;
  }
  if (has_gateway(a)) {  // one has grown or shrunk into the other
    return std::ranges::any_of(a.next_hops, [&](const NextHop& hop) { return has_hop(b, hop); });
  }
  return a.nexthop_object != 0 || std::ranges::equal(a.next_hops, b.next_hops, same_hop);
}

bool has_member(const NexthopMessage& object, std::uint32_t id) {
  return std::ranges::find(object.members, id, &NexthopMessage::Member::id) != object.members.end();
}

bool forwards(RouteKind kind) { return kind == RouteKind::Unicast || kind == RouteKind::Local; }

}  // namespace

void RouteMirror::apply(const RouteMessage& message, Round round, std::vector<HostEvent>& events) {
  if (!of_interest(message)) {
    return;
  }
  if (message.removed && !prefixes_.contains(message.prefix)) {
    return;
  }
  const auto at = prefixes_.try_emplace(message.prefix).first;
  if (message.removed) {
    remove_route(at->second, message);
  } else {
    set_route(at->second, message, round);
  }
  tell(at, events);
}

void RouteMirror::set_route(PrefixState& state, const RouteMessage& message, Round round) {
  if (message.nexthop_object != 0) {
    users_[message.nexthop_object].insert(message.prefix);
  }
  const auto rank_of = [](const Route& route) { return rank(route.message); };
  auto& routes = state.routes;
  const auto same = std::ranges::find_if(
      routes, [&](const Route& route) { return same_route(route.message, message); });
  Route* replaced = same != routes.end() ? &*same : nullptr;
  if (message.replaces) {
    Route* other = find_replaced(state, message);
    replaced = replaced != nullptr ? replaced : other;
  }
  if (replaced != nullptr && replaced->round == round && rank(replaced->message) == rank(message)) {
    const std::uint32_t object = std::exchange(replaced->message, message).nexthop_object;
    forget_user(message.prefix, state, object);
    return;
  }
  std::uint32_t object = 0;
  if (replaced != nullptr) {
    object = replaced->message.nexthop_object;
    routes.erase(routes.begin() + (replaced - routes.data()));
  }
  // Behind its equals, in a dump and in notifications alike; but before those that this round has
  // not shown, which may be gone.
  auto at = std::ranges::upper_bound(routes, rank(message), {}, rank_of);
  while (at != routes.begin() && rank_of(*std::prev(at)) == rank(message) &&
         std::prev(at)->round != round) {
    --at;
  }
  routes.insert(at, Route{message, round});
  if (object != 0) {
    forget_user(message.prefix, state, object);
  }
}

// The route that `message` took the place of; nullptr when it took none that is known.
RouteMirror::Route* RouteMirror::find_replaced(PrefixState& state, const RouteMessage& message) {
  Route* first_alike = nullptr;
  Route* first = nullptr;
  unsigned alike = 0;
  unsigned all = 0;
  // Whether the kernel holds a route of protocol RA for its own, which it keeps apart, or for one
  // that a daemon has made out of an advertisement, cannot be seen.
  bool unsure = message.protocol == kAdvertisementProtocol;
  for (Route& route : state.routes) {
    if (!same_key(route.message, message)) {
      continue;
    }
    ++all;
    first = first != nullptr ? first : &route;
    unsure = unsure || route.message.protocol == kAdvertisementProtocol;
    if (has_gateway(route.message) == has_gateway(message)) {
      ++alike;
      first_alike = first_alike != nullptr ? first_alike : &route;
    }
  }
  if (alike > 1 || (all > 1 && (alike == 0 || unsure))) {
    doubt_ = true;
    doubtful_.insert(message.prefix);
  }
  return first_alike != nullptr ? first_alike : first;
}

void RouteMirror::remove_route(PrefixState& state, const RouteMessage& message) {
  const auto at = std::ranges::find_if(
      state.routes, [&](const Route& route) { return same_route(route.message, message); });
  if (at == state.routes.end()) {
    return;
  }
  if (has_gateway(message)) {
    std::erase_if(at->message.next_hops, [&](const NextHop& hop) { return has_hop(message, hop); });
    if (!at->message.next_hops.empty()) {
      // It stands where its first next hop stood, and which one that is now cannot be seen.
      doubt_ = doubt_ || std::ranges::count_if(state.routes, [&](const Route& route) {
                           return same_key(route.message, message);
                         }) > 1;
      return;
    }
  }
  doubt_ = doubt_ || doubtful_.contains(message.prefix);
  state.routes.erase(at);
  forget_user(message.prefix, state, message.nexthop_object);
}

void RouteMirror::apply(const NexthopMessage& message, Round round,
                        std::vector<HostEvent>& events) {
  if (message.removed) {
    erase_object(message.id, events);
    return;
  }
  objects_[message.id] = Object{message, round};
  tell_users(message.id, events);
}

// The kernel removes an object's routes with it, and in compat_mode=0 says nothing about them.
void RouteMirror::erase_object(std::uint32_t id, std::vector<HostEvent>& events) {
  objects_.erase(id);
  const auto users = users_.extract(id);
  if (!users.empty()) {
    for (const Prefix& prefix : users.mapped()) {
      const auto at = prefixes_.find(prefix);
      if (at == prefixes_.end()) {
        continue;
      }
      std::erase_if(at->second.routes,
                    [&](const Route& route) { return route.message.nexthop_object == id; });
      tell(at, events);
    }
  }
  tell_users(id, events);
}

// Those of the object itself, and of the groups that it is in (groups do not nest).
void RouteMirror::tell_users(std::uint32_t id, std::vector<HostEvent>& events) {
  std::set<Prefix> affected;
  const auto add = [&](std::uint32_t object) {
    if (const auto users = users_.find(object); users != users_.end()) {
      affected.insert(users->second.begin(), users->second.end());
    }
  };
  add(id);
  for (const auto& [group, object] : objects_) {
    if (has_member(object.message, id)) {
      add(group);
    }
  }
  for (const Prefix& prefix : affected) {
    if (const auto at = prefixes_.find(prefix); at != prefixes_.end()) {
      tell(at, events);
    }
  }
}

void RouteMirror::forget_user(const Prefix& prefix, const PrefixState& state, std::uint32_t id) {
  const auto users = users_.find(id);
  if (users == users_.end() || std::ranges::any_of(state.routes, [&](const Route& route) {
        return route.message.nexthop_object == id;
      })) {
    return;
  }
  users->second.erase(prefix);
  if (users->second.empty()) {
    users_.erase(users);
  }
}

void RouteMirror::sweep(Round oldest, std::vector<HostEvent>& events) {
  std::vector<std::uint32_t> stale_objects;
  for (const auto& [id, object] : objects_) {
    if (object.round < oldest) {
      stale_objects.push_back(id);
    }
  }
  for (const std::uint32_t id : stale_objects) {
    objects_.erase(id);
  }
  for (auto at = prefixes_.begin(); at != prefixes_.end();) {
    PrefixState& state = at->second;
    std::vector<std::uint32_t> objects;
    std::erase_if(state.routes, [&](const Route& route) {
      if (route.round >= oldest) {
        return false;
      }
      objects.push_back(route.message.nexthop_object);
      return true;
    });
    for (const std::uint32_t id : objects) {
      forget_user(at->first, state, id);
    }
    at = objects.empty() && stale_objects.empty() ? std::next(at) : tell(at, events);
  }
  std::erase_if(doubtful_, [&](const Prefix& prefix) { return !prefixes_.contains(prefix); });
}

bool RouteMirror::take_doubt() { return std::exchange(doubt_, false); }

RouteMirror::Prefixes::iterator RouteMirror::tell(Prefixes::iterator at,
                                                  std::vector<HostEvent>& events) {
  auto& [prefix, state] = *at;
  std::optional<RouteSet> now = best(prefix, state);
  if (now != state.told) {
    if (now) {
      events.emplace_back(*now);
    } else {
      events.emplace_back(RouteRemoved{prefix});
    }
    state.told = std::move(now);
  }
  return state.routes.empty() ? prefixes_.erase(at) : std::next(at);
}

std::optional<RouteSet> RouteMirror::best(const Prefix& prefix, const PrefixState& state) const {
  for (const Route& route : state.routes) {
    if (auto found = usable(route.message)) {
      found->prefix = prefix;
      std::ranges::sort(found->next_hops);
      return found;
    }
  }
  return std::nullopt;
}

std::optional<RouteSet> RouteMirror::usable(const RouteMessage& route) const {
  const bool own = home_interface_ != kNoInterface && route.protocol == kHomeRouteProtocol &&
                   !route.next_hops.empty() && route.next_hops.front().interface == home_interface_;
  if (own || !route.supported) {
    return std::nullopt;
  }
  RouteSet result;
  result.kind = route.kind;
  const auto object = objects_.find(route.nexthop_object);
  if (object != objects_.end()) {
    collect(object->second.message, 1, result);
  } else if (forwards(route.kind)) {
    result.next_hops = route.next_hops;
  }
  if (!forwards(result.kind)) {
    result.next_hops.clear();
    return result;
  }
  std::erase_if(result.next_hops, [&](const NextHop& hop) { return !watches(hop.interface); });
  return result.next_hops.empty() ? std::nullopt : std::optional(std::move(result));
}

void RouteMirror::collect(const NexthopMessage& object, std::uint32_t weight,
                          RouteSet& route) const {
  if (object.blackhole) {
    route.kind = RouteKind::Blackhole;
  }
  if (object.next_hop) {
    route.next_hops.push_back(*object.next_hop);
    route.next_hops.back().weight = weight;
  }
  for (const NexthopMessage::Member& member : object.members) {
    const auto found = objects_.find(member.id);
    // A member that is a group itself would be a lie of the sender; it could also be a circle.
    if (found != objects_.end() && found->second.message.members.empty()) {
      collect(found->second.message, member.weight, route);
    }
  }
}

}  // namespace anyhome::host
