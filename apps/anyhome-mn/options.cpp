#include "apps/anyhome-mn/options.h"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "apps/anyhome-mn/control.h"
#include "apps/anyhome-mn/option_values.h"
#include "apps/options/option_texts.h"
#include "common/wire/ipv6.h"

#ifndef ANYHOME_VERSION
#define ANYHOME_VERSION "unknown"
#endif

namespace anyhome::mobile {
namespace {

namespace po = boost::program_options;

// Options being collected; what they mean together is known at the end.
struct Draft {
  Options options;
  std::optional<HomeAddress> home_address;
  std::optional<Prefix> home_prefix;
  std::optional<MobileRouterMode> nemo;
  std::optional<std::vector<std::byte>> key;
  std::optional<std::uint32_t> spi;
  std::optional<bool> timestamps;
  KeyDerivation derivation = KeyDerivation::Shared;
  std::optional<double> rate;
};

// Reads one value; the error says what would have been right.
using Apply = std::optional<std::string> (*)(const std::string& value, Draft& draft);

struct Row {
  std::string_view group;
  std::string_view name;
  std::string_view argument;
  std::string_view help;
  bool repeatable;
  Apply apply;
};

// Stores what `read` makes of the text, or passes on its remedy.
template <class T, class Target>
std::optional<std::string> store(std::expected<T, std::string> value, Target& target) {
  if (!value) {
    return value.error();
  }
  target = *std::move(value);
  return std::nullopt;
}

Settings& settings(Draft& draft) { return draft.options.fleet.first; }

constexpr std::string_view kAccess = "Access network";
constexpr std::string_view kHome = "Home";
constexpr std::string_view kNemo = "Mobile router (RFC 3963)";
constexpr std::string_view kSecurity = "Authentication (RFC 4285)";
constexpr std::string_view kSystem = "This machine";
constexpr std::string_view kLoad = "Signalling load";

const std::array kRows = std::to_array<Row>({
    {kAccess, "access", "IFNAME|ADDRESS", "where to attach first; 'ctl move' goes elsewhere", false,
     [](const std::string& v, Draft& d) { return store(read_word(v), d.options.access); }},
    {kAccess, "address-wait", "SECONDS", "how long to wait for a usable global address (5)", false,
     [](const std::string& v, Draft& d) {
       return store(read_seconds(v, 0, 3600), d.options.address_wait);
     }},
    {kHome, "home-address", "ADDRESS", "the home address (the first one with --count)", false,
     [](const std::string& v, Draft& d) {
       return store(read_address<HomeAddress>(v), d.home_address);
     }},
    {kHome, "home-prefix", "PREFIX", "the home prefix (the home address's /64)", false,
     [](const std::string& v, Draft& d) { return store(read_prefix(v), d.home_prefix); }},
    {kHome, "home-agent", "ADDRESS", "the home agent (found by discovery, RFC 6275 11.4.1)", false,
     [](const std::string& v, Draft& d) {
       return store(read_address<HomeAgentAddress>(v), settings(d).home_agent);
     }},
    {kHome, "discovery-address", "ADDRESS", "where to ask (RFC 2526 anycast of the home prefix)",
     false,
     [](const std::string& v, Draft& d) {
       return store(read_any_address(v), settings(d).discovery_address);
     }},
    {kHome, "lifetime", "SECONDS", "binding lifetime to ask for, 4 to 262140 (600)", false,
     [](const std::string& v, Draft& d) { return store(read_lifetime(v), settings(d).lifetime); }},
    {kHome, "switch-deregisters", "yes|no",
     "after a Home Agent Switch, de-register at the old home agent (no)", false,
     [](const std::string& v, Draft& d) {
       return store(read_boolean(v), settings(d).switch_deregisters);
     }},
    {kHome, "tunnel-hop-limit", "NUMBER", "hop limit of tunnel packets, 1 to 255 (64)", false,
     [](const std::string& v, Draft& d) {
       return store(read_number<std::uint8_t>(v, 1, 255), settings(d).tunnel_hop_limit);
     }},
    {kNemo, "mobile-network-prefix", "PREFIX", "a prefix behind this mobile router; may be repeated",
     true,
     [](const std::string& v, Draft& d) -> std::optional<std::string> {
       auto prefix = read_prefix(v);
       if (!prefix) {
         return prefix.error();
       }
       settings(d).prefixes.push_back(*prefix);
       return std::nullopt;
     }},
    {kNemo, "nemo", "off|explicit|implicit",
     "list the prefixes in Binding Updates, or let the home agent know them (explicit when there "
     "are any)",
     false,
     [](const std::string& v, Draft& d) {
       return store(read_choice<MobileRouterMode>(v, {{"off", MobileRouterMode::Off},
                                                      {"explicit", MobileRouterMode::Explicit},
                                                      {"implicit", MobileRouterMode::Implicit}}),
                    d.nemo);
     }},
    {kSecurity, "identifier", "NAI",
     "mobile node identifier (RFC 4283); {} becomes the node's number, from 0", false,
     [](const std::string& v, Draft& d) {
       return store(read_identifier(v), settings(d).identifier);
     }},
    {kSecurity, "key", "HEX", "shared key, at least 16 octets; better in a file (--config)", false,
     [](const std::string& v, Draft& d) { return store(read_key(v), d.key); }},
    {kSecurity, "spi", "NUMBER", "security parameter index, 256 or more (256)", false,
     [](const std::string& v, Draft& d) {
       return store(read_number<std::uint32_t>(v, 256, 0xffff'ffffU), d.spi);
     }},
    {kSecurity, "key-derivation", "shared|per-home-agent",
     "use the key as it is, or HMAC-SHA256(key, \"anyhome\" | home agent) (shared)", false,
     [](const std::string& v, Draft& d) {
       return store(
           read_choice<KeyDerivation>(v, {{"shared", KeyDerivation::Shared},
                                          {"per-home-agent", KeyDerivation::PerHomeAgent}}),
           d.derivation);
     }},
    {kSecurity, "replay-protection", "timestamp|sequence",
     "send the timestamp option too, or sequence numbers only (timestamp when there is a key)",
     false,
     [](const std::string& v, Draft& d) {
       return store(read_choice<bool>(v, {{"timestamp", true}, {"sequence", false}}), d.timestamps);
     }},
    {kSystem, "config", "FILE", "read options from an INI file; the command line goes first", false,
     nullptr},
    {kSystem, "socket", "PATH", "control socket for 'anyhome-mn ctl' (/run/anyhome-mn.sock)", false,
     [](const std::string& v, Draft& d) { return store(read_word(v), d.options.socket); }},
    {kSystem, "tun-name", "NAME", "the TUN device (mn0)", false,
     [](const std::string& v, Draft& d) {
       return store(read_interface_name(v), d.options.tun_name);
     }},
    {kSystem, "tun-mtu", "BYTES", "its MTU, 1280 to 65495 (MTU of the access link - 40)", false,
     [](const std::string& v, Draft& d) {
       return store(read_number<std::size_t>(v, wire::kMinimumMtu, 65495), d.options.tun_mtu);
     }},
    {kSystem, "table", "NUMBER",
     "routing table, mark and first rule preference of our own, 256 to 32000 (6275)", false,
     [](const std::string& v, Draft& d) {
       return store(read_number<std::uint32_t>(v, 256, 32000), d.options.table);
     }},
    {kSystem, "routing", "yes|no", "set up rules and routes (yes)", false,
     [](const std::string& v, Draft& d) { return store(read_boolean(v), d.options.routing); }},
    {kSystem, "default-route", "yes|no",
     "programs without a source address of their own use the home address (yes)", false,
     [](const std::string& v, Draft& d) {
       return store(read_boolean(v), d.options.default_route);
     }},
    {kSystem, "firewall", "yes|no",
     "keep the kernel from answering type 2 routing headers, with nft (yes)", false,
     [](const std::string& v, Draft& d) { return store(read_boolean(v), d.options.firewall); }},
    {kSystem, "deregister-on-stop", "yes|no", "de-register before the end, at most 3 s (no)", false,
     [](const std::string& v, Draft& d) {
       return store(read_boolean(v), d.options.deregister_on_stop);
     }},
    {kSystem, "log", "quiet|events|verbose",
     "what is told on standard error (events; quiet with --count)", false,
     [](const std::string& v, Draft& d) {
       return store(read_choice<Verbosity>(v, {{"quiet", Verbosity::Quiet},
                                               {"events", Verbosity::Events},
                                               {"verbose", Verbosity::Verbose}}),
                    d.options.verbosity);
     }},
    {kLoad, "count", "NUMBER", "mobile nodes behind one care-of address, to 1000000 (1)", false,
     [](const std::string& v, Draft& d) {
       return store(read_number<std::uint32_t>(v, 1, 1'000'000), d.options.fleet.count);
     }},
    {kLoad, "registrations-per-second", "RATE",
     "pace of commands over the nodes, 0 for no pace (100 with --count)", false,
     [](const std::string& v, Draft& d) { return store(read_rate(v), d.rate); }},
    {kLoad, "all-home-addresses", "yes|no", "put all home addresses on the TUN device (no)", false,
     [](const std::string& v, Draft& d) {
       return store(read_boolean(v), d.options.all_home_addresses);
     }},
});

po::options_description description_of(std::string_view group) {
  po::options_description part(std::string(group), 110, 60);
  for (const Row& row : kRows) {
    if (row.group == group) {
      // All are lists of texts, so that a repetition is ours to report.
      auto* value = po::value<std::vector<std::string>>();
      value->value_name(std::string(row.argument));
      part.add_options()(std::string(row.name).c_str(), value, std::string(row.help).c_str());
    }
  }
  return part;
}

po::options_description all_options(bool for_people) {
  po::options_description all;
  for (const std::string_view group : {kAccess, kHome, kNemo, kSecurity, kSystem, kLoad}) {
    all.add(description_of(group));
  }
  if (for_people) {
    po::options_description rest("Information");
    rest.add_options()("help", "this text")("version", "the version");
    all.add(rest);
  }
  return all;
}

using options::Texts;

Texts from_file(const std::string& path, Mistakes& mistakes) {
  std::ifstream file(path);
  if (!file) {
    mistakes.push_back(fmt::format("--config \"{}\": cannot be read; give a file", path));
    return {};
  }
  try {
    const auto all = all_options(false);
    return options::collect(po::parse_config_file(file, all, true), {path + ": ", ""}, mistakes);
  } catch (const po::error& error) {
    mistakes.push_back(fmt::format("{}: {}; write lines NAME = VALUE", path, error.what()));
    return {};
  }
}

// What options mean together.
void complete(const Texts& texts, Draft& draft, Mistakes& mistakes) {
  Settings& first = settings(draft);
  Options& options = draft.options;
  if (!texts.contains("access")) {
    mistakes.emplace_back("--access: missing; name the interface to attach to");
  }
  if (!texts.contains("home-address")) {
    mistakes.emplace_back("--home-address: missing; give the mobile node's home address");
  }
  if (!draft.home_address) {
    return;
  }
  first.home_address = *draft.home_address;
  first.home_prefix = draft.home_prefix.value_or(Prefix(draft.home_address->address(), 64));
  const Ipv6Address last = counted_up(first.home_address.address(), options.fleet.count - 1);
  if (!first.home_prefix.contains(first.home_address.address()) ||
      !first.home_prefix.contains(last)) {
    mistakes.push_back(fmt::format(
        "--home-prefix \"{}\": does not hold {} to {}; widen it, or "
        "lower --count",
        first.home_prefix.to_string(), first.home_address.to_string(), last.to_string()));
  }
  if (first.home_agent && first.home_agent->address() == first.home_address.address()) {
    mistakes.push_back(
        fmt::format("--home-agent \"{}\": is the home address; give the home "
                    "agent's own",
                    first.home_agent->to_string()));
  }
  first.mobile_router = draft.nemo.value_or(first.prefixes.empty() ? MobileRouterMode::Off
                                                                   : MobileRouterMode::Explicit);
  if ((first.mobile_router == MobileRouterMode::Off) != first.prefixes.empty()) {
    mistakes.emplace_back(first.prefixes.empty()
                              ? "--nemo: there is no prefix; give --mobile-network-prefix, in "
                                "implicit mode too"
                              : "--nemo \"off\": there are prefixes; leave out --nemo or "
                                "--mobile-network-prefix");
  }
  constexpr std::size_t kMaxPrefixes = 32;  // what fits a Binding Update of 1280 bytes
  if (first.prefixes.size() > kMaxPrefixes) {
    mistakes.push_back(
        fmt::format("--mobile-network-prefix: {} prefixes; a Binding Update takes {}",
                    first.prefixes.size(), kMaxPrefixes));
  }
  if (draft.key) {
    first.security = Security{draft.spi.value_or(256), *draft.key, draft.derivation};
    if (!first.identifier) {
      mistakes.emplace_back("--identifier: missing; RFC 4285 needs it with --key");
    }
  } else if (draft.spi || draft.timestamps == true) {
    mistakes.push_back(fmt::format("--{}: means nothing without a key; give --key",
                                   draft.spi ? "spi" : "replay-protection"));
  }
  first.timestamps = draft.timestamps.value_or(draft.key.has_value());
  const bool many = options.fleet.count > 1;
  if (many && first.identifier && first.identifier->find("{}") == std::string::npos) {
    mistakes.push_back(
        fmt::format("--identifier \"{}\": is the same for all nodes; put {{}} where "
                    "the number goes",
                    *first.identifier));
  }
  options.fleet.registrations_per_second = draft.rate.value_or(many ? 100 : 0);
}

}  // namespace

std::expected<std::variant<Options, Information>, Mistakes> parse_options(int argc,
                                                                          const char* const* argv) {
  Mistakes mistakes;
  Texts texts;
  const auto all = all_options(true);
  try {
    texts = options::collect(po::command_line_parser(argc, argv)
                                 .options(all)
                                 .style(options::command_line_style())
                                 .allow_unregistered()
                                 .run(),
                             {}, mistakes);
  } catch (const po::error& error) {
    return std::unexpected(Mistakes{fmt::format("{}; see --help", error.what())});
  }
  if (texts.contains("help")) {
    std::ostringstream text;
    text << "Usage: anyhome-mn OPTIONS\n       anyhome-mn ctl --help\n" << all;
    return Information{text.str()};
  }
  if (texts.contains("version")) {
    return Information{"anyhome-mn " ANYHOME_VERSION "\n"};
  }
  if (const auto config = texts.find("config"); config != texts.end()) {
    for (const std::string& path : config->second) {
      texts.merge(from_file(path, mistakes));  // what is there already stays
    }
  }
  Draft draft;
  draft.options.socket = kDefaultSocketPath;
  draft.options.tun_name = "mn0";
  options::apply(kRows, texts, draft, mistakes);
  complete(texts, draft, mistakes);
  if (!mistakes.empty()) {
    return std::unexpected(std::move(mistakes));
  }
  return std::move(draft.options);
}

}  // namespace anyhome::mobile
