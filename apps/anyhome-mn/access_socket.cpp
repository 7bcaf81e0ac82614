#include "apps/anyhome-mn/access_socket.h"

#include <array>
#include <cerrno>

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/wire/icmpv6.h"
#include "common/wire/ipv6.h"

namespace anyhome::mobile {
namespace {

namespace protocol = wire::protocol;
namespace icmpv6 = wire::icmpv6;

constexpr int kReceiveBuffer = 8 << 20;
constexpr sock_filter statement(std::uint16_t code, std::uint32_t k) { return {code, 0, 0, k}; }
constexpr sock_filter jump_if(std::uint16_t test, std::uint32_t k, std::uint8_t yes,
                              std::uint8_t no) {
  return {static_cast<std::uint16_t>(BPF_JMP | test | BPF_K), yes, no, k};
}

// Unicast to us, and Mobility Header, routing header, destination options (before one of them),
// ICMPv6 errors, discovery reply or prefix advertisement. Offsets are from the IPv6 header.
constexpr std::array kSignallingFilter = {
    statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE)),
    jump_if(BPF_JEQ, PACKET_HOST, 0, 10),
    statement(BPF_LD | BPF_B | BPF_ABS, wire::ipv6_offset::kNextHeader),
    jump_if(BPF_JEQ, protocol::kMobility, 7, 0),
    jump_if(BPF_JEQ, protocol::kRouting, 6, 0),
    jump_if(BPF_JEQ, protocol::kDestinationOptions, 5, 0),
    jump_if(BPF_JEQ, protocol::kIcmpv6, 0, 5),
    statement(BPF_LD | BPF_B | BPF_ABS, wire::kIpv6HeaderSize),
    jump_if(BPF_JGT, icmpv6::kParameterProblem, 0, 2),
    jump_if(BPF_JEQ, icmpv6::kHomeAgentDiscoveryReply, 1, 0),
    jump_if(BPF_JEQ, icmpv6::kMobilePrefixAdvertisement, 0, 1),
    statement(BPF_RET | BPF_K, 0xffff),
    statement(BPF_RET | BPF_K, 0),
};
constexpr std::array kDropEverything = {statement(BPF_RET | BPF_K, 0)};

template <std::size_t N>
int attach(int fd, const std::array<sock_filter, N>& filter) {
  std::array<sock_filter, N> copy = filter;
  const sock_fprog program{static_cast<unsigned short>(N), copy.data()};
  return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int enable(int fd, int level, int option) {
  constexpr int kOn = 1;
  return ::setsockopt(fd, level, option, &kOn, sizeof kOn);
}

FileDescriptor raw_socket(int number) {
  return FileDescriptor(::socket(AF_INET6, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, number));
}

std::unexpected<std::string> cannot(std::string_view what) {
  return std::unexpected(failure("cannot open the " + std::string(what), errno));
}

std::expected<FileDescriptor, std::string> open_signalling() {
  // Protocol 0: nothing arrives before the filter is in place.
  FileDescriptor fd(::socket(AF_PACKET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd.valid() || attach(fd.get(), kSignallingFilter) != 0) {
    return cannot("packet socket");
  }
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IPV6);
  if (::bind(fd.get(), static_cast<const sockaddr*>(static_cast<const void*>(&address)),
             sizeof address) != 0) {
    return cannot("packet socket");
  }
  return fd;
}

std::expected<FileDescriptor, std::string> open_tunnel() {
  FileDescriptor fd = raw_socket(protocol::kIpv6);
  if (!fd.valid() || enable(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO) != 0 ||
      enable(fd.get(), IPPROTO_IPV6, IPV6_RECVTCLASS) != 0 ||
      enable(fd.get(), IPPROTO_IPV6, IPV6_RECVHOPLIMIT) != 0) {
    return cannot("raw socket for tunnel packets");
  }
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer);
  return fd;
}

std::expected<FileDescriptor, std::string> open_output(std::uint32_t mark) {
  FileDescriptor fd = raw_socket(IPPROTO_RAW);  // implies whole packets, header included
  // Path MTU is ours to know (mobile_node.h): the kernel shall not compare with its own.
  constexpr int kProbe = IPV6_PMTUDISC_PROBE;
  if (!fd.valid() || ::setsockopt(fd.get(), SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0 ||
      ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_MTU_DISCOVER, &kProbe, sizeof kProbe) != 0) {
    return cannot("raw socket for sending");
  }
  return fd;
}

Ipv6Address address_of(const in6_addr& address) {
  Ipv6Address result;
  std::memcpy(result.octets.data(), &address, result.octets.size());
  return result;
}

// Traffic class, hop limit and destination from the control messages of a received packet.
void read_control(msghdr& message, wire::Ipv6Header& header) {
  for (cmsghdr* control = CMSG_FIRSTHDR(&message); control != nullptr;
       control = CMSG_NXTHDR(&message, control)) {
    if (control->cmsg_level != IPPROTO_IPV6) {
      continue;
    }
    if (control->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info{};
      std::memcpy(&info, CMSG_DATA(control), sizeof info);
      header.destination = address_of(info.ipi6_addr);
    } else if (control->cmsg_type == IPV6_TCLASS || control->cmsg_type == IPV6_HOPLIMIT) {
      int value = 0;
      std::memcpy(&value, CMSG_DATA(control), sizeof value);
      (control->cmsg_type == IPV6_TCLASS ? header.traffic_class : header.hop_limit) =
          static_cast<std::uint8_t>(value);
    }
  }
}

}  // namespace

std::expected<AccessSockets, std::string> AccessSockets::open(std::uint32_t mark,
                                                              unsigned tun_index) {
  AccessSockets sockets;
  sockets.tun_index_ = tun_index;
  auto signalling = open_signalling();
  auto tunnel = open_tunnel();
  auto output = open_output(mark);
  for (const auto* socket : {&signalling, &tunnel, &output}) {
    if (!*socket) {
      return std::unexpected(socket->error());
    }
  }
  // Held open and never read: with a listener the kernel sends no Parameter Problem about 135.
  sockets.guard_ = raw_socket(protocol::kMobility);
  if (!sockets.guard_.valid() || attach(sockets.guard_.get(), kDropEverything) != 0) {
    return cannot("raw socket for the Mobility Header");
  }
  sockets.signalling_ = std::move(*signalling);
  sockets.tunnel_ = std::move(*tunnel);
  sockets.output_ = std::move(*output);
  return sockets;
}

std::expected<void, std::string> AccessSockets::bind_output(const std::string& interface) {
  if (::setsockopt(output_.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.data(),
                   static_cast<socklen_t>(interface.size())) != 0) {
    return std::unexpected(failure("cannot send through " + interface, errno));
  }
  return {};
}

ByteView AccessSockets::receive_signalling(MutableBytes buffer) {
  for (;;) {
    sockaddr_ll from{};
    socklen_t length = sizeof from;
    const ssize_t size = ::recvfrom(signalling_.get(), buffer.data(), buffer.size(), 0,
                                    static_cast<sockaddr*>(static_cast<void*>(&from)), &length);
    if (size < 0) {
      return {};
    }
    // What we write into the TUN device comes by here, too.
    if (size > 0 && static_cast<unsigned>(from.sll_ifindex) != tun_index_) {
      return ByteView(buffer).first(static_cast<std::size_t>(size));
    }
  }
}

ByteView AccessSockets::receive_tunnel(MutableBytes buffer) {
  sockaddr_in6 from{};
  std::array<std::byte, 256> control{};
  const MutableBytes payload = buffer.subspan(wire::kIpv6HeaderSize);
  iovec part{payload.data(), payload.size()};
  msghdr message{};
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t size = ::recvmsg(tunnel_.get(), &message, 0);
  if (size < 0) {
    return {};
  }
  wire::Ipv6Header header;
  header.payload_length = static_cast<std::uint16_t>(size);
  header.next_header = protocol::kIpv6;
  header.source = address_of(from.sin6_addr);
  read_control(message, header);
  Writer writer(buffer.first(wire::kIpv6HeaderSize));
  header.write(writer);
  return ByteView(buffer).first(wire::kIpv6HeaderSize + static_cast<std::size_t>(size));
}

int AccessSockets::send(ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  if (!header) {
    return EINVAL;
  }
  sockaddr_in6 to{};
  to.sin6_family = AF_INET6;
  std::memcpy(&to.sin6_addr, header->destination.octets.data(), Ipv6Address::kSize);
  const ssize_t sent =
      ::sendto(output_.get(), packet.data(), packet.size(), 0,
               static_cast<const sockaddr*>(static_cast<const void*>(&to)), sizeof to);
  return sent < 0 ? errno : 0;
}

}  // namespace anyhome::mobile
