#include "dataplane/io/tap.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <fmt/format.h>

#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace anyhome::host {
namespace {

using Done = std::expected<void, std::string>;

constexpr const char* kTunControl = "/dev/net/tun";
constexpr std::uint32_t kMinimumMtu = 1280;  // RFC 8200 §5; below it the kernel takes IPv6 away
constexpr std::uint32_t kMaximumTapMtu = 65521;  // 65535 - 14, the kernel's own limit
constexpr std::uint32_t kMaximumTunMtu = 65535;

std::string reason(int error_number) { return std::strerror(error_number); }

std::string what_to_do(int error_number) {
  switch (error_number) {
    case EPERM:
    case EACCES:
      return ": run as root or give CAP_NET_ADMIN";
    case EROFS:
      return ": make /proc/sys writable for the daemon (systemd: ProtectKernelTunables=no)";
    default:
      return "";
  }
}

// Does one step after the other until one fails.
template <class... Steps>
Done in_order(const Steps&... steps) {
  Done done;
  (void)((done = steps()).has_value() && ...);
  return done;
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);  // NOLINT: checked by check_name
  return request;
}

// The kernel would take "%d" for a pattern, and refuse the rest with a bare EINVAL.
Done check_name(const std::string& name) {
  if (name.empty() || name.size() >= IFNAMSIZ) {
    return std::unexpected(fmt::format("interface name \"{}\": {} characters; use 1 to {}", name,
                                       name.size(), IFNAMSIZ - 1));
  }
  if (name == "." || name == ".." || name.find_first_of("/:% \t\n\v\f\r") != std::string::npos) {
    return std::unexpected(fmt::format(
        "interface name \"{}\": no '/', ':', '%' or white space, and neither \".\" nor \"..\"",
        name));
  }
  return {};
}

Done check_mtu(const std::string& name, std::uint32_t mtu, std::uint32_t maximum) {
  if (mtu < kMinimumMtu || mtu > maximum) {
    return std::unexpected(fmt::format("{}: MTU {} is out of range; use {} (RFC 8200 §5) to {}",
                                       name, mtu, kMinimumMtu, maximum));
  }
  return {};
}

Done check_mac(const std::string& name, const MacAddress& mac) {
  if ((mac[0] & 1U) != 0 || mac == MacAddress{}) {
    return std::unexpected(
        fmt::format("{}: the MAC address is zero or a group address; use that of the port", name));
  }
  return {};
}

std::expected<FileDescriptor, std::string> open_tun(const std::string& name, int kind) {
  if (const Done valid = check_name(name); !valid) {
    return std::unexpected(valid.error());
  }
  FileDescriptor file(::open(kTunControl, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!file.valid()) {
    const bool missing = errno == ENOENT || errno == ENODEV || errno == ENXIO;
    return std::unexpected(fmt::format(
        "{}: {}{}", kTunControl, reason(errno),
        missing ? ": load the tun module (modprobe tun), or hand the device to the container"
                : what_to_do(errno)));
  }
  ifreq request = request_for(name);
  // IFF_TUN_EXCL: never take over a device that somebody else has made persistent.
  request.ifr_flags = static_cast<short>(kind | IFF_NO_PI | IFF_TUN_EXCL);
  if (::ioctl(file.get(), TUNSETIFF, &request) != 0) {
    if (errno == EBUSY) {
      return std::unexpected(fmt::format(
          "{}: an interface of this name exists already: stop the process that holds it, remove it "
          "(ip link delete {}), or choose another name",
          name, name));
    }
    return std::unexpected(fmt::format("{}: the kernel does not create the device: {}{}", name,
                                       reason(errno), what_to_do(errno)));
  }
  return file;
}

// Sets up one interface through the ioctls of any socket.
class Configurator {
 public:
  explicit Configurator(const std::string& name)
      : name_(name), socket_(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}

  [[nodiscard]] std::expected<InterfaceIndex, std::string> index() const {
    ifreq request = request_for(name_);
    if (const Done done = control(SIOCGIFINDEX, request, "has no index"); !done) {
      return std::unexpected(done.error());
    }
    return InterfaceIndex{static_cast<std::uint32_t>(request.ifr_ifindex)};
  }

  [[nodiscard]] Done set_mac(const MacAddress& mac) const {
    ifreq request = request_for(name_);
    request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
    std::memcpy(request.ifr_hwaddr.sa_data, mac.data(), mac.size());
    return control(SIOCSIFHWADDR, request, "does not take the port's MAC address");
  }

  [[nodiscard]] Done set_mtu(std::uint32_t mtu) const {
    ifreq request = request_for(name_);
    request.ifr_mtu = static_cast<int>(mtu);
    return control(SIOCSIFMTU, request, fmt::format("does not take the MTU {}", mtu));
  }

  [[nodiscard]] Done set_up() const {
    ifreq request = request_for(name_);
    if (Done done = control(SIOCGIFFLAGS, request, "has no flags"); !done) {
      return done;
    }
    request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
    return control(SIOCSIFFLAGS, request, "cannot be set up");
  }

  // net.ipv6.conf.NAME.KEY; written only when it differs, so that defaults that fit need no
  // writable /proc/sys.
  [[nodiscard]] Done set_ipv6(std::string_view key, std::string_view value) const {
    const std::string path = fmt::format("/proc/sys/net/ipv6/conf/{}/{}", name_, key);
    const FileDescriptor current(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!current.valid()) {
      return std::unexpected(fmt::format(
          "{}: {}: {}: the kernel has no IPv6; boot without ipv6.disable=1 and mount /proc", name_,
          path, reason(errno)));
    }
    std::array<char, 16> text{};
    if (::read(current.get(), text.data(), text.size() - 1) == 2 &&
        value == std::string_view(text.data(), 1)) {
      return {};
    }
    const FileDescriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file.valid() || ::write(file.get(), value.data(), value.size()) != 1) {
      return std::unexpected(fmt::format("{}: {} cannot be set to {}: {}{}", name_, path, value,
                                         reason(errno), what_to_do(errno)));
    }
    return {};
  }

 private:
  [[nodiscard]] Done control(unsigned long operation, ifreq& request,
                             std::string_view failure) const {
    if (::ioctl(socket_.get(), operation, &request) != 0) {
      return std::unexpected(fmt::format("{}: the interface {}: {}{}", name_, failure,
                                         reason(errno), what_to_do(errno)));
    }
    return {};
  }

  const std::string& name_;
  FileDescriptor socket_;
};

// The twin's link-local address has to be there at once (that is, after the kernel's next work
// item, under a millisecond): BIRD and FRR bind to it as they start, and a tentative address makes
// them fail (seen). Duplicate address detection would cost a second and prove nothing here: the
// kernel would probe while the port is not started yet, so nobody could answer; and the address is
// derived from the MAC of the port, where a duplicate breaks the link itself. RFC 4862 §5.1 lets
// DupAddrDetectTransmits be zero; accept_dad=0 is the kernel's word for it, and holds for addresses
// that the operator adds and after each loss of carrier too. (It needs
// net.ipv6.conf.all.accept_dad=0, the kernel's default; the larger of the two wins.)
//
// addr_gen_mode 0 is EUI-64 (RFC 4291 appendix A), so that peers can be configured with the twin's
// link-local address whatever the host's default is.
Done configure_tap(const Configurator& configurator, const TapOptions& options) {
  return in_order([&] { return configurator.set_mac(options.mac); },
                  [&] { return configurator.set_mtu(options.mtu); },
                  [&] { return configurator.set_ipv6("disable_ipv6", "0"); },
                  [&] { return configurator.set_ipv6("accept_dad", "0"); },
                  [&] { return configurator.set_ipv6("addr_gen_mode", "0"); },
                  [&] { return configurator.set_up(); });
}

// No link-local address (addr_gen_mode 1): there is no neighbour behind `anyhome0` to use it with,
// and each would be a source of router solicitations into the pipeline.
Done configure_tun(const Configurator& configurator, const TunOptions& options) {
  return in_order([&] { return configurator.set_mtu(options.mtu); },
                  [&] { return configurator.set_ipv6("disable_ipv6", "0"); },
                  [&] { return configurator.set_ipv6("accept_dad", "0"); },
                  [&] { return configurator.set_ipv6("addr_gen_mode", "1"); },
                  [&] { return configurator.set_up(); });
}

DeviceError device_error(int error_number) {
  switch (error_number) {
    case EAGAIN:
      return {DeviceError::Kind::WouldBlock, error_number};
    case EINVAL:
    case EMSGSIZE:
      return {DeviceError::Kind::FrameInvalid, error_number};
    case EIO:
    case ENETDOWN:
      return {DeviceError::Kind::InterfaceDown, error_number};
    case EBADFD:
    case ENODEV:
      return {DeviceError::Kind::InterfaceGone, error_number};
    default:
      return {DeviceError::Kind::Failed, error_number};
  }
}

}  // namespace

std::string DeviceError::to_string() const {
  switch (kind) {
    case Kind::WouldBlock:
      return "nothing to read or no room to write";
    case Kind::FrameTooLong:
      return "a frame was longer than the buffer and is lost";
    case Kind::FrameInvalid:
      return "the kernel refuses the frame";
    case Kind::InterfaceDown:
      return "the interface is down: ip link set it up";
    case Kind::InterfaceGone:
      return "somebody has deleted the interface";
    case Kind::Failed:
      return reason(error_number);
  }
  return {};
}

std::expected<std::size_t, DeviceError> KernelDevice::read(std::span<std::byte> buffer) const {
  // The kernel cuts a long frame without a word; a byte more than the caller has tells.
  std::byte excess{};
  const std::array<iovec, 2> parts = {iovec{buffer.data(), buffer.size()}, iovec{&excess, 1}};
  ssize_t size = 0;
  do {
    size = ::readv(file_.get(), parts.data(), parts.size());
  } while (size < 0 && errno == EINTR);
  if (size < 0) {
    return std::unexpected(device_error(errno));
  }
  if (static_cast<std::size_t>(size) > buffer.size()) {
    return std::unexpected(DeviceError{DeviceError::Kind::FrameTooLong, EMSGSIZE});
  }
  return static_cast<std::size_t>(size);
}

std::expected<std::size_t, DeviceError> KernelDevice::write(ByteView frame) const {
  ssize_t size = 0;
  do {
    size = ::write(file_.get(), frame.data(), frame.size());
  } while (size < 0 && errno == EINTR);
  if (size < 0) {
    return std::unexpected(device_error(errno));
  }
  return static_cast<std::size_t>(size);
}

std::expected<TapDevice, std::string> TapDevice::open(const TapOptions& options) {
  const Done valid = in_order([&] { return check_mtu(options.name, options.mtu, kMaximumTapMtu); },
                              [&] { return check_mac(options.name, options.mac); });
  if (!valid) {
    return std::unexpected(valid.error());
  }
  auto file = open_tun(options.name, IFF_TAP);
  if (!file) {
    return std::unexpected(file.error());
  }
  const Configurator configurator(options.name);
  const auto ifindex = configurator.index();
  if (!ifindex) {
    return std::unexpected(ifindex.error());
  }
  if (const Done done = configure_tap(configurator, options); !done) {
    return std::unexpected(done.error());
  }
  return TapDevice(std::move(*file), *ifindex, options.name);
}

std::expected<void, std::string> TapDevice::set_carrier(bool carrier) const {
  const int value = carrier ? 1 : 0;
  if (::ioctl(fd(), TUNSETCARRIER, &value) != 0) {
    return std::unexpected(fmt::format("{}: the carrier cannot be switched {}: {}{}", name(),
                                       carrier ? "on" : "off", reason(errno), what_to_do(errno)));
  }
  return {};
}

std::expected<TunDevice, std::string> TunDevice::open(const TunOptions& options) {
  if (const Done valid = check_mtu(options.name, options.mtu, kMaximumTunMtu); !valid) {
    return std::unexpected(valid.error());
  }
  auto file = open_tun(options.name, IFF_TUN);
  if (!file) {
    return std::unexpected(file.error());
  }
  const Configurator configurator(options.name);
  const auto ifindex = configurator.index();
  if (!ifindex) {
    return std::unexpected(ifindex.error());
  }
  if (const Done done = configure_tun(configurator, options); !done) {
    return std::unexpected(done.error());
  }
  return TunDevice(std::move(*file), *ifindex, options.name);
}

}  // namespace anyhome::host
