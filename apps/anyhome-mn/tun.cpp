#include "apps/anyhome-mn/tun.h"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "apps/anyhome-mn/access_link.h"

namespace anyhome::mobile {
namespace {

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  return request;
}

// Before the device comes up; afterwards the address would be there already.
int without_link_local(Netlink& netlink, unsigned index) {
  NetlinkRequest request(RTM_NEWLINK, NLM_F_ACK);
  ifinfomsg header{};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = static_cast<int>(index);
  request.header(header);
  const std::size_t families = request.open_nest(IFLA_AF_SPEC);
  const std::size_t inet6 = request.open_nest(AF_INET6);
  request.attribute_u8(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
  request.close_nest(inet6);
  request.close_nest(families);
  return netlink.change(std::move(request));
}

}  // namespace

std::expected<Tun, std::string> Tun::open(Netlink& netlink, const std::string& name,
                                          std::size_t mtu) {
  Tun tun;
  tun.name_ = name;
  if (interface_index(name) != 0) {
    return std::unexpected(
        fmt::format("interface {} exists already: choose another --tun-name", name));
  }
  tun.fd_ = FileDescriptor(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tun.fd_.valid()) {
    return std::unexpected(failure("cannot open /dev/net/tun", errno));
  }
  ifreq request = request_for(name);
  request.ifr_flags = IFF_TUN | IFF_NO_PI;
  if (::ioctl(tun.fd_.get(), TUNSETIFF, &request) != 0) {
    return std::unexpected(failure("cannot create TUN device " + name, errno));
  }
  tun.index_ = interface_index(name);
  if (const auto result = tun.set_mtu(mtu); !result) {
    return std::unexpected(result.error());
  }
  if (const int error = without_link_local(netlink, tun.index_); error != 0) {
    return std::unexpected(failure("cannot configure " + name, error));
  }
  const FileDescriptor socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  request = request_for(name);
  if (::ioctl(socket.get(), SIOCGIFFLAGS, &request) != 0) {
    return std::unexpected(failure("cannot read the flags of " + name, errno));
  }
  request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
  if (::ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) {
    return std::unexpected(failure("cannot take up " + name, errno));
  }
  return tun;
}

std::expected<void, std::string> Tun::set_mtu(std::size_t mtu) {
  if (mtu == mtu_) {
    return {};
  }
  const FileDescriptor socket(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = request_for(name_);
  request.ifr_mtu = static_cast<int>(mtu);
  if (::ioctl(socket.get(), SIOCSIFMTU, &request) != 0) {
    return std::unexpected(
        failure(fmt::format("cannot set the MTU of {} to {}", name_, mtu), errno));
  }
  mtu_ = mtu;
  return {};
}

std::expected<void, std::string> Tun::add_address(Netlink& netlink, const HomeAddress& address) {
  NetlinkRequest request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
  ifaddrmsg header{};
  header.ifa_family = AF_INET6;
  header.ifa_prefixlen = 128;
  header.ifa_flags = IFA_F_NODAD;
  header.ifa_scope = RT_SCOPE_UNIVERSE;
  header.ifa_index = index_;
  request.header(header);
  request.attribute(IFA_LOCAL, address.address());
  request.attribute(IFA_ADDRESS, address.address());
  if (const int error = netlink.change(std::move(request)); error != 0) {
    return std::unexpected(
        failure(fmt::format("cannot put {} on {}", address.to_string(), name_), error));
  }
  return {};
}

ByteView Tun::read(MutableBytes buffer) {
  const ssize_t size = ::read(fd_.get(), buffer.data(), buffer.size());
  return size <= 0 ? ByteView{} : ByteView(buffer).first(static_cast<std::size_t>(size));
}

bool Tun::write(ByteView packet) {
  return ::write(fd_.get(), packet.data(), packet.size()) == static_cast<ssize_t>(packet.size());
}

}  // namespace anyhome::mobile
