// A set of home agents as a whole: bootstrap, registration, movement, death, return.
#include "test/support/set_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using control::ControlCounter;
using control::NoteKind;
using wire::BindingStatus;

namespace {

UpdateSpec spec_of(std::uint16_t sequence, const CareOfAddress& care_of = kCareOf,
                   std::uint16_t lifetime = 75) {
  UpdateSpec spec;
  spec.sequence = sequence;
  spec.source = care_of.address();
  spec.lifetime = lifetime;
  return spec;
}

wire::HomeAgentSwitch parse_switch(const Sent& sent) {
  const auto parsed = wire::parse_home_agent_switch(sent.message);
  REQUIRE(parsed);
  return *parsed;
}

}  // namespace

TEST_CASE("a set starts: links, synchronization, service", "[set][R5][R6][R14][R16]") {
  SetFixture set(3, false);
  CHECK_FALSE(set.agent(0).serving());
  SECTION("all at once") {
    SetFixture all(3, true);
    for (unsigned i = 0; i < 3; ++i) {
      CHECK(all.agent(i).serving());
      CHECK(all.count(i, ControlCounter::HelloSent) > 0);
    }
  }
}

TEST_CASE("without a link there is no service, and with one missing it comes late",
          "[set][R5][R103]") {
  SetFixture set(2, false);
  set.restart(0);
  set.run_for(60s);
  CHECK_FALSE(set.agent(0).serving());  // min-links is 1
  CHECK(set.update(0, spec_of(1)) == BindingStatus::HomeRegistrationNotSupported);
  SetFixture three(3, false);
  three.restart(0);
  three.restart(1);
  three.run_for(9s);
  CHECK_FALSE(three.agent(0).serving());
  three.run_for(2s);  // member 2 has been silent for boot-wait
  CHECK(three.agent(0).serving());
  CHECK(three.agent(1).serving());
}

TEST_CASE("a registration is told to everybody and acknowledged", "[set][R31][R34][R49][R64]") {
  SetFixture set;
  const auto acknowledged = set.count(0, ControlCounter::SyncAcknowledgements);
  REQUIRE(set.update(0, spec_of(1)) == BindingStatus::Accepted);
  CHECK(set.view() == "R G0 G0");
  unsigned replies = 0;
  for (const SetMessage& message : set.messages) {
    if (const auto reply = message.sync(wire::SsType::Reply)) {
      ++replies;
      CHECK(reply->acknowledge);  // R52
      CHECK(reply->global);       // R44
      REQUIRE(reply->bindings.size() == 1);
      CHECK(reply->bindings[0].home_address == kHome);
      CHECK(reply->bindings[0].care_of_address == kCareOf);
    }
  }
  CHECK(replies == 2);
  CHECK(set.count(0, ControlCounter::SyncAcknowledgements) == acknowledged + 2);
  // Where packets go at the others (R40, R86).
  const auto* route = std::get_if<forwarding::SetBinding>(&set.effects[1].front());
  REQUIRE(route != nullptr);
  CHECK(route->kind == forwarding::BindingKind::Global);
  CHECK(route->tunnel_source == member_locator(1).address());
  CHECK(route->tunnel_destination == member_locator(0).address());
}

TEST_CASE("a plain refresh is not told, half of a lifetime later it is", "[set][R50][R51]") {
  SetFixture set;
  set.update(0, spec_of(1));
  set.messages.clear();
  const auto replies = [&] {
    return std::ranges::count_if(set.messages, [](const SetMessage& message) {
      return message.sync(wire::SsType::Reply).has_value();
    });
  };
  set.run_for(100s);
  set.update(0, spec_of(2));
  CHECK(replies() == 0);
  set.run_for(101s);  // 200 s of 300 have passed: the timer at two thirds
  CHECK(replies() == 2);
  set.run_for(150s);
  CHECK(set.view() == "R G0 G0");
  set.update(0, spec_of(3));
  CHECK(replies() == 4);  // less than half was left
}

TEST_CASE("a care-of change is told", "[set][A9]") {
  SetFixture set;
  set.update(0, spec_of(1));
  set.update(0, spec_of(2, kNewCareOf));
  CHECK(set.binding(1)->care_of_address == kNewCareOf);
}

TEST_CASE("a de-registration goes everywhere and stays", "[set][R58][R104]") {
  SetFixture set;
  set.update(0, spec_of(1));
  SetMessage first;
  for (const SetMessage& message : set.messages) {
    if (message.sync(wire::SsType::Reply) && message.to == 1) {
      first = message;
    }
  }
  set.run_for(1s);
  set.update(0, spec_of(2, kCareOf, 0));
  CHECK(set.view() == "- - -");
  set.receive(1, first.packet);  // a late copy of the first word
  CHECK(set.view() == "- - -");
  CHECK(set.count(1, ControlCounter::InformationStale) > 0);
}

TEST_CASE("a lost message is repeated, and only what still holds", "[set][R59]") {
  SetFixture set;
  bool lossy = true;
  set.lose = [&](const SetMessage& message) {
    return lossy && message.to == 1 && message.sync(wire::SsType::Reply);
  };
  set.update(0, spec_of(1));
  set.update(0, spec_of(2, kNewCareOf));
  CHECK(set.view() == "R - G0");
  lossy = false;
  set.messages.clear();
  set.run_for(2s);
  CHECK(set.view() == "R G0 G0");
  CHECK(set.binding(1)->care_of_address == kNewCareOf);
  for (const SetMessage& message : set.messages) {
    if (const auto reply = message.sync(wire::SsType::Reply); reply && message.to == 1) {
      CHECK(reply->bindings.front().care_of_address == kNewCareOf);
    }
  }
}

TEST_CASE("a Binding Update over a link offers a switch to whoever forwarded it",
          "[set][R75][R77][R78][R106]") {
  SetFixture set;
  set.update(0, spec_of(1));
  set.elsewhere.clear();
  CHECK(set.update(0, spec_of(2, kNewCareOf), 1) == BindingStatus::Accepted);
  set.run_for(100ms);
  const auto switches = set.switches();
  REQUIRE(switches.size() == 1);
  CHECK(switches[0].sent.header.destination == kNewCareOf.address());
  CHECK(switches[0].sent.routing_home_address == kHome);
  const auto message = parse_switch(switches[0].sent);
  REQUIRE(message.home_agents.size() == 1);
  CHECK(message.home_agents[0] == member_address(1));
  CHECK(message.options.refresh_advice == Lifetime(5));  // 20 s

  SECTION("it follows: the old primary yields and lets it send for a while") {
    CHECK(set.update(1, spec_of(100, kNewCareOf)) == BindingStatus::Accepted);
    CHECK(set.view() == "G1 R G1");
    const auto last = std::get<forwarding::SetBinding>(*std::ranges::find_if(
        set.effects[0].rbegin(), set.effects[0].rend(),
        [](const auto& e) { return std::holds_alternative<forwarding::SetBinding>(e); }));
    CHECK(last.kind == forwarding::BindingKind::Global);
    CHECK(last.former_care_of_address == kNewCareOf);
    // Late messages to the old primary do no harm (R83).
    CHECK(set.update(0, spec_of(3, kNewCareOf, 0)) == BindingStatus::Accepted);
    CHECK(set.update(0, spec_of(4, kNewCareOf)) == BindingStatus::SequenceOutOfWindow);
    CHECK(set.view() == "G1 R G1");
    set.elsewhere.clear();
    set.run_for(11s);
    CHECK(set.switches().empty());
    CHECK(set.update(0, spec_of(5, kNewCareOf, 0)) == BindingStatus::NotHomeAgentForMobileNode);
    const auto then = std::get<forwarding::SetBinding>(*std::ranges::find_if(
        set.effects[0].rbegin(), set.effects[0].rend(),
        [](const auto& e) { return std::holds_alternative<forwarding::SetBinding>(e); }));
    CHECK(then.former_care_of_address == CareOfAddress{});
  }
  SECTION("it does not hear: asked again after 5, 10, 20, 20 s") {
    set.elsewhere.clear();
    set.run_for(60s);
    CHECK(set.switches().size() == 4);  // at 5, 15, 35, 55 s
  }
  SECTION("it de-registers first: delivered to until its new primary speaks, or ten seconds") {
    CHECK(set.update(0, spec_of(3, kNewCareOf, 0)) == BindingStatus::Accepted);
    CHECK(set.view() == "R G0 G0");
    SECTION("it arrives") {
      set.run_for(2s);
      CHECK(set.update(1, spec_of(100, kNewCareOf)) == BindingStatus::Accepted);
      CHECK(set.view() == "G1 R G1");
    }
    SECTION("it does not") {
      set.run_for(11s);
      CHECK(set.view() == "- - -");
    }
  }
}

TEST_CASE("a new primary keeps a mobile node for a while, longer with each return",
          "[set][R106][A18]") {
  SetFixture set;
  set.update(0, spec_of(1));
  set.update(0, spec_of(2), 1);
  set.run_for(100ms);
  REQUIRE(set.switches().size() == 1);
  set.update(1, spec_of(10));
  set.elsewhere.clear();
  set.run_for(20s);
  set.update(1, spec_of(11), 0);  // crosswise: its updates come in over member 0
  set.run_for(1s);
  CHECK(set.switches().empty());
  CHECK(set.count(1, ControlCounter::SwitchesDwelling) == 1);
  set.run_for(60s);
  set.update(1, spec_of(12), 0);
  set.run_for(1s);
  CHECK(set.switches().size() == 1);
}

TEST_CASE("a dead primary's mobile nodes are asked over by one live member, unasked",
          "[set][R98][R12]") {
  SetFixture set;
  set.update(0, spec_of(1));
  set.elsewhere.clear();
  set.kill(0);
  set.run_for(5s);
  CHECK(set.view() == "x G0 G0");
  CHECK(set.notes(1, NoteKind::PeerDown).size() == 1);
  const auto switches = set.switches();
  REQUIRE_FALSE(switches.empty());
  const unsigned rescuer = switches[0].from;
  for (const SentByMember& one : switches) {
    CHECK(one.from == rescuer);
    CHECK(one.sent.header.destination == kCareOf.address());
    CHECK(parse_switch(one.sent).home_agents.front() == member_address(rescuer));
  }
  CHECK(set.update(rescuer, spec_of(500)) == BindingStatus::Accepted);
  set.elsewhere.clear();
  set.run_for(30s);
  CHECK(set.switches().empty());
  CHECK(set.view() == (rescuer == 1 ? "x R G1" : "x G2 R"));
}

TEST_CASE("a restarted home agent gets its bindings back", "[set][R105]") {
  SetFixture set;
  set.update(0, spec_of(1));
  UpdateSpec other = spec_of(1);
  other.home_address = kOtherHome;
  set.update(1, other);
  set.kill(0);
  SECTION("before anybody has missed it") { set.run_for(500ms); }
  SECTION("after it was declared dead") { set.run_for(6s); }
  set.restart(0);
  set.run_for(3s);
  CHECK(set.agent(0).serving());
  CHECK(set.view() == "R G0 G0");
  CHECK(set.view(kOtherHome) == "G1 R G1");
  CHECK(set.binding(0)->sequence == SequenceNumber{1});
  CHECK(set.binding(0)->care_of_address == kCareOf);
  CHECK(set.count(0, ControlCounter::Restored) == 1);
}

TEST_CASE("a returned copy that has ended on its way is not repeated as a withdrawal",
          "[set][R59][R105]") {
  SetFixture set;
  set.update(0, spec_of(1, kCareOf, 10));
  set.kill(0);
  set.run_for(500ms);
  set.lose = [](const SetMessage& message) {
    return message.to == 0 && message.sync(wire::SsType::Reply);
  };
  set.messages.clear();
  set.restart(0);
  set.run_for(70s);
  CHECK(set.view() == "- - -");
  unsigned returned = 0;
  for (const SetMessage& message : set.messages) {
    const auto reply = message.to == 0 ? message.sync(wire::SsType::Reply) : std::nullopt;
    for (std::size_t i = 0; reply && i < reply->bindings.size(); ++i) {
      const wire::BindingCacheInformation& one = reply->bindings[i];
      returned += one.home_address == kHome && !one.vendor.empty() ? 1U : 0U;
      CHECK_FALSE((one.home_address == kHome && one.lifetime.is_zero()));
    }
  }
  CHECK(returned > 0);
}

TEST_CASE("a restarted home agent hears of what was withdrawn, whatever its clock says",
          "[set][R104][R105]") {
  SetFixture set;
  set.update(0, spec_of(1));
  set.update(0, spec_of(2, kCareOf, 0));
  set.kill(1);
  set.restart(1);
  set.run_for(3s);
  REQUIRE(set.binding(1) != nullptr);
  CHECK(set.binding(1)->version == set.binding(0)->version);
  set.now.wall -= 1h;
  set.update(1, spec_of(100, kNewCareOf));
  CHECK(set.view() == "G1 R G1");
}

TEST_CASE("what moved while its home agent was dead is not brought back", "[set][R104]") {
  SetFixture set;
  set.update(0, spec_of(1));
  set.kill(0);
  set.run_for(5s);
  set.update(1, spec_of(100, kNewCareOf));
  set.restart(0);
  set.run_for(3s);
  CHECK(set.view() == "G1 R G1");
}

TEST_CASE("digests find and repair what synchronization has missed", "[set][R105]") {
  SetFixture set;
  set.update(0, spec_of(1));
  // A message of the right form, but not from member 0: member 1 has one too many now.
  wire::StateSynchronization forged;
  forged.type = wire::SsType::Reply;
  forged.global = true;
  for (const SetMessage& message : set.messages) {
    if (const auto reply = message.sync(wire::SsType::Reply); reply && message.to == 1) {
      forged.identifier = reply->identifier;  // as if it were the last word
    }
  }
  auto& invented = forged.bindings.emplace_back();
  invented.home_address = kOtherHome;
  invented.timestamp = Timestamp::from(set.now.wall);
  invented.lifetime = Lifetime(75);
  set.send_message(1, member_locator(0), forged);
  REQUIRE(set.view(kOtherHome) == "- G0 -");
  set.run_for(30s);
  CHECK(set.view(kOtherHome) == "- - -");
  CHECK(set.view() == "R G0 G0");
  CHECK(set.count(1, ControlCounter::DigestMismatches) >= 1);
}

TEST_CASE("a message that comes late does not stop the comparison of digests", "[set][R105]") {
  SetFixture set(2);
  set.update(0, spec_of(1));
  wire::StateSynchronization late;
  late.type = wire::SsType::Reply;
  late.global = true;
  for (const SetMessage& message : set.messages) {
    if (const auto reply = message.sync(wire::SsType::Reply); reply && message.to == 1) {
      late.identifier = reply->identifier;
    }
  }
  UpdateSpec other = spec_of(1);
  other.home_address = HomeAddress(ip6("2001:db8:0:1::5:1"));
  REQUIRE(set.update(0, other) == BindingStatus::Accepted);
  // The first Identifier once more, behind a later one, and with something that is not so.
  auto& invented = late.bindings.emplace_back();
  invented.home_address = kOtherHome;
  invented.timestamp = Timestamp::from(set.now.wall);
  invented.lifetime = Lifetime(75);
  set.send_message(1, member_locator(0), late);
  REQUIRE(set.view(kOtherHome) == "- G0");
  set.run_for(30s);
  CHECK(set.view(kOtherHome) == "- -");
  CHECK(set.count(1, ControlCounter::DigestMismatches) >= 1);
}

TEST_CASE("sums of a digest are sums", "[set][R105]") {
  // Under XOR two insertions of one thing would cancel, and sets of some dozens of bindings could
  // be swapped for others (rulings §5).
  SetFixture set(2);
  const control::DigestHash hash(member_config(0, 2).haha.set_key);
  control::Digest expected;
  for (std::uint16_t number = 1; number <= 600; ++number) {  // more than one in each bucket
    UpdateSpec spec = spec_of(1);
    spec.home_address = HomeAddress(ip6(fmt::format("2001:db8:0:1::5:{:x}", number)));
    REQUIRE(set.update(0, spec) == BindingStatus::Accepted);
    const control::Binding* binding = set.binding(1, spec.home_address);
    REQUIRE(binding != nullptr);
    expected.sums[hash.bucket(spec.home_address)] += hash.content(
        spec.home_address, binding->version, binding->care_of_address, binding->prefixes);
  }
  CHECK(set.agent(1).peers()[0].digest.sums == expected.sums);
  CHECK(set.agent(1).peers()[0].digest.count == 600);
}

TEST_CASE("a quiet set is quiet", "[set][I7]") {
  SetFixture set;
  set.update(0, spec_of(1, kCareOf, 0xffff));
  set.run_for(2s);
  set.messages.clear();
  set.run_for(60s);
  for (const SetMessage& message : set.messages) {
    CHECK(message.hello().has_value());
  }
  CHECK(set.messages.size() <=
        3 * 2 * 61 * 2);  // one HELLO and its answer per second and direction
}

TEST_CASE("a drain moves everybody and says when it is done", "[set][R103]") {
  SetFixture set;
  set.update(0, spec_of(1));
  set.elsewhere.clear();
  control::Effects effects;
  REQUIRE(set.agent(0).drain(set.now, 100, effects));
  CHECK_FALSE(set.agent(0).serving());
  CHECK_FALSE(set.agent(0).drained());
  set.run_for(2s);
  const auto switches = set.switches();
  REQUIRE(switches.size() == 1);
  const HomeAgentAddress target = parse_switch(switches[0].sent).home_agents.front();
  const unsigned to = target == member_address(1) ? 1 : 2;
  CHECK(set.update(0, spec_of(2)) == BindingStatus::Accepted);  // what is there stays served
  UpdateSpec stranger = spec_of(1);
  stranger.home_address = kOtherHome;
  CHECK(set.update(0, stranger) == BindingStatus::HomeRegistrationNotSupported);
  set.update(to, spec_of(100));
  set.run_for(1s);
  CHECK(set.agent(0).drained());
}
