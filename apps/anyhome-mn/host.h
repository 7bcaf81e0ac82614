// Everything of this machine that the mobile node uses: TUN device, sockets, rules, nftables table.
// What it sets up is gone when it is destroyed.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "apps/anyhome-mn/access_link.h"
#include "apps/anyhome-mn/access_socket.h"
#include "apps/anyhome-mn/firewall.h"
#include "apps/anyhome-mn/netlink.h"
#include "apps/anyhome-mn/options.h"
#include "apps/anyhome-mn/routing.h"
#include "apps/anyhome-mn/tun.h"

namespace anyhome::mobile {

class Host {
 public:
  static std::expected<std::unique_ptr<Host>, std::string> open(const Options& options);

  // Where an interface or address could be attached to, if it can at this moment.
  std::expected<Attachment, NoAttachment> find(const std::string& where);
  // Sends by that interface from now on, lets programs use the care-of address there, and adapts
  // the MTU of the TUN device.
  std::expected<void, std::string> attach(const Attachment& attachment);

  [[nodiscard]] Tun& tun() { return *tun_; }
  [[nodiscard]] AccessSockets& sockets() { return *sockets_; }
  [[nodiscard]] const std::string& interface() const { return interface_; }

  void send(ByteView packet);
  void deliver(ByteView packet);
  // Members of a JSON object.
  [[nodiscard]] std::string counters_json() const;

 private:
  Host(const Options& options, Netlink netlink) : options_(options), netlink_(std::move(netlink)) {}
  std::expected<void, std::string> set_up();
  std::expected<void, std::string> set_up_routing();
  void set_up_firewall();

  const Options& options_;
  Netlink netlink_;
  std::optional<Tun> tun_;
  std::optional<AccessSockets> sockets_;
  std::optional<Firewall> firewall_;
  std::optional<Routing> routing_;  // removed first: it points to the others
  std::string interface_;

  std::uint64_t send_failed_ = 0;
  int last_send_error_ = 0;
  std::uint64_t deliver_failed_ = 0;
};

}  // namespace anyhome::mobile
