// What an adversary, a full table, a flood and a wrong clock can do to a set: nothing that lasts.
#include "controlplane/key_derivation.h"
#include "test/support/set_fixture.h"
#include "test/support/signed_update.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using control::ControlCounter;
using wire::BindingStatus;

namespace {

void secure(config::HomeAgent& config, config::ReplayProtection protection) {
  const config::HomeAgent one = secure_config();
  config.authentication = one.authentication;
  config.mobile_nodes = one.mobile_nodes;
  config.replay_protection = protection;
}

wire::BindingCacheInformation information(const SetFixture& set, const HomeAddress& of) {
  wire::BindingCacheInformation one;
  one.home_address = of;
  one.flags = wire::bu_flag::kAcknowledge | wire::bu_flag::kHomeRegistration;
  one.lifetime = Lifetime(75);
  one.care_of_address = kCareOf;
  one.timestamp = Timestamp::from(set.now.wall);
  return one;
}

wire::StateSynchronization reply(std::uint16_t identifier,
                                 std::vector<wire::BindingCacheInformation> bindings) {
  wire::StateSynchronization message;
  message.type = wire::SsType::Reply;
  message.acknowledge = true;
  message.global = true;
  message.identifier = identifier;
  message.bindings = std::move(bindings);
  return message;
}

HomeAddress home(unsigned i) {
  Ipv6Address address = kHome.address();
  address.octets[12] = static_cast<std::uint8_t>(i >> 8U);
  address.octets[13] = static_cast<std::uint8_t>(i);
  return HomeAddress(address);
}

}  // namespace

TEST_CASE("an old Binding Update is worth nothing at another home agent: timestamps",
          "[set][R108][I12]") {
  SetFixture set(3, true, [](unsigned, config::HomeAgent& config) {
    secure(config, config::ReplayProtection::Timestamp);
  });
  const auto at = [&] { return Signing{.timestamp = NtpTimestamp::from(set.now.wall)}; };
  const UpdateSpec first = signed_update(1, at());
  REQUIRE(set.update(0, first) == BindingStatus::Accepted);
  set.run_for(1s);
  const UpdateSpec refresh = signed_update(2, at());
  REQUIRE(set.update(0, refresh) == BindingStatus::Accepted);
  for (const UpdateSpec& old : {first, refresh}) {
    CHECK(set.update(1, old) == BindingStatus::IdentificationMismatch);
    CHECK(set.update(2, old) == BindingStatus::IdentificationMismatch);
  }
  CHECK(set.view() == "R G0 G0");
  // The mobile node itself may come to another one, with the next stamp.
  set.run_for(1s);
  CHECK(set.update(1, signed_update(50, at())) == BindingStatus::Accepted);
  CHECK(set.view() == "G1 R G1");
}

TEST_CASE("a mobile node that comes back at once is not taken for a delayed message: timestamps",
          "[set][R84]") {
  SetFixture set(3, true, [](unsigned, config::HomeAgent& config) {
    secure(config, config::ReplayProtection::Timestamp);
  });
  const auto at = [&] { return Signing{.timestamp = NtpTimestamp::from(set.now.wall)}; };
  REQUIRE(set.update(0, signed_update(1, at())) == BindingStatus::Accepted);
  set.run_for(1s);
  const UpdateSpec delayed = signed_update(2, at());
  set.run_for(1s);
  REQUIRE(set.update(1, signed_update(3, at())) == BindingStatus::Accepted);
  set.run_for(1s);
  CHECK(set.update(0, delayed) == BindingStatus::IdentificationMismatch);
  CHECK(set.view() == "G1 R G1");
  CHECK(set.update(0, signed_update(4, at())) == BindingStatus::Accepted);
  CHECK(set.view() == "R G0 G0");
}

TEST_CASE("an old Binding Update is worth nothing at another home agent: keys for each",
          "[set][R108][I12]") {
  SetFixture set(2, true, [](unsigned, config::HomeAgent& config) {
    secure(config, config::ReplayProtection::Sequence);
    config.keys_per_home_agent = true;
  });
  const auto signed_for = [&](unsigned member, std::uint16_t sequence) {
    const auto key = control::derive_key(kKey, member_address(member));
    return signed_update(sequence,
                         Signing{.key = Bytes(key.begin(), key.end()), .timestamp = std::nullopt});
  };
  const UpdateSpec first = signed_for(0, 1);
  REQUIRE(set.update(0, first) == BindingStatus::Accepted);
  CHECK(set.update(1, first) == BindingStatus::AuthenticationFailed);
  CHECK(set.view() == "R G0");
  CHECK(set.update(1, signed_for(1, 1)) == BindingStatus::Accepted);
  CHECK(set.view() == "G1 R");
}

TEST_CASE("Home Agent Switch is authenticated and dated", "[set][R108]") {
  SetFixture set(2, true, [](unsigned, config::HomeAgent& config) {
    secure(config, config::ReplayProtection::Timestamp);
  });
  set.update(0, signed_update(1, {.timestamp = NtpTimestamp::from(set.now.wall)}));
  set.run_for(1s);
  set.update(0, signed_update(2, {.timestamp = NtpTimestamp::from(set.now.wall)}), 1);
  set.run_for(200ms);
  const auto switches = set.switches();
  REQUIRE(switches.size() == 1);
  const Bytes& message = switches[0].sent.message;
  const auto parsed = wire::parse_home_agent_switch(message);
  REQUIRE(parsed);
  CHECK(parsed->options.replay_protection);
  REQUIRE(parsed->options.mn_ha_authentication);
  const auto& option = *parsed->options.mn_ha_authentication;
  CHECK(message.size() == option.authenticator_at + wire::kAuthenticatorSize);
  const Bytes expected = authenticator(kKey, switches[0].sent.header.destination, kHome,
                                       ByteView(message).first(option.authenticator_at));
  CHECK(std::ranges::equal(ByteView(message).subspan(option.authenticator_at), expected));
}

TEST_CASE("a Binding Update for a dead home agent is answered by a switch if it is genuine",
          "[set][R98]") {
  SetFixture set(3, true, [](unsigned, config::HomeAgent& config) {
    secure(config, config::ReplayProtection::Timestamp);
    config.haha.share_care_of_address = false;  // nobody could ask it over unasked
  });
  set.update(0, signed_update(1, {.timestamp = NtpTimestamp::from(set.now.wall)}));
  set.kill(0);
  set.run_for(5s);
  CHECK(set.switches().empty());
  forwarding::PuntMetadata stranded;
  stranded.punt_class = forwarding::PuntClass::Stranded;
  UpdateSpec forged = signed_update(
      9, {.key = Bytes(16, std::byte{9}), .timestamp = NtpTimestamp::from(set.now.wall)});
  forged.destination = member_address(0).address();
  set.receive(1, build_update(forged), stranded);
  set.run_for(200ms);
  CHECK(set.switches().empty());
  UpdateSpec genuine = signed_update(9, {.timestamp = NtpTimestamp::from(set.now.wall)});
  genuine.destination = member_address(0).address();
  set.receive(1, build_update(genuine), stranded);
  set.run_for(200ms);
  const auto switches = set.switches();
  REQUIRE(switches.size() == 1);
  CHECK(switches[0].from == 1);
  CHECK(switches[0].sent.header.destination == kCareOf.address());
  CHECK(wire::parse_home_agent_switch(switches[0].sent.message)->home_agents.front() ==
        member_address(1));
}

TEST_CASE("a full table refuses by name and goes on", "[set][sync]") {
  SetFixture set(2, true, [](unsigned, config::HomeAgent& config) { config.max_bindings = 3; });
  for (unsigned i = 0; i < 5; ++i) {
    set.send_message(0, member_locator(1),
                     reply(static_cast<std::uint16_t>(500 + i), {information(set, home(i))}));
  }
  CHECK(set.agent(0).bindings().live() == 3);
  CHECK(set.count(0, ControlCounter::InformationRefused) == 2);
  UpdateSpec spec;
  spec.home_address = home(9);
  CHECK(set.update(0, spec) == BindingStatus::InsufficientResources);
  spec.home_address = home(1);  // one that is known may come here all the same
  CHECK(set.update(0, spec) == BindingStatus::Accepted);
}

TEST_CASE("a table that refuses a global binding is asked again", "[set][sync]") {
  SetFixture set(2);
  set.send_message(0, member_locator(1), reply(500, {information(set, home(1))}));
  control::Effects instead;
  const forwarding::SetBinding refused{home(1), forwarding::BindingKind::Global,
                                       member_locator(0).address(), member_locator(1).address()};
  CHECK_FALSE(set.agent(0).on_refused(set.now, refused, instead));
  CHECK(instead.empty());
  set.effects[0].clear();
  set.run_for(2s);
  CHECK(std::ranges::any_of(set.effects[0], [](const auto& effect) {
    const auto* again = std::get_if<forwarding::SetBinding>(&effect);
    return again != nullptr && again->home_address == home(1);
  }));
}

TEST_CASE("a peer that floods is kept up with, and nobody else is harmed", "[set][sync]") {
  SetFixture set(3);
  set.update(0, {});
  for (unsigned i = 0; i < 2000; ++i) {
    set.send_message(
        0, member_locator(1),
        reply(static_cast<std::uint16_t>(i + 1), {information(set, home(i % 50 + 1))}));
    wire::StateSynchronization request;
    request.global = true;
    request.identifier = static_cast<std::uint16_t>(i + 1);
    request.addresses.push_back({0, 128, home(i).address()});
    set.send_message(0, member_locator(1), request);
  }
  CHECK(set.agent(0).bindings().entries() <= 60);
  CHECK(set.agent(0).peers()[0].dumps.size() <= 64);
  UpdateSpec spec;
  spec.sequence = 2;
  spec.source = kNewCareOf.address();
  CHECK(set.update(0, spec) == BindingStatus::Accepted);
  CHECK(set.binding(2)->care_of_address == kNewCareOf);
}

TEST_CASE("a clock step heals at the next Binding Update", "[set][I15]") {
  for (const Duration step :
       {Duration(1h), Duration(-1h), Duration(-WallTime::duration(std::chrono::years(55)))}) {
    SetFixture set(3);
    set.update(0, {});
    set.now.wall += step;
    UpdateSpec spec;
    spec.sequence = 100;
    CHECK(set.update(1, spec) == BindingStatus::Accepted);
    CHECK(set.view() == "G1 R G1");
    spec.sequence = 200;
    CHECK(set.update(2, spec) == BindingStatus::Accepted);
    CHECK(set.view() == "G2 G2 R");
  }
}

// Not part of the usual run: unit-tests "[.million]" prints what a million bindings cost.
TEST_CASE("a booting home agent takes over a million bindings", "[.million]") {
  constexpr unsigned kBindings = 1'000'000;
  SetFixture set(2, true,
                 [](unsigned, config::HomeAgent& config) { config.max_bindings = kBindings + 1; });
  UpdateSpec spec;
  spec.lifetime = 0xffff;
  const auto begin = std::chrono::steady_clock::now();
  set.kill(1);
  set.run_for(4s);
  for (unsigned i = 0; i < kBindings; ++i) {
    Ipv6Address address = kHome.address();
    store_be32(std::as_writable_bytes(std::span(address.octets)).data() + 11, i + 1);
    spec.home_address = HomeAddress(address);
    set.update(0, spec);
    set.elsewhere.clear();
    set.effects[0].clear();
  }
  const auto registered = std::chrono::steady_clock::now();
  set.restart(1);
  Duration simulated{};
  while (!set.agent(1).serving() && simulated < 120s) {
    set.run_for(50ms);
    simulated += 50ms;
    set.messages.clear();
    set.effects[0].clear();
    set.effects[1].clear();
  }
  const auto done = std::chrono::steady_clock::now();
  CHECK(set.agent(1).bindings().global() == kBindings);
  WARN("registered in " << std::chrono::duration<double>(registered - begin).count()
                        << " s, taken over in "
                        << std::chrono::duration<double>(done - registered).count()
                        << " s of both agents' processor, "
                        << std::chrono::duration<double>(simulated).count()
                        << " s simulated; core memory " << set.agent(1).memory_bytes() / kBindings
                        << " bytes per binding");
}
