// The TUN device that stands for "being at home": it carries the home address, and what is routed
// to it goes through the tunnel. It, its addresses and its routes die with the process.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>

#include "apps/anyhome-mn/file_descriptor.h"
#include "apps/anyhome-mn/netlink.h"
#include "common/address.h"
#include "common/bytes.h"

namespace anyhome::mobile {

class Tun {
 public:
  // Creates the device, without a link-local address (nobody is behind it to talk to), and takes
  // it up. Must not exist yet.
  static std::expected<Tun, std::string> open(Netlink& netlink, const std::string& name,
                                              std::size_t mtu);

  [[nodiscard]] int fd() const { return fd_.get(); }
  [[nodiscard]] unsigned index() const { return index_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::size_t mtu() const { return mtu_; }

  std::expected<void, std::string> set_mtu(std::size_t mtu);
  // As a /128, without duplicate address detection.
  std::expected<void, std::string> add_address(Netlink& netlink, const HomeAddress& address);

  // The next packet from the host; empty when there is none. Shares `buffer`.
  ByteView read(MutableBytes buffer);
  bool write(ByteView packet);

 private:
  Tun() = default;

  FileDescriptor fd_;
  std::string name_;
  unsigned index_ = 0;
  std::size_t mtu_ = 0;
};

}  // namespace anyhome::mobile
