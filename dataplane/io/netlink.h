// The kernel's routing state, read and changed over netlink.
//
// Three sockets: requests are answered on one, dumps come through the second, notifications through
// the third. `receive` never blocks and does a bounded amount of work, a dump included, so that the
// control thread can serve BFD between two slices of a table of many routes.
//
// A round (see host_mirror.h) is: read notifications until there are none, dump everything, read
// the notifications that came meanwhile. Applied in this order they leave the newest state,
// whatever the order in which the kernel queued them: what changed during the dump is told again
// behind it. An overrun of the socket (ENOBUFS) starts a round; forwarding goes on by the old state
// until then.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/address.h"
#include "common/prefix.h"
#include "dataplane/io/file_descriptor.h"
#include "dataplane/io/host_event.h"
#include "dataplane/io/host_mirror.h"
#include "dataplane/io/netlink_parse.h"
#include "dataplane/io/netlink_request.h"
#include "dataplane/io/netlink_socket.h"

namespace anyhome::host {

struct NetlinkOptions {
  // Our `anyhome0`: home prefix routes through it are announcements, not routes of the data path.
  InterfaceIndex home_interface = kNoInterface;
  // The kernel takes twice as much; 13,000 route notifications fit (seen on 6.18).
  std::size_t receive_buffer_bytes = std::size_t{8} * 1024 * 1024;
  // Per call of `receive`. A datagram of a dump holds some 250 routes and takes 0.5 ms, kernel
  // included (100,000 routes in 432 datagrams, 200 ms; the sweep at the end 26 ms in one piece).
  unsigned datagrams_per_receive = 8;
};

struct NetlinkCounters {
  ParseCounters parse;
  std::uint64_t overruns = 0;          // times that notifications were lost
  std::uint64_t rounds = 0;            // dumps, the first one included
  std::uint64_t disturbed_rounds = 0;  // of those, repeated because something was removed meanwhile
};

class Netlink {
 public:
  using Done = std::expected<void, std::string>;

  [[nodiscard]] static std::expected<Netlink, std::string> open(const NetlinkOptions& options);

  // Changes. Done when the kernel has acknowledged; the error names object, reason and remedy.
  // Addresses are usable at once (no DAD); adding what is there, and removing what is not,
  // succeeds.
  Done add_address(InterfaceIndex interface, const Ipv6Address& address, unsigned prefix_length);
  Done remove_address(InterfaceIndex interface, const Ipv6Address& address, unsigned prefix_length);
  // The announcement of a home prefix (docs/architecture.md). A change of metric adds the new route
  // before the old one goes.
  Done set_home_route(InterfaceIndex interface, const Prefix& prefix, std::uint32_t metric);
  Done remove_home_route(InterfaceIndex interface, const Prefix& prefix);
  Done set_link_up(InterfaceIndex interface);
  // Has the kernel resolve a neighbour, or confirm it, as if a packet went there. Permanent
  // neighbours are left alone.
  Done use_neighbor(InterfaceIndex interface, const Ipv6Address& address);
  // Has the kernel keep a neighbour resolved. It forgets that when the interface loses its link:
  // ask again after NeighborChanged says Removed.
  Done manage_neighbor(InterfaceIndex interface, const Ipv6Address& address);
  Done unmanage_neighbor(InterfaceIndex interface, const Ipv6Address& address);

  // The mirror. What is known about a newly watched interface comes with the next `Synchronized`.
  void watch(InterfaceIndex interface);
  void unwatch(InterfaceIndex interface);
  // Appends what has happened. After an error call it again, about a second later; nothing is lost.
  Done receive(std::vector<HostEvent>& events);
  // Level-triggered in epoll: readable while `receive` has something to do.
  [[nodiscard]] int fd() const { return readiness_.get(); }
  // Everything the kernel holds has been told.
  [[nodiscard]] bool synchronized() const { return state_ == State::Following && !round_wanted_; }
  [[nodiscard]] const NetlinkCounters& counters() const { return counters_; }

 private:
  enum class State : std::uint8_t {
    Following,   // notifications
    Dumping,     // dumps; notifications wait
    CatchingUp,  // with the notifications that have waited
  };
  enum class Step : std::uint8_t {
    Done,  // something: there may be more
    Idle,  // nothing to do
  };
  using Neighbor = std::pair<InterfaceIndex, Ipv6Address>;

  Netlink(const NetlinkOptions& options, netlink::Socket requests, netlink::Socket dumps,
          netlink::Socket notifications);
  Done prepare();

  std::expected<void, Answer> transact(netlink::Request request);
  Answer await_answer(std::uint32_t sequence);

  std::expected<Step, std::string> follow(std::vector<HostEvent>& events);
  std::expected<Step, std::string> read_dump(std::vector<HostEvent>& events);
  std::expected<Step, std::string> start_round();
  std::expected<Step, std::string> next_dump();
  std::expected<Step, std::string> fail_round(int error_number, const std::string& text);
  void finish_round(std::vector<HostEvent>& events);
  void want_attention(bool wanted);

  NetlinkOptions options_;
  netlink::Socket requests_;
  netlink::Socket dumps_;
  netlink::Socket notifications_;
  FileDescriptor attention_;  // an eventfd: there is work that no socket shows
  FileDescriptor readiness_;  // an epoll of all but requests_
  bool attention_wanted_ = false;

  HostMirror mirror_;
  State state_ = State::Following;
  bool round_wanted_ = true;
  bool lost_ = false;              // notifications, since the round began
  bool disturbed_ = false;         // the round, by a removal
  unsigned disturbed_in_row_ = 0;  // rounds
  unsigned dump_ = 0;
  std::uint32_t sequence_ = 0;
  std::uint32_t dump_sequence_ = 0;
  std::vector<NetlinkMessage> messages_;  // of the datagram at hand

  std::map<std::pair<InterfaceIndex, Prefix>, std::set<std::uint32_t>> home_route_metrics_;
  std::set<Neighbor> managed_;
  NetlinkCounters counters_;
};

}  // namespace anyhome::host
