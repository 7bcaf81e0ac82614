#include "apps/anyhome-mn/host.h"

#include <algorithm>
#include <cstdio>

#include <fmt/format.h>

#include "apps/anyhome-mn/status.h"
#include "apps/anyhome-mn/tunnel.h"

namespace anyhome::mobile {
namespace {

// Never below 1280: smaller paths are the tunnel's matter, which fragments (RFC 2473 §7.1).
std::size_t tun_mtu_for(const Options& options, std::size_t access_mtu) {
  return options.tun_mtu.value_or(reported_mtu(access_mtu));
}

}  // namespace

std::expected<std::unique_ptr<Host>, std::string> Host::open(const Options& options) {
  auto netlink = Netlink::open();
  if (!netlink) {
    return std::unexpected(netlink.error());
  }
  std::unique_ptr<Host> host(new Host(options, std::move(*netlink)));
  if (auto result = host->set_up(); !result) {
    return std::unexpected(result.error());
  }
  return host;
}

std::expected<void, std::string> Host::set_up() {
  auto tun = Tun::open(netlink_, options_.tun_name, tun_mtu_for(options_, wire::kMinimumMtu));
  if (!tun) {
    return std::unexpected(tun.error());
  }
  tun_.emplace(std::move(*tun));
  const Ipv6Address& first = options_.fleet.first.home_address.address();
  const std::uint32_t addresses = options_.all_home_addresses ? options_.fleet.count : 1;
  for (std::uint32_t i = 0; i < addresses; ++i) {
    if (auto result = tun_->add_address(netlink_, HomeAddress(counted_up(first, i))); !result) {
      return result;
    }
  }
  auto sockets = AccessSockets::open(options_.table, tun_->index());
  if (!sockets) {
    return std::unexpected(sockets.error());
  }
  sockets_.emplace(std::move(*sockets));
  if (options_.firewall) {
    set_up_firewall();
  }
  return options_.routing ? set_up_routing() : std::expected<void, std::string>{};
}

void Host::set_up_firewall() {
  auto firewall = Firewall::start();
  if (firewall) {
    firewall_.emplace(std::move(*firewall));
    return;
  }
  fmt::print(stderr,
             "anyhome-mn: warning: {}: the kernel will answer every Binding Acknowledgement with "
             "Parameter Problem (install nftables, or say --firewall no)\n",
             firewall.error());
}

std::expected<void, std::string> Host::set_up_routing() {
  const Settings& first = options_.fleet.first;
  RoutingPlan plan;
  plan.tun_index = tun_->index();
  plan.table = options_.table;
  plan.home_address = first.home_address;
  plan.default_route = options_.default_route;
  const std::uint32_t nodes = options_.all_home_addresses ? options_.fleet.count : 1;
  for (std::uint32_t i = 0; i < nodes; ++i) {
    plan.from_home.emplace_back(counted_up(first.home_address.address(), i), Prefix::kMaxLength);
  }
  plan.mobile_networks = first.prefixes;
  plan.from_home.insert(plan.from_home.end(), first.prefixes.begin(), first.prefixes.end());
  routing_.emplace(netlink_);
  return routing_->install(plan);
}

std::expected<Attachment, NoAttachment> Host::find(const std::string& where) {
  return find_attachment(netlink_, where, options_.fleet.first.home_address);
}

std::expected<void, std::string> Host::attach(const Attachment& attachment) {
  if (attachment.mtu < wire::kMinimumMtu) {
    return std::unexpected(
        fmt::format("the MTU of {} is {}, IPv6 needs 1280", attachment.interface, attachment.mtu));
  }
  if (auto result = sockets_->bind_output(attachment.interface); !result) {
    return result;
  }
  if (routing_) {
    if (auto result = routing_->allow_care_of(attachment.care_of); !result) {
      return result;
    }
  }
  interface_ = attachment.interface;
  return tun_->set_mtu(tun_mtu_for(options_, attachment.mtu));
}

void Host::send(ByteView packet) {
  if (const int error = sockets_->send(packet); error != 0) {
    ++send_failed_;
    // Once per reason, or a link that is down fills the log.
    if (error != last_send_error_) {
      fmt::print(stderr, "anyhome-mn: warning: {}\n",
                 failure("cannot send through " + interface_, error));
    }
    last_send_error_ = error;
  } else {
    last_send_error_ = 0;
  }
}

void Host::deliver(ByteView packet) {
  if (!tun_->write(packet)) {
    ++deliver_failed_;
  }
}

std::string Host::counters_json() const {
  return fmt::format(
      "\"interface\": {}, \"tun\": {}, \"tun-mtu\": {}, \"network-send-failed\": {}, "
      "\"host-write-failed\": {}",
      quoted(interface_), quoted(tun_->name()), tun_->mtu(), send_failed_, deliver_failed_);
}

}  // namespace anyhome::mobile
