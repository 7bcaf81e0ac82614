#include "dataplane/io/netlink_request.h"

#include <cstring>

#include <libmnl/libmnl.h>

#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "dataplane/io/netlink_parse.h"

namespace anyhome::host::netlink {

// Writes a message with libmnl; the only place that does.
class RequestBuilder {
 public:
  RequestBuilder(int type, int flags) : header_(mnl_nlmsg_put_header(request_.buffer_.data())) {
    header_->nlmsg_type = static_cast<std::uint16_t>(type);
    header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  }
  RequestBuilder(const RequestBuilder&) = delete;  // header_ points into request_
  RequestBuilder& operator=(const RequestBuilder&) = delete;

  // The header of the family, zeroed.
  template <class T>
  T& extra() {
    return *static_cast<T*>(mnl_nlmsg_put_extra_header(header_, sizeof(T)));
  }
  void address(int type, const Ipv6Address& address) {
    mnl_attr_put(header_, static_cast<std::uint16_t>(type), Ipv6Address::kSize,
                 address.octets.data());
  }
  void number(int type, std::uint32_t value) {
    mnl_attr_put_u32(header_, static_cast<std::uint16_t>(type), value);
  }

  Request finish() {
    request_.size_ = header_->nlmsg_len;
    return request_;
  }

 private:
  Request request_;
  nlmsghdr* header_;
};

namespace {

Request address_request(int type, int flags, InterfaceIndex interface, const Ipv6Address& address,
                        unsigned prefix_length) {
  RequestBuilder builder(type, NLM_F_ACK | flags);
  auto& header = builder.extra<ifaddrmsg>();
  header.ifa_family = AF_INET6;
  header.ifa_prefixlen = static_cast<std::uint8_t>(prefix_length);
  header.ifa_index = to_number(interface);
  builder.address(IFA_LOCAL, address);
  builder.address(IFA_ADDRESS, address);
  // Usable at once: a tentative address makes routing daemons bind too early (see tap.cpp).
  builder.number(IFA_FLAGS, IFA_F_NODAD);
  return builder.finish();
}

Request home_route_request(int type, int flags, InterfaceIndex interface, const Prefix& prefix,
                           std::uint32_t metric) {
  RequestBuilder builder(type, NLM_F_ACK | flags);
  auto& header = builder.extra<rtmsg>();
  header.rtm_family = AF_INET6;
  header.rtm_dst_len = static_cast<std::uint8_t>(prefix.length());
  header.rtm_table = kMainTable;
  header.rtm_protocol = kHomeRouteProtocol;
  header.rtm_scope = RT_SCOPE_UNIVERSE;
  header.rtm_type = RTN_UNICAST;
  builder.address(RTA_DST, prefix.address());
  builder.number(RTA_OIF, to_number(interface));
  builder.number(RTA_PRIORITY, metric);
  return builder.finish();
}

template <class Header>
Request dump_of(int type, unsigned char Header::*family, unsigned char value) {
  RequestBuilder builder(type, NLM_F_DUMP);
  builder.extra<Header>().*family = value;
  return builder.finish();
}

Request dump_routes(std::uint32_t table) {
  RequestBuilder builder(RTM_GETROUTE, NLM_F_DUMP);
  auto& header = builder.extra<rtmsg>();
  header.rtm_family = AF_INET6;
  header.rtm_table = static_cast<std::uint8_t>(table);  // a filter under NETLINK_GET_STRICT_CHK
  return builder.finish();
}

}  // namespace

void Request::set_sequence(std::uint32_t sequence) {
  std::memcpy(buffer_.data() + offsetof(nlmsghdr, nlmsg_seq), &sequence, sizeof sequence);
}

Request add_address(InterfaceIndex interface, const Ipv6Address& address, unsigned prefix_length) {
  return address_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, interface, address,
                         prefix_length);
}

Request remove_address(InterfaceIndex interface, const Ipv6Address& address,
                       unsigned prefix_length) {
  return address_request(RTM_DELADDR, 0, interface, address, prefix_length);
}

Request add_home_route(InterfaceIndex interface, const Prefix& prefix, std::uint32_t metric) {
  return home_route_request(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, interface, prefix, metric);
}

Request remove_home_route(InterfaceIndex interface, const Prefix& prefix, std::uint32_t metric) {
  return home_route_request(RTM_DELROUTE, 0, interface, prefix, metric);
}

Request set_link_up(InterfaceIndex interface) {
  RequestBuilder builder(RTM_NEWLINK, NLM_F_ACK);
  auto& header = builder.extra<ifinfomsg>();
  header.ifi_index = static_cast<int>(to_number(interface));
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  return builder.finish();
}

Request use_neighbor(InterfaceIndex interface, const Ipv6Address& address, NeighborUse use) {
  const int create = use == NeighborUse::Unmanaged ? 0 : NLM_F_CREATE;
  RequestBuilder builder(RTM_NEWNEIGH, NLM_F_ACK | NLM_F_REPLACE | create);
  auto& header = builder.extra<ndmsg>();
  header.ndm_family = AF_INET6;
  header.ndm_ifindex = static_cast<int>(to_number(interface));
  header.ndm_flags = NTF_USE;
  builder.address(NDA_DST, address);
  if (use == NeighborUse::Managed) {
    builder.number(NDA_FLAGS_EXT, NTF_EXT_MANAGED);
  }
  return builder.finish();
}

Request dump(Dump what) {
  switch (what) {
    case Dump::Links:
      return dump_of(RTM_GETLINK, &ifinfomsg::ifi_family, AF_UNSPEC);
    case Dump::Addresses:
      return dump_of(RTM_GETADDR, &ifaddrmsg::ifa_family, AF_INET6);
    case Dump::NexthopObjects:
      return dump_of(RTM_GETNEXTHOP, &nhmsg::nh_family, AF_UNSPEC);
    case Dump::LocalRoutes:
      return dump_routes(kLocalTable);
    case Dump::MainRoutes:
      return dump_routes(kMainTable);
    case Dump::Neighbors:
      return dump_of(RTM_GETNEIGH, &ndmsg::ndm_family, AF_INET6);
  }
  return {};
}

}  // namespace anyhome::host::netlink
