#include "dataplane/io/netlink_parse.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "dataplane/io/netlink_attribute.h"
#include "dataplane/io/netlink_parse_route.h"

namespace anyhome::host {
namespace {

using namespace netlink;

// Of linux/if.h, which does not live with net/if.h in one file.
constexpr unsigned kLowerUp = 1U << 16U;

// The parsers of one message each: false is "malformed", an unset body "not for us".
bool parse_link(bool removed, ByteView payload, Body& body) {
  const auto header = read<ifinfomsg>(payload);
  if (!header || header->ifi_index <= 0) {
    return false;
  }
  if (header->ifi_family != AF_UNSPEC) {
    return true;  // a bridge's view of its port
  }
  LinkMessage message{.removed = removed, .link = {}};
  LinkChanged& link = message.link;
  link.interface = InterfaceIndex{static_cast<std::uint32_t>(header->ifi_index)};
  link.up = (header->ifi_flags & IFF_UP) != 0;
  link.carrier = link.up && (header->ifi_flags & kLowerUp) != 0;
  const bool good = for_each_attribute(behind<ifinfomsg>(payload), [&](int type, ByteView value) {
    switch (type) {
      case IFLA_IFNAME:
        link.name = as_string(value);
        return true;
      case IFLA_MTU:
        return assign(value, link.mtu);
      case IFLA_ADDRESS:
        assign_mac(value, link.mac);
        return true;
      default:
        return true;
    }
  });
  body = std::move(message);
  return good;
}

bool parse_address(bool removed, ByteView payload, Body& body) {
  const auto header = read<ifaddrmsg>(payload);
  if (!header) {
    return false;
  }
  if (header->ifa_family != AF_INET6) {
    return true;
  }
  AddressMessage message{.removed = removed, .assigned = false, .address = {}};
  message.address.interface = InterfaceIndex{header->ifa_index};
  message.address.prefix_length = header->ifa_prefixlen;
  std::uint32_t flags = header->ifa_flags;
  std::optional<Ipv6Address> local;  // with a peer address, IFA_ADDRESS is the peer's
  std::optional<Ipv6Address> address;
  const bool good = for_each_attribute(behind<ifaddrmsg>(payload), [&](int type, ByteView value) {
    switch (type) {
      case IFA_LOCAL:
        return assign(value, local.emplace());
      case IFA_ADDRESS:
        return assign(value, address.emplace());
      case IFA_FLAGS:
        return assign(value, flags);
      default:
        return true;
    }
  });
  if (!good || (!local && !address) || header->ifa_index == 0 ||
      header->ifa_prefixlen > Prefix::kMaxLength) {
    return false;
  }
  message.address.address = local ? *local : *address;
  const bool tentative = (flags & IFA_F_TENTATIVE) != 0 && (flags & IFA_F_OPTIMISTIC) == 0;
  message.assigned = !tentative && (flags & IFA_F_DADFAILED) == 0;
  body = message;
  return true;
}

NeighborState neighbor_state(std::uint16_t state) {
  constexpr unsigned kUsable =
      NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT | NUD_NOARP;
  if ((state & kUsable) != 0) {
    return NeighborState::Usable;
  }
  return (state & NUD_FAILED) != 0 ? NeighborState::Failed : NeighborState::Unresolved;
}

bool parse_neighbor(bool removed, ByteView payload, Body& body) {
  const auto header = read<ndmsg>(payload);
  if (!header) {
    return false;
  }
  if (header->ndm_family != AF_INET6 || (header->ndm_flags & NTF_PROXY) != 0) {
    return true;
  }
  NeighborMessage message;
  NeighborChanged& neighbor = message.neighbor;
  neighbor.interface = InterfaceIndex{static_cast<std::uint32_t>(header->ndm_ifindex)};
  neighbor.state = removed ? NeighborState::Removed : neighbor_state(header->ndm_state);
  neighbor.permanent = !removed && (header->ndm_state & NUD_PERMANENT) != 0;
  bool addressed = false;
  const bool good = for_each_attribute(behind<ndmsg>(payload), [&](int type, ByteView value) {
    switch (type) {
      case NDA_DST:
        addressed = true;
        return assign(value, neighbor.address);
      case NDA_LLADDR:
        assign_mac(value, neighbor.mac);
        return true;
      default:
        return true;
    }
  });
  if (!good || !addressed || header->ndm_ifindex <= 0) {
    return false;
  }
  if (neighbor.state != NeighborState::Usable) {
    neighbor.mac.reset();  // what a failed entry still shows is stale
  }
  if (!neighbor.address.is_multicast()) {  // the kernel's own mapping to 33:33
    body = message;
  }
  return true;
}

// The kernel writes the negative of an errno; anything else it never wrote.
int error_number(std::int32_t value) { return value <= 0 && value > -4096 ? -value : EBADMSG; }

bool parse_answer(const nlmsghdr& message, ByteView payload, Body& body) {
  const auto error = read<std::int32_t>(payload);
  if (!error) {
    return false;
  }
  Answer answer{.error_number = error_number(*error), .text = {}};
  if ((message.nlmsg_flags & NLM_F_ACK_TLVS) != 0) {
    // Behind the number comes the request, or only its header when the answer is capped.
    const auto request = read<nlmsghdr>(payload.subspan(sizeof(std::int32_t)));
    if (!request) {
      return false;
    }
    const bool capped = (message.nlmsg_flags & NLM_F_CAPPED) != 0;
    const std::size_t skipped =
        sizeof(std::int32_t) + (capped ? sizeof(nlmsghdr) : aligned(request->nlmsg_len));
    if (skipped > payload.size() ||
        !for_each_attribute(payload.subspan(skipped), [&](int type, ByteView value) {
          if (type == NLMSGERR_ATTR_MSG) {
            answer.text = as_string(value);
          }
          return true;
        })) {
      return false;
    }
  }
  body = std::move(answer);
  return true;
}

bool parse_body(const nlmsghdr& message, ByteView payload, Body& body, ParseCounters& counters) {
  switch (message.nlmsg_type) {
    case NLMSG_ERROR:
      return parse_answer(message, payload, body);
    case NLMSG_DONE:
      body = DumpEnd{error_number(read<std::int32_t>(payload).value_or(0))};
      return true;
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return parse_link(message.nlmsg_type == RTM_DELLINK, payload, body);
    case RTM_NEWADDR:
    case RTM_DELADDR:
      return parse_address(message.nlmsg_type == RTM_DELADDR, payload, body);
    case RTM_NEWNEIGH:
    case RTM_DELNEIGH:
      return parse_neighbor(message.nlmsg_type == RTM_DELNEIGH, payload, body);
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return parse_route(message, payload, body, counters);
    case RTM_NEWNEXTHOP:
    case RTM_DELNEXTHOP:
      return parse_nexthop(message.nlmsg_type == RTM_DELNEXTHOP, payload, body);
    default:
      return true;
  }
}

}  // namespace

void parse_netlink(ByteView datagram, std::vector<NetlinkMessage>& messages,
                   ParseCounters& counters) {
  while (!datagram.empty()) {
    const auto header = read<nlmsghdr>(datagram);
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size()) {
      ++counters.malformed;  // where the next one starts is anybody's guess
      return;
    }
    const ByteView payload =
        datagram.subspan(sizeof(nlmsghdr), header->nlmsg_len - sizeof(nlmsghdr));
    Body body;
    if (!parse_body(*header, payload, body, counters)) {
      ++counters.malformed;
    } else if (body) {
      messages.push_back({.sequence = header->nlmsg_seq,
                          .inconsistent = (header->nlmsg_flags & NLM_F_DUMP_INTR) != 0,
                          .body = std::move(*body)});
    }
    datagram = datagram.subspan(std::min(datagram.size(), aligned(header->nlmsg_len)));
  }
}

}  // namespace anyhome::host
