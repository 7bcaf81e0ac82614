// One rtnetlink socket, opened by libmnl, that never blocks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "common/bytes.h"

struct mnl_socket;

namespace anyhome::host::netlink {

struct ReceiveError {
  enum class Kind : std::uint8_t {
    Empty,    // nothing more for now
    Overrun,  // the kernel has thrown notifications away (ENOBUFS)
    Failed,   // see error_number
  };
  Kind kind = Kind::Failed;
  int error_number = 0;
};

class Socket {
 public:
  [[nodiscard]] static std::expected<Socket, std::string> open();

  // Only dumps that name a table get that table (NETLINK_GET_STRICT_CHK), and answers say in words
  // what was wrong (NETLINK_EXT_ACK). Kernels that know neither serve all the same.
  void prefer_strict_answers() const;
  // Bytes of kernel memory for what waits to be read; with CAP_NET_ADMIN beyond net.core.rmem_max.
  void set_receive_buffer(std::size_t bytes) const;
  [[nodiscard]] std::expected<void, std::string> join(int group) const;

  [[nodiscard]] int fd() const;
  // The error is an errno.
  [[nodiscard]] std::expected<void, int> send(ByteView message) const;
  // One datagram from the kernel; the view is good until the next call.
  [[nodiscard]] std::expected<ByteView, ReceiveError> receive();

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  explicit Socket(mnl_socket* socket);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::vector<std::byte> buffer_;
};

}  // namespace anyhome::host::netlink
