#include <set>

#include "common/config/option_table.h"
#include "common/config/option_values.h"
#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::config;
using anyhome::test::ip6;
using anyhome::test::prefix;

namespace {

// Sets options by their names; each must be accepted.
Config configured(std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  Config config;
  for (const auto& [key, value] : values) {
    INFO(key << " = " << value);
    const OptionMatch match = find_option(key);
    REQUIRE(match.option != nullptr);
    const auto result = match.option->set(config, match.instance, value);
    INFO((result ? "" : result.error()));
    REQUIRE(result.has_value());
  }
  return config;
}

Config good() {
  return configured({{"home-prefix", "2001:db8:0:1::/64"},
                     {"home-agent-address", "2001:db8:0:1::1a"},
                     {"locator", "2001:db8:a1::1a"},
                     {"mobile-node.alice.home-address", "2001:db8:0:1::100"},
                     {"mobile-node.alice.spi", "1000"},
                     {"mobile-node.alice.key", "000102030405060708090a0b0c0d0e0f"},
                     {"port.wan.device", "net_af_packet0"},
                     {"port.wan.address", "2001:db8:a1::1a/64"}});
}

std::string names(const std::vector<Mistake>& mistakes) {
  std::string text;
  for (const Mistake& mistake : mistakes) {
    text += (text.empty() ? "" : " ") + mistake.option;
    CHECK_FALSE(mistake.problem.empty());
    CHECK_FALSE(mistake.remedy.empty());
  }
  return text;
}

std::string mistakes_with(std::string_view key, std::string_view value) {
  Config config = good();
  const OptionMatch match = find_option(key);
  REQUIRE(match.option != nullptr);
  REQUIRE(match.option->set(config, match.instance, value).has_value());
  return names(validate(config));
}

}  // namespace

TEST_CASE("a good configuration has no mistakes", "[config]") {
  CHECK(names(validate(good())).empty());
}

TEST_CASE("an empty configuration: all mistakes at once", "[config]") {
  CHECK(names(validate(Config{})) ==
        "home-prefix home-agent-address authentication port.NAME.device");
}

TEST_CASE("each mistake of the whole is found and named", "[config][R97]") {
  struct Row {
    const char* key;
    const char* value;
    const char* mistakes;
  };
  const Row rows[] = {
      {"home-prefix", "2001:db8:0:1:8000::/65", "home-prefix"},
      {"home-prefix", "ff00::/16", "home-prefix"},
      {"home-agent-address", "2001:db8:9::1", "home-agent-address"},
      {"home-agent-address", "2001:db8:0:1::", "home-agent-address"},
      {"home-agent-address", "2001:db8:0:1:fdff:ffff:ffff:fffe", "home-agent-address"},
      {"locator", "2001:db8:0:1::5", "locator"},
      {"locator", "fe80::1", "locator"},
      {"discovery-address", "2001:db8:5::1", "discovery-address"},
      {"discovery-address", "2001:db8:0:1::1a", "discovery-address"},
      {"mobile-node.bob.home-address", "2001:db8:0:1::100",
       "mobile-node.bob.home-address mobile-node.bob.spi mobile-node.bob.key"},
      {"mobile-node.bob.spi", "300", "mobile-node.bob.home-address"},
      {"mobile-node.alice.home-address", "2001:db8:7::1", "mobile-node.alice.home-address"},
      {"mobile-node.alice.home-address", "2001:db8:0:1::1a", "mobile-node.alice.home-address"},
      {"mobile-node.alice.key", "0011", "mobile-node.alice.key"},
      {"mobile-node.alice.prefix", "2001:db8:0:1::/64", "mobile-node.alice.prefix"},
      {"nemo-pool", "2001:db8:8000::/36,32", "nemo-pool"},
      {"nemo-any-prefix", "yes", "nemo-any-prefix"},
      {"mh-type-ha-hello", "5", "mh-type-ha-hello"},
      {"mh-type-ha-hello", "241", "mh-type-ha-hello"},
      {"mobility-option-ss-status", "27", "mobility-option-ss-status"},
      {"mobility-option-ss-status", "240", "mobility-option-..."},
      {"port.lan.device", "net_af_packet0", "port.lan.device"},
      {"port.lan.mtu", "1500", "port.lan.device"},
      {"port.a-name-that-is-too-long.device", "x", "port.NAME"},
      {"port.wan.address", "2001:db8:0:1::7/64", "port.wan.address"},
      {"tun-device", "wan", "tun-device"},
      {"tun-device", "a/b", "tun-device"},
      {"route", "2001:db8::/32 via 2001:db8:a1::1 port wan", "route"},
      {"neighbor", "2001:db8:a1::1 mac 02:00:00:00:00:01 port wan", "neighbor"},
      {"punt-ring", "1000", "punt-ring"},
      {"control-queue", "0", ""},
      {"control-queue", "511", "control-queue"},
      {"control-queue", "512", ""},
  };
  for (const Row& row : rows) {
    DYNAMIC_SECTION(row.key << " = " << row.value) {
      CHECK(mistakes_with(row.key, row.value) == row.mistakes);
    }
  }
}

TEST_CASE("static mode wants its routes complete", "[config]") {
  Config config = good();
  config.data_path.host = HostMode::Static;
  config.data_path.routes = {*parse_route("2001:db8::/32 via 2001:db8:a1::1 port wan")};
  CHECK(names(validate(config)) == "route");
  config.data_path.neighbors = {*parse_neighbor("2001:db8:a1::1 mac 02:00:00:00:00:01 port wan")};
  CHECK(names(validate(config)).empty());
  config.data_path.routes[0].port = "lan";
  CHECK(names(validate(config)) == "route route");
}

TEST_CASE("values out of range, of the wrong form and of the wrong sign are refused", "[config]") {
  struct Row {
    const char* key;
    const char* value;
  };
  // clang-format off
  const Row rows[] = {
      {"max-lifetime", "-1"},       {"max-lifetime", "3"},
      {"max-lifetime", "262141"},   {"max-lifetime", "10s"},
      {"max-lifetime", ""},         {"max-lifetime", "0x10"},
      {"max-lifetime", "18446744073709551617"},
      {"nemo", "maybe"},            {"home-prefix", "2001:db8::1/64"},
      {"home-prefix", "10.0.0.0/8"}, {"home-agent-address", "2001:db8::/64"},
      {"authentication", "none"},   {"replay-protection", "nonce"},
      {"timestamp-window", "3"},    {"prefix-valid-lifetime", "forever"},
      {"mobile-node.a.spi", "255"}, {"mobile-node.a.key", "abc"},
      {"mobile-node.a.key", "zz"},  {"mobile-node.a.identifier", ""},
      {"nemo-pool", "2001:db8:8000::/36"}, {"nemo-pool", "2001:db8:8000::/36,129"},
      {"mh-type-ha-hello", "256"},  {"port.a.vlan", "4095"},
      {"port.a.vlan", "0"},         {"port.a.mtu", "1279"},
      {"port.a.address", "2001:db8::1"}, {"port.a.address", "2001:db8::1/0"},
      {"host", "linux"},            {"route", "2001:db8::/32 via port wan"},
      {"route", "2001:db8::/32 via 2001:db8::1 port wan extra"},
      {"neighbor", "2001:db8::1 mac 02:00:00:00:00 port wan"},
      {"neighbor", "2001:db8::1 mac 02-00-00-00-00-01 port wan"},
      {"burst", "65"},              {"burst", "0"},
      {"log-level", "loud"},        {"stop-delay", "-5"},
  };
  // clang-format on
  for (const Row& row : rows) {
    INFO(row.key << " = " << row.value);
    Config config;
    const OptionMatch match = find_option(row.key);
    REQUIRE(match.option != nullptr);
    const auto result = match.option->set(config, match.instance, row.value);
    REQUIRE_FALSE(result.has_value());
    CHECK_FALSE(result.error().empty());
  }
}

TEST_CASE("what an option shows is what it reads", "[config]") {
  Config config = good();
  config.home_agent.nemo_pools = {{prefix("2001:db8:8000::/36"), 64}};
  config.home_agent.mobile_nodes[0].prefixes = {prefix("2001:db8:0:100::/64"),
                                                prefix("2001:db8:0:200::/56")};
  config.home_agent.mobile_nodes[0].identifier = "alice@example.net";
  config.home_agent.discovery_address = ip6("2001:db8:0:1::7e");
  config.home_agent.prefix_valid_lifetime = std::chrono::seconds(100);
  config.ports[0].vlan = 12;
  config.data_path.routes = {*parse_route("2001:db8::/32 via 2001:db8:a1::1 port wan"),
                             *parse_route("2001:db8:a1::/64 port wan")};
  config.data_path.neighbors = {*parse_neighbor("2001:db8:a1::1 mac 02:00:00:00:00:01 port wan")};
  config.home_agent.haha.peers = {
      {"osaka", HomeAgentAddress(ip6("2001:db8:0:1::2a")), Locator(ip6("2001:db8:b2::2a")), false}};
  config.home_agent.haha.group_id = 7;
  config.home_agent.haha.min_links = 0;
  config.data_path.mtu_to_correspondents = 1400;
  Config copy;
  for (const Option& option : options()) {
    const bool node = option.name.starts_with("mobile-node.");
    const bool port = option.name.starts_with("port.");
    const bool peer = option.name.starts_with("peer.");
    const std::string_view instance = node ? "alice" : port ? "wan" : peer ? "osaka" : "";
    const std::string text = option.show(config, instance);
    if (option.name.ends_with(".key")) {
      CHECK(text == "(not shown)");
      copy.home_agent.mobile_nodes[0].key = config.home_agent.mobile_nodes[0].key;
      continue;
    }
    std::size_t at = 0;
    while (at < text.size()) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      INFO(option.name << " = " << text.substr(at, end - at));
      CHECK(option.set(copy, instance, text.substr(at, end - at)).has_value());
      at = end + 1;
    }
  }
  CHECK(copy == config);
}

TEST_CASE("option names are unique, and a slip of the finger is recognized", "[config]") {
  std::set<std::string_view> seen;
  for (const Option& option : options()) {
    INFO(option.name);
    CHECK(seen.insert(option.name).second);
    CHECK_FALSE(option.help.empty());
  }
  CHECK(find_option("port.wan.nonsense").option == nullptr);
  CHECK(find_option("nonsense").option == nullptr);
  CHECK(find_option("port.*.mtu").option != nullptr);
  CHECK(similar_option("home-perfix") == "home-prefix");
  CHECK(similar_option("port.wan.adress") == "port.*.address");
  CHECK(similar_option("completely-different").empty());
}

TEST_CASE("options of reassembly and of the workers' sharing", "[config]") {
  const DataPath defaults;
  CHECK(defaults.shares_work());
  CHECK_FALSE(configured({{"idle", "yes"}}).data_path.shares_work());
  CHECK(configured({{"idle", "yes"}, {"work-sharing", "yes"}}).data_path.shares_work());
  CHECK(defaults.reassembly_datagrams == 128);
  const Config config = configured({{"work-sharing", "off"},
                                    {"reassembly-datagrams", "64"},
                                    {"reassembly-bytes", "1000000"},
                                    {"reassembly-timeout", "500"}});
  CHECK_FALSE(config.data_path.shares_work());
  CHECK(config.data_path.reassembly_datagrams == 64);
  CHECK(config.data_path.reassembly_bytes == 1000000);
  CHECK(config.data_path.reassembly_timeout == std::chrono::milliseconds(500));
  for (const auto& [key, shown] : {std::pair("work-sharing", "no"),
                                   {"reassembly-datagrams", "64"},
                                   {"reassembly-bytes", "1000000"},
                                   {"reassembly-timeout", "500"}}) {
    CHECK(find_option(key).option->show(config, "") == shown);
  }
  for (const auto& [key, value] : {std::pair("work-sharing", "perhaps"),
                                   {"reassembly-datagrams", "70000"},
                                   {"reassembly-bytes", "1000"},
                                   {"reassembly-timeout", "99"}}) {
    Config unchanged;
    CHECK_FALSE(find_option(key).option->set(unchanged, "", value).has_value());
  }
  // Room for as many packets of the largest MTU as there are to be datagrams.
  CHECK(mistakes_with("reassembly-datagrams", "2000") == "reassembly-bytes");
  CHECK(mistakes_with("reassembly-datagrams", "0").empty());
  CHECK(mistakes_with("port.wan.mtu", "9600").empty());
}
