// State Synchronization: statuses and their consequences, requests and dumps, streams.
#include "common/siphash.h"
#include "controlplane/key_derivation.h"
#include "test/support/set_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using control::ControlCounter;
using control::NoteKind;
using wire::SsStatus;
using wire::SsType;
using wire::StateSynchronization;

namespace {

HomeAddress home(unsigned i) {
  Ipv6Address address = kHome.address();
  address.octets[12] = static_cast<std::uint8_t>(i >> 8U);
  address.octets[13] = static_cast<std::uint8_t>(i);
  return HomeAddress(address);
}

wire::BindingCacheInformation information(const SetFixture& set, const HomeAddress& of,
                                          Duration ahead = {}) {
  wire::BindingCacheInformation one;
  one.home_address = of;
  one.flags = wire::bu_flag::kAcknowledge | wire::bu_flag::kHomeRegistration;
  one.lifetime = Lifetime(75);
  one.care_of_address = kCareOf;
  one.timestamp = Timestamp::from(set.now.wall + ahead);
  return one;
}

StateSynchronization reply(std::uint16_t identifier,
                           std::vector<wire::BindingCacheInformation> bindings) {
  StateSynchronization message;
  message.type = SsType::Reply;
  message.acknowledge = true;
  message.global = true;
  message.identifier = identifier;
  message.bindings = std::move(bindings);
  return message;
}

std::optional<StateSynchronization> last(const SetFixture& set, SsType type) {
  for (auto message = set.messages.rbegin(); message != set.messages.rend(); ++message) {
    if (auto sync = message->sync(type)) {
      return sync;
    }
  }
  return std::nullopt;
}

void register_some(SetFixture& set, unsigned member, unsigned count) {
  for (unsigned i = 0; i < count; ++i) {
    UpdateSpec spec;
    spec.home_address = home(i);
    REQUIRE(set.update(member, spec) == wire::BindingStatus::Accepted);
  }
}

}  // namespace

TEST_CASE("an SS-REP is acknowledged, home address by home address", "[sync][R46][R47][R67][A31]") {
  SetFixture set(2);
  set.messages.clear();
  set.send_message(0, member_locator(1),
                   reply(500, {information(set, home(1)), information(set, home(2))}));
  const auto answer = last(set, SsType::Acknowledgement);
  REQUIRE(answer);
  CHECK(answer->identifier == 500);
  CHECK(answer->global);
  REQUIRE(answer->statuses.size() == 2);
  CHECK(answer->statuses[0] == wire::SsStatusOption{SsStatus::Success, home(1)});
  CHECK(answer->statuses[1] == wire::SsStatusOption{SsStatus::Success, home(2)});
  CHECK(set.view(home(1)) == "G1 -");
}

TEST_CASE("what is wrong with an SS-REP, one row a status",
          "[sync][R48][R57][R61][R62][R63][R101]") {
  struct Row {
    const char* what;
    Locator from;
    void (*spoil)(StateSynchronization&);
    std::optional<SsStatus> status;  // nullopt: no answer
  };
  const Row rows[] = {
      {"good", member_locator(1), [](StateSynchronization&) {}, SsStatus::Success},
      {"A = 0 is acknowledged, too", member_locator(1),
       [](StateSynchronization& m) { m.acknowledge = false; }, SsStatus::Success},
      {"G = 0", member_locator(1), [](StateSynchronization& m) { m.global = false; },
       SsStatus::MalformedReply},
      {"no option", member_locator(1), [](StateSynchronization& m) { m.bindings.clear(); },
       SsStatus::NoMobilityOption},
      {"of no member", member_locator(5), [](StateSynchronization&) {}, std::nullopt},
      {"a home address of nobody's", member_locator(1),
       [](StateSynchronization& m) { m.bindings[0].home_address = HomeAddress(kCareOf.address()); },
       SsStatus::ReasonUnspecified},
      {"our own address", member_locator(1),
       [](StateSynchronization& m) { m.bindings[0].home_address = HomeAddress(kAgent.address()); },
       SsStatus::ReasonUnspecified},
      {"a day and more ahead", member_locator(1),
       [](StateSynchronization& m) {
         m.bindings[0].timestamp->value += std::uint64_t{25 * 3600} << 16U;
       },
       SsStatus::ReasonUnspecified},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    SetFixture set(2);
    set.messages.clear();
    StateSynchronization message = reply(500, {information(set, home(1))});
    row.spoil(message);
    set.send_message(0, row.from, message);
    const auto answer = last(set, SsType::Acknowledgement);
    CHECK(answer.has_value() == row.status.has_value());
    if (answer && row.status) {
      REQUIRE(answer->statuses.size() == 1);
      CHECK(answer->statuses[0].status == *row.status);
    }
    CHECK((set.view(home(1)) == "G1 -") == (row.status == SsStatus::Success));
  }
}

TEST_CASE("strangers are answered by 130 when the operator wants the letter of the draft",
          "[sync][R61][R96][A8]") {
  SetFixture set(2, true,
                 [](unsigned, config::HomeAgent& config) { config.haha.answer_strangers = true; });
  for (int i = 0; i < 50; ++i) {
    set.send_message(0, member_locator(5), reply(500, {information(set, home(1))}));
  }
  CHECK(set.count(0, ControlCounter::StrangersAnswered) == 10);  // and limited
  CHECK(set.view(home(1)) == "- -");
}

TEST_CASE("a clock that is ahead is told of, and bounded", "[sync][R104]") {
  SetFixture set(2);
  set.send_message(0, member_locator(1), reply(500, {information(set, home(1), 60s)}));
  CHECK(set.view(home(1)) == "G1 -");
  CHECK(set.notes(0, NoteKind::ClockSkew).size() == 1);
  // Our own next word wins all the same: later than anything known.
  UpdateSpec spec;
  spec.home_address = home(1);
  CHECK(set.update(0, spec) == wire::BindingStatus::Accepted);
  CHECK(set.view(home(1)) == "R G0");
}

TEST_CASE("the last writer wins, whoever says it and in whatever order", "[sync][R104][A12b][I2]") {
  SetFixture set(3);
  auto early = information(set, home(1));
  auto late = information(set, home(1), 1s);
  set.send_message(0, member_locator(2), reply(500, {late}));
  set.send_message(0, member_locator(1), reply(500, {early}));
  CHECK(set.view(home(1)).substr(0, 2) == "G2");
  // One time at two home agents: the higher locator.
  auto tie = information(set, home(2));
  set.send_message(0, member_locator(1), reply(501, {tie}));
  set.send_message(0, member_locator(2), reply(501, {tie}));
  CHECK(set.view(home(2)).substr(0, 2) == "G2");
  set.send_message(0, member_locator(1), reply(502, {tie}));
  CHECK(set.view(home(2)).substr(0, 2) == "G2");
  // Changes under one time are counted; a withdrawal is one of them.
  auto gone = late;
  gone.change_counter = 1;
  gone.lifetime = Lifetime(0);
  set.send_message(0, member_locator(2), reply(503, {gone}));
  CHECK(set.view(home(1)).substr(0, 1) == "-");
  set.send_message(0, member_locator(2), reply(504, {late}));
  CHECK(set.view(home(1)).substr(0, 1) == "-");
}

TEST_CASE("an SS-REQ for everything is answered by everything and an end mark",
          "[sync][R70][R72][R74][R45][R53]") {
  SetFixture set(2);
  register_some(set, 0, 40);
  set.run_for(1s);
  set.messages.clear();
  StateSynchronization request;
  request.global = true;
  request.identifier = 77;
  set.send_message(0, member_locator(1), request);
  set.run_for(1s);
  std::size_t bindings = 0;
  bool ended = false;
  for (const SetMessage& message : set.messages) {
    if (const auto answer = message.sync(SsType::Reply)) {
      CHECK_FALSE(ended);
      CHECK(message.message().size() <= 1460);
      for (const auto& one : answer->bindings) {
        if (one.home_address == HomeAddress{}) {
          ended = true;
          CHECK(one.sequence == SequenceNumber{77});
          CHECK(one.lifetime.is_zero());
        } else {
          CHECK(one.timestamp);
          ++bindings;
        }
      }
    }
  }
  CHECK(bindings == 40);
  CHECK(ended);
}

TEST_CASE("selective requests", "[sync][A25]") {
  SetFixture set(2);
  register_some(set, 0, 5);
  set.run_for(1s);
  set.messages.clear();
  StateSynchronization request;
  request.global = true;
  request.identifier = 78;
  SECTION("one home address") {
    request.addresses.push_back({0, 128, home(3).address()});
    set.send_message(0, member_locator(1), request);
    const auto answer = last(set, SsType::Reply);
    REQUIRE(answer);
    REQUIRE(answer->bindings.size() == 1);
    CHECK(answer->bindings[0].home_address == home(3));
  }
  SECTION("one that nobody knows: withdrawn, with a version that orders nothing") {
    request.addresses.push_back({0, 128, home(300).address()});
    set.send_message(0, member_locator(1), request);
    const auto answer = last(set, SsType::Reply);
    REQUIRE(answer);
    REQUIRE(answer->bindings.size() == 1);
    CHECK(answer->bindings[0].home_address == home(300));
    CHECK(answer->bindings[0].lifetime.is_zero());
    CHECK(answer->bindings[0].timestamp == Timestamp{});
    CHECK(set.agent(1).bindings().find(home(300)) == nullptr);
  }
  SECTION("G = 0, and from a stranger: nothing (R100)") {
    request.global = false;
    set.send_message(0, member_locator(1), request);
    request.global = true;
    set.send_message(0, member_locator(5), request);
    CHECK_FALSE(last(set, SsType::Reply));
    CHECK(set.count(0, ControlCounter::SyncRequestsRefused) == 1);
    CHECK(set.count(0, ControlCounter::StrangerMessages) == 1);
  }
}

TEST_CASE("a home address that is missing from an SS-ACK stays unacknowledged", "[sync][I8]") {
  SetFixture set(2);
  bool hold = true;
  set.lose = [&](const SetMessage& message) {
    return hold && (message.sync(SsType::Acknowledgement) || message.sync(SsType::Reply));
  };
  register_some(set, 0, 1);
  StateSynchronization answer;
  answer.type = SsType::Acknowledgement;
  answer.global = true;
  answer.identifier = last(set, SsType::Reply)->identifier;
  answer.statuses = {{SsStatus::Success, home(7)}};
  set.send_message(0, member_locator(1), answer);
  CHECK(set.count(0, ControlCounter::SyncAcknowledgementsUnknown) == 1);
  answer.identifier = 9999;
  answer.statuses = {{SsStatus::Success, home(0)}};
  set.send_message(0, member_locator(1), answer);
  CHECK(set.count(0, ControlCounter::SyncAcknowledgementsUnknown) == 2);
  CHECK(set.agent(0).peers()[0].stream.outstanding() == 1);
  hold = false;
  set.run_for(3s);
  CHECK(set.view(home(0)) == "R G0");
  CHECK(set.agent(0).peers()[0].stream.outstanding() == 0);
}

TEST_CASE("statuses of an SS-ACK have consequences", "[sync][R99]") {
  SetFixture set(2);
  set.lose = [](const SetMessage& message) {
    return message.from == 0 && message.sync(SsType::Reply);
  };
  register_some(set, 0, 1);
  const std::uint16_t identifier = last(set, SsType::Reply)->identifier;
  StateSynchronization answer;
  answer.type = SsType::Acknowledgement;
  answer.global = true;
  answer.identifier = identifier;
  const auto replies = [&] {
    return std::ranges::count_if(set.messages, [](const SetMessage& message) {
      return message.from == 0 && message.sync(SsType::Reply);
    });
  };
  SECTION("128: tried again after a minute, with an alarm") {
    answer.statuses = {{SsStatus::ReasonUnspecified, home(0)}};
    set.send_message(0, member_locator(1), answer);
    CHECK(set.notes(0, NoteKind::MessageRefused).size() == 1);
    const auto before = replies();
    set.run_for(50s);
    CHECK(replies() == before);
    set.run_for(15s);
    CHECK(replies() > before);
  }
  SECTION("129: this Identifier is over") {
    answer.statuses = {{SsStatus::MalformedReply, HomeAddress{}}};
    set.send_message(0, member_locator(1), answer);
    CHECK_FALSE(set.agent(0).peers()[0].stream.knows(identifier));
    CHECK(set.notes(0, NoteKind::MessageRefused).size() == 1);
  }
  SECTION("130: we are no member there; asked again at the pace of HELLOs") {
    answer.statuses = {{SsStatus::NotInSameGlobalHomeAgentSet, HomeAddress{}}};
    set.send_message(0, member_locator(1), answer);
    CHECK(set.agent(0).peers()[0].not_member);
    CHECK(set.notes(0, NoteKind::NotMember).size() == 1);
    set.lose = [](const SetMessage&) { return false; };
    set.run_for(3s);
    CHECK(set.view(home(0)) == "R G0");
  }
}

TEST_CASE("a peer that never acknowledges costs one mark per binding and delays nobody",
          "[sync][I9]") {
  SetFixture set(3, true,
                 [](unsigned, config::HomeAgent& config) { config.haha.max_outstanding = 4; });
  set.lose = [](const SetMessage& message) {
    return message.from == 1 && message.sync(SsType::Acknowledgement);
  };
  for (unsigned round = 0; round < 5; ++round) {
    for (unsigned i = 0; i < 30; ++i) {
      UpdateSpec spec;
      spec.home_address = home(i);
      spec.sequence = static_cast<std::uint16_t>(round + 1);
      spec.source = round % 2 == 0 ? kCareOf.address() : kNewCareOf.address();
      set.update(0, spec);
    }
  }
  const auto& stuck = set.agent(0).peers()[0].stream;
  CHECK(stuck.outstanding() <= 4);
  CHECK(stuck.backlog() <= 30);
  set.run_for(1s);
  for (unsigned i = 0; i < 30; ++i) {
    CHECK(set.binding(2, home(i))->care_of_address == kCareOf);
  }
}

TEST_CASE("live updates go before a dump", "[sync][R74]") {
  SetFixture set(2, true, [](unsigned, config::HomeAgent& config) { config.max_bindings = 5000; });
  register_some(set, 0, 1500);
  set.run_for(2s);
  set.kill(1);
  set.run_for(5s);
  // The dump goes out, and nothing of it is acknowledged.
  set.lose = [](const SetMessage& message) {
    return message.from == 1 && message.sync(SsType::Acknowledgement);
  };
  set.restart(1);
  set.run_for(1s);
  REQUIRE(set.agent(0).peers()[0].stream.outstanding_of_dump() > 40);
  set.messages.clear();
  UpdateSpec spec;
  spec.home_address = home(7);
  spec.sequence = 2;
  spec.source = kNewCareOf.address();
  set.update(0, spec);
  REQUIRE_FALSE(set.messages.empty());
  const auto first = set.messages.front().sync(SsType::Reply);
  REQUIRE(first);
  CHECK(first->bindings.front().home_address == home(7));
  CHECK(set.binding(1, home(7))->care_of_address == kNewCareOf);
}

TEST_CASE("a storm of registrations fills its messages, and leaves Identifiers for others",
          "[sync][R59]") {
  constexpr unsigned kNodes = 4000;
  constexpr unsigned kRounds = 25;  // 100,000 changes in half a second
  SetFixture set(2, true, [](unsigned, config::HomeAgent& config) { config.max_bindings = 5000; });
  set.messages.clear();
  std::size_t messages = 0;
  std::size_t told = 0;
  std::size_t fullest = 0;
  for (unsigned round = 0; round < kRounds; ++round) {
    for (unsigned i = 0; i < kNodes; ++i) {
      UpdateSpec spec;
      spec.home_address = home(i);
      spec.sequence = static_cast<std::uint16_t>(round + 1);
      spec.source = round % 2 == 0 ? kCareOf.address() : kNewCareOf.address();
      REQUIRE(set.update(0, spec) == wire::BindingStatus::Accepted);
      if (i % 200 == 0) {
        set.run_for(1ms);
        for (const SetMessage& message : set.messages) {
          if (const auto sync = message.sync(SsType::Reply)) {
            ++messages;
            told += sync->bindings.size();
            fullest = std::max(fullest, sync->bindings.size());
          }
        }
        set.messages.clear();
      }
    }
  }
  set.run_for(21ms);  // nobody waits longer for others than that
  for (unsigned i = 0; i < kNodes; ++i) {
    const control::Binding* copy = set.binding(1, home(i));
    REQUIRE(copy != nullptr);
    REQUIRE(copy->sequence.value == kRounds);
  }
  CHECK(set.count(0, ControlCounter::IdentifiersExhausted) == 0);
  CHECK(set.agent(0).peers()[0].stream.backlog() == 0);
  // What is told at once as long as there are plenty, and full messages from then on.
  INFO(told << " in " << messages);
  CHECK(fullest >= 20);
  CHECK(messages <= 4096 + (kNodes * kRounds - 4096) / 20);
  CHECK(messages >= 4096);
}

TEST_CASE("a change that comes alone is told at once, also when Identifiers are scarce", "[sync]") {
  SetFixture set(2, true, [](unsigned, config::HomeAgent& config) { config.max_bindings = 5000; });
  std::uint16_t sequence = 0;
  const auto move = [&] {
    UpdateSpec spec;
    spec.sequence = ++sequence;
    spec.source = sequence % 2 == 0 ? kCareOf.address() : kNewCareOf.address();
    REQUIRE(set.update(0, spec) == wire::BindingStatus::Accepted);
  };
  for (unsigned i = 0; i < 4200; ++i) {
    move();
  }
  set.run_for(1s);
  REQUIRE(set.agent(0).peers()[0].stream.identifiers_used() >= 4096);
  move();
  CHECK(set.binding(1, kHome)->sequence.value == sequence);
  // The next one waits, but not long.
  move();
  CHECK(set.binding(1, kHome)->sequence.value == sequence - 1);
  set.run_for(21ms);
  CHECK(set.binding(1, kHome)->sequence.value == sequence);
}

TEST_CASE("a dump fills its messages and its window, and goes no further", "[sync][R74]") {
  constexpr unsigned kWindow = 16;
  constexpr std::size_t kPerMessage = (1460 - 18) / 64;  // rulings §4: link-mtu, and 64 for each
  SetFixture set(2, true, [](unsigned, config::HomeAgent& config) {
    config.max_bindings = 5000;
    config.haha.max_outstanding = kWindow;
  });
  register_some(set, 0, 1500);
  set.run_for(2s);
  set.kill(1);
  set.run_for(5s);
  set.lose = [](const SetMessage& message) {
    return message.from == 1 && message.sync(SsType::Acknowledgement);
  };
  set.messages.clear();
  set.restart(1);
  set.run_for(200ms);  // nothing is repeated yet
  const auto& stream = set.agent(0).peers()[0].stream;
  CHECK(stream.outstanding_of_dump() == kWindow);
  std::size_t bindings = 0;
  for (const SetMessage& message : set.messages) {
    if (const auto sync = message.sync(SsType::Reply); sync && message.from == 0) {
      CHECK(sync->bindings.size() == kPerMessage);
      bindings += sync->bindings.size();
    }
  }
  CHECK(bindings == kWindow * kPerMessage);  // in the first round trip
  // With acknowledgements, all of it, in as many messages as it takes and one for the end.
  set.lose = [](const SetMessage&) { return false; };
  set.run_for(3s);
  CHECK(set.agent(1).bindings().global() == 1500);
  std::set<std::uint16_t> identifiers;
  for (const SetMessage& message : set.messages) {
    if (const auto sync = message.sync(SsType::Reply); sync && message.from == 0) {
      identifiers.insert(sync->identifier);
    }
  }
  CHECK(identifiers.size() == (1500 + kPerMessage - 1) / kPerMessage + 1);
}

TEST_CASE("a peer that comes for the first time is told of each binding once", "[sync][R74]") {
  SetFixture set(2, false, [](unsigned, config::HomeAgent& config) {
    config.max_bindings = 5000;
    config.haha.min_links = 0;
  });
  set.kill(1);
  set.restart(0);
  set.run_for(15s);
  register_some(set, 0, 1500);
  UpdateSpec gone;
  gone.home_address = home(3);
  gone.sequence = 2;
  gone.lifetime = 0;
  set.update(0, gone);
  REQUIRE(set.agent(0).peers()[0].stream.backlog() == 1500);
  set.messages.clear();
  set.restart(1);
  set.run_for(3s);
  CHECK(set.agent(1).bindings().global() == 1499);
  CHECK(set.agent(1).serving());
  std::size_t told = 0;
  for (const SetMessage& message : set.messages) {
    if (const auto sync = message.sync(SsType::Reply); sync && message.from == 0) {
      told += sync->bindings.size();
    }
  }
  CHECK(told == 1500 + 1);  // its end mark
  CHECK(set.agent(0).peers()[0].stream.backlog() == 0);
}

TEST_CASE("Identifiers are not used again for a minute, and wrap past zero", "[sync][I8]") {
  control::SyncStream stream(65535);
  const Instant start{100s};
  std::set<std::uint16_t> seen;
  for (unsigned i = 0; i < 65535; ++i) {
    if (!stream.has_identifier(start)) {
      break;
    }
    const std::uint16_t identifier = stream.open(start, {{kHome, 1, {}, false}}, false);
    CHECK_FALSE(identifier == 0);
    seen.insert(identifier);
    (void)stream.acknowledge(start, identifier, kHome);
  }
  CHECK(seen.size() >= 65534);
  CHECK_FALSE(stream.has_identifier(start + 59s));
  CHECK(stream.identifiers_used() >= 65534);
  REQUIRE(stream.has_identifier(start + 60s));
  CHECK(stream.open(start + 60s, {{kHome, 1, {}, false}}, false) != 0);
}

TEST_CASE("mobile network prefixes travel, replace each other, and have one owner",
          "[sync][R37][R41][R65][A32]") {
  SetFixture set(3);
  auto first = information(set, home(1));
  first.flags |= wire::bu_flag::kMobileRouter;
  first.prefixes = {{64, *Ipv6Address::parse("2001:db8:100::")},
                    {64, *Ipv6Address::parse("2001:db8:101::")}};
  set.send_message(0, member_locator(1), reply(500, {first}));
  const Prefix one(*Ipv6Address::parse("2001:db8:100::"), 64);
  const Prefix two(*Ipv6Address::parse("2001:db8:101::"), 64);
  CHECK(*set.agent(0).bindings().owner_of(one) == home(1));
  auto fewer = first;
  fewer.change_counter = 1;
  fewer.prefixes.pop_back();
  set.send_message(0, member_locator(1), reply(501, {fewer}));
  CHECK(set.agent(0).bindings().owner_of(two) == nullptr);
  // Somebody else claims it later: the older binding keeps it, the other is told by 128.
  auto later = information(set, home(2), 1s);
  later.flags |= wire::bu_flag::kMobileRouter;
  later.prefixes = {{64, one.address()}};
  set.messages.clear();
  set.send_message(0, member_locator(2), reply(500, {later}));
  CHECK(last(set, SsType::Acknowledgement)->statuses[0].status == SsStatus::ReasonUnspecified);
  CHECK(*set.agent(0).bindings().owner_of(one) == home(1));
  CHECK(set.view(home(2)).substr(0, 2) == "G2");
  // It goes: the other takes over.
  auto gone = fewer;
  gone.change_counter = 2;
  gone.lifetime = Lifetime(0);
  set.send_message(0, member_locator(1), reply(502, {gone}));
  CHECK(*set.agent(0).bindings().owner_of(one) == home(2));
}

TEST_CASE("every truncation of a synchronization message is taken without harm", "[sync]") {
  SetFixture set(2);
  Bytes buffer(2048);
  auto one = information(set, home(1));
  one.prefixes = {{64, *Ipv6Address::parse("2001:db8:100::")}};
  for (const SsType type : {SsType::Request, SsType::Reply, SsType::Acknowledgement}) {
    StateSynchronization message = reply(500, {one});
    message.type = type;
    if (type != SsType::Reply) {
      message.bindings.clear();
    }
    if (type == SsType::Acknowledgement) {
      message.statuses = {{SsStatus::Success, home(1)}};
    }
    const auto whole = wire::write_state_synchronization(buffer, message, {}, member_locator(1),
                                                         member_locator(0));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      Bytes packet(wire::kIpv6HeaderSize + size);
      Writer writer(packet);
      wire::Ipv6Header header;
      header.payload_length = static_cast<std::uint16_t>(size);
      header.next_header = wire::protocol::kMobility;
      header.source = member_locator(1).address();
      header.destination = member_locator(0).address();
      header.write(writer);
      writer.bytes(ByteView(whole).first(size));
      set.receive(0, packet);
    }
  }
  CHECK(set.view(home(1)) == "- -");
  CHECK(set.agent(0).serving());
}

TEST_CASE("SipHash-2-4 by the vectors of its authors", "[siphash]") {
  SipHash::Key key{};
  for (unsigned i = 0; i < 16; ++i) {
    key[i] = std::byte(i);
  }
  const SipHash hash(key);
  std::array<std::byte, 64> input{};
  for (unsigned i = 0; i < 64; ++i) {
    input[i] = std::byte(i);
  }
  const ByteView bytes(input);
  CHECK(hash(bytes.first(0)) == 0x726fdb47dd0e0e31ULL);
  CHECK(hash(bytes.first(1)) == 0x74f839c593dc67fdULL);
  CHECK(hash(bytes.first(8)) == 0x93f5f5799a932462ULL);
  CHECK(hash(bytes.first(15)) == 0xa129ca6149be45e5ULL);
  CHECK(hash(bytes.first(63)) == 0x958a324ceb064572ULL);
}

TEST_CASE("a home address that is in an SS-REP twice is acknowledged once", "[sync][R67]") {
  SetFixture set(2);
  const auto one = information(set, home(1));
  const auto other = information(set, home(2));  // its last byte is the same
  set.messages.clear();
  set.send_message(0, member_locator(1), reply(900, {one, other, one}));
  const auto answer = last(set, SsType::Acknowledgement);
  REQUIRE(answer);
  REQUIRE(answer->statuses.size() == 2);
  CHECK(answer->statuses[0].home_address == home(1));
  CHECK(answer->statuses[1].home_address == home(2));
}

TEST_CASE("what a digest sums is laid out as on the wire", "[sync][R105]") {
  const std::vector<std::byte> key(16, std::byte{0x5a});
  const control::DigestHash digest(key);
  const control::Version version{Timestamp{0x0102030405060708}, 3, 0x0a0b};
  std::array<std::byte, 42> bytes{};
  Writer writer(bytes);
  writer.bytes(std::as_bytes(std::span(kHome.address().octets)));
  writer.u64(version.time.value);
  writer.u16(version.change);
  writer.bytes(std::as_bytes(std::span(kCareOf.address().octets)));
  SipHash::Key raw{};
  std::ranges::copy(key, raw.begin());
  CHECK(digest.content(kHome, version, kCareOf, {}) == SipHash(raw)(bytes));
}

TEST_CASE("a key for each home agent", "[authentication][R108]") {
  const Bytes key(16, std::byte{7});
  const auto at_0 = control::derive_key(key, member_address(0));
  CHECK(at_0 == control::derive_key(key, member_address(0)));
  CHECK(at_0 != control::derive_key(key, member_address(1)));
  CHECK(at_0 != control::derive_key(Bytes(16, std::byte{8}), member_address(0)));
}
