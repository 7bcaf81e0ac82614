#include "dataplane/io/netlink_socket.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <libmnl/libmnl.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace anyhome::host::netlink {
namespace {

// The kernel fills dumps up to 32 KiB when the reader has that much; messages are never longer.
constexpr std::size_t kDatagramSize = 65536;

}  // namespace

void Socket::Close::operator()(mnl_socket* socket) const { (void)mnl_socket_close(socket); }

Socket::Socket(mnl_socket* socket) : socket_(socket), buffer_(kDatagramSize) {}

std::expected<Socket, std::string> Socket::open() {
  Socket result(mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (result.socket_ == nullptr ||
      mnl_socket_bind(result.socket_.get(), 0, MNL_SOCKET_AUTOPID) != 0) {
    return std::unexpected(fmt::format(
        "netlink: no rtnetlink socket: {}: allow AF_NETLINK (systemd: RestrictAddressFamilies)",
        std::strerror(errno)));
  }
  return result;
}

void Socket::prefer_strict_answers() const {
  int on = 1;
  for (const int option : {NETLINK_GET_STRICT_CHK, NETLINK_EXT_ACK, NETLINK_CAP_ACK}) {
    (void)mnl_socket_setsockopt(socket_.get(), option, &on, sizeof on);
  }
}

void Socket::set_receive_buffer(std::size_t bytes) const {
  const int size = static_cast<int>(bytes);
  if (::setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) {
    (void)::setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  }
}

std::expected<void, std::string> Socket::join(int group) const {
  if (mnl_socket_setsockopt(socket_.get(), NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    return std::unexpected(fmt::format("netlink: notification group {} cannot be joined: {}", group,
                                       std::strerror(errno)));
  }
  return {};
}

int Socket::fd() const { return mnl_socket_get_fd(socket_.get()); }

std::expected<void, int> Socket::send(ByteView message) const {
  if (mnl_socket_sendto(socket_.get(), message.data(), message.size()) < 0) {
    return std::unexpected(errno);
  }
  return {};
}

std::expected<ByteView, ReceiveError> Socket::receive() {
  // Not mnl_socket_recvfrom: it does not say who sent. Only the kernel's word counts.
  while (true) {
    sockaddr_nl sender{};
    iovec part{buffer_.data(), buffer_.size()};
    msghdr header{};
    header.msg_name = &sender;
    header.msg_namelen = sizeof sender;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    const ssize_t size = ::recvmsg(fd(), &header, 0);
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size < 0) {
      using enum ReceiveError::Kind;
      const auto kind = errno == EAGAIN ? Empty : errno == ENOBUFS ? Overrun : Failed;
      return std::unexpected(ReceiveError{kind, errno});
    }
    if ((header.msg_flags & MSG_TRUNC) != 0) {
      return std::unexpected(ReceiveError{ReceiveError::Kind::Overrun, EMSGSIZE});
    }
    if (sender.nl_pid == 0) {
      return ByteView(buffer_).first(static_cast<std::size_t>(size));
    }
  }
}

}  // namespace anyhome::host::netlink
