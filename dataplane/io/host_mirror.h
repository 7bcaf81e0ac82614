// What the kernel told about interfaces, addresses, neighbours and routes, held so that each
// message becomes the events it really changes.
//
// Mark and sweep: a dump is a round. What the dump shows, and what notifications show until the
// next one, carries its number; `end_round` forgets what carries an older one. New things are told
// as they are found and old ones removed only at the end, so a route is never taken away that is
// still there. Pure state: no socket, no clock.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "dataplane/io/host_event.h"
#include "dataplane/io/netlink_parse.h"
#include "dataplane/io/route_mirror.h"

namespace anyhome::host {

// What a round may forget. A dump of the kernel that is disturbed by removals can skip things that
// are there (IPv6 routes: it restarts by counting nodes), so one that was is not believed alone.
enum class Sweep : std::uint8_t {
  Nothing,       // notifications were lost since the dump began
  MissingTwice,  // disturbed: only what two dumps in a row did not show
  Missing,       // undisturbed
};

class HostMirror {
 public:
  explicit HostMirror(InterfaceIndex home_interface = kNoInterface) : routes_(home_interface) {}

  // Takes effect with the next round.
  void watch(InterfaceIndex interface) { routes_.watch(interface); }
  void unwatch(InterfaceIndex interface) { routes_.unwatch(interface); }
  [[nodiscard]] bool watches(InterfaceIndex interface) const { return routes_.watches(interface); }

  void begin_round() { ++round_; }
  void apply(const NetlinkMessage& message, std::vector<HostEvent>& events);
  void end_round(Sweep what, std::vector<HostEvent>& events);

  // Whether the kernel holds it as a permanent neighbour.
  [[nodiscard]] bool is_permanent(InterfaceIndex interface, const Ipv6Address& address) const;
  // True once after a change whose consequences the kernel may not tell: time for a round.
  [[nodiscard]] bool take_doubt();
  [[nodiscard]] const RouteMirror& routes() const { return routes_; }

 private:
  using Key = std::pair<InterfaceIndex, Ipv6Address>;
  template <class Event>
  struct Seen {
    Event event;
    Round round = 0;
  };

  void apply_body(const LinkMessage& message, std::vector<HostEvent>& events);
  void apply_body(const AddressMessage& message, std::vector<HostEvent>& events);
  void apply_body(const NeighborMessage& message, std::vector<HostEvent>& events);
  void apply_body(const RouteMessage& message, std::vector<HostEvent>& events);
  void apply_body(const NexthopMessage& message, std::vector<HostEvent>& events);

  Round round_ = 1;  // 0 marks what was never seen
  bool doubt_ = false;
  std::map<InterfaceIndex, Seen<LinkChanged>> links_;
  std::map<Key, Seen<AddressAdded>> addresses_;
  std::map<Key, Seen<NeighborChanged>> neighbors_;
  RouteMirror routes_;
};

}  // namespace anyhome::host
