#include "dataplane/io/netlink_parse_route.h"

#include <algorithm>
#include <utility>

#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace anyhome::host::netlink {
namespace {

static_assert(kMainTable == RT_TABLE_MAIN && kLocalTable == RT_TABLE_LOCAL);
static_assert(kAdvertisementProtocol == RTPROT_RA);

std::optional<RouteKind> route_kind(std::uint8_t type) {
  switch (type) {
    case RTN_UNICAST:
      return RouteKind::Unicast;
    case RTN_LOCAL:
    case RTN_ANYCAST:
      return RouteKind::Local;
    case RTN_BLACKHOLE:
      return RouteKind::Blackhole;
    case RTN_UNREACHABLE:
      return RouteKind::Unreachable;
    case RTN_PROHIBIT:
      return RouteKind::Prohibit;
    default:
      return std::nullopt;
  }
}

RouterPreference router_preference(std::uint8_t bits) {
  switch (bits & 3U) {  // RFC 4191 §2.1: 01 high, 00 medium, 11 low, 10 counts as medium
    case 1:
      return RouterPreference::High;
    case 3:
      return RouterPreference::Low;
    default:
      return RouterPreference::Medium;
  }
}

// Next hop attributes mean the same in a route and in each next hop of RTA_MULTIPATH.
bool visit_next_hop(int type, ByteView value, NextHop& next_hop, bool& supported) {
  switch (type) {
    case RTA_OIF:
      return assign(value, next_hop.interface);
    case RTA_GATEWAY:
      return assign(value, next_hop.gateway);
    case RTA_ENCAP:
    case RTA_ENCAP_TYPE:
    case RTA_VIA:
      supported = false;
      return true;
    default:
      return true;
  }
}

bool parse_multipath(ByteView bytes, RouteMessage& route) {
  while (!bytes.empty()) {
    const auto header = read<rtnexthop>(bytes);
    if (!header || header->rtnh_len < sizeof(rtnexthop) || header->rtnh_len > bytes.size() ||
        header->rtnh_ifindex <= 0) {
      return false;
    }
    NextHop next_hop;
    next_hop.interface = InterfaceIndex{static_cast<std::uint32_t>(header->rtnh_ifindex)};
    next_hop.weight = header->rtnh_hops + 1U;
    const ByteView attributes =
        bytes.subspan(sizeof(rtnexthop), header->rtnh_len - sizeof(rtnexthop));
    if (!for_each_attribute(attributes, [&](int type, ByteView value) {
          return visit_next_hop(type, value, next_hop, route.supported);
        })) {
      return false;
    }
    route.next_hops.push_back(next_hop);
    bytes = bytes.subspan(std::min(bytes.size(), aligned(header->rtnh_len)));
  }
  return true;
}

bool parse_route_attributes(ByteView attributes, RouteMessage& route, Ipv6Address& destination) {
  NextHop single;
  const bool good = for_each_attribute(attributes, [&](int type, ByteView value) {
    switch (type) {
      case RTA_DST:
        return assign(value, destination);
      case RTA_TABLE:
        return assign(value, route.table);
      case RTA_PRIORITY:
        return assign(value, route.metric);
      case RTA_PREF: {
        std::uint8_t bits = 0;
        const bool whole = assign(value, bits);
        route.preference = router_preference(bits);
        return whole;
      }
      case RTA_NH_ID:
        return assign(value, route.nexthop_object);
      case RTA_MULTIPATH:
        return parse_multipath(value, route);
      default:
        return visit_next_hop(type, value, single, route.supported);
    }
  });
  if (single.interface != kNoInterface && route.next_hops.empty()) {
    route.next_hops.push_back(single);
  }
  return good;
}

bool parse_members(ByteView bytes, std::vector<NexthopMessage::Member>& members) {
  for (; !bytes.empty(); bytes = bytes.subspan(sizeof(nexthop_grp))) {
    const auto member = read<nexthop_grp>(bytes);
    if (!member) {
      return false;
    }
    // resvd1 is weight_high since Linux 6.12, and zero before.
    members.push_back({member->id, ((std::uint32_t{member->resvd1} << 8U) | member->weight) + 1U});
  }
  return true;
}

}  // namespace

bool parse_route(const nlmsghdr& message, ByteView payload, Body& body, ParseCounters& counters) {
  const auto header = read<rtmsg>(payload);
  if (!header) {
    return false;
  }
  if (header->rtm_family != AF_INET6 || (header->rtm_flags & RTM_F_CLONED) != 0 ||
      header->rtm_type == RTN_MULTICAST) {
    return true;
  }
  RouteMessage route;
  route.removed = message.nlmsg_type == RTM_DELROUTE;
  route.replaces = (message.nlmsg_flags & NLM_F_REPLACE) != 0;
  route.table = header->rtm_table;
  route.protocol = header->rtm_protocol;
  const auto kind = route_kind(header->rtm_type);
  route.kind = kind.value_or(RouteKind::Unicast);
  route.supported = kind.has_value();
  Ipv6Address destination;
  if (header->rtm_dst_len > Prefix::kMaxLength ||
      !parse_route_attributes(behind<rtmsg>(payload), route, destination)) {
    return false;
  }
  route.prefix = Prefix(destination, header->rtm_dst_len);
  if (!route.supported || header->rtm_src_len != 0) {
    counters.unsupported += route.removed ? 0U : 1U;
  }
  // A source-specific route is another key to the kernel, so it never takes the place of a plain
  // one.
  if (header->rtm_src_len == 0) {
    body = std::move(route);
  }
  return true;
}

bool parse_nexthop(bool removed, ByteView payload, Body& body) {
  const auto header = read<nhmsg>(payload);
  if (!header) {
    return false;
  }
  NexthopMessage message;
  message.removed = removed;
  NextHop next_hop;
  bool supported = header->nh_family == AF_INET6;
  const bool good = for_each_attribute(behind<nhmsg>(payload), [&](int type, ByteView value) {
    switch (type) {
      case NHA_ID:
        return assign(value, message.id);
      case NHA_GROUP:
        return parse_members(value, message.members);
      case NHA_BLACKHOLE:
        message.blackhole = true;
        return true;
      case NHA_OIF:
        return assign(value, next_hop.interface);
      case NHA_GATEWAY:
        return !supported || assign(value, next_hop.gateway);
      case NHA_ENCAP:
      case NHA_FDB:
        supported = false;
        return true;
      default:
        return true;
    }
  });
  if (!good || message.id == 0) {
    return false;
  }
  if (supported && next_hop.interface != kNoInterface) {
    message.next_hop = next_hop;
  }
  body = std::move(message);
  return true;
}

}  // namespace anyhome::host::netlink
