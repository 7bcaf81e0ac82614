// Which route of each prefix the data path takes, out of all that the kernel holds.
//
// The kernel keeps several routes to one prefix: in the local and in the main table, with different
// metrics, and, of one metric, next hops that form one multipath route beside others that do not.
// The mirror holds them all, because a removal brings back the next best, and tells only the best
// one that the data path can use: those through interfaces that are not watched, and our own home
// prefix routes, are as if they were not there. Pure state: no socket, no clock.
//
// What the kernel (6.1 to 6.18) says, and what this file relies on:
//  * A route is keyed by table, prefix and metric. Routes of one key with a gateway are siblings,
//  unless
//    the kernel took them out of router advertisements itself or they use `ip nexthop` objects:
//    each RTM_NEWROUTE lists all siblings (in changing order), each RTM_DELROUTE only those that
//    go. Other routes of one key (two on-link interfaces, two advertised default routers) stand
//    beside each other. So a list that shares a next hop with a known one is that one, changed.
//  * NLM_F_REPLACE in the notification: it took the place of the first route of its key and sort,
//  or
//    else of the first of its key; all siblings go at once. There is no RTM_DELROUTE for what goes.
//    When several unlike routes share the key, which of them went cannot be known: `take_doubt`
//    asks for a dump then.
//  * A multipath route through an interface that is set down keeps that next hop, marked dead,
//  without
//    a word: the consumer follows LinkChanged.
//  * `ip nexthop` objects: with net.ipv4.nexthop_compat_mode=1 (the default) routes list the next
//  hops
//    besides the object's number, but a group that loses a member is told only as an object, so
//    objects are followed too; this makes compat_mode=0 work as well.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "common/prefix.h"
#include "dataplane/io/host_event.h"
#include "dataplane/io/netlink_parse.h"

namespace anyhome::host {

// Dumps are numbered; what a dump or a later notification has shown carries its number.
using Round = std::uint32_t;

class RouteMirror {
 public:
  // Routes of protocol 250 through `home_interface` (kNoInterface: there is none) are our own
  // announcement.
  explicit RouteMirror(InterfaceIndex home_interface = kNoInterface)
      : home_interface_(home_interface) {}

  // Counts for routes that come later; those that are known follow with the next dump.
  void watch(InterfaceIndex interface) { watched_.insert(interface); }
  void unwatch(InterfaceIndex interface) { watched_.erase(interface); }
  [[nodiscard]] bool watches(InterfaceIndex interface) const {
    return watched_.contains(interface);
  }

  // A message of a dump or a notification; appends what it changes.
  void apply(const RouteMessage& message, Round round, std::vector<HostEvent>& events);
  void apply(const NexthopMessage& message, Round round, std::vector<HostEvent>& events);
  // Forgets what was last shown before round `oldest`.
  void sweep(Round oldest, std::vector<HostEvent>& events);

  // True once after a change that left in doubt what the kernel holds.
  [[nodiscard]] bool take_doubt();
  [[nodiscard]] bool follows_nexthop_objects() const { return !objects_.empty(); }
  [[nodiscard]] std::size_t size() const { return prefixes_.size(); }

 private:
  struct Route {
    RouteMessage message;
    Round round = 0;
  };
  struct PrefixState {
    std::vector<Route> routes;  // best first
    std::optional<RouteSet> told;
  };
  struct Object {
    NexthopMessage message;
    Round round = 0;
  };
  using Prefixes = std::unordered_map<Prefix, PrefixState, PrefixHash>;

  void set_route(PrefixState& state, const RouteMessage& message, Round round);
  void remove_route(PrefixState& state, const RouteMessage& message);
  Route* find_replaced(PrefixState& state, const RouteMessage& message);
  void erase_object(std::uint32_t id, std::vector<HostEvent>& events);
  void tell_users(std::uint32_t id, std::vector<HostEvent>& events);
  void forget_user(const Prefix& prefix, const PrefixState& state, std::uint32_t id);

  // Tells the difference between the best route now and what was told; erases an empty prefix.
  Prefixes::iterator tell(Prefixes::iterator at, std::vector<HostEvent>& events);
  [[nodiscard]] std::optional<RouteSet> best(const Prefix& prefix, const PrefixState& state) const;
  [[nodiscard]] std::optional<RouteSet> usable(const RouteMessage& route) const;
  void collect(const NexthopMessage& object, std::uint32_t weight, RouteSet& route) const;

  InterfaceIndex home_interface_;
  std::unordered_set<InterfaceIndex> watched_;
  Prefixes prefixes_;
  std::unordered_map<std::uint32_t, Object> objects_;
  std::unordered_map<std::uint32_t, std::set<Prefix>>
      users_;  // prefixes with a route by the object
  bool doubt_ = false;
  // Prefixes to which the kernel may hold one route twice, after a replacement in doubt: it lets a
  // route take the place of another while it stands beside it already. Removing one leaves the
  // other.
  std::set<Prefix> doubtful_;
};

}  // namespace anyhome::host
