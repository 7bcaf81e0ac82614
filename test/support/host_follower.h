// A consumer of host events, as the forwarding tables are one: it applies each event to what it
// holds.
#pragma once

#include <map>
#include <utility>
#include <variant>
#include <vector>

#include "dataplane/io/netlink.h"
#include "test/support/network_namespace.h"

namespace anyhome::test {

struct HostView {
  using Key = std::pair<host::InterfaceIndex, Ipv6Address>;
  std::map<host::InterfaceIndex, host::LinkChanged> links;
  std::map<Key, host::AddressAdded> addresses;
  std::map<Key, host::NeighborChanged> neighbors;
  std::map<Prefix, host::RouteSet> routes;

  void apply(const host::LinkChanged& event) { links[event.interface] = event; }
  void apply(const host::LinkRemoved& event) { links.erase(event.interface); }
  void apply(const host::AddressAdded& event) {
    addresses[{event.interface, event.address}] = event;
  }
  void apply(const host::AddressRemoved& event) {
    addresses.erase({event.interface, event.address});
  }
  void apply(const host::NeighborChanged& event) {
    const Key key{event.interface, event.address};
    if (event.state == host::NeighborState::Removed) {
      neighbors.erase(key);
    } else {
      neighbors[key] = event;
    }
  }
  void apply(const host::RouteSet& event) { routes[event.prefix] = event; }
  void apply(const host::RouteRemoved& event) { routes.erase(event.prefix); }
  void apply(const host::Synchronized& /*event*/) {}

  friend bool operator==(const HostView&, const HostView&) = default;
};

class HostFollower {
 public:
  explicit HostFollower(const host::NetlinkOptions& options = {},
                        const std::vector<host::InterfaceIndex>& watched = {})
      : netlink_(open(options)) {
    for (const host::InterfaceIndex interface : watched) {
      netlink_.watch(interface);
    }
  }

  host::Netlink& netlink() { return netlink_; }
  const HostView& view() const { return view_; }
  // Events since the last clear.
  std::vector<host::HostEvent>& log() { return log_; }

  void receive_once() {
    std::vector<host::HostEvent> events;
    const auto done = netlink_.receive(events);
    INFO((done ? "" : done.error()));
    REQUIRE(done.has_value());
    for (const host::HostEvent& event : events) {
      std::visit([&](const auto& body) { view_.apply(body); }, event);
      log_.push_back(event);
    }
  }

  // Follows events until `condition` holds of the view.
  template <class Condition>
  bool wait(const Condition& condition) {
    const Deadline deadline;
    while (true) {
      receive_once();
      if (condition(view_)) {
        return true;
      }
      if (!wait_readable(netlink_.fd(), deadline)) {
        return false;
      }
    }
  }

  // Everything that has happened until now is in the view.
  void settle() {
    const Deadline deadline;
    do {
      receive_once();
      REQUIRE_FALSE(deadline.passed());
    } while (!netlink_.synchronized() ||
             wait_readable(netlink_.fd(), Deadline(std::chrono::milliseconds(0))));
  }

  [[nodiscard]] const host::RouteSet* route(const Prefix& prefix) const {
    const auto found = view_.routes.find(prefix);
    return found == view_.routes.end() ? nullptr : &found->second;
  }

 private:
  static host::Netlink open(const host::NetlinkOptions& options) {
    auto netlink = host::Netlink::open(options);
    INFO((netlink ? "" : netlink.error()));
    REQUIRE(netlink.has_value());
    return std::move(*netlink);
  }

  host::Netlink netlink_;
  HostView view_;
  std::vector<host::HostEvent> log_;
};

}  // namespace anyhome::test
