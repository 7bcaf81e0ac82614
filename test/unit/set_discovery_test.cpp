// Discovery and tunnel errors where there are several home agents.
#include "test/support/set_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using control::ControlCounter;

namespace {

Bytes icmpv6(const Ipv6Address& source, const Ipv6Address& destination, Bytes message) {
  wire::icmpv6_set_checksum(source, destination, message);
  Bytes packet(wire::kIpv6HeaderSize + message.size());
  Writer writer(packet);
  wire::Ipv6Header header;
  header.payload_length = static_cast<std::uint16_t>(message.size());
  header.next_header = wire::protocol::kIcmpv6;
  header.source = source;
  header.destination = destination;
  header.write(writer);
  writer.bytes(message);
  return packet;
}

std::optional<wire::DiscoveryReply> discover(SetFixture& set, unsigned member, bool routers) {
  set.elsewhere.clear();
  Bytes message(8);
  Writer writer(message);
  wire::DiscoveryRequest{42, routers}.write(writer);
  set.receive(member, icmpv6(kCareOf.address(), kHomePrefix.home_agents_anycast(), message));
  return set.elsewhere.empty() ? std::nullopt
                               : wire::DiscoveryReply::parse(set.elsewhere.front().sent.message);
}

}  // namespace

TEST_CASE("a discovery reply names its sender first, then the peers that take mobile nodes",
          "[discovery][R92][R93][R103][A28]") {
  SetFixture set(3);
  const auto reply = discover(set, 0, false);
  REQUIRE(reply);
  REQUIRE(reply->home_agents.size() == 3);
  CHECK(reply->home_agents[0] == member_address(0));
  CHECK_FALSE(reply->mobile_router_support);
  const auto again = discover(set, 0, false);
  CHECK(again->home_agents[0] == member_address(0));
  CHECK(again->home_agents[1] != reply->home_agents[1]);  // the equal ones change places
  control::Effects effects;
  set.agent(1).drain(set.now, 1, effects);
  set.run_for(1s);
  CHECK_FALSE(discover(set, 1, false));
  set.run_for(2s);
  const auto while_draining = discover(set, 0, false);
  REQUIRE(while_draining->home_agents.size() == 2);
  CHECK(while_draining->home_agents[1] == member_address(2));
  set.kill(2);
  set.run_for(5s);
  const auto without = discover(set, 0, false);
  for (const auto& address : without->home_agents) {
    CHECK(address != member_address(2));
  }
}

TEST_CASE("who asks for home agents with mobile routers gets those", "[discovery][R93]") {
  SetFixture set(3, true, [](unsigned i, config::HomeAgent& config) {
    config.nemo = i != 0;
    for (config::Peer& peer : config.haha.peers) {
      peer.nemo = peer.name != "member0" && peer.name != "member2";
    }
  });
  const auto reply = discover(set, 0, true);
  REQUIRE(reply);
  CHECK(reply->mobile_router_support);
  REQUIRE(reply->home_agents.size() == 1);
  CHECK(reply->home_agents[0] == member_address(1));
}

TEST_CASE("Packet Too Big about a HAHA link is told to the correspondent", "[tunnel-error][R90]") {
  SetFixture set(2);
  set.update(0, {});
  const Ipv6Address correspondent = *Ipv6Address::parse("2001:db8:c::1");
  const Ipv6Address router = *Ipv6Address::parse("2001:db8:e::1");
  Bytes quoted(8 + 80 + 8);
  Writer writer(quoted);
  wire::Icmpv6Header{wire::icmpv6::kPacketTooBig, 0, 0, 1400}.write(writer);
  wire::Ipv6Header outer;
  outer.payload_length = 1460;
  outer.next_header = wire::protocol::kIpv6;
  outer.source = member_locator(1).address();
  outer.destination = member_locator(0).address();
  outer.write(writer);
  wire::Ipv6Header inner;
  inner.payload_length = 1420;
  inner.next_header = wire::protocol::kUdp;
  inner.source = correspondent;
  inner.destination = kHome.address();
  inner.write(writer);
  set.effects[1].clear();
  forwarding::PuntMetadata metadata;
  metadata.punt_class = forwarding::PuntClass::TunnelError;
  set.receive(1, icmpv6(router, member_locator(1).address(), quoted), metadata);
  CHECK(set.count(1, ControlCounter::TunnelErrorsRelayed) == 1);
  REQUIRE(set.effects[1].size() == 1);
  CHECK(std::holds_alternative<control::ForwardPacket>(set.effects[1][0]));
  // Of a tunnel that is not ours it is nothing to us.
  store_be16(quoted.data() + 8 + 22, 0xdead);
  set.receive(1, icmpv6(router, member_locator(1).address(), quoted), metadata);
  CHECK(set.count(1, ControlCounter::TunnelErrorsForeign) == 1);
}
