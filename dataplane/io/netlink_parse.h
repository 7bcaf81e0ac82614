// Reading rtnetlink messages (linux/rtnetlink.h) out of bytes.
//
// Total: any bytes give messages or a count of what was malformed, never undefined behaviour. What
// is malformed is skipped whole; what this project has no use for (IPv4, bridges, traffic classes)
// is skipped in silence. No socket: the same code reads what the kernel sent and what a test wrote.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "common/address.h"
#include "common/bytes.h"
#include "common/prefix.h"
#include "dataplane/io/host_event.h"

namespace anyhome::host {

// The numbers of linux/rtnetlink.h that this project reads and writes.
inline constexpr std::uint32_t kMainTable = 254;
inline constexpr std::uint32_t kLocalTable = 255;
inline constexpr std::uint8_t kHomeRouteProtocol = 250;  // ours (docs/architecture.md)
inline constexpr std::uint8_t kAdvertisementProtocol =
    9;  // RTPROT_RA: out of a router advertisement

struct LinkMessage {
  bool removed = false;
  LinkChanged link;
};

struct AddressMessage {
  bool removed = false;
  bool assigned = false;  // not tentative (or optimistic), and not refused by DAD
  AddressAdded address;
};

struct NeighborMessage {
  NeighborChanged neighbor;  // deleted: NeighborState::Removed
};

// Order of the default routers of RFC 4191 §2.1, best first.
enum class RouterPreference : std::uint8_t {
  High,
  Medium,
  Low,
};

struct RouteMessage {
  bool removed = false;
  bool replaces = false;  // NLM_F_REPLACE: took the place of another
  Prefix prefix;
  std::uint32_t table = 0;
  std::uint32_t metric = 0;
  std::uint8_t protocol = 0;
  RouteKind kind = RouteKind::Unicast;
  bool supported = true;  // false: there, but nothing the data path could forward by
  RouterPreference preference = RouterPreference::Medium;
  std::uint32_t nexthop_object = 0;  // `ip nexthop` id; 0: none
  std::vector<NextHop> next_hops;    // as the kernel wrote them
};

// `ip nexthop`: one next hop, a blackhole, or a group of other objects.
struct NexthopMessage {
  struct Member {
    std::uint32_t id = 0;
    std::uint32_t weight = 1;
    friend bool operator==(const Member&, const Member&) = default;
  };
  bool removed = false;
  std::uint32_t id = 0;
  bool blackhole = false;
  std::optional<NextHop> next_hop;
  std::vector<Member> members;
};

// NLMSG_DONE: the end of a dump.
struct DumpEnd {
  int error_number = 0;
};

// NLMSG_ERROR: the answer to a request; error_number 0 is the acknowledgement.
struct Answer {
  int error_number = 0;
  std::string text;  // what the kernel adds to the number (NLMSGERR_ATTR_MSG), or nothing
};

struct NetlinkMessage {
  std::uint32_t sequence = 0;
  bool inconsistent = false;  // NLM_F_DUMP_INTR: something changed while it was dumped
  std::variant<LinkMessage, AddressMessage, NeighborMessage, RouteMessage, NexthopMessage, DumpEnd,
               Answer>
      body;
};

struct ParseCounters {
  std::uint64_t malformed = 0;  // messages that contradict themselves
  // Messages about routes that the data path has no notion of: source-specific, with encapsulation,
  // of a type that is not in RouteKind.
  std::uint64_t unsupported = 0;
};

// Appends what one datagram of the socket holds.
void parse_netlink(ByteView datagram, std::vector<NetlinkMessage>& messages,
                   ParseCounters& counters);

}  // namespace anyhome::host
