// The changes that Netlink makes: one request, one answer.
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <poll.h>

#include "dataplane/io/netlink.h"

namespace anyhome::host {
namespace {

// The answer is there when the request returns; this is for a kernel that breaks its own rule.
constexpr int kAnswerTimeoutMs = 1000;

std::string_view remedy(int error_number) {
  switch (error_number) {
    case EPERM:
      return "; run as root or give CAP_NET_ADMIN";
    case ENODEV:
      return "; the interface is gone";
    case ENETDOWN:
      return "; set the interface up";
    case ENOBUFS:
    case ENOMEM:
      return "; raise net.ipv6.neigh.default.gc_thresh3 or net.ipv6.route.max_size";
    default:
      return "";
  }
}

std::unexpected<std::string> failure(std::string_view what, const Answer& answer) {
  return std::unexpected(
      fmt::format("netlink: {}: {}{}{}{}", what, std::strerror(answer.error_number),
                  answer.text.empty() ? "" : ": ", answer.text, remedy(answer.error_number)));
}

}  // namespace

std::expected<void, Answer> Netlink::transact(netlink::Request request) {
  const std::uint32_t sequence = ++sequence_;
  request.set_sequence(sequence);
  if (const auto sent = requests_.send(request.bytes()); !sent) {
    return std::unexpected(Answer{sent.error(), {}});
  }
  Answer answer = await_answer(sequence);
  if (answer.error_number != 0) {
    return std::unexpected(std::move(answer));
  }
  return {};
}

Answer Netlink::await_answer(std::uint32_t sequence) {
  while (true) {
    const auto datagram = requests_.receive();
    if (!datagram) {
      pollfd waiting{requests_.fd(), POLLIN, 0};
      if (datagram.error().kind == netlink::ReceiveError::Kind::Empty &&
          ::poll(&waiting, 1, kAnswerTimeoutMs) > 0) {
        continue;
      }
      const bool empty = datagram.error().kind == netlink::ReceiveError::Kind::Empty;
      return {empty ? ETIMEDOUT : datagram.error().error_number, {}};
    }
    messages_.clear();
    parse_netlink(*datagram, messages_, counters_.parse);
    for (const NetlinkMessage& message : messages_) {
      const auto* answer = std::get_if<Answer>(&message.body);
      if (answer != nullptr && message.sequence == sequence) {
        return *answer;
      }
    }
  }
}

Netlink::Done Netlink::add_address(InterfaceIndex interface, const Ipv6Address& address,
                                   unsigned prefix_length) {
  const auto done = transact(netlink::add_address(interface, address, prefix_length));
  if (!done) {
    return failure(fmt::format("address {}/{} cannot be put on interface {}", address.to_string(),
                               prefix_length, to_number(interface)),
                   done.error());
  }
  return {};
}

Netlink::Done Netlink::remove_address(InterfaceIndex interface, const Ipv6Address& address,
                                      unsigned prefix_length) {
  const auto done = transact(netlink::remove_address(interface, address, prefix_length));
  if (!done && done.error().error_number != EADDRNOTAVAIL && done.error().error_number != ENODEV) {
    return failure(fmt::format("address {}/{} cannot be taken from interface {}",
                               address.to_string(), prefix_length, to_number(interface)),
                   done.error());
  }
  return {};
}

Netlink::Done Netlink::set_home_route(InterfaceIndex interface, const Prefix& prefix,
                                      std::uint32_t metric) {
  const auto done = transact(netlink::add_home_route(interface, prefix, metric));
  if (!done) {
    return failure(fmt::format("home route {} with metric {} cannot be put on interface {}",
                               prefix.to_string(), metric, to_number(interface)),
                   done.error());
  }
  auto& metrics = home_route_metrics_[{interface, prefix}];
  metrics.insert(metric);
  while (metrics.size() > 1) {
    const std::uint32_t old = *metrics.begin() != metric ? *metrics.begin() : *metrics.rbegin();
    const auto removed = transact(netlink::remove_home_route(interface, prefix, old));
    if (!removed && removed.error().error_number != ESRCH) {
      return failure(
          fmt::format("home route {} with metric {} cannot be removed", prefix.to_string(), old),
          removed.error());
    }
    metrics.erase(old);
  }
  return {};
}

Netlink::Done Netlink::remove_home_route(InterfaceIndex interface, const Prefix& prefix) {
  const auto known = home_route_metrics_.find({interface, prefix});
  if (known == home_route_metrics_.end()) {
    return {};
  }
  while (!known->second.empty()) {
    const std::uint32_t metric = *known->second.begin();
    const auto done = transact(netlink::remove_home_route(interface, prefix, metric));
    if (!done && done.error().error_number != ESRCH && done.error().error_number != ENODEV) {
      return failure(
          fmt::format("home route {} with metric {} cannot be removed", prefix.to_string(), metric),
          done.error());
    }
    known->second.erase(metric);
  }
  home_route_metrics_.erase(known);
  return {};
}

Netlink::Done Netlink::set_link_up(InterfaceIndex interface) {
  if (const auto done = transact(netlink::set_link_up(interface)); !done) {
    return failure(fmt::format("interface {} cannot be set up", to_number(interface)),
                   done.error());
  }
  return {};
}

Netlink::Done Netlink::use_neighbor(InterfaceIndex interface, const Ipv6Address& address) {
  if (mirror_.is_permanent(interface, address)) {
    return {};
  }
  const auto use = managed_.contains({interface, address}) ? netlink::NeighborUse::Managed
                                                           : netlink::NeighborUse::Once;
  if (const auto done = transact(netlink::use_neighbor(interface, address, use)); !done) {
    return failure(fmt::format("neighbor {} on interface {} cannot be resolved",
                               address.to_string(), to_number(interface)),
                   done.error());
  }
  return {};
}

Netlink::Done Netlink::manage_neighbor(InterfaceIndex interface, const Ipv6Address& address) {
  managed_.insert({interface, address});
  return use_neighbor(interface, address);
}

Netlink::Done Netlink::unmanage_neighbor(InterfaceIndex interface, const Ipv6Address& address) {
  if (managed_.erase({interface, address}) == 0 || mirror_.is_permanent(interface, address)) {
    return {};
  }
  const auto done =
      transact(netlink::use_neighbor(interface, address, netlink::NeighborUse::Unmanaged));
  if (!done && done.error().error_number != ENOENT && done.error().error_number != ENODEV) {
    return failure(fmt::format("neighbor {} on interface {} cannot be let go", address.to_string(),
                               to_number(interface)),
                   done.error());
  }
  return {};
}

}  // namespace anyhome::host
