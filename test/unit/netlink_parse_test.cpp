// Netlink messages that a kernel sent (test/data/netlink.txt), whole, cut and spoilt.
#include "dataplane/io/netlink_parse.h"

#include <cerrno>
#include <fstream>
#include <map>
#include <variant>

#include "dataplane/io/netlink_request.h"
#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::host;
using anyhome::test::Bytes;
using anyhome::test::hex;
using anyhome::test::ip6;
using anyhome::test::prefix;

namespace {

constexpr InterfaceIndex kTwin{3};
constexpr InterfaceIndex kOther{5};

// The file's own format: comments behind "#", a name alone on a line, lines of hex indented.
const std::map<std::string, Bytes>& captures() {
  static const std::map<std::string, Bytes> loaded = [] {
    std::ifstream file(TEST_DATA_DIR "/netlink.txt");
    REQUIRE(file.good());
    std::map<std::string, Bytes> result;
    Bytes* current = nullptr;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("  ") && current != nullptr) {
        const Bytes more = hex(line);
        current->insert(current->end(), more.begin(), more.end());
      } else if (!line.empty() && !line.starts_with("#")) {
        current = &result[line];
      }
    }
    return result;
  }();
  return loaded;
}

const Bytes& capture(const std::string& name) {
  INFO("capture " << name);
  const auto found = captures().find(name);
  REQUIRE(found != captures().end());
  return found->second;
}

struct Parsed {
  std::vector<NetlinkMessage> messages;
  ParseCounters counters;

  template <class T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> result;
    for (const NetlinkMessage& message : messages) {
      if (const auto* body = std::get_if<T>(&message.body)) {
        result.push_back(*body);
      }
    }
    return result;
  }
};

Parsed parse(ByteView bytes) {
  Parsed parsed;
  parse_netlink(bytes, parsed.messages, parsed.counters);
  return parsed;
}

Parsed parse_capture(const std::string& name) {
  Parsed parsed = parse(capture(name));
  CHECK(parsed.counters.malformed == 0);
  return parsed;
}

std::vector<RouteMessage> routes_to(const Parsed& parsed, const Prefix& wanted) {
  std::vector<RouteMessage> result;
  for (const RouteMessage& route : parsed.all<RouteMessage>()) {
    if (route.prefix == wanted) {
      result.push_back(route);
    }
  }
  return result;
}

RouteMessage route_to(const Parsed& parsed, const Prefix& wanted) {
  const auto found = routes_to(parsed, wanted);
  INFO(wanted.to_string());
  REQUIRE(found.size() == 1);
  return found.front();
}

}  // namespace

TEST_CASE("links out of a dump", "[netlink]") {
  const auto links = parse_capture("links").all<LinkMessage>();
  REQUIRE(links.size() == 5);
  const LinkChanged& twin = links[2].link;
  CHECK(twin.interface == kTwin);
  CHECK(twin.name == "twin");
  CHECK(twin.up);
  CHECK(twin.carrier);
  CHECK(twin.mtu == 9000);
  CHECK(twin.mac == MacAddress{0x02, 0x00, 0x5e, 0x00, 0x00, 0x01});
  CHECK(links[0].link.name == "lo");
}

TEST_CASE("link notifications: carrier, down, removed", "[netlink]") {
  const auto links = parse_capture("link-down").all<LinkMessage>();
  REQUIRE(links.size() == 2);
  CHECK(links.back().link.name == "twin");
  CHECK(links.back().link.up);
  CHECK_FALSE(links.back().link.carrier);
  CHECK_FALSE(links.front().link.up);

  const auto gone = parse_capture("delete-link").all<LinkMessage>();
  REQUIRE_FALSE(gone.empty());
  CHECK(std::ranges::any_of(gone, [](const LinkMessage& message) {
    return message.removed && message.link.interface == kTwin;
  }));
}

TEST_CASE("addresses out of a dump: peer addresses and tentative ones", "[netlink]") {
  const auto messages = parse_capture("addresses").all<AddressMessage>();
  std::map<Ipv6Address, AddressMessage> addresses;
  for (const AddressMessage& message : messages) {
    addresses[message.address.address] = message;
  }
  REQUIRE(addresses.contains(ip6("2001:db8:a::1")));
  const AddressMessage& plain = addresses[ip6("2001:db8:a::1")];
  CHECK(plain.address.interface == kTwin);
  CHECK(plain.address.prefix_length == 64);
  CHECK(plain.assigned);
  CHECK(addresses.contains(ip6("2001:db8:d::1")));        // ours
  CHECK_FALSE(addresses.contains(ip6("2001:db8:d::2")));  // the peer's
  REQUIRE(addresses.contains(ip6("2001:db8:e::1")));
  CHECK_FALSE(addresses[ip6("2001:db8:e::1")].assigned);  // tentative

  const auto gone = parse_capture("delete-address").all<AddressMessage>();
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].removed);
  CHECK(gone[0].address.address == ip6("2001:db8:b::1"));
}

TEST_CASE("neighbours out of a dump: states, and nothing about multicast", "[netlink]") {
  const Parsed parsed = parse_capture("neighbors");
  std::map<Ipv6Address, NeighborChanged> neighbors;
  for (const NeighborMessage& message : parsed.all<NeighborMessage>()) {
    CHECK_FALSE(message.neighbor.address.is_multicast());
    neighbors[message.neighbor.address] = message.neighbor;
  }
  const NeighborChanged permanent = neighbors[ip6("2001:db8:a::2")];
  CHECK(permanent.interface == kTwin);
  CHECK(permanent.state == NeighborState::Usable);
  CHECK(permanent.permanent);
  CHECK(permanent.mac == MacAddress{0x02, 0x00, 0x5e, 0x00, 0x00, 0x02});
  const NeighborChanged stale = neighbors[ip6("2001:db8:a::3")];
  CHECK(stale.state == NeighborState::Usable);
  CHECK_FALSE(stale.permanent);
  const NeighborChanged failed = neighbors[ip6("2001:db8:a::4")];
  CHECK(failed.state == NeighborState::Failed);
  CHECK_FALSE(failed.mac);

  const auto gone = parse_capture("delete-neighbor").all<NeighborMessage>();
  REQUIRE_FALSE(gone.empty());
  CHECK(gone.back().neighbor.state == NeighborState::Removed);
  CHECK(gone.back().neighbor.address == ip6("2001:db8:a::3"));
  CHECK_FALSE(gone.back().neighbor.mac);
}

TEST_CASE("routes out of a dump", "[netlink]") {
  const Parsed parsed = parse_capture("main-routes");
  const auto twice = routes_to(parsed, prefix("2001:db8:1::/48"));
  REQUIRE(twice.size() == 2);
  CHECK(twice[0].metric == 50);
  CHECK(twice[1].metric == 100);
  CHECK(twice[1].table == kMainTable);
  CHECK(twice[1].next_hops == std::vector<NextHop>{{kTwin, ip6("2001:db8:a::2"), 1}});

  const RouteMessage multipath = route_to(parsed, prefix("2001:db8:2::/48"));
  CHECK(multipath.next_hops ==
        std::vector<NextHop>{{kTwin, ip6("2001:db8:a::2"), 3}, {kOther, ip6("2001:db8:b::2"), 1}});
  CHECK(route_to(parsed, prefix("2001:db8:3::/48")).kind == RouteKind::Blackhole);
  CHECK(route_to(parsed, prefix("2001:db8:4::/48")).kind == RouteKind::Unreachable);
  CHECK(route_to(parsed, prefix("2001:db8:5::/48")).kind == RouteKind::Prohibit);
  const RouteMessage by_object = route_to(parsed, prefix("2001:db8:6::/48"));
  CHECK(by_object.nexthop_object == 10);
  CHECK(by_object.next_hops.size() == 2);  // nexthop_compat_mode
  const RouteMessage standard = route_to(parsed, prefix("::/0"));
  CHECK(standard.protocol == 12);  // bird
  const RouteMessage connected = route_to(parsed, prefix("2001:db8:a::/64"));
  CHECK(connected.next_hops == std::vector<NextHop>{{kTwin, {}, 1}});

  // Source-specific: another key, counted. Throw: there, but not to be used, counted. Multicast:
  // none.
  CHECK(routes_to(parsed, prefix("2001:db8:7::/48")).empty());
  CHECK_FALSE(route_to(parsed, prefix("2001:db8:9::/48")).supported);
  CHECK(routes_to(parsed, prefix("ff0e::/16")).empty());
  CHECK(parsed.counters.unsupported == 2);
}

TEST_CASE("local routes out of a dump", "[netlink]") {
  const Parsed parsed = parse_capture("local-routes");
  const RouteMessage local = route_to(parsed, prefix("2001:db8:a::1/128"));
  CHECK(local.kind == RouteKind::Local);
  CHECK(local.table == kLocalTable);
  CHECK(local.next_hops == std::vector<NextHop>{{kTwin, {}, 1}});
}

TEST_CASE("route notifications: append, replace, delete", "[netlink]") {
  const auto appended = parse_capture("append").all<RouteMessage>();
  REQUIRE(appended.size() == 1);
  CHECK(appended[0].next_hops.size() == 2);
  CHECK_FALSE(appended[0].replaces);
  const auto replaced = parse_capture("replace").all<RouteMessage>();
  REQUIRE(replaced.size() == 1);
  CHECK(replaced[0].replaces);
  CHECK(replaced[0].next_hops.size() == 1);
  const auto deleted = parse_capture("delete").all<RouteMessage>();
  REQUIRE(deleted.size() == 1);
  CHECK(deleted[0].removed);
  CHECK(deleted[0].metric == 100);
}

TEST_CASE("nexthop objects: single, blackhole, group", "[netlink]") {
  const auto objects = parse_capture("nexthops").all<NexthopMessage>();
  REQUIRE(objects.size() == 4);
  CHECK(objects[0].next_hop == NextHop{kTwin, ip6("2001:db8:a::2"), 1});
  CHECK(objects[2].blackhole);
  CHECK(objects[3].id == 10);
  CHECK(objects[3].members == std::vector<NexthopMessage::Member>{{1, 200}, {2, 1}});
  const auto gone = parse_capture("delete-nexthop").all<NexthopMessage>();
  REQUIRE(gone.size() == 2);
  CHECK(gone[0].removed);
  CHECK(gone[0].id == 2);
  CHECK(gone[1].members == std::vector<NexthopMessage::Member>{{1, 200}});
}

TEST_CASE("answers carry the kernel's own words", "[netlink]") {
  const auto refusal = parse_capture("refusal").all<Answer>();
  REQUIRE(refusal.size() == 1);
  CHECK(refusal[0].error_number == EINVAL);
  CHECK_FALSE(refusal[0].text.empty());
  const Parsed parsed = parse_capture("acknowledgement");
  REQUIRE(parsed.all<Answer>().size() == 1);
  CHECK(parsed.all<Answer>()[0].error_number == 0);
  CHECK(parsed.messages[0].sequence == 10);
  CHECK(parse_capture("links").all<DumpEnd>().size() == 1);
}

TEST_CASE("an error number that no kernel writes is none", "[netlink]") {
  Bytes bytes = capture("acknowledgement");
  bytes[16] = bytes[17] = bytes[18] = std::byte{0};
  bytes[19] = std::byte{0x80};  // INT_MIN has no negative
  const auto answers = parse(bytes).all<Answer>();
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].error_number == EBADMSG);
}

TEST_CASE("cut at any byte, a dump gives its whole messages and one that is malformed",
          "[netlink]") {
  for (const auto& [name, whole] : captures()) {
    INFO(name);
    const Parsed all = parse(whole);
    std::size_t at_boundary = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      // A copy of exactly this size, so that the sanitizer sees a step too far.
      const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
      const Parsed parsed = parse(cut);
      if (parsed.messages.size() > all.messages.size() || parsed.counters.malformed > 1) {
        FAIL("cut at " << size);
      }
      at_boundary += parsed.counters.malformed == 0 ? 1 : 0;
    }
    // Between two messages nothing is malformed, and nowhere else (padding is no message).
    std::size_t messages = 0;
    std::size_t padding = 0;
    for (std::size_t at = 0; at < whole.size(); ++messages) {
      std::uint32_t length = 0;
      std::memcpy(&length, whole.data() + at, sizeof length);
      padding += (4 - length % 4) % 4;
      at += (length + 3) / 4 * 4;
    }
    CHECK(at_boundary == messages + padding);
  }
}

TEST_CASE("attributes cut inside a message that keeps its length are malformed or fewer",
          "[netlink]") {
  for (const auto& [name, whole] : captures()) {
    INFO(name);
    std::uint32_t length = 0;
    std::memcpy(&length, whole.data(), sizeof length);
    for (std::uint32_t size = 16; size < length; ++size) {
      Bytes cut(whole.begin(), whole.begin() + size);
      std::memcpy(cut.data(), &size, sizeof size);
      const Parsed parsed = parse(cut);
      if (parsed.messages.size() + parsed.counters.malformed > 1) {
        FAIL("cut at " << size);
      }
    }
  }
}

TEST_CASE("every byte changed: no step out of bounds, and an end", "[netlink]") {
  for (const auto& [name, whole] : captures()) {
    INFO(name);
    std::size_t handled = 0;
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const unsigned value : {0x00U, 0x01U, 0x04U, 0x7fU, 0x80U, 0xffU}) {
        Bytes spoilt = whole;
        spoilt[at] = static_cast<std::byte>(value);
        const Parsed parsed = parse(spoilt);
        handled += parsed.messages.size() + parsed.counters.malformed;
      }
    }
    CHECK(handled > 0);
  }
}

TEST_CASE("what we ask the kernel reads back", "[netlink]") {
  const auto home = netlink::add_home_route(kTwin, prefix("2001:db8::/64"), 4096);
  const auto routes = parse(home.bytes()).all<RouteMessage>();
  REQUIRE(routes.size() == 1);
  CHECK(routes[0].prefix == prefix("2001:db8::/64"));
  CHECK(routes[0].protocol == kHomeRouteProtocol);
  CHECK(routes[0].metric == 4096);
  CHECK(routes[0].table == kMainTable);
  CHECK(routes[0].next_hops == std::vector<NextHop>{{kTwin, {}, 1}});

  const auto address = netlink::add_address(kTwin, ip6("2001:db8::1"), 64);
  const auto addresses = parse(address.bytes()).all<AddressMessage>();
  REQUIRE(addresses.size() == 1);
  CHECK(addresses[0].assigned);
  CHECK(addresses[0].address == AddressAdded{kTwin, ip6("2001:db8::1"), 64});

  const auto use = netlink::use_neighbor(kTwin, ip6("fe80::1"), netlink::NeighborUse::Managed);
  const auto neighbors = parse(use.bytes()).all<NeighborMessage>();
  REQUIRE(neighbors.size() == 1);
  CHECK(neighbors[0].neighbor.address == ip6("fe80::1"));
}
