// Dynamic Home Agent Address Discovery (RFC 6275 §11.4.1, RFC 3963 §7).
#include "test/mobile_node/support.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

mobile::Settings without_home_agent() {
  mobile::Settings settings = basic_settings();
  settings.home_agent.reset();
  return settings;
}

wire::DiscoveryRequest request_in(const Bytes& packet) {
  const auto request = wire::DiscoveryRequest::parse(ByteView(packet).subspan(40));
  REQUIRE(request);
  return *request;
}

Bytes reply(std::uint16_t identifier, const std::vector<HomeAgentAddress>& agents,
            bool mobile_routers = false) {
  Bytes message(8 + 16 * agents.size());
  Writer writer(message);
  wire::DiscoveryReply{identifier, mobile_routers, agents}.write(writer);
  wire::icmpv6_set_checksum(kAgent3.address(), kCareOf1.address(), message);
  return packet_with(kAgent3.address(), kCareOf1.address(), 58, message);
}

}  // namespace

TEST_CASE("the discovery request", "[mobile-node]") {
  Lab lab(without_home_agent());
  lab.attach();
  CHECK(lab.node.state() == State::Discovering);
  REQUIRE(lab.sent.size() == 1);
  const auto header = *wire::Ipv6Header::parse(lab.sent[0]);
  CHECK(header.source == kCareOf1.address());
  CHECK(header.destination == ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"));
  CHECK(wire::icmpv6_checksum_ok(header.source, header.destination,
                                 ByteView(lab.sent[0]).subspan(40)));
  CHECK_FALSE(request_in(lab.sent[0]).mobile_router_support);
}

TEST_CASE("discovery is asked for again, then given up for a while", "[mobile-node]") {
  Lab lab(without_home_agent());
  lab.attach();
  std::vector<long> times;
  for (int ms = 0; ms < 240'000; ms += 500) {
    while (times.size() < lab.sent.size()) {
      times.push_back(ms);
    }
    lab.advance(500ms);
  }
  // INITIAL_DHAAD_TIMEOUT 3 s doubling, DHAAD_RETRIES 4; then 48 s and a pause of 64 s.
  CHECK(times ==
        std::vector<long>{0, 3000, 9000, 21000, 45000, 157000, 160000, 166000, 178000, 202000});
  CHECK(lab.saw(EventKind::DiscoveryFailed));
  CHECK(lab.updates.empty());
}

TEST_CASE("the first usable home agent of a reply is registered with", "[mobile-node]") {
  Lab lab(without_home_agent());
  lab.attach();
  const std::uint16_t id = request_in(lab.sent[0]).identifier;
  SECTION("in the order of the list, the home prefix first") {
    lab.from_network(reply(id, {HomeAgentAddress(ip6("2001:db8:5::1")),
                                HomeAgentAddress(ip6("fe80::1")), kAgent2, kAgent1}));
    REQUIRE(lab.updates.size() == 1);
    CHECK(lab.last().header.destination == kAgent2.address());
    SECTION("and the next one when that refuses") {
      lab.answer({.status = BindingStatus::NotHomeAgentForMobileNode});
      CHECK(lab.last().header.destination == kAgent1.address());
      lab.answer();
      CHECK(lab.node.state() == State::Registered);
      lab.advance(100s);
      CHECK(lab.sent.size() == 1);
    }
    SECTION("a new discovery when all are silent") {
      lab.advance(200s);
      CHECK(lab.sent.size() > 1);
    }
    SECTION("which goes on when the home agent that served us is gone for good") {
      lab.answer();
      lab.forget();
      lab.advance(241s + 31s + 93s);  // refresh unanswered, discovery unanswered
      CHECK(lab.saw(EventKind::DiscoveryFailed));
      const std::size_t updates = lab.updates.size();
      const std::size_t requests = lab.sent.size();
      lab.advance(65s);
      CHECK(lab.updates.size() == updates);
      CHECK(lab.sent.size() == requests + 1);
    }
    SECTION("a new discovery, later, when all refuse") {
      while (lab.node.state() == State::Registering) {
        lab.answer({.status = BindingStatus::NotHomeSubnet});
      }
      CHECK(lab.node.state() == State::Rejected);
      CHECK(lab.sent.size() == 1);
      lab.advance(5s);
      CHECK(lab.sent.size() == 2);
    }
  }
  SECTION("another identifier is ignored") {
    lab.from_network(reply(static_cast<std::uint16_t>(id + 1), {kAgent1}));
    CHECK(lab.count(Counter::DropDiscoveryReplyUnexpected) == 1);
    CHECK(lab.updates.empty());
  }
  SECTION("padding of the link layer behind it does not count") {
    Bytes padded = reply(id, {kAgent1});
    padded.resize(padded.size() + 6, std::byte{0x55});
    lab.from_network(padded);
    CHECK(lab.updates.size() == 1);
  }
  SECTION("an empty list is useless") {
    lab.from_network(reply(id, {}));
    CHECK(lab.count(Counter::DropDiscoveryReplyUseless) == 1);
    CHECK(lab.node.state() == State::Discovering);
  }
  SECTION("a second reply is late") {
    lab.from_network(reply(id, {kAgent1}));
    lab.from_network(reply(id, {kAgent2}));
    CHECK(lab.count(Counter::DropDiscoveryReplyUnexpected) == 1);
    CHECK(lab.updates.size() == 1);
  }
  SECTION("a wrong checksum") {
    Bytes bad = reply(id, {kAgent1});
    bad.back() ^= std::byte{1};
    lab.from_network(bad);
    CHECK(lab.count(Counter::DropIcmpChecksum) == 1);
  }
}

TEST_CASE("a mobile router asks for home agents that support it", "[mobile-node]") {
  mobile::Settings settings = without_home_agent();
  settings.mobile_router = mobile::MobileRouterMode::Implicit;
  settings.prefixes = {prefix("2001:db8:0:100::/64")};
  Lab lab(settings);
  lab.attach();
  const auto request = request_in(lab.sent[0]);
  CHECK(request.mobile_router_support);
  lab.from_network(reply(request.identifier, {kAgent1}, false));
  CHECK(lab.count(Counter::DropDiscoveryReplyUseless) == 1);
  lab.from_network(reply(request.identifier, {kAgent2}, true));
  REQUIRE(lab.updates.size() == 1);
  CHECK(lab.last().header.destination == kAgent2.address());
}

TEST_CASE("a discovery address may be configured", "[mobile-node]") {
  mobile::Settings settings = without_home_agent();
  settings.discovery_address = ip6("2001:db8:0:1::7e");
  Lab lab(settings);
  lab.attach();
  CHECK(wire::Ipv6Header::parse(lab.sent[0])->destination == ip6("2001:db8:0:1::7e"));
}
