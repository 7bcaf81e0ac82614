#include "dataplane/io/netlink.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <variant>

#include <fmt/format.h>

#include <linux/rtnetlink.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

namespace anyhome::host {
namespace {

constexpr unsigned kDisturbedRounds = 3;  // after that, what two dumps in a row miss is gone

// A dump that a removal disturbs may skip what is there.
bool removes(const NetlinkMessage& message) {
  return std::visit(
      [](const auto& body) {
        if constexpr (requires { body.removed; }) {
          return body.removed;
        } else if constexpr (std::is_same_v<std::decay_t<decltype(body)>, NeighborMessage>) {
          return body.neighbor.state == NeighborState::Removed;
        } else {
          return false;
        }
      },
      message.body);
}

}  // namespace

std::expected<Netlink, std::string> Netlink::open(const NetlinkOptions& options) {
  auto requests = netlink::Socket::open();
  auto dumps = netlink::Socket::open();
  auto notifications = netlink::Socket::open();
  for (const auto* socket : {&requests, &dumps, &notifications}) {
    if (!*socket) {
      return std::unexpected(socket->error());
    }
  }
  Netlink result(options, std::move(*requests), std::move(*dumps), std::move(*notifications));
  if (const Done done = result.prepare(); !done) {
    return std::unexpected(done.error());
  }
  return result;
}

Netlink::Netlink(const NetlinkOptions& options, netlink::Socket requests, netlink::Socket dumps,
                 netlink::Socket notifications)
    : options_(options),
      requests_(std::move(requests)),
      dumps_(std::move(dumps)),
      notifications_(std::move(notifications)),
      attention_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      readiness_(::epoll_create1(EPOLL_CLOEXEC)),
      mirror_(options.home_interface) {}

Netlink::Done Netlink::prepare() {
  requests_.prefer_strict_answers();
  dumps_.prefer_strict_answers();
  notifications_.set_receive_buffer(options_.receive_buffer_bytes);
  for (const int group :
       {RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_NEXTHOP}) {
    if (Done joined = notifications_.join(group); !joined) {
      return joined;
    }
  }
  for (const int fd : {dumps_.fd(), notifications_.fd(), attention_.get()}) {
    epoll_event event{};
    event.events = EPOLLIN;
    if (::epoll_ctl(readiness_.get(), EPOLL_CTL_ADD, fd, &event) != 0) {
      return std::unexpected(fmt::format("netlink: epoll: {}", std::strerror(errno)));
    }
  }
  want_attention(true);  // for the first round
  return {};
}

void Netlink::watch(InterfaceIndex interface) {
  mirror_.watch(interface);
  round_wanted_ = true;
  want_attention(true);
}

void Netlink::unwatch(InterfaceIndex interface) {
  mirror_.unwatch(interface);
  round_wanted_ = true;
  want_attention(true);
}

Netlink::Done Netlink::receive(std::vector<HostEvent>& events) {
  for (unsigned i = 0; i < options_.datagrams_per_receive; ++i) {
    const auto step = state_ == State::Dumping ? read_dump(events) : follow(events);
    if (!step || *step == Step::Idle) {
      want_attention(false);
      return step ? Done{} : std::unexpected(step.error());
    }
  }
  want_attention(true);
  return {};
}

std::expected<Netlink::Step, std::string> Netlink::follow(std::vector<HostEvent>& events) {
  const auto datagram = notifications_.receive();
  if (datagram) {
    messages_.clear();
    parse_netlink(*datagram, messages_, counters_.parse);
    for (const NetlinkMessage& message : messages_) {
      disturbed_ = disturbed_ || (state_ == State::CatchingUp && removes(message));
      mirror_.apply(message, events);
    }
    round_wanted_ = mirror_.take_doubt() || round_wanted_;
    return Step::Done;
  }
  switch (datagram.error().kind) {
    case netlink::ReceiveError::Kind::Overrun:
      ++counters_.overruns;
      lost_ = true;
      round_wanted_ = true;
      return Step::Done;
    case netlink::ReceiveError::Kind::Failed:
      return std::unexpected(
          fmt::format("netlink: notifications: {}", std::strerror(datagram.error().error_number)));
    case netlink::ReceiveError::Kind::Empty:
      break;
  }
  if (state_ == State::CatchingUp) {
    finish_round(events);
  }
  // Only now that nothing waits: while anything does, an overrun socket takes no notification.
  return round_wanted_ ? start_round() : Step::Idle;
}

std::expected<Netlink::Step, std::string> Netlink::start_round() {
  ++counters_.rounds;
  round_wanted_ = false;
  lost_ = false;
  disturbed_ = false;
  mirror_.begin_round();
  dump_ = 0;
  return next_dump();
}

std::expected<Netlink::Step, std::string> Netlink::next_dump() {
  netlink::Request request = netlink::dump(static_cast<netlink::Dump>(dump_));
  dump_sequence_ = ++sequence_;
  request.set_sequence(dump_sequence_);
  if (const auto sent = dumps_.send(request.bytes()); !sent) {
    return fail_round(sent.error(), {});
  }
  state_ = State::Dumping;
  return Step::Done;
}

std::expected<Netlink::Step, std::string> Netlink::fail_round(int error_number,
                                                              const std::string& text) {
  state_ = State::Following;
  round_wanted_ = true;
  return std::unexpected(fmt::format("netlink: dump {} of {}: {}{}{}", dump_ + 1,
                                     netlink::kDumpCount, std::strerror(error_number),
                                     text.empty() ? "" : ": ", text));
}

std::expected<Netlink::Step, std::string> Netlink::read_dump(std::vector<HostEvent>& events) {
  const auto datagram = dumps_.receive();
  if (!datagram) {
    return datagram.error().kind == netlink::ReceiveError::Kind::Empty
               ? Step::Idle
               : fail_round(datagram.error().error_number, {});
  }
  messages_.clear();
  parse_netlink(*datagram, messages_, counters_.parse);
  for (const NetlinkMessage& message : messages_) {
    if (message.sequence != dump_sequence_) {
      continue;  // the rest of a dump that failed
    }
    disturbed_ = disturbed_ || message.inconsistent;
    int error_number = 0;
    if (const auto* end = std::get_if<DumpEnd>(&message.body)) {
      error_number = end->error_number;
    } else if (const auto* answer = std::get_if<Answer>(&message.body)) {
      error_number = answer->error_number;
      // Linux before 5.3 has no `ip nexthop`.
      if (error_number == EOPNOTSUPP &&
          dump_ == static_cast<unsigned>(netlink::Dump::NexthopObjects)) {
        error_number = 0;
      }
    } else {
      mirror_.apply(message, events);
      continue;
    }
    if (error_number != 0) {
      const auto* answer = std::get_if<Answer>(&message.body);
      return fail_round(error_number, answer != nullptr ? answer->text : std::string());
    }
    if (++dump_ < netlink::kDumpCount) {
      return next_dump();
    }
    (void)mirror_.take_doubt();  // what the dump has raised it has answered
    state_ = State::CatchingUp;
    return Step::Done;
  }
  return Step::Done;
}

void Netlink::finish_round(std::vector<HostEvent>& events) {
  state_ = State::Following;
  auto what = Sweep::Missing;
  if (lost_) {
    what = Sweep::Nothing;
  } else if (disturbed_) {
    ++counters_.disturbed_rounds;
    const bool enough = ++disturbed_in_row_ >= kDisturbedRounds;
    what = enough ? Sweep::MissingTwice : Sweep::Nothing;
    round_wanted_ = round_wanted_ || !enough;
  }
  if (what != Sweep::Nothing) {
    disturbed_in_row_ = 0;
  }
  mirror_.end_round(what, events);
  if (!round_wanted_) {
    events.emplace_back(Synchronized{});
  }
}

void Netlink::want_attention(bool wanted) {
  if (wanted == attention_wanted_) {
    return;
  }
  attention_wanted_ = wanted;
  eventfd_t ignored = 0;
  (void)(wanted ? ::eventfd_write(attention_.get(), 1)
                : ::eventfd_read(attention_.get(), &ignored));
}

}  // namespace anyhome::host
