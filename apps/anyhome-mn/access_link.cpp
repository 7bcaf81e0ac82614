#include "apps/anyhome-mn/access_link.h"

#include <algorithm>
#include <array>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace anyhome::mobile {
namespace {

struct InterfaceAddress {
  unsigned interface = 0;
  Ipv6Address address;
  std::uint32_t flags = 0;
  std::uint8_t scope = 0;
};

std::vector<InterfaceAddress> all_addresses(Netlink& netlink) {
  std::vector<InterfaceAddress> result;
  NetlinkRequest request(RTM_GETADDR, NLM_F_DUMP);
  ifaddrmsg header{};
  header.ifa_family = AF_INET6;
  request.header(header);
  netlink.dump(std::move(request), [&](ByteView message) {
    const auto found = read_header<ifaddrmsg>(message);
    if (!found || found->ifa_family != AF_INET6) {
      return;
    }
    InterfaceAddress entry{found->ifa_index, {}, found->ifa_flags, found->ifa_scope};
    for_each_attribute(message, sizeof(ifaddrmsg), [&](std::uint16_t type, ByteView data) {
      if (type == IFA_ADDRESS) {
        entry.address = Reader(data).address();
      } else if (type == IFA_FLAGS && data.size() == sizeof entry.flags) {
        std::memcpy(&entry.flags, data.data(), sizeof entry.flags);
      }
    });
    result.push_back(entry);
  });
  return result;
}

bool usable(const InterfaceAddress& entry) {
  const bool pending =
      (entry.flags & IFA_F_TENTATIVE) != 0 && (entry.flags & IFA_F_OPTIMISTIC) == 0;
  return entry.scope == RT_SCOPE_UNIVERSE && !pending && (entry.flags & IFA_F_DADFAILED) == 0 &&
         entry.address.is_unicast_routable() && !entry.address.is_loopback();
}

// Lower is better.
int cost(const InterfaceAddress& entry) {
  return ((entry.flags & IFA_F_DEPRECATED) != 0 ? 2 : 0) +
         ((entry.flags & IFA_F_TEMPORARY) != 0 ? 1 : 0);
}

struct Link {
  std::string name;
  bool up = false;
  std::size_t mtu = 0;
};

std::optional<Link> link_of(unsigned index) {
  std::array<char, IF_NAMESIZE> name{};
  if (::if_indextoname(index, name.data()) == nullptr) {
    return std::nullopt;
  }
  const FileDescriptor fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::ranges::copy(name, request.ifr_name);
  Link link{name.data(), false, 0};
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) {
    return std::nullopt;
  }
  link.up = (request.ifr_flags & IFF_UP) != 0 && (request.ifr_flags & IFF_RUNNING) != 0;
  if (::ioctl(fd.get(), SIOCGIFMTU, &request) != 0) {
    return std::nullopt;
  }
  link.mtu = static_cast<std::size_t>(std::max(request.ifr_mtu, 0));
  return link;
}

}  // namespace

unsigned interface_index(const std::string& name) { return ::if_nametoindex(name.c_str()); }

std::expected<Attachment, NoAttachment> find_attachment(Netlink& netlink, std::string_view where,
                                                        const HomeAddress& home_address) {
  const auto wanted = Ipv6Address::parse(where);
  const std::vector<InterfaceAddress> addresses = all_addresses(netlink);
  unsigned index = 0;
  if (wanted) {
    const auto found = std::ranges::find(addresses, *wanted, &InterfaceAddress::address);
    index = found == addresses.end() ? 0 : found->interface;
  } else {
    index = interface_index(std::string(where));
  }
  const auto link = index == 0 ? std::nullopt : link_of(index);
  if (!link) {
    return std::unexpected(NoAttachment::NoSuchInterface);
  }
  if (!link->up) {
    return std::unexpected(NoAttachment::Down);
  }
  std::optional<InterfaceAddress> best;
  for (const InterfaceAddress& entry : addresses) {
    const bool candidate = entry.interface == index && usable(entry) &&
                           entry.address != home_address.address() &&
                           (!wanted || entry.address == *wanted);
    if (candidate && (!best || cost(entry) < cost(*best))) {
      best = entry;
    }
  }
  if (!best) {
    return std::unexpected(NoAttachment::NoAddress);
  }
  return Attachment{link->name, CareOfAddress(best->address), link->mtu};
}

std::string_view to_string(NoAttachment reason) {
  switch (reason) {
    case NoAttachment::NoSuchInterface:
      return "there is no such interface or address";
    case NoAttachment::Down:
      return "the interface is down";
    case NoAttachment::NoAddress:
      return "there is no usable global address";
  }
  return "not usable";
}

}  // namespace anyhome::mobile
