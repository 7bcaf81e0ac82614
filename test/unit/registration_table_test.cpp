// Registration as a decision table: one row a case, each row names the rule it is about.
#include "test/support/home_agent_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using wire::BindingStatus;

namespace {

// Before the case: whether the mobile node is registered already, and as what.
enum class Given {
  Nothing,
  Host,    // sequence 10, at kCareOf
  Router,  // sequence 10, with the implicit prefix of the configuration
  Gone,    // was registered with sequence 10 and has de-registered with 11
};

constexpr std::uint16_t kA = wire::bu_flag::kAcknowledge;
constexpr std::uint16_t kH = wire::bu_flag::kHomeRegistration;
constexpr std::uint16_t kR = wire::bu_flag::kMobileRouter;
constexpr std::uint16_t kP = wire::bu_flag::kProxy;

struct Row {
  const char* rule;
  const char* what;
  Given given;
  std::function<void(UpdateSpec&)> change;
  std::optional<BindingStatus> status;  // nullopt: no answer at all
  std::optional<unsigned> sequence;     // in the answer, when it is not the update's own
};

const std::optional<BindingStatus> kSilence;

config::HomeAgent table_config() {
  config::HomeAgent config = insecure_config();
  config::MobileNode router;
  router.name = "router";
  router.home_address = kHome;
  router.prefixes = {prefix("2001:db8:0:100::/64"), prefix("2001:db8:0:200::/56")};
  config.mobile_nodes = {router};
  config.nemo_pools = {{prefix("2001:db8:8000::/36"), 64}};
  config.max_prefixes_per_mobile_router = 3;
  return config;
}

wire::MobileNetworkPrefix mnp(std::string_view text) {
  const Prefix p = prefix(text);
  return {static_cast<std::uint8_t>(p.length()), p.address()};
}

void prepare(HomeAgentFixture& fixture, Given given) {
  UpdateSpec first;
  first.sequence = 10;
  if (given == Given::Router) {
    first.flags = kA | kH | kR;
  }
  if (given != Given::Nothing) {
    REQUIRE(fixture.update(first) == BindingStatus::Accepted);
  }
  if (given == Given::Gone) {
    first.sequence = 11;
    first.lifetime = 0;
    REQUIRE(fixture.update(first) == BindingStatus::Accepted);
  }
}

// clang-format off
const Row kRows[] = {
    {"7.3", "first registration", Given::Nothing, [](UpdateSpec&) {}, BindingStatus::Accepted, {}},
    {"7.3", "without the A flag it is acknowledged all the same", Given::Nothing,
     [](UpdateSpec& u) { u.flags = kH; }, BindingStatus::Accepted, {}},
    {"7.3", "refresh", Given::Host, [](UpdateSpec& u) { u.sequence = 11; },
     BindingStatus::Accepted, {}},
    {"7.3", "move", Given::Host,
     [](UpdateSpec& u) { u.sequence = 11; u.source = kNewCareOf.address(); },
     BindingStatus::Accepted, {}},
    {"7.3", "alternate care-of address", Given::Nothing,
     [](UpdateSpec& u) { u.alternate_care_of = kNewCareOf; }, BindingStatus::Accepted, {}},

    {"4.1", "flags of extensions are ignored", Given::Nothing,
     [](UpdateSpec& u) {  // all but R and P
       u.flags = static_cast<std::uint16_t>(0xffffU & ~(kR | kP));
     },
     BindingStatus::Accepted, {}},

    {"7.1/1", "bad checksum", Given::Nothing,
     [](UpdateSpec& u) {
       u.tamper = [](Bytes& m) { m[9] ^= std::byte{1}; };
       u.reseal = false;
     },
     kSilence, {}},
    {"7.1/1", "broken option", Given::Nothing,
     [](UpdateSpec& u) { u.tamper = [](Bytes& m) { m[12] = std::byte{3}; m[13] = std::byte{99}; }; },
     kSilence, {}},
    {"7.1/2", "multicast source", Given::Nothing,
     [](UpdateSpec& u) { u.source = ip6("ff0e::1"); }, kSilence, {}},
    {"7.1/2", "unspecified source", Given::Nothing, [](UpdateSpec& u) { u.source = ip6("::"); },
     kSilence, {}},
    {"7.1/4", "home address not routable", Given::Nothing,
     [](UpdateSpec& u) { u.home_address = HomeAddress(ip6("fe80::1")); }, kSilence, {}},
    {"7.1/5", "care-of address not routable", Given::Nothing,
     [](UpdateSpec& u) { u.alternate_care_of = CareOfAddress(ip6("fe80::1")); }, kSilence, {}},
    {"7.1/5", "care-of address multicast", Given::Nothing,
     [](UpdateSpec& u) { u.alternate_care_of = CareOfAddress(ip6("ff02::1")); }, kSilence, {}},
    {"7.1/5", "care-of address inside the home prefix", Given::Nothing,
     [](UpdateSpec& u) { u.alternate_care_of = CareOfAddress(ip6("2001:db8:0:1::77")); },
     BindingStatus::InvalidCareOfAddress, {}},
    {"7.1/5", "care-of address inside a pool of mobile networks", Given::Nothing,
     [](UpdateSpec& u) { u.alternate_care_of = CareOfAddress(ip6("2001:db8:8000::1")); },
     BindingStatus::InvalidCareOfAddress, {}},
    {"7.1/6", "nonce indices in a home registration", Given::Nothing,
     [](UpdateSpec& u) { u.nonce_indices = true; }, kSilence, {}},
    {"7.1/7", "sequence number repeated", Given::Host, [](UpdateSpec& u) { u.sequence = 10; },
     BindingStatus::SequenceOutOfWindow, 10},
    {"7.1/7", "sequence number older", Given::Host, [](UpdateSpec& u) { u.sequence = 9; },
     BindingStatus::SequenceOutOfWindow, 10},
    {"7.1/7", "sequence number exactly opposite", Given::Host,
     [](UpdateSpec& u) { u.sequence = 10 + 32768; }, BindingStatus::SequenceOutOfWindow, 10},
    {"7.1/7", "sequence number as far ahead as can be", Given::Host,
     [](UpdateSpec& u) { u.sequence = 10 + 32767; }, BindingStatus::Accepted, {}},
    {"7.2", "the number is remembered after de-registration", Given::Gone,
     [](UpdateSpec& u) { u.sequence = 11; }, BindingStatus::SequenceOutOfWindow, 11},
    {"7.2", "a newer number registers again", Given::Gone,
     [](UpdateSpec& u) { u.sequence = 12; }, BindingStatus::Accepted, {}},
    {"7.1/8", "registration type change", Given::Host,
     [](UpdateSpec& u) { u.sequence = 11; u.flags = kA; },
     BindingStatus::RegistrationTypeChangeDisallowed, {}},
    {"7.1/9", "correspondent registration", Given::Nothing, [](UpdateSpec& u) { u.flags = kA; },
     kSilence, {}},
    {"7.1/10", "R without H", Given::Nothing, [](UpdateSpec& u) { u.flags = kA | kR; },
     BindingStatus::MobileRouterOperationNotPermitted, {}},
    {"7.1/13", "home address of another subnet", Given::Nothing,
     [](UpdateSpec& u) { u.home_address = HomeAddress(ip6("2001:db8:9::1")); },
     BindingStatus::NotHomeSubnet, {}},
    {"7.1/13", "home address out of a pool of mobile networks", Given::Nothing,
     [](UpdateSpec& u) { u.home_address = HomeAddress(ip6("2001:db8:8000::1")); },
     BindingStatus::Accepted, {}},
    {"7.1/14", "no Home Address option away from home", Given::Nothing,
     [](UpdateSpec& u) {
       u.home_address_option = false;
       u.source = kHome.address();
       u.alternate_care_of = kCareOf;
     },
     BindingStatus::ReasonUnspecified, {}},
    {"7.1/15", "proxy registration", Given::Nothing, [](UpdateSpec& u) { u.flags |= kP; },
     BindingStatus::ProxyRegistrationNotEnabled, {}},
    {"7.1/16", "host becomes router", Given::Host,
     [](UpdateSpec& u) { u.sequence = 11; u.flags = kA | kH | kR; },
     BindingStatus::RegistrationTypeChangeDisallowed, {}},
    {"7.1/16", "router becomes host", Given::Router, [](UpdateSpec& u) { u.sequence = 11; },
     BindingStatus::RegistrationTypeChangeDisallowed, {}},
    {"7.1/17", "explicit prefix, authorized", Given::Nothing,
     [](UpdateSpec& u) { u.flags |= kR; u.prefixes = {mnp("2001:db8:0:100::/64")}; },
     BindingStatus::Accepted, {}},
    {"7.1/17", "explicit prefix, not authorized", Given::Nothing,
     [](UpdateSpec& u) {
       u.flags |= kR;
       u.prefixes = {mnp("2001:db8:0:100::/64"), mnp("2001:db8:0:300::/64")};
     },
     BindingStatus::NotAuthorizedForPrefix, {}},
    {"7.1/17", "explicit prefix longer than 128 bits", Given::Nothing,
     [](UpdateSpec& u) { u.flags |= kR; u.prefixes = {{129, ip6("2001:db8:0:100::")}}; },
     BindingStatus::InvalidPrefix, {}},
    {"7.1/17", "explicit prefix multicast", Given::Nothing,
     [](UpdateSpec& u) { u.flags |= kR; u.prefixes = {mnp("ff0e::/64")}; },
     BindingStatus::InvalidPrefix, {}},
    {"7.1/17", "explicit prefix of length 0", Given::Nothing,
     [](UpdateSpec& u) { u.flags |= kR; u.prefixes = {mnp("::/0")}; },
     BindingStatus::InvalidPrefix, {}},
    {"7.1/17", "more prefixes than a mobile router may have", Given::Nothing,
     [](UpdateSpec& u) { u.flags |= kR; u.prefixes.assign(4, mnp("2001:db8:0:100::/64")); },
     BindingStatus::InsufficientResources, {}},
    {"7.1/18", "implicit mode, prefixes known", Given::Nothing,
     [](UpdateSpec& u) { u.flags |= kR; }, BindingStatus::Accepted, {}},
    {"7.1/18", "implicit mode, prefixes unknown", Given::Nothing,
     [](UpdateSpec& u) { u.flags |= kR; u.home_address = kOtherHome; },
     BindingStatus::ForwardingSetupFailed, {}},
    {"7.1/19", "home address is the home agent's own", Given::Nothing,
     [](UpdateSpec& u) { u.home_address = HomeAddress(kAgent.address()); },
     BindingStatus::DuplicateAddressDetectionFailed, {}},
    {"7.1/19", "home address is the discovery address", Given::Nothing,
     [](UpdateSpec& u) { u.home_address = HomeAddress(ip6("2001:db8:0:1:fdff:ffff:ffff:fffe")); },
     BindingStatus::DuplicateAddressDetectionFailed, {}},
    {"7.1/19", "home address is the subnet-router anycast address", Given::Nothing,
     [](UpdateSpec& u) { u.home_address = HomeAddress(ip6("2001:db8:0:1::")); },
     BindingStatus::DuplicateAddressDetectionFailed, {}},
    {"7.1/19", "home address is the base of a mobile network", Given::Nothing,
     [](UpdateSpec& u) { u.home_address = HomeAddress(ip6("2001:db8:8000:5::")); },
     BindingStatus::DuplicateAddressDetectionFailed, {}},

    {"7.1", "several faults: the first one decides", Given::Host,
     [](UpdateSpec& u) {  // step 7, before 8 and 10
       u.sequence = 10;
       u.flags = kA | kR;
     },
     BindingStatus::SequenceOutOfWindow, 10},
    {"7.1", "several faults of a registration: the first one decides", Given::Nothing,
     [](UpdateSpec& u) {  // step 13, before 15 and 18
       u.home_address = HomeAddress(ip6("2001:db8:9::1"));
       u.flags |= kP | kR;
     },
     BindingStatus::NotHomeSubnet, {}},

    {"7.4", "de-registration", Given::Host, [](UpdateSpec& u) { u.sequence = 11; u.lifetime = 0; },
     BindingStatus::Accepted, {}},
    {"7.4", "de-registration by care-of address = home address", Given::Host,
     [](UpdateSpec& u) {
       u.sequence = 11;
       u.source = kHome.address();
       u.home_address_option = false;
     },
     BindingStatus::Accepted, {}},
    {"7.4", "de-registration without a binding", Given::Nothing,
     [](UpdateSpec& u) { u.lifetime = 0; }, BindingStatus::NotHomeAgentForMobileNode, {}},
    {"7.4", "de-registration twice", Given::Gone,
     [](UpdateSpec& u) { u.sequence = 12; u.lifetime = 0; },
     BindingStatus::NotHomeAgentForMobileNode, {}},
    {"8", "de-registration ignores R and prefixes", Given::Host,
     [](UpdateSpec& u) {
       u.sequence = 11;
       u.lifetime = 0;
       u.flags |= kR;
       u.prefixes = {mnp("2001:db8:0:300::/64")};
     },
     BindingStatus::Accepted, {}},

    {"1", "sent to another address of ours", Given::Nothing,
     [](UpdateSpec& u) { u.destination = ip6("2001:db8:a1::1a"); }, kSilence, {}},
    {"1", "sent to the discovery address", Given::Nothing,
     [](UpdateSpec& u) { u.destination = ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"); }, kSilence, {}},
};
// clang-format on

}  // namespace

TEST_CASE("registration decision table", "[registration][R30]") {
  for (const Row& row : kRows) {
    DYNAMIC_SECTION("protocol digest §" << row.rule << ": " << row.what) {
      HomeAgentFixture fixture(table_config());
      prepare(fixture, row.given);
      UpdateSpec spec;
      row.change(spec);
      CHECK(fixture.update(spec) == row.status);
      if (row.status) {
        const auto answer = fixture.acknowledgement();
        REQUIRE(answer);
        CHECK(answer->sequence.value == row.sequence.value_or(spec.sequence));
        CHECK((answer->flags & wire::ba_flag::kKeyManagement) == 0);
        const Sent sent = fixture.sent().front();
        // RFC 6275 §9.5.4: to the source of the update, RH2 iff it had a Home Address option.
        CHECK(sent.header.source == kAgent.address());
        CHECK(sent.header.destination == spec.source);
        CHECK(sent.routing_home_address.has_value() == spec.home_address_option);
        if (!wire::is_accepted(*row.status)) {
          CHECK(fixture.all<forwarding::SetBinding>().empty());
          CHECK(fixture.all<forwarding::RemoveBinding>().empty());
          CHECK(fixture.all<forwarding::SetPrefix>().empty());
        }
      } else {
        CHECK(fixture.sent().empty());
        CHECK(fixture.all<forwarding::SetBinding>().empty());
      }
    }
  }
}

TEST_CASE("statuses that depend on configuration or load", "[registration][R5]") {
  SECTION("131 while not serving, but a refresh goes through") {
    HomeAgentFixture fixture;
    fixture.agent.set_able(fixture.now, false, fixture.effects);
    CHECK(fixture.update({}) == BindingStatus::HomeRegistrationNotSupported);
    fixture.agent.set_able(fixture.now, true, fixture.effects);
    UpdateSpec spec;
    spec.sequence = 2;
    CHECK(fixture.update(spec) == BindingStatus::Accepted);
    fixture.agent.set_able(fixture.now, false, fixture.effects);
    spec.sequence = 3;
    CHECK(fixture.update(spec) == BindingStatus::Accepted);
  }
  SECTION("129 for a mobile node that is not on the list") {
    config::HomeAgent config = table_config();
    config.only_known_mobile_nodes = true;
    HomeAgentFixture fixture(config);
    CHECK(fixture.update({}) == BindingStatus::Accepted);
    UpdateSpec other;
    other.home_address = kOtherHome;
    CHECK(fixture.update(other) == BindingStatus::AdministrativelyProhibited);
  }
  SECTION("130 when the binding cache is full") {
    config::HomeAgent config = insecure_config();
    config.max_bindings = 1;
    HomeAgentFixture fixture(config);
    CHECK(fixture.update({}) == BindingStatus::Accepted);
    UpdateSpec other;
    other.home_address = kOtherHome;
    CHECK(fixture.update(other) == BindingStatus::InsufficientResources);
    UpdateSpec refresh;
    refresh.sequence = 2;
    CHECK(fixture.update(refresh) == BindingStatus::Accepted);
  }
  SECTION("130 when the prefixes are used up") {
    config::HomeAgent config = table_config();
    config.max_prefixes = 1;
    HomeAgentFixture fixture(config);
    UpdateSpec spec;
    spec.flags |= kR;
    CHECK(fixture.update(spec) == BindingStatus::InsufficientResources);
  }
  SECTION("140 where mobile routers are not served") {
    config::HomeAgent config = table_config();
    config.nemo = false;
    HomeAgentFixture fixture(config);
    UpdateSpec spec;
    spec.flags |= kR;
    CHECK(fixture.update(spec) == BindingStatus::MobileRouterOperationNotPermitted);
    CHECK((fixture.acknowledgement()->flags & wire::ba_flag::kMobileRouter) == 0);
  }
  SECTION("132 once the home prefix is no longer valid") {
    config::HomeAgent config = insecure_config();
    config.prefix_valid_lifetime = std::chrono::seconds(100);
    HomeAgentFixture fixture(config);
    fixture.advance(std::chrono::seconds(97));
    CHECK(fixture.update({}) == BindingStatus::NotHomeSubnet);
  }
  SECTION("1 when the home prefix becomes deprecated during the binding") {
    config::HomeAgent config = insecure_config();
    config.prefix_preferred_lifetime = std::chrono::seconds(299);
    HomeAgentFixture fixture(config);
    UpdateSpec spec;  // 300 s
    CHECK(fixture.update(spec) == BindingStatus::AcceptedPrefixDiscoveryNecessary);
    spec.sequence = 2;
    spec.lifetime = 70;
    CHECK(fixture.update(spec) == BindingStatus::Accepted);
  }
  SECTION("any prefix of a pool, when the configuration says so, but of the pool's length") {
    config::HomeAgent config = table_config();
    config.nemo_any_prefix = true;
    HomeAgentFixture fixture(config);
    UpdateSpec spec;
    spec.home_address = kOtherHome;
    spec.flags |= kR;
    spec.prefixes = {mnp("2001:db8:8000:7::/64")};
    CHECK(fixture.update(spec) == BindingStatus::Accepted);
    spec.sequence = 2;
    spec.prefixes = {mnp("2001:db8:8000::/48")};
    CHECK(fixture.update(spec) == BindingStatus::NotAuthorizedForPrefix);
  }
}
