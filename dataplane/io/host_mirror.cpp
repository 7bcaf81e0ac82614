#include "dataplane/io/host_mirror.h"

#include <type_traits>
#include <utility>
#include <variant>

namespace anyhome::host {
namespace {

// Remembers `event` under `key`, and tells it when it says something new.
template <class Map, class Event>
void remember(Map& map, const typename Map::key_type& key, const Event& event, Round round,
              std::vector<HostEvent>& events) {
  auto& seen = map[key];
  const bool news = seen.round == 0 || seen.event != event;
  seen = {event, round};
  if (news) {
    events.emplace_back(event);
  }
}

template <class Map, class Removed>
void forget(Map& map, const typename Map::key_type& key, const Removed& removed,
            std::vector<HostEvent>& events) {
  if (map.erase(key) != 0) {
    events.emplace_back(removed);
  }
}

template <class Map, class MakeRemoved>
void sweep(Map& map, Round oldest, const MakeRemoved& make_removed,
           std::vector<HostEvent>& events) {
  std::erase_if(map, [&](const auto& item) {
    if (item.second.round >= oldest) {
      return false;
    }
    events.emplace_back(make_removed(item.second.event));
    return true;
  });
}

}  // namespace

void HostMirror::apply(const NetlinkMessage& message, std::vector<HostEvent>& events) {
  std::visit(
      [&](const auto& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (!std::is_same_v<Body, DumpEnd> && !std::is_same_v<Body, Answer>) {
          apply_body(body, events);
        }
      },
      message.body);
}

void HostMirror::end_round(Sweep what, std::vector<HostEvent>& events) {
  if (what == Sweep::Nothing) {
    return;
  }
  const Round oldest = what == Sweep::Missing ? round_ : round_ - 1;
  routes_.sweep(oldest, events);
  sweep(
      neighbors_, oldest,
      [](const NeighborChanged& event) {
        NeighborChanged removed;
        removed.interface = event.interface;
        removed.address = event.address;
        return removed;
      },
      events);
  sweep(
      addresses_, oldest,
      [](const AddressAdded& event) {
        return AddressRemoved{event.interface, event.address};
      },
      events);
  sweep(
      links_, oldest, [](const LinkChanged& event) { return LinkRemoved{event.interface}; },
      events);
}

bool HostMirror::is_permanent(InterfaceIndex interface, const Ipv6Address& address) const {
  const auto found = neighbors_.find({interface, address});
  return found != neighbors_.end() && found->second.event.permanent;
}

bool HostMirror::take_doubt() {
  const bool of_routes = routes_.take_doubt();
  return std::exchange(doubt_, false) || of_routes;
}

void HostMirror::apply_body(const LinkMessage& message, std::vector<HostEvent>& events) {
  const LinkChanged& link = message.link;
  if (!watches(link.interface)) {
    return;
  }
  if (message.removed) {
    forget(links_, link.interface, LinkRemoved{link.interface}, events);
    doubt_ = true;
    return;
  }
  const auto before = links_.find(link.interface);
  if (before != links_.end()) {
    const LinkChanged& was = before->second.event;
    // An interface that goes down takes its routes along, and the kernel says so only at
    // net.ipv6.route.skip_notify_on_dev_down=0 (FRR's packages set 1). `ip nexthop` objects go
    // with the carrier already, always in silence.
    doubt_ = doubt_ || (was.up && !link.up) ||
             (was.carrier && !link.carrier && routes_.follows_nexthop_objects());
  }
  remember(links_, link.interface, link, round_, events);
}

void HostMirror::apply_body(const AddressMessage& message, std::vector<HostEvent>& events) {
  const AddressAdded& address = message.address;
  if (!watches(address.interface)) {
    return;
  }
  const Key key{address.interface, address.address};
  if (message.removed || !message.assigned) {
    forget(addresses_, key, AddressRemoved{address.interface, address.address}, events);
  } else {
    remember(addresses_, key, address, round_, events);
  }
}

void HostMirror::apply_body(const NeighborMessage& message, std::vector<HostEvent>& events) {
  const NeighborChanged& neighbor = message.neighbor;
  if (!watches(neighbor.interface)) {
    return;
  }
  const Key key{neighbor.interface, neighbor.address};
  if (neighbor.state == NeighborState::Removed) {
    forget(neighbors_, key, neighbor, events);
  } else {
    remember(neighbors_, key, neighbor, round_, events);
  }
}

void HostMirror::apply_body(const RouteMessage& message, std::vector<HostEvent>& events) {
  routes_.apply(message, round_, events);
}

void HostMirror::apply_body(const NexthopMessage& message, std::vector<HostEvent>& events) {
  routes_.apply(message, round_, events);
}

}  // namespace anyhome::host
