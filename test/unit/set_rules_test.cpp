// What the draft demands of messages between home agents, requirement by requirement.
#include <map>

#include "test/support/set_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using control::ControlCounter;
using wire::BindingStatus;
using wire::SsType;

namespace {

UpdateSpec spec_of(std::uint16_t sequence, const CareOfAddress& care_of = kCareOf) {
  UpdateSpec spec;
  spec.sequence = sequence;
  spec.source = care_of.address();
  return spec;
}

wire::BindingCacheInformation information_of(const SetFixture& set, const HomeAddress& home) {
  wire::BindingCacheInformation information;
  information.home_address = home;
  information.care_of_address = kCareOf;
  information.flags = wire::bu_flag::kHomeRegistration;
  information.sequence = {41};
  information.lifetime = Lifetime(75);
  information.timestamp = Timestamp::from(set.now.wall);
  return information;
}

wire::StateSynchronization reply_of(std::uint16_t identifier,
                                    std::vector<wire::BindingCacheInformation> bindings) {
  wire::StateSynchronization reply;
  reply.type = SsType::Reply;
  reply.global = true;
  reply.acknowledge = true;
  reply.identifier = identifier;
  reply.bindings = std::move(bindings);
  return reply;
}

// The messages of a type from one member to another.
std::vector<wire::StateSynchronization> said(const SetFixture& set, unsigned from, unsigned to,
                                             SsType type) {
  std::vector<wire::StateSynchronization> found;
  for (const SetMessage& message : set.messages) {
    const auto sync = message.sync(type);
    if (sync && message.from == from && message.to == to) {
      found.push_back(*sync);
    }
  }
  return found;
}

}  // namespace

TEST_CASE("every message goes between locators, with G and our group",
          "[set][R2][R3][R4][R17][R18][R19][R21][R44][R52][R56][R57][R72]") {
  SetFixture set;
  set.restart(0);
  set.run_for(2s);
  set.update(0, spec_of(1));
  std::map<std::string, unsigned> kinds;
  for (const SetMessage& message : set.messages) {
    const auto header = wire::Ipv6Header::parse(message.packet);
    CHECK(header->source == member_locator(message.from).address());
    CHECK(header->destination == member_locator(message.to).address());
    if (const auto hello = message.hello()) {
      ++kinds["hello"];
      CHECK(hello->global);
      CHECK(hello->group_id == 7);
      CHECK(hello->preference == 0);
    } else {
      const auto sync = message.sync();
      REQUIRE(sync);
      ++kinds[sync->type == SsType::Request ? "request"
              : sync->type == SsType::Reply ? "reply"
                                            : "ack"];
      CHECK(sync->global);
      CHECK(sync->acknowledge == (sync->type == SsType::Reply));
    }
  }
  CHECK(kinds.size() == 4);
  for (unsigned i = 0; i < 3; ++i) {  // N - 1 links each
    CHECK(std::ranges::count_if(set.agent(i).peers(), &control::PeerState::up) == 2);
  }
}

TEST_CASE("the HELLO interval is the operator's", "[set][R13]") {
  SetFixture set(2, true, [](unsigned, config::HomeAgent& config) {
    config.haha.hello_interval = 5s;
    config.haha.hello_lifetime = 15s;
  });
  const auto before = set.count(0, ControlCounter::HelloSent);
  set.run_for(50s);
  // Ten of its own, and as many answers.
  CHECK(set.count(0, ControlCounter::HelloSent) - before <= 22);
  CHECK(set.count(0, ControlCounter::HelloSent) - before >= 18);
}

TEST_CASE("a HELLO with a wrong checksum is dropped before anything of it is read", "[set][R23]") {
  SetFixture set(2);
  set.run_for(1s);
  Bytes packet;
  for (const SetMessage& message : set.messages) {
    packet = message.hello() && message.to == 0 ? message.packet : packet;
  }
  REQUIRE_FALSE(packet.empty());
  const auto before = set.count(0, ControlCounter::HelloReceived);
  packet[wire::kIpv6HeaderSize + 7] ^= std::byte{1};
  set.receive(0, packet);
  CHECK(set.count(0, ControlCounter::MobilityBadChecksum) == 1);
  CHECK(set.count(0, ControlCounter::HelloReceived) == before);
}

TEST_CASE("an SS-REQ of a stranger, or without G, is counted and not answered",
          "[set][R73][R95][R100]") {
  SetFixture set(2);
  set.update(0, spec_of(1));
  set.run_for(1s);
  set.messages.clear();
  set.elsewhere.clear();
  wire::StateSynchronization request;
  request.type = SsType::Request;
  request.global = true;
  request.identifier = 5;
  SECTION("of a stranger") {
    set.send_message(0, Locator(ip6("2001:db8:5555::1a")), request);
    CHECK(set.count(0, ControlCounter::StrangerMessages) == 1);
  }
  SECTION("without G") {
    request.global = false;
    set.send_message(0, member_locator(1), request);
    CHECK(set.count(0, ControlCounter::SyncRequestsRefused) == 1);
  }
  CHECK(set.messages.empty());
  CHECK(set.elsewhere.empty());
}

TEST_CASE("what is asked for is answered: all, one, nobody", "[set][R35][R53][R70][R74][A25]") {
  SetFixture set;
  set.update(0, spec_of(1));
  UpdateSpec other = spec_of(1);
  other.home_address = kOtherHome;
  set.update(2, other);
  set.run_for(1s);
  set.messages.clear();
  wire::StateSynchronization request;
  request.type = SsType::Request;
  request.global = true;
  request.identifier = 55;
  SECTION("all: what this home agent is primary of, and the end mark") {
    set.send_message(0, member_locator(1), request);
    const auto replies = said(set, 0, 1, SsType::Reply);
    REQUIRE(replies.size() == 2);
    REQUIRE(replies[0].bindings.size() == 1);
    CHECK(replies[0].bindings[0].home_address == kHome);
    REQUIRE(replies[1].bindings.size() == 1);
    CHECK(replies[1].bindings[0].home_address == HomeAddress{});
    CHECK(replies[1].bindings[0].sequence.value == 55);
  }
  SECTION("one") {
    request.addresses = {{0, 128, kHome.address()}};
    set.send_message(0, member_locator(1), request);
    const auto replies = said(set, 0, 1, SsType::Reply);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].bindings.at(0).home_address == kHome);
    CHECK_FALSE(replies[0].bindings.at(0).lifetime.is_zero());
  }
  SECTION("nobody: lifetime 0, and nothing that would order anything") {
    request.addresses = {{0, 128, ip6("2001:db8:0:1::999")}};
    set.send_message(0, member_locator(1), request);
    const auto replies = said(set, 0, 1, SsType::Reply);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].bindings.at(0).lifetime.is_zero());
    CHECK(replies[0].bindings.at(0).timestamp == Timestamp{});
  }
}

TEST_CASE("what a global binding holds, and where its packets go",
          "[set][R37][R40][R41][R54][R65][R66][R86]") {
  SetFixture set(2);
  wire::BindingCacheInformation information = information_of(set, kHome);
  const Prefix network = prefix("2001:db8:0:100::/64");
  information.flags |= wire::bu_flag::kMobileRouter;
  information.prefixes = {{64, network.address()}};
  information.aaa = Bytes(5, std::byte{0x55});
  set.effects[0].clear();
  set.send_message(0, member_locator(1), reply_of(1, {information}));
  const control::Binding* binding = set.binding(0);
  REQUIRE(binding != nullptr);
  REQUIRE(binding->global());
  CHECK(set.agent(0).primary_of(*binding).config->locator == member_locator(1));
  CHECK(binding->sequence.value == 41);
  CHECK(binding->flags == information.flags);
  CHECK(binding->care_of_address == kCareOf);
  CHECK(binding->expires == set.now.instant + Duration(300s));
  CHECK(binding->prefixes == std::vector<Prefix>{network});
  REQUIRE(set.effects[0].size() >= 2);
  const auto* route = std::get_if<forwarding::SetBinding>(&set.effects[0][0]);
  REQUIRE(route != nullptr);
  CHECK(route->kind == forwarding::BindingKind::Global);
  CHECK(route->tunnel_source == member_locator(0).address());
  CHECK(route->tunnel_destination == member_locator(1).address());
  CHECK(std::ranges::any_of(set.effects[0], [&](const control::Effect& effect) {
    const auto* one = std::get_if<forwarding::SetPrefix>(&effect);
    return one != nullptr && one->prefix == network && one->owner == kHome;
  }));
  // What came with it goes back to its owner, should that one have forgotten everything.
  set.messages.clear();
  set.restart(1);
  set.run_for(1s);
  const auto replies = said(set, 0, 1, SsType::Reply);
  CHECK(std::ranges::any_of(replies, [&](const wire::StateSynchronization& reply) {
    return std::ranges::any_of(reply.bindings, [&](const wire::BindingCacheInformation& one) {
      return one.home_address == kHome && one.aaa == information.aaa;
    });
  }));
}

TEST_CASE("a global binding and its path end with its lifetime", "[set][R43]") {
  SetFixture set(2);
  UpdateSpec spec = spec_of(1);
  spec.lifetime = 10;  // 40 s
  set.update(0, spec);
  CHECK(set.view() == "R G0");
  set.lose = [](const SetMessage&) { return true; };
  set.run_for(39s);
  CHECK(set.binding(1)->global());
  set.effects[1].clear();
  set.run_for(3s);
  CHECK_FALSE(set.binding(1)->live());
  CHECK(std::ranges::any_of(set.effects[1], [](const control::Effect& effect) {
    const auto* removed = std::get_if<forwarding::RemoveBinding>(&effect);
    return removed != nullptr && removed->home_address == kHome;
  }));
}

TEST_CASE("which Binding Updates lead to a switch", "[set][R75][R75a][R79][R80]") {
  SetFixture set(3, true, [](unsigned, config::HomeAgent& config) { config.haha.switch_rate = 1; });
  set.update(0, spec_of(10));
  UpdateSpec other = spec_of(10);
  other.home_address = kOtherHome;
  set.update(0, other);
  set.elsewhere.clear();
  SECTION("none that came in natively") {
    set.update(0, spec_of(11, kNewCareOf));
    set.run_for(3s);
    CHECK(set.switches().empty());
  }
  SECTION("none that is not valid") {
    CHECK(set.update(0, spec_of(10), 1) == BindingStatus::SequenceOutOfWindow);
    set.run_for(3s);
    CHECK(set.switches().empty());
  }
  SECTION("each that came over a link, naming that home agent, at the configured rate") {
    CHECK(set.update(0, spec_of(11), 1) == BindingStatus::Accepted);
    other.sequence = 11;
    CHECK(set.update(0, other, 1) == BindingStatus::Accepted);
    set.run_for(500ms);
    REQUIRE(set.switches().size() == 1);
    CHECK(wire::parse_home_agent_switch(set.switches()[0].sent.message)->home_agents ==
          std::vector<HomeAgentAddress>{member_address(1)});
    set.run_for(1s);
    CHECK(set.switches().size() == 2);
    CHECK(set.switches()[1].sent.routing_home_address !=
          set.switches()[0].sent.routing_home_address);
  }
}

TEST_CASE("the old primary yields to the new one and routes to it",
          "[set][R31][R68][R69][R81][R82][R83]") {
  SetFixture set;
  set.update(0, spec_of(1));
  set.effects[0].clear();
  set.messages.clear();
  CHECK(set.update(1, spec_of(100, kNewCareOf)) == BindingStatus::Accepted);
  CHECK(set.view() == "G1 R G1");
  CHECK(said(set, 1, 0, SsType::Reply).size() == 1);
  CHECK(said(set, 1, 2, SsType::Reply).size() == 1);
  const auto found = std::ranges::find_if(set.effects[0], [](const control::Effect& effect) {
    return std::holds_alternative<forwarding::SetBinding>(effect);
  });
  REQUIRE(found != set.effects[0].end());
  const auto& path = std::get<forwarding::SetBinding>(*found);
  CHECK(path.kind == forwarding::BindingKind::Global);
  CHECK(path.tunnel_destination == member_locator(1).address());
  // A de-registration that comes late is acknowledged and changes nothing.
  UpdateSpec late = spec_of(2, kNewCareOf);
  late.lifetime = 0;
  CHECK(set.update(0, late) == BindingStatus::Accepted);
  CHECK(set.view() == "G1 R G1");
}

TEST_CASE(
    "a late de-registration is still one when the mobile node has left its new primary and come "
    "back",
    "[set][R83]") {
  SetFixture set(2);
  set.update(0, spec_of(1));
  set.update(1, spec_of(100, kNewCareOf));
  UpdateSpec leaves = spec_of(101, kNewCareOf);
  leaves.lifetime = 0;
  CHECK(set.update(1, leaves) == BindingStatus::Accepted);
  CHECK(set.update(1, spec_of(102, kNewCareOf)) == BindingStatus::Accepted);
  CHECK(set.view() == "G1 R");
  UpdateSpec late = spec_of(2);
  late.lifetime = 0;
  CHECK(set.update(0, late) == BindingStatus::Accepted);
  CHECK(set.view() == "G1 R");
  // Not for ever.
  set.run_for(11s);
  late.sequence = 3;
  CHECK(set.update(0, late) == BindingStatus::NotHomeAgentForMobileNode);
}
