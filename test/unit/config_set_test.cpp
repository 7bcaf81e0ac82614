#include <functional>
#include <set>
#include <string>

#include "common/config/option_table.h"
#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::config;
using anyhome::test::ip6;

namespace {

void set(Config& config, std::string_view key, std::string_view value) {
  INFO(key << " = " << value);
  const OptionMatch match = find_option(key);
  REQUIRE(match.option != nullptr);
  REQUIRE(match.option->set(config, match.instance, value).has_value());
}

// A member of a set of two, without mistakes.
Config member() {
  Config config;
  set(config, "home-prefix", "2001:db8:0:1::/64");
  set(config, "home-agent-address", "2001:db8:0:1::1a");
  set(config, "locator", "2001:db8:a1::1a");
  set(config, "authentication", "insecure-none");
  set(config, "group-id", "7");
  set(config, "link-is-secure", "yes");
  set(config, "set-key", "000102030405060708090a0b0c0d0e0f");
  set(config, "peer.osaka.home-agent-address", "2001:db8:0:1::2a");
  set(config, "peer.osaka.locator", "2001:db8:b2::2a");
  set(config, "port.wan.device", "net_af_packet0");
  set(config, "port.wan.haha", "yes");
  return config;
}

std::set<std::string> mistaken_options(const Config& config) {
  std::set<std::string> options;
  for (const Mistake& mistake : validate(config)) {
    options.insert(mistake.option);
    CHECK_FALSE(mistake.remedy.empty());
  }
  return options;
}

}  // namespace

TEST_CASE("a member of a set, configured as draft 5.1 wants it", "[config][R1]") {
  CHECK(mistaken_options(member()).empty());
  Config alone = member();
  alone.home_agent.haha = {};
  CHECK(mistaken_options(alone).empty());  // A22: a set of one is allowed
}

TEST_CASE("each missing item of a set is refused by name", "[config][R1][A1]") {
  struct Row {
    const char* what;
    std::function<void(Config&)> spoil;
    std::set<std::string> options;
  };
  const Row rows[] = {
      {"no locator", [](Config& c) { c.home_agent.locator.reset(); }, {"locator"}},
      {"no group", [](Config& c) { c.home_agent.haha.group_id.reset(); }, {"group-id"}},
      {"no word on the links",
       [](Config& c) { c.home_agent.haha.link_is_secure = false; },
       {"link-is-secure"}},
      {"no key of the set", [](Config& c) { c.home_agent.haha.set_key.clear(); }, {"set-key"}},
      {"a long key of the set",
       [](Config& c) { c.home_agent.haha.set_key.resize(20); },
       {"set-key"}},
      {"no port for links", [](Config& c) { c.ports[0].haha = false; }, {"port.NAME.haha"}},
      {"a peer without address",
       [](Config& c) { c.home_agent.haha.peers[0].address = {}; },
       {"peer.osaka.home-agent-address"}},
      {"a peer without locator",
       [](Config& c) { c.home_agent.haha.peers[0].locator = {}; },
       {"peer.osaka.locator"}},
      {"itself among the peers",
       [](Config& c) {
         c.home_agent.haha.peers[0].address = c.home_agent.address;
         c.home_agent.haha.peers[0].locator = *c.home_agent.locator;
       },
       {"peer.osaka.home-agent-address", "peer.osaka.locator"}},
      {"a peer of another prefix",
       [](Config& c) {
         c.home_agent.haha.peers[0].address = HomeAgentAddress(ip6("2001:db8:0:2::2a"));
       },
       {"peer.osaka.home-agent-address"}},
      {"two peers with one locator and address",
       [](Config& c) {
         c.home_agent.haha.peers.push_back(c.home_agent.haha.peers[0]);
         c.home_agent.haha.peers[1].name = "kyoto";
       },
       {"peer.kyoto.home-agent-address", "peer.kyoto.locator"}},
      {"a locator inside the home prefix",
       [](Config& c) { c.home_agent.haha.peers[0].locator = Locator(ip6("2001:db8:0:1::99")); },
       {"peer.osaka.locator"}},
      {"one key everywhere and sequence numbers only",
       [](Config& c) {
         set(c, "authentication", "rfc4285");
         set(c, "mobile-node.a.home-address", "2001:db8:0:1::100");
         set(c, "mobile-node.a.spi", "1000");
         set(c, "mobile-node.a.key", "000102030405060708090a0b0c0d0e0f");
       },
       {"replay-protection"}},
      {"more links than peers", [](Config& c) { set(c, "min-links", "2"); }, {"min-links"}},
      {"a HELLO lifetime below the interval",
       [](Config& c) { set(c, "hello-interval", "4"); },
       {"hello-lifetime"}},
  };
  for (const Row& row : rows) {
    INFO(row.what);
    Config config = member();
    row.spoil(config);
    CHECK(mistaken_options(config) == row.options);
  }
}

TEST_CASE("keys per home agent or timestamps make one key at several home agents safe",
          "[config][R108]") {
  Config config = member();
  set(config, "authentication", "rfc4285");
  set(config, "mobile-node.a.home-address", "2001:db8:0:1::100");
  set(config, "mobile-node.a.spi", "1000");
  set(config, "mobile-node.a.key", "000102030405060708090a0b0c0d0e0f");
  SECTION("timestamps") { set(config, "replay-protection", "timestamp"); }
  SECTION("derived keys") { set(config, "keys-per-home-agent", "yes"); }
  CHECK(mistaken_options(config).empty());
}

TEST_CASE("a group id above 255 is refused, never truncated", "[config][A1][R9]") {
  Config config;
  const OptionMatch match = find_option("group-id");
  REQUIRE(match.option != nullptr);
  CHECK_FALSE(match.option->set(config, "", "256").has_value());
  CHECK_FALSE(config.home_agent.haha.group_id);
}
