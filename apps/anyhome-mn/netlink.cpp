#include "apps/anyhome-mn/netlink.h"

#include <array>
#include <cerrno>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

namespace anyhome::mobile {
namespace {

constexpr std::size_t align(std::size_t size) { return (size + 3) & ~std::size_t{3}; }

}  // namespace

NetlinkRequest::NetlinkRequest(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  append(std::as_bytes(std::span(&header, 1)));
}

void NetlinkRequest::append(ByteView bytes) {
  bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
  bytes_.resize(align(bytes_.size()));
}

void NetlinkRequest::attribute(std::uint16_t type, ByteView data) {
  const rtattr header{static_cast<std::uint16_t>(sizeof(rtattr) + data.size()), type};
  append(std::as_bytes(std::span(&header, 1)));
  append(data);
}

void NetlinkRequest::attribute(std::uint16_t type, const Ipv6Address& address) {
  attribute(type, std::as_bytes(std::span(address.octets)));
}

void NetlinkRequest::attribute_u8(std::uint16_t type, std::uint8_t value) {
  attribute(type, std::as_bytes(std::span(&value, 1)));
}

void NetlinkRequest::attribute_u32(std::uint16_t type, std::uint32_t value) {
  attribute(type, std::as_bytes(std::span(&value, 1)));
}

std::size_t NetlinkRequest::open_nest(std::uint16_t type) {
  const std::size_t at = bytes_.size();
  attribute(static_cast<std::uint16_t>(type | NLA_F_NESTED), ByteView{});
  return at;
}

void NetlinkRequest::close_nest(std::size_t at) {
  const auto length = static_cast<std::uint16_t>(bytes_.size() - at);
  std::memcpy(bytes_.data() + at, &length, sizeof length);
}

NetlinkRequest NetlinkRequest::as(std::uint16_t type, std::uint16_t flags) const {
  NetlinkRequest other = *this;
  nlmsghdr header{};
  header.nlmsg_type = type;
  header.nlmsg_flags = static_cast<std::uint16_t>(flags | NLM_F_REQUEST);
  std::memcpy(other.bytes_.data(), &header, sizeof header);
  return other;
}

ByteView NetlinkRequest::finish(std::uint32_t sequence) {
  nlmsghdr header{};
  std::memcpy(&header, bytes_.data(), sizeof header);
  header.nlmsg_len = static_cast<std::uint32_t>(bytes_.size());
  header.nlmsg_seq = sequence;
  std::memcpy(bytes_.data(), &header, sizeof header);
  return bytes_;
}

std::expected<Netlink, std::string> Netlink::open() {
  FileDescriptor fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid()) {
    return std::unexpected(failure("cannot open a netlink socket", errno));
  }
  return Netlink(std::move(fd));
}

int Netlink::change(NetlinkRequest request) {
  const ByteView bytes = request.finish(++sequence_);
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0) {
    return errno;
  }
  return answer(sequence_, [](ByteView) {});
}

int Netlink::dump(NetlinkRequest request, const NetlinkVisitor& visit) {
  const ByteView bytes = request.finish(++sequence_);
  if (::send(fd_.get(), bytes.data(), bytes.size(), 0) < 0) {
    return errno;
  }
  return answer(sequence_, visit);
}

int Netlink::answer(std::uint32_t sequence, const NetlinkVisitor& visit) {
  std::vector<std::byte> buffer(1U << 16U);
  for (;;) {
    const ssize_t size = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) {
      if (errno == EINTR) {
        continue;
      }
      return errno;
    }
    ByteView rest = ByteView(buffer).first(static_cast<std::size_t>(size));
    while (const auto header = read_header<nlmsghdr>(rest)) {
      if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > rest.size()) {
        break;
      }
      const ByteView body = rest.first(header->nlmsg_len).subspan(sizeof(nlmsghdr));
      rest = rest.subspan(std::min(align(header->nlmsg_len), rest.size()));
      if (header->nlmsg_seq != sequence) {
        continue;  // left over from a request that failed to be read
      }
      if (header->nlmsg_type == NLMSG_ERROR) {
        const auto error = read_header<nlmsgerr>(body);
        return error ? -error->error : EBADMSG;
      }
      if (header->nlmsg_type == NLMSG_DONE) {
        return 0;
      }
      visit(body);
    }
  }
}

void for_each_attribute(ByteView message, std::size_t header_size,
                        const std::function<void(std::uint16_t, ByteView)>& visit) {
  ByteView rest = message.subspan(std::min(align(header_size), message.size()));
  while (const auto header = read_header<rtattr>(rest)) {
    if (header->rta_len < sizeof(rtattr) || header->rta_len > rest.size()) {
      return;
    }
    visit(static_cast<std::uint16_t>(header->rta_type & NLA_TYPE_MASK),
          rest.first(header->rta_len).subspan(sizeof(rtattr)));
    rest = rest.subspan(std::min(align(header->rta_len), rest.size()));
  }
}

}  // namespace anyhome::mobile
