// The devices in a real kernel.
#include "dataplane/io/tap.h"

#include <unistd.h>

#include <net/if.h>

#include "test/support/neighbor_discovery.h"

using namespace anyhome;
using namespace anyhome::host;
using namespace anyhome::test;

namespace {

constexpr MacAddress kMac{0x02, 0x00, 0x5e, 0x10, 0x00, 0x01};
constexpr MacAddress kPeerMac{0x02, 0x00, 0x5e, 0x10, 0x00, 0x02};
// EUI-64 of kMac (RFC 4291 appendix A).
constexpr const char* kLinkLocal = "fe80::5eff:fe10:1";

TapDevice open_tap(const TapOptions& options = {.name = "twin", .mac = kMac, .mtu = 9000}) {
  auto tap = TapDevice::open(options);
  INFO((tap ? "" : tap.error()));
  REQUIRE(tap.has_value());
  return std::move(*tap);
}

std::string error_of(const TapOptions& options) {
  const auto tap = TapDevice::open(options);
  REQUIRE_FALSE(tap.has_value());
  return tap.error();
}

}  // namespace

TEST_CASE_METHOD(NetworkNamespace, "a TAP is there with MAC, MTU, link and a usable address",
                 "[tap]") {
  // The worst defaults an operator could have.
  sh("sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.default.addr_gen_mode=1");
  const TapDevice tap = open_tap();
  CHECK(tap.name() == "twin");
  CHECK(to_number(tap.ifindex()) == ::if_nametoindex("twin"));
  const std::string link = sh("ip link show dev twin");
  CHECK(has(link, "mtu 9000"));
  CHECK(has(link, "02:00:5e:10:00:01"));
  CHECK(has(link, ",UP"));
  CHECK(has(link, "LOWER_UP"));
  const std::string address = std::string(kLinkLocal) + "/64 scope link";
  CHECK(eventually([&] { return has_address("twin", address); }));
  // Without asking whether somebody else has it (RFC 4862 §5.4: from the unspecified address).
  Bytes buffer(9018);
  while (const auto size = tap.read(buffer)) {
    const auto message = read_frame(ByteView(buffer).first(*size));
    CHECK_FALSE((message && message->type == wire::icmpv6::kNeighborSolicitation));
  }
}

TEST_CASE_METHOD(NetworkNamespace, "without carrier addresses stay and routing daemons see it",
                 "[tap]") {
  const TapDevice tap = open_tap();
  add_address("twin", "2001:db8::1/64");
  REQUIRE(tap.set_carrier(false));
  CHECK(eventually([] { return has(sh("ip link show dev twin"), "NO-CARRIER"); }));
  CHECK(has(sh("ip -6 addr show dev twin"), "2001:db8::1/64"));
  CHECK(has(sh("ip -6 addr show dev twin"), kLinkLocal));
  REQUIRE(tap.set_carrier(true));
  CHECK(eventually([] { return !has(sh("ip link show dev twin"), "NO-CARRIER"); }));
  CHECK(has_address("twin", "2001:db8::1/64"));
}

TEST_CASE_METHOD(NetworkNamespace, "the kernel answers a solicitation written to the TAP",
                 "[tap]") {
  const TapDevice tap = open_tap();
  add_address("twin", "2001:db8::1/64");
  anyhome::test::NeighborMessage solicitation;
  solicitation.type = wire::icmpv6::kNeighborSolicitation;
  solicitation.from_mac = kPeerMac;
  solicitation.target = ip6("2001:db8::1");
  solicitation.destination = solicited_node(solicitation.target);
  solicitation.to_mac = {0x33, 0x33, 0xff, 0x00, 0x00, 0x01};
  solicitation.source = ip6("2001:db8::2");
  solicitation.link_layer = kPeerMac;
  const Bytes frame = write_frame(solicitation);
  CHECK(tap.write(frame) == frame.size());
  const auto advertisement = await(tap, wire::icmpv6::kNeighborAdvertisement, solicitation.target);
  REQUIRE(advertisement);
  CHECK(advertisement->from_mac == kMac);
  CHECK(advertisement->to_mac == kPeerMac);
  CHECK(advertisement->link_layer == kMac);
  CHECK(advertisement->destination == ip6("2001:db8::2"));
}

TEST_CASE_METHOD(NetworkNamespace, "a device vanishes with its owner", "[tap]") {
  std::optional<TapDevice> tap = open_tap();
  CHECK(::if_nametoindex("twin") != 0);
  const TapDevice moved = std::move(*tap);
  tap.reset();
  CHECK(::if_nametoindex("twin") != 0);
  { const TapDevice last = open_tap({.name = "last", .mac = kPeerMac}); }
  CHECK(::if_nametoindex("last") == 0);
}

TEST_CASE_METHOD(NetworkNamespace, "reading: nothing there, and a frame that is too long",
                 "[tap]") {
  const TapDevice tap = open_tap();
  Bytes buffer(9018);
  while (tap.read(buffer)) {
  }
  CHECK(tap.read(buffer).error().kind == DeviceError::Kind::WouldBlock);
  sh("ip -6 neigh add 2001:db8::2 lladdr 02:00:5e:10:00:02 dev twin nud permanent;"
     "ip -6 route add 2001:db8::/64 dev twin; ip -6 addr add 2001:db8:1::1/64 dev twin;"
     "ping -c 1 -W 0.01 -s 2000 2001:db8::2 || true");
  Bytes small(1000);
  DeviceError::Kind kind = DeviceError::Kind::WouldBlock;
  const Deadline deadline;
  while (kind == DeviceError::Kind::WouldBlock && wait_readable(tap.fd(), deadline)) {
    const auto size = tap.read(small);
    kind = size ? kind : size.error().kind;
  }
  CHECK(kind == DeviceError::Kind::FrameTooLong);
}

TEST_CASE_METHOD(NetworkNamespace, "writing: what the kernel does not take has a name", "[tap]") {
  const TapDevice tap = open_tap();
  CHECK(tap.write(Bytes(5)).error().kind == DeviceError::Kind::FrameInvalid);
  sh("ip link set twin down");
  CHECK(tap.write(Bytes(60)).error().kind == DeviceError::Kind::InterfaceDown);
  sh("ip link delete twin");
  Bytes buffer(9018);
  CHECK(tap.write(Bytes(60)).error().kind == DeviceError::Kind::InterfaceGone);
  CHECK(tap.read(buffer).error().kind == DeviceError::Kind::InterfaceGone);
  CHECK(tap.write(Bytes(60)).error().to_string() == "somebody has deleted the interface");
}

TEST_CASE_METHOD(NetworkNamespace, "errors say which device, what failed and what to do", "[tap]") {
  CHECK(error_of({.name = "a-name-that-is-too-long", .mac = kMac}) ==
        "interface name \"a-name-that-is-too-long\": 23 characters; use 1 to 15");
  CHECK(has(error_of({.name = "tap%d", .mac = kMac}), "no '/', ':', '%'"));
  CHECK(has(error_of({.name = "", .mac = kMac}), "use 1 to 15"));
  CHECK(error_of({.name = "twin", .mac = kMac, .mtu = 1279}) ==
        "twin: MTU 1279 is out of range; use 1280 (RFC 8200 §5) to 65521");
  CHECK(has(error_of({.name = "twin", .mac = {0x33, 0x33, 0, 0, 0, 1}}), "group address"));
  CHECK(has(error_of({.name = "twin", .mac = {}}), "twin: the MAC address is zero"));
  const TapDevice tap = open_tap();
  CHECK(has(error_of({.name = "twin", .mac = kMac}),
            "twin: an interface of this name exists already: stop the process that holds it"));
  CHECK(has(error_of({.name = "lo", .mac = kMac}), "ip link delete lo"));
}

TEST_CASE_METHOD(NetworkNamespace, "without the capability the error names it", "[tap]") {
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    std::string error = "no error";
    if (::setresuid(65534, 65534, 65534) == 0) {
      const auto tap = TapDevice::open({.name = "twin", .mac = kMac});
      error = tap ? error : tap.error();
    }
    (void)!::write(ends[1], error.data(), error.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string error(1024, '\0');
  const ssize_t size = ::read(ends[0], error.data(), error.size());
  error.resize(size < 0 ? 0 : static_cast<std::size_t>(size));
  ::close(ends[0]);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  INFO(error);
  CHECK(has(error, "run as root or give CAP_NET_ADMIN"));
}

TEST_CASE_METHOD(NetworkNamespace, "a TUN takes packets, and says nothing by itself", "[tun]") {
  const auto tun = TunDevice::open({.name = "anyhome0", .mtu = 1420});
  INFO((tun ? "" : tun.error()));
  REQUIRE(tun.has_value());
  CHECK(to_number(tun->ifindex()) == ::if_nametoindex("anyhome0"));
  CHECK(has(sh("ip link show dev anyhome0"), "mtu 1420"));
  CHECK(has(sh("ip link show dev anyhome0"), ",UP"));
  CHECK_FALSE(has(sh("ip -6 addr show dev anyhome0"), "fe80"));

  add_address("anyhome0", "2001:db8::1/128");
  sh("ip -6 route add 2001:db8::/64 dev anyhome0");
  const Bytes echo_request = icmpv6_packet(ip6("2001:db8::100"), ip6("2001:db8::1"),
                                           hex("80 00 00 00  12 34 00 01  61 62 63 64"));
  REQUIRE(tun->write(echo_request) == echo_request.size());
  Bytes buffer(2000);
  const Deadline deadline;
  std::optional<wire::Ipv6Header> reply;
  while (!reply && wait_readable(tun->fd(), deadline)) {
    const auto size = tun->read(buffer);
    REQUIRE(size.has_value());
    const auto header = wire::Ipv6Header::parse(ByteView(buffer).first(*size));
    REQUIRE(header.has_value());
    if (header->destination == ip6("2001:db8::100")) {
      reply = header;
      CHECK(std::to_integer<unsigned>(buffer[wire::kIpv6HeaderSize]) == wire::icmpv6::kEchoReply);
    }
  }
  REQUIRE(reply);
  CHECK(reply->source == ip6("2001:db8::1"));
}

TEST_CASE_METHOD(NetworkNamespace, "a TUN refuses what it cannot be", "[tun]") {
  CHECK(has(TunDevice::open({.name = "anyhome0", .mtu = 576}).error(), "MTU 576 is out of range"));
  CHECK(has(TunDevice::open({.name = "any home"}).error(), "white space"));
}
