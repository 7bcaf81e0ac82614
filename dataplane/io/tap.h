// Devices of this process in the kernel of the same host.
//
// A TapDevice is the twin of a port: the same MAC and MTU, Ethernet frames both ways. A TunDevice
// is `anyhome0`, the end of the home prefix route: IPv6 packets without a link layer. Neither is
// ever made persistent: a device, its addresses and its routes vanish with the process, however it
// ends (docs/architecture.md, "The kernel is the router's control plane").
//
// The factories leave a device up and ready for addresses. Router advertisements are the
// operator's: `accept_ra` is as `net.ipv6.conf.default.accept_ra` says; with forwarding on, the
// kernel takes them on a twin only at `net.ipv6.conf.TWIN.accept_ra=2`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>

#include "common/bytes.h"
#include "dataplane/io/file_descriptor.h"
#include "dataplane/io/host_event.h"

namespace anyhome::host {

struct DeviceError {
  enum class Kind : std::uint8_t {
    WouldBlock,     // nothing to read, or no room to write: wait for epoll
    FrameTooLong,   // read: the frame did not fit the buffer and is lost
    FrameInvalid,   // write: the kernel refuses it (shorter than its header)
    InterfaceDown,  // write: the operator has set it down; frames are lost until it is up again
    InterfaceGone,  // somebody has deleted it: for good, make another
    Failed,         // see error_number
  };
  Kind kind = Kind::Failed;
  int error_number = 0;

  [[nodiscard]] std::string to_string() const;
};

// What both kinds have in common. One thread; never blocks.
class KernelDevice {
 public:
  // One frame (TAP) or packet (TUN), in front of `buffer`. Give MTU + 18 bytes: Ethernet header
  // with one VLAN tag.
  [[nodiscard]] std::expected<std::size_t, DeviceError> read(std::span<std::byte> buffer) const;
  // The same out of this process: the kernel receives it.
  [[nodiscard]] std::expected<std::size_t, DeviceError> write(ByteView frame) const;

  [[nodiscard]] int fd() const { return file_.get(); }
  [[nodiscard]] InterfaceIndex ifindex() const { return ifindex_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 protected:
  KernelDevice(FileDescriptor file, InterfaceIndex ifindex, std::string name)
      : file_(std::move(file)), ifindex_(ifindex), name_(std::move(name)) {}

 private:
  FileDescriptor file_;
  InterfaceIndex ifindex_;
  std::string name_;
};

struct TapOptions {
  std::string name;
  MacAddress mac{};
  std::uint32_t mtu = 1500;  // L3 MTU in bytes, 1280 (RFC 8200 §5) to 65521
};

class TapDevice : public KernelDevice {
 public:
  // The error names the device, what failed and the remedy.
  [[nodiscard]] static std::expected<TapDevice, std::string> open(const TapOptions& options);

  // Follows the link of the port. Without carrier addresses stay, the kernel sends nothing, and
  // routing daemons see the loss.
  [[nodiscard]] std::expected<void, std::string> set_carrier(bool carrier) const;

 private:
  using KernelDevice::KernelDevice;
};

struct TunOptions {
  std::string name;
  std::uint32_t mtu = 1500;  // bytes, 1280 (RFC 8200 §5) to 65535
};

class TunDevice : public KernelDevice {
 public:
  [[nodiscard]] static std::expected<TunDevice, std::string> open(const TunOptions& options);

 private:
  using KernelDevice::KernelDevice;
};

}  // namespace anyhome::host
