// HA-HELLO: every check of draft §5.2.4, links, epochs, leaving.
#include "test/support/set_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using control::ControlCounter;
using control::NoteKind;

namespace {

wire::HaHello good_hello(std::uint16_t sequence = 1000, std::uint32_t epoch = 1767225600) {
  wire::HaHello hello;
  hello.sequence = SequenceNumber{sequence};
  hello.lifetime_seconds = 3;
  hello.interval_seconds = 1;
  hello.group_id = 7;
  hello.active = true;
  hello.request = true;
  hello.global = true;
  hello.restart_counter = epoch;
  return hello;
}

unsigned hellos(const SetFixture& set, unsigned from, unsigned to) {
  return static_cast<unsigned>(std::ranges::count_if(set.messages, [&](const SetMessage& message) {
    return message.from == from && message.to == to && message.hello();
  }));
}

}  // namespace

TEST_CASE("what a HELLO says and where it goes", "[hello][R14][R17][R18][R19][R21][R3][R2]") {
  SetFixture set;
  set.run_for(1100ms);
  for (unsigned from = 0; from < 3; ++from) {
    for (unsigned to = 0; to < 3; ++to) {
      CHECK((from == to ? hellos(set, from, to) == 0 : hellos(set, from, to) >= 1));
    }
  }
  for (const SetMessage& message : set.messages) {
    const auto hello = message.hello();
    if (!hello) {
      continue;
    }
    const auto header = wire::Ipv6Header::parse(message.packet);
    CHECK(header->source == member_locator(message.from).address());
    CHECK(header->destination == member_locator(message.to).address());
    CHECK(hello->global);
    CHECK(hello->group_id == 7);
    CHECK(hello->preference == 0);
    CHECK(hello->active);
    CHECK(hello->lifetime_seconds == 3);
    CHECK(hello->restart_counter);
  }
}

TEST_CASE("a HELLO with R is answered, at a bounded rate, by one without", "[hello][R15][A7]") {
  SetFixture set(2);
  set.run_for(5s);
  set.messages.clear();
  for (std::uint16_t i = 0; i < 20; ++i) {
    set.send_message(0, member_locator(1), good_hello(static_cast<std::uint16_t>(2000 + i)));
  }
  unsigned answers = 0;
  for (const SetMessage& message : set.messages) {
    if (const auto hello = message.hello(); hello && message.from == 0) {
      CHECK_FALSE(hello->request);
      ++answers;
    }
  }
  CHECK(answers >= 1);
  CHECK(answers <= 2);
  CHECK(set.count(0, ControlCounter::HelloAnswersLimited) == 20 - answers);
}

TEST_CASE("what a HELLO must have, one row a rule",
          "[hello][R9][R11][R25][R26][R27][R28][R29][R95]") {
  struct Row {
    const char* what;
    Locator from;
    void (*spoil)(wire::HaHello&);
    std::optional<ControlCounter> counter;  // nullopt: accepted
  };
  const Row rows[] = {
      {"good", member_locator(1), [](wire::HaHello&) {}, std::nullopt},
      {"a preference, ignored", member_locator(1), [](wire::HaHello& h) { h.preference = 9; },
       std::nullopt},
      {"of no member", member_locator(5), [](wire::HaHello&) {}, ControlCounter::StrangerMessages},
      {"another group", member_locator(1), [](wire::HaHello& h) { h.group_id = 8; },
       ControlCounter::HelloGroupMismatch},
      {"G = 0", member_locator(1), [](wire::HaHello& h) { h.global = false; },
       ControlCounter::HelloNotGlobal},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    SetFixture set(2, false);
    set.restart(0);
    wire::HaHello hello = good_hello();
    row.spoil(hello);
    set.messages.clear();
    set.send_message(0, row.from, hello);
    if (row.counter) {
      CHECK(set.count(0, *row.counter) == 1);
      CHECK(set.messages.empty());  // neither an answer nor anything else
      CHECK_FALSE(set.agent(0).peers()[0].heard_until);
    } else {
      CHECK(set.agent(0).peers()[0].heard_until);
      CHECK(hellos(set, 0, 1) == 1);
    }
  }
}

TEST_CASE("no HELLO goes to a peer of another group, until it says ours", "[hello][R22]") {
  SetFixture set(2, false);
  set.restart(0);
  wire::HaHello other = good_hello(10);
  other.group_id = 8;
  set.send_message(0, member_locator(1), other);
  set.messages.clear();
  set.run_for(5s);
  CHECK(hellos(set, 0, 1) == 0);
  set.send_message(0, member_locator(1), good_hello(11));
  CHECK(hellos(set, 0, 1) == 1);
  set.run_for(5s);
  CHECK(hellos(set, 0, 1) >= 5);
}

TEST_CASE("a HELLO older than the last is ignored, within a life and across lives",
          "[hello][I12]") {
  SetFixture set(2, false);
  set.restart(0);
  set.send_message(0, member_locator(1), good_hello(100));
  const auto stale = [&] { return set.count(0, ControlCounter::HelloStale); };
  set.send_message(0, member_locator(1), good_hello(100));
  CHECK(stale() == 1);
  set.send_message(0, member_locator(1), good_hello(99));
  CHECK(stale() == 2);
  set.send_message(0, member_locator(1), good_hello(100 + 32768));
  CHECK(stale() == 3);  // the exact opposite counts as old
  set.send_message(0, member_locator(1), good_hello(101));
  CHECK(stale() == 3);
  // A new life starts its numbers anew; the old one's late words do not count any more.
  set.send_message(0, member_locator(1), good_hello(1, 1767225601));
  CHECK(stale() == 3);
  CHECK(set.notes(0, NoteKind::PeerRestarted).size() == 1);
  set.send_message(0, member_locator(1), good_hello(102));
  CHECK(stale() == 4);
}

TEST_CASE("sequence numbers wrap", "[hello]") {
  SetFixture set(2, false);
  set.restart(0);
  set.send_message(0, member_locator(1), good_hello(65535));
  set.send_message(0, member_locator(1), good_hello(0));
  CHECK(set.count(0, ControlCounter::HelloStale) == 0);
}

TEST_CASE("hearing alone is no link; an answer is", "[hello][R2]") {
  SetFixture set(2, false);
  set.restart(0);
  for (std::uint16_t i = 0; i < 5; ++i) {
    set.send_message(0, member_locator(1), good_hello(static_cast<std::uint16_t>(10 + i)));
    set.run_for(1s);
  }
  CHECK_FALSE(set.agent(0).peers()[0].up);
  wire::HaHello answer = good_hello(50);
  answer.request = false;
  set.send_message(0, member_locator(1), answer);
  CHECK(set.agent(0).peers()[0].up);
  // It goes on talking, and does not answer any more: down after the lifetime.
  for (std::uint16_t i = 0; i < 4; ++i) {
    set.run_for(1s);
    set.send_message(0, member_locator(1), good_hello(static_cast<std::uint16_t>(60 + i)));
  }
  CHECK_FALSE(set.agent(0).peers()[0].up);
}

TEST_CASE("a silent peer is down when its lifetime ends", "[hello][R12][R10]") {
  SetFixture set(2);
  set.effects[0].clear();
  set.kill(1);
  set.run_for(2s);
  CHECK(set.agent(0).peers()[0].up);
  set.run_for(2s);
  CHECK_FALSE(set.agent(0).peers()[0].up);
  REQUIRE(set.notes(0, NoteKind::PeerDown).size() == 1);
  const auto reach = std::ranges::find_if(set.effects[0], [](const auto& effect) {
    return std::holds_alternative<forwarding::SetPeer>(effect);
  });
  REQUIRE(reach != set.effects[0].end());
  CHECK(std::get<forwarding::SetPeer>(*reach).reach == forwarding::PeerReach::Dead);
  CHECK(set.notes(0, NoteKind::Isolated).size() == 1);
  CHECK(set.agent(0).serving());  // it may be the last one
}

TEST_CASE("who stood still thinks nobody dead for that", "[hello][R12]") {
  SetFixture set(3);
  UpdateSpec spec;
  spec.sequence = 1;
  set.update(0, spec);
  set.effects[1].clear();
  set.elsewhere.clear();
  set.kill(1);
  set.run_for(10s);
  CHECK(set.notes(0, NoteKind::PeerDown).size() == 1);
  set.wake(1);
  set.run_for(2s);
  CHECK(set.notes(1, NoteKind::PeerDown).empty());
  CHECK(set.switches().empty());
  CHECK(set.agent(0).peers()[0].up);
  CHECK(set.view() == "R G0 G0");
  SECTION("but for what is not heard afterwards") {
    set.effects[1].clear();
    set.kill(0);
    set.run_for(4s);
    CHECK(set.notes(1, NoteKind::PeerDown).size() == 1);
  }
}

TEST_CASE("an isolated home agent withdraws when the operator wants that", "[hello]") {
  SetFixture set(2, true, [](unsigned, config::HomeAgent& config) {
    config.haha.withdraw_when_isolated = true;
  });
  set.kill(1);
  set.run_for(5s);
  CHECK_FALSE(set.agent(0).serving());
  set.restart(1);
  set.run_for(5s);
  CHECK(set.agent(0).serving());
}

TEST_CASE("who leaves says so, and is gone at once", "[hello][A23]") {
  SetFixture set(3);
  control::Effects effects;
  set.agent(0).leave(set.now, effects);
  for (const auto& effect : effects.list()) {
    if (const auto* packet = std::get_if<control::SendPacket>(&effect)) {
      const ByteView bytes = effects.bytes(*packet);
      set.receive(1, Bytes(bytes.begin(), bytes.end()));  // member 2's copy fails its own checks
    }
  }
  CHECK(set.notes(1, NoteKind::PeerLeft).size() == 1);
  CHECK_FALSE(set.agent(1).peers()[0].up);
}

TEST_CASE("messages between home agents count only at the locator and out of no tunnel",
          "[hello][R107][R100]") {
  SetFixture set(2);
  set.messages.clear();
  Bytes buffer(512);
  const auto message =
      wire::write_ha_hello(buffer, good_hello(), {}, member_locator(1), member_locator(0));
  Bytes packet(wire::kIpv6HeaderSize + message.size());
  Writer writer(packet);
  wire::Ipv6Header header;
  header.payload_length = static_cast<std::uint16_t>(message.size());
  header.next_header = wire::protocol::kMobility;
  header.source = member_locator(1).address();
  header.destination = member_locator(0).address();
  header.write(writer);
  writer.bytes(message);
  forwarding::PuntMetadata tunnelled;
  tunnelled.decapsulations = 1;
  set.receive(0, packet, tunnelled);
  CHECK(set.count(0, ControlCounter::SetMessageMisplaced) == 1);
  CHECK(set.messages.empty());
}

TEST_CASE("every truncation and every flag of a HELLO is taken without harm", "[hello]") {
  SetFixture set(2);
  Bytes buffer(512);
  const auto whole =
      wire::write_ha_hello(buffer, good_hello(), {}, member_locator(1), member_locator(0));
  for (std::size_t size = 0; size <= whole.size(); ++size) {
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
  for (unsigned flags = 0; flags < 8; ++flags) {
    wire::HaHello hello = good_hello(static_cast<std::uint16_t>(5000 + flags));
    hello.active = (flags & 1U) != 0;
    hello.request = (flags & 2U) != 0;
    hello.global = (flags & 4U) != 0;
    set.send_message(0, member_locator(1), hello);
  }
  CHECK(set.count(0, ControlCounter::HelloNotGlobal) == 4);
  CHECK(set.agent(0).serving());
}

TEST_CASE("a HELLO that was overtaken proves the link, once, and says nothing else",
          "[hello][R2]") {
  SetFixture set(2, false);
  set.restart(0);
  const auto& peer = set.agent(0).peers()[0];
  // Its own next HELLO comes before its answer to ours: two clocks that tick together do that for
  // ever.
  set.send_message(0, member_locator(1), good_hello(101));
  CHECK_FALSE(peer.up);
  wire::HaHello answer = good_hello(100);
  answer.request = false;
  answer.active = false;
  set.send_message(0, member_locator(1), answer);
  CHECK(peer.up);
  CHECK(peer.active);  // what the newer one said
  const Instant until = *peer.answered_until;
  set.run_for(500ms);
  set.send_message(0, member_locator(1), answer);
  CHECK(*peer.answered_until == until);  // a copy is no second proof
  // A question that was overtaken by an answer is answered all the same.
  set.run_for(2s);
  answer = good_hello(103);
  answer.request = false;
  set.send_message(0, member_locator(1), answer);
  set.messages.clear();
  set.send_message(0, member_locator(1), good_hello(102));
  CHECK(hellos(set, 0, 1) == 1);
  // But nothing old: the link of a dead peer must not live on.
  const Instant last = *peer.answered_until;
  answer = good_hello(99);
  answer.request = false;
  set.send_message(0, member_locator(1), answer);
  CHECK(*peer.answered_until == last);
  CHECK(set.count(0, ControlCounter::HelloStale) == 4);
}
