// As much rtnetlink as a mobile node needs: requests that are acknowledged, and dumps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "apps/anyhome-mn/file_descriptor.h"
#include "common/address.h"
#include "common/bytes.h"

namespace anyhome::mobile {

// A request under construction. The length is patched in when it is sent.
class NetlinkRequest {
 public:
  NetlinkRequest(std::uint16_t type, std::uint16_t flags);

  // The fixed header of the message type.
  template <class T>
  void header(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    append(std::as_bytes(std::span(&value, 1)));
  }
  void attribute(std::uint16_t type, ByteView data);
  void attribute(std::uint16_t type, const Ipv6Address& address);
  void attribute_u8(std::uint16_t type, std::uint8_t value);
  void attribute_u32(std::uint16_t type, std::uint32_t value);
  // Attributes added between the two are nested in this one.
  std::size_t open_nest(std::uint16_t type);
  void close_nest(std::size_t at);

  // The same request as another message type, for deleting what was added.
  [[nodiscard]] NetlinkRequest as(std::uint16_t type, std::uint16_t flags) const;
  [[nodiscard]] ByteView finish(std::uint32_t sequence);

 private:
  void append(ByteView bytes);

  std::vector<std::byte> bytes_;
};

// One message of a dump: the bytes behind the netlink header.
using NetlinkVisitor = std::function<void(ByteView)>;

class Netlink {
 public:
  static std::expected<Netlink, std::string> open();

  // The errno value of the kernel's answer, 0 for success.
  int change(NetlinkRequest request);
  int dump(NetlinkRequest request, const NetlinkVisitor& visit);

 private:
  explicit Netlink(FileDescriptor fd) : fd_(std::move(fd)) {}
  // Reads until the acknowledgement, the error or the end of a dump.
  int answer(std::uint32_t sequence, const NetlinkVisitor& visit);

  FileDescriptor fd_;
  std::uint32_t sequence_ = 0;
};

// Reads a fixed header of type T off the front of a message.
template <class T>
std::optional<T> read_header(ByteView message) {
  static_assert(std::is_trivially_copyable_v<T>);
  if (message.size() < sizeof(T)) {
    return std::nullopt;
  }
  T value;
  std::memcpy(&value, message.data(), sizeof value);
  return value;
}

// Calls `visit(type, data)` for every attribute behind a header of `header_size` bytes.
void for_each_attribute(ByteView message, std::size_t header_size,
                        const std::function<void(std::uint16_t, ByteView)>& visit);

}  // namespace anyhome::mobile
