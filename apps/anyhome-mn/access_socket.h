// The sockets on the access network. The kernel here knows nothing of Mobile IPv6, so:
//
//   signalling  AF_PACKET: Mobility Header, routing header and ICMPv6 as they came, extension
//   headers
//               and all. The kernel gets them too and must be kept from answering (guard_,
//               firewall.h)
//   tunnel      a raw socket for protocol 41: the kernel has reassembled what was fragmented, and
//               does not answer because somebody listens
//   output      a raw socket that takes whole packets, bound to the access interface and marked for
//               the routing rules of routing.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

#include "apps/anyhome-mn/file_descriptor.h"
#include "common/bytes.h"

namespace anyhome::mobile {

class AccessSockets {
 public:
  // `mark` is put on everything sent; packets that arrive on `tun_index` are not looked at.
  static std::expected<AccessSockets, std::string> open(std::uint32_t mark, unsigned tun_index);

  // What is sent leaves by this interface from now on.
  std::expected<void, std::string> bind_output(const std::string& interface);

  [[nodiscard]] int signalling_fd() const { return signalling_.get(); }
  [[nodiscard]] int tunnel_fd() const { return tunnel_.get(); }

  // The next packet, whole from its IPv6 header on; empty when there is none. Shares `buffer`,
  // which should hold 64 KiB: the kernel may have joined packets.
  ByteView receive_signalling(MutableBytes buffer);
  // The IPv6 header is rebuilt from what the kernel tells, without flow label and extensions.
  ByteView receive_tunnel(MutableBytes buffer);
  // The errno value, 0 for success.
  int send(ByteView packet);

 private:
  AccessSockets() = default;

  unsigned tun_index_ = 0;
  FileDescriptor signalling_;
  FileDescriptor tunnel_;
  FileDescriptor output_;
  FileDescriptor guard_;
};

}  // namespace anyhome::mobile
