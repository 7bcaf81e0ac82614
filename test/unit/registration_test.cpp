// What a registration does, beyond its status: effects in their order, lifetimes, timers, prefixes.
#include "test/support/home_agent_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace std::chrono_literals;
using control::ControlCounter;
using control::NoteKind;
using wire::BindingStatus;
using Names = std::vector<std::string>;

namespace {

constexpr std::uint16_t kRouter = wire::bu_flag::kMobileRouter;

config::HomeAgent router_config() {
  config::HomeAgent config = insecure_config();
  config::MobileNode router;
  router.home_address = kHome;
  router.prefixes = {prefix("2001:db8:0:100::/64"), prefix("2001:db8:0:200::/56")};
  config::MobileNode second = router;
  second.home_address = kOtherHome;
  config.mobile_nodes = {router, second};
  return config;
}

wire::MobileNetworkPrefix mnp(std::string_view text) {
  const Prefix p = prefix(text);
  return {static_cast<std::uint8_t>(p.length()), p.address()};
}

}  // namespace

TEST_CASE("the table entry comes before the acknowledgement", "[registration]") {
  HomeAgentFixture fixture;
  CHECK(fixture.update({}) == BindingStatus::Accepted);
  CHECK(fixture.order() == Names{"set", "send", "note"});
  const auto set = fixture.all<forwarding::SetBinding>().front();
  CHECK(set.home_address == kHome);
  CHECK(set.kind == forwarding::BindingKind::Bound);
  CHECK(set.tunnel_source == kAgent.address());
  CHECK(set.tunnel_destination == kCareOf.address());
  CHECK(set.path_mtu == forwarding::kPathMtuUnknown);
}

TEST_CASE("the path goes after the acknowledgement of a de-registration", "[registration]") {
  HomeAgentFixture fixture;
  fixture.update({});
  UpdateSpec spec;
  spec.sequence = 2;
  spec.lifetime = 0;
  CHECK(fixture.update(spec) == BindingStatus::Accepted);
  CHECK(fixture.order() == Names{"send", "remove", "note"});
  CHECK(fixture.acknowledgement()->lifetime.is_zero());
  CHECK(fixture.agent.bindings().registered() == 0);
}

TEST_CASE("a refresh leaves the tables alone, a move replaces the entry", "[registration][R33]") {
  HomeAgentFixture fixture;
  fixture.update({});
  UpdateSpec spec;
  spec.sequence = 2;
  fixture.update(spec);
  CHECK(fixture.order() == Names{"send", "note"});
  CHECK(fixture.all<control::Note>().front().kind == NoteKind::Refreshed);
  spec.sequence = 3;
  spec.source = kNewCareOf.address();
  fixture.update(spec);
  CHECK(fixture.order() == Names{"set", "send", "note"});
  CHECK(fixture.all<control::Note>().front().kind == NoteKind::Moved);
  CHECK(fixture.all<forwarding::SetBinding>().front().tunnel_destination == kNewCareOf.address());
}

TEST_CASE("an alternate care-of address is where the tunnel goes, the answer goes to the source",
          "[registration]") {
  HomeAgentFixture fixture;
  UpdateSpec spec;
  spec.alternate_care_of = kNewCareOf;
  fixture.update(spec);
  CHECK(fixture.all<forwarding::SetBinding>().front().tunnel_destination == kNewCareOf.address());
  CHECK(fixture.sent().front().header.destination == kCareOf.address());
}

TEST_CASE("lifetimes are the least of wish, policy and prefix", "[registration]") {
  config::HomeAgent config = insecure_config();
  config.max_lifetime = 600s;
  SECTION("wish") {
    HomeAgentFixture fixture(config);
    fixture.update({});
    CHECK(fixture.acknowledgement()->lifetime == Lifetime(75));
  }
  SECTION("policy") {
    HomeAgentFixture fixture(config);
    UpdateSpec spec;
    spec.lifetime = 0xffff;
    fixture.update(spec);
    CHECK(fixture.acknowledgement()->lifetime == Lifetime(150));
  }
  SECTION("prefix") {
    config.prefix_valid_lifetime = 103s;
    HomeAgentFixture fixture(config);
    fixture.update({});
    CHECK(fixture.acknowledgement()->lifetime == Lifetime(25));
    CHECK(fixture.acknowledgement()->status == BindingStatus::AcceptedPrefixDiscoveryNecessary);
  }
}

TEST_CASE("Binding Refresh Advice stays below the lifetime", "[registration]") {
  config::HomeAgent config = insecure_config();
  config.refresh_advice_percent = 80;
  HomeAgentFixture fixture(config);
  fixture.update({});
  CHECK(fixture.acknowledgement()->options.refresh_advice == Lifetime(60));
  UpdateSpec spec;
  spec.sequence = 2;
  spec.lifetime = 1;  // 80 % of one unit is none
  fixture.update(spec);
  CHECK_FALSE(fixture.acknowledgement()->options.refresh_advice);
  spec.sequence = 3;
  spec.lifetime = 0;
  fixture.update(spec);
  CHECK_FALSE(fixture.acknowledgement()->options.refresh_advice);
}

TEST_CASE("a binding ends with its lifetime, not before and at most a tick after",
          "[registration]") {
  config::HomeAgent config = insecure_config();
  config.refresh_request_lead = 0s;
  HomeAgentFixture fixture(config);
  fixture.update({});  // 300 s
  fixture.run_for(299999ms);
  CHECK(fixture.order().empty());
  CHECK(fixture.agent.bindings().registered() == 1);
  fixture.run_for(100ms);
  CHECK(fixture.order() == Names{"remove", "note"});
  CHECK(fixture.agent.bindings().entries() == 0);
  CHECK(fixture.count(ControlCounter::Expired) == 1);
  CHECK_FALSE(fixture.agent.next_deadline());
}

TEST_CASE("Binding Refresh Requests go out before expiry and stop at a Binding Update",
          "[registration]") {
  HomeAgentFixture fixture;  // lead 12 s
  fixture.update({});
  fixture.run_for(287s);
  CHECK(fixture.order().empty());
  fixture.run_for(2s);
  REQUIRE(fixture.order() == Names{"send"});
  const Sent request = fixture.sent().front();
  CHECK(std::to_integer<int>(request.message[2]) == wire::mh_type::kBindingRefreshRequest);
  CHECK(request.header.destination == kCareOf.address());
  CHECK(request.routing_home_address == kHome);
  SECTION("until the lifetime ends") {
    fixture.run_for(20s);
    CHECK(fixture.order() == Names{"send", "send", "send", "remove", "note"});
    CHECK(fixture.count(ControlCounter::RefreshRequestsSent) == 4);
  }
  SECTION("a refresh ends them") {
    UpdateSpec spec;
    spec.sequence = 2;
    fixture.update(spec);
    fixture.run_for(280s);
    CHECK(fixture.order().empty());
  }
}

TEST_CASE("a sequence number is remembered for ten seconds after de-registration",
          "[registration]") {
  HomeAgentFixture fixture;
  fixture.update({});
  UpdateSpec spec;
  spec.sequence = 2;
  spec.lifetime = 0;
  fixture.update(spec);
  UpdateSpec old;
  old.sequence = 1;
  fixture.run_for(9900ms);
  CHECK(fixture.update(old) == BindingStatus::SequenceOutOfWindow);
  fixture.run_for(300ms);
  CHECK(fixture.agent.bindings().entries() == 0);
  CHECK(fixture.update(old) == BindingStatus::Accepted);
}

TEST_CASE("a rejected but valid update still moves the sequence number", "[registration]") {
  HomeAgentFixture fixture;
  fixture.update({});
  UpdateSpec spec;
  spec.sequence = 5;
  spec.flags |= wire::bu_flag::kProxy;
  CHECK(fixture.update(spec) == BindingStatus::ProxyRegistrationNotEnabled);
  spec.flags = wire::bu_flag::kHomeRegistration;
  spec.sequence = 4;
  CHECK(fixture.update(spec) == BindingStatus::SequenceOutOfWindow);
  CHECK(fixture.acknowledgement()->sequence.value == 5);
}

TEST_CASE("implicit prefixes are installed and the R flag answered", "[registration][nemo]") {
  HomeAgentFixture fixture(router_config());
  UpdateSpec spec;
  spec.flags |= kRouter;
  CHECK(fixture.update(spec) == BindingStatus::Accepted);
  CHECK(fixture.order() == Names{"set", "set-prefix", "set-prefix", "send", "note"});
  CHECK((fixture.acknowledgement()->flags & wire::ba_flag::kMobileRouter) != 0);
  SECTION("and go with the binding") {
    spec.sequence = 2;
    spec.lifetime = 0;
    fixture.update(spec);
    CHECK(fixture.order() == Names{"send", "remove", "note"});
    CHECK(fixture.agent.bindings().prefixes() == 0);
  }
  SECTION("another mobile router cannot have them") {
    UpdateSpec other = spec;
    other.home_address = kOtherHome;
    // RFC 3963 §6.2: it has asked for none by name, so none of them is "not authorized".
    CHECK(fixture.update(other) == BindingStatus::ForwardingSetupFailed);
    CHECK(fixture.agent.bindings().registered() == 1);
    other.sequence = 2;
    other.prefixes = {mnp("2001:db8:0:100::/64")};
    CHECK(fixture.update(other) == BindingStatus::NotAuthorizedForPrefix);
  }
}

TEST_CASE("an aggregated home network (RFC 4887 §6)", "[registration][nemo]") {
  config::HomeAgent config = insecure_config();
  config.home_prefixes = {prefix("2001:db8:0:100::/56")};
  config.address = HomeAgentAddress(ip6("2001:db8:0:1ff::1a"));
  config.nemo_pools = {{prefix("2001:db8:0:100::/57"), 64}};
  config.nemo_any_prefix = true;
  HomeAgentFixture fixture(config);
  UpdateSpec spec;
  spec.destination = config.address.address();
  spec.flags |= kRouter;
  // The home address comes out of the mobile router's own prefix; there is no DAD for it.
  spec.home_address = HomeAddress(ip6("2001:db8:0:105::1"));
  spec.prefixes = {mnp("2001:db8:0:105::/64")};
  CHECK(fixture.update(spec) == BindingStatus::Accepted);
  CHECK(fixture.order() == Names{"set", "set-prefix", "send", "note"});
  SECTION("the routers of the aggregation keep to their own parts of it") {
    UpdateSpec other = spec;
    other.home_address = HomeAddress(ip6("2001:db8:0:106::1"));
    CHECK(fixture.update(other) == BindingStatus::NotAuthorizedForPrefix);
    other.sequence = 2;
    other.prefixes = {mnp("2001:db8:0:106::/64")};
    CHECK(fixture.update(other) == BindingStatus::Accepted);
  }
  SECTION("the base of a mobile network is its subnet-router anycast address") {
    spec.home_address = HomeAddress(ip6("2001:db8:0:107::"));
    spec.prefixes = {mnp("2001:db8:0:107::/64")};
    CHECK(fixture.update(spec) == BindingStatus::DuplicateAddressDetectionFailed);
  }
  SECTION("a care-of address in the aggregation is no care-of address") {
    spec.sequence = 2;
    spec.source = ip6("2001:db8:0:106::99");
    CHECK(fixture.update(spec) == BindingStatus::InvalidCareOfAddress);
  }
}

TEST_CASE("what is only remembered is bounded too", "[registration]") {
  config::HomeAgent config = insecure_config();
  config.max_bindings = 4;
  HomeAgentFixture fixture(config);
  std::size_t accepted = 0;
  for (unsigned i = 0; i < 100; ++i) {
    UpdateSpec spec;
    Ipv6Address home = kHome.address();
    home.octets[15] = static_cast<std::uint8_t>(i + 1);
    spec.home_address = HomeAddress(home);
    const auto status = fixture.update(spec);
    accepted += status == BindingStatus::Accepted ? 1U : 0U;
    CHECK((status == BindingStatus::Accepted || status == BindingStatus::InsufficientResources));
    spec.sequence = 2;
    spec.lifetime = 0;
    fixture.update(spec);
  }
  CHECK(accepted == 8);
  CHECK(fixture.agent.bindings().entries() == 8);
  fixture.run_for(11s);
  CHECK(fixture.agent.bindings().entries() == 0);
  CHECK(fixture.update({}) == BindingStatus::Accepted);
}

TEST_CASE("one call carries out a bounded part of what is due", "[registration]") {
  config::HomeAgent config = insecure_config();
  config.max_bindings = 5000;
  config.refresh_request_lead = 0s;
  HomeAgentFixture fixture(config);
  for (unsigned i = 0; i < 5000; ++i) {
    UpdateSpec spec;
    Ipv6Address home = ip6("2001:db8:0:1:1::");
    store_be16(std::as_writable_bytes(std::span(home.octets)).data() + 14,
               static_cast<std::uint16_t>(i + 1));
    spec.home_address = HomeAddress(home);
    REQUIRE(fixture.update(spec) == BindingStatus::Accepted);
  }
  fixture.advance(1h);
  fixture.effects.clear();
  fixture.agent.on_timer(fixture.now, fixture.effects);
  const std::size_t expired = fixture.all<forwarding::RemoveBinding>().size();
  CHECK(expired <= 256);
  // The rest is still due, and asks for another call at once.
  unsigned calls = 1;
  while (fixture.agent.bindings().registered() != 0 && calls < 100) {
    REQUIRE(fixture.agent.next_deadline());
    CHECK(*fixture.agent.next_deadline() <= fixture.now.instant);
    fixture.agent.on_timer(fixture.now, fixture.effects);
    ++calls;
  }
  CHECK(fixture.agent.bindings().entries() == 0);
}

TEST_CASE("an explicit list replaces the one before", "[registration][nemo]") {
  HomeAgentFixture fixture(router_config());
  UpdateSpec spec;
  spec.flags |= kRouter;
  spec.prefixes = {mnp("2001:db8:0:100::/64")};
  fixture.update(spec);
  spec.sequence = 2;
  spec.prefixes = {mnp("2001:db8:0:200::/56")};
  fixture.update(spec);
  CHECK(fixture.order() == Names{"remove-prefix", "set-prefix", "send", "note"});
  CHECK(fixture.all<forwarding::RemovePrefix>().front().prefix == prefix("2001:db8:0:100::/64"));
  SECTION("all or nothing: a bad one changes nothing") {
    spec.sequence = 3;
    spec.prefixes = {mnp("2001:db8:0:100::/64"), mnp("2001:db8:0:300::/64")};
    CHECK(fixture.update(spec) == BindingStatus::NotAuthorizedForPrefix);
    CHECK(fixture.order() == Names{"send", "note"});
    CHECK(fixture.agent.bindings().prefixes() == 1);
  }
}

TEST_CASE("what the tables refuse is undone and answered by 130", "[registration]") {
  HomeAgentFixture fixture(router_config());
  UpdateSpec spec;
  spec.flags |= kRouter;
  fixture.update(spec);
  fixture.effects.clear();
  const forwarding::SetBinding refused{};
  CHECK(fixture.agent.on_refused(fixture.now, refused, fixture.effects));
  CHECK(fixture.order() == Names{"remove", "send", "note"});
  CHECK(fixture.acknowledgement()->status == BindingStatus::InsufficientResources);
  CHECK(fixture.sent().front().header.destination == kCareOf.address());
  CHECK(fixture.agent.bindings().registered() == 0);
  CHECK(fixture.agent.bindings().prefixes() == 0);
  CHECK(fixture.count(ControlCounter::TableRefused) == 1);
}

TEST_CASE("a refusal that is no registration's undoes nothing", "[registration]") {
  HomeAgentFixture fixture;
  fixture.update({});
  fixture.run_for(std::chrono::seconds(1));  // another event
  fixture.effects.clear();
  const forwarding::SetBinding refused{};
  CHECK_FALSE(fixture.agent.on_refused(fixture.now, refused, fixture.effects));
  CHECK(fixture.effects.empty());
  CHECK(fixture.agent.bindings().registered() == 1);
}

TEST_CASE("an operator removes a binding", "[registration]") {
  HomeAgentFixture fixture;
  fixture.update({});
  fixture.effects.clear();
  CHECK(fixture.agent.remove(fixture.now, kHome, fixture.effects));
  CHECK(fixture.order() == Names{"remove", "note"});
  fixture.effects.clear();
  CHECK_FALSE(fixture.agent.remove(fixture.now, kHome, fixture.effects));
  UpdateSpec old;
  CHECK(fixture.update(old) == BindingStatus::SequenceOutOfWindow);
}
