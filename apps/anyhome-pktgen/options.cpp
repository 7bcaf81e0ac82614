// Two passes: Boost.Program_options splits the command line into names and texts, then each row of
// the table below reads its own text. So every mistake is found, not only the first.
#include "apps/anyhome-pktgen/options.h"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include <fmt/format.h>

#include "apps/anyhome-mn/option_values.h"
#include "apps/anyhome-pktgen/node_table.h"
#include "apps/anyhome-pktgen/pcap_file.h"

namespace anyhome::pktgen {
namespace {

namespace po = boost::program_options;
using mobile::read_address;
using mobile::read_any_address;
using mobile::read_boolean;
using mobile::read_choice;
using mobile::read_number;
using mobile::read_seconds;

constexpr std::uint32_t kMaxNodes = 16'000'000;
constexpr double kMaxPps = 1e9;
constexpr double kMaxSeconds = 1e6;

// Options being collected; what they mean together is known at the end.
struct Draft {
  Options options;
  std::optional<std::vector<std::byte>> key;
  std::optional<std::uint32_t> spi;
  mobile::KeyDerivation derivation = mobile::KeyDerivation::Shared;
  std::optional<bool> timestamps;
  bool first_size_given = false;
};

using Remedy = std::optional<std::string>;
using Apply = Remedy (*)(const std::string& value, Draft& draft);

struct Row {
  std::string_view group;
  std::string_view name;
  std::string_view argument;
  std::string_view help;
  bool repeatable;
  Apply apply;
};

template <class T, class Target>
Remedy store(std::expected<T, std::string> value, Target& target) {
  if (!value) {
    return value.error();
  }
  target = *std::move(value);
  return std::nullopt;
}

template <class T, class Target>
Remedy append(std::expected<T, std::string> value, std::vector<Target>& target) {
  if (!value) {
    return value.error();
  }
  target.push_back(*std::move(value));
  return std::nullopt;
}

bool parse_real(std::string_view text, double& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() && std::isfinite(number);
}

std::expected<double, std::string> read_real(const std::string& text, double least, double most) {
  double number = 0;
  if (!parse_real(text, number) || number < least || number > most) {
    return std::unexpected(fmt::format("give a number from {} to {}", least, most));
  }
  return number;
}

// Per cent to a share.
std::expected<double, std::string> read_percent(const std::string& text) {
  auto percent = read_real(text, 0, 100);
  if (percent) {
    *percent /= 100;
  }
  return percent;
}

std::expected<MacAddress, std::string> read_mac(const std::string& text) {
  MacAddress mac{};
  for (std::size_t i = 0; i < mac.size(); ++i) {
    const char* at = text.data() + 3 * i;
    if (text.size() != 17 || (i != 0 && at[-1] != ':') ||
        std::from_chars(at, at + 2, mac[i], 16).ptr != at + 2) {
      return std::unexpected(std::string("give six octets as in 02:00:00:00:00:01"));
    }
  }
  return mac;
}

std::expected<RateProfile, std::string> read_ramp(const std::string& text, RateProfile profile) {
  const std::size_t comma = text.find(',');
  double seconds = 0;
  if (comma == std::string::npos ||
      !parse_real(std::string_view(text).substr(0, comma), profile.ramp_from_pps) ||
      !parse_real(std::string_view(text).substr(comma + 1), seconds) || profile.ramp_from_pps < 0 ||
      seconds <= 0 || seconds > kMaxSeconds) {
    return std::unexpected(std::string("give packets per second to start from, and seconds"));
  }
  profile.ramp = std::chrono::nanoseconds(static_cast<std::int64_t>(seconds * 1e9));
  return profile;
}

// Elements between `separator`s, each by its own reader.
template <class T, class Read>
Remedy read_list(const std::string& text, char separator, std::vector<T>& target, Read read) {
  target.clear();
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, separator);) {
    auto value = read(part);
    if (!value) {
      return value.error();
    }
    target.push_back(*std::move(value));
  }
  return target.empty() ? Remedy("give at least one") : std::nullopt;
}

Remedy read_pcap_file(const std::string& path, TrafficSettings& traffic) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file) {
    return "cannot be read; give a file";
  }
  const std::string text = content.str();
  return store(read_pcap(std::as_bytes(std::span(text)), kMaxFrame - kFcs), traffic.pcap_frames);
}

Network& network(Draft& draft) { return draft.options.traffic.network; }
Signalling& signalling(Draft& draft) { return draft.options.traffic.signalling; }

constexpr std::string_view kPorts = "Ports";
constexpr std::string_view kTraffic = "Traffic";
constexpr std::string_view kAddresses = "Addresses";
constexpr std::string_view kRate = "Rate and length";
constexpr std::string_view kRegistration = "Registration";
constexpr std::string_view kNdr = "Throughput search (ndr)";
constexpr std::string_view kOutput = "Results";

const std::array kRows =
    std::to_array<Row>(
        {
            {kPorts, "port", "DEVICE",
             "a port, by DPDK's name; may be repeated (all that there are)", true,
             [](const std::string& v, Draft& d) {
               return append(mobile::read_word(v), d.options.ports);
             }},
            {kPorts, "destination-mac", "MAC",
             "whom to send to, of the first port, the second, ...", true,
             [](const std::string& v, Draft& d) {
               return append(read_mac(v), d.options.destination_macs);
             }},
            {kPorts, "source-mac", "MAC", "who we are, port by port (the port's own)", true,
             [](const std::string& v, Draft& d) {
               return append(read_mac(v), d.options.source_macs);
             }},
            {kPorts, "vlan", "NUMBER", "tag of all frames, 1 to 4094 (none)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint16_t>(v, 1, 4094), d.options.traffic.vlan);
             }},
            {kPorts, "senders", "NUMBER",
             "lcores that send; the rest receive (half of the worker lcores, one does both)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint32_t>(v, 1, 128), d.options.senders);
             }},
            {kPorts, "idle", "yes|no",
             "sleep when there is nothing to do, on shared processors (no)", false,
             [](const std::string& v, Draft& d) { return store(read_boolean(v), d.options.idle); }},
            {kPorts, "link-wait", "SECONDS", "how long to wait for the links (10)", false,
             [](const std::string& v, Draft& d) {
               return store(read_seconds(v, 0, 3600), d.options.link_wait);
             }},
            {kPorts, "link-speed", "GIGABITS", "for --rate in % (what the driver says)", false,
             [](const std::string& v, Draft& d) {
               return store(read_real(v, 0.001, 10'000), d.options.link_gigabits);
             }},

            {kTraffic, "traffic", "KIND[=WEIGHT][@DEVICE]",
             "what to send, and out of which port; may be repeated (correspondent)", true,
             [](const std::string& v, Draft& d) { return append(read_traffic(v), d.options.mix); }},
            {kTraffic, "frame-size", "BYTES|imix|BYTES=WEIGHT,...",
             "of the user's frames, with FCS and without tunnels, 78 to 9018 (78)", false,
             [](const std::string& v, Draft& d) {
               return store(FrameSizes::parse(v), d.options.traffic.sizes);
             }},
            {kTraffic, "order", "sequential|uniform|zipf[=EXPONENT]",
             "in which the mobile nodes have their turns (sequential)", false,
             [](const std::string& v, Draft& d) {
               return store(read_order(v), d.options.traffic.pattern);
             }},
            {kTraffic, "seed", "NUMBER", "of all that is random (1)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint64_t>(v, 0, ~std::uint64_t{0}),
                            d.options.traffic.seed);
             }},
            {kTraffic, "pcap", "FILE", "frames of traffic kind pcap", false,
             [](const std::string& v, Draft& d) { return read_pcap_file(v, d.options.traffic); }},
            {kTraffic, "reproducible", "yes|no",
             "times in packets go by their number: the same bytes in every run, no delays measured "
             "(no)",
             false,
             [](const std::string& v,
                Draft& d) { return store(read_boolean(v), d.options.reproducible); }},

            {kAddresses, "home-agent", "ADDRESS", "of what is under test", false,
             [](const std::string& v, Draft& d) {
               return store(read_address<HomeAgentAddress>(v), network(d).home_agent);
             }},
            {kAddresses, "home-address", "ADDRESS", "of the first mobile node; the others count up",
             false,
             [](const std::string& v,
                Draft& d) { return store(read_address<HomeAddress>(v), network(d).first_home); }},
            {kAddresses, "nodes", "NUMBER", "mobile nodes, 1 to 16000000 (1)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint32_t>(v, 1, kMaxNodes), network(d).nodes);
             }},
            {kAddresses, "care-of-address", "ADDRESS",
             "of the first mobile node; the others count up, and each move adds 2^32", false,
             [](const std::string& v, Draft& d) {
               return store(read_address<CareOfAddress>(v), network(d).first_care_of);
             }},
            {kAddresses, "correspondent", "ADDRESS",
             "of the first correspondent; the others count up", false,
             [](const std::string& v, Draft& d) {
               return store(read_any_address(v), network(d).first_correspondent);
             }},
            {kAddresses, "correspondents", "NUMBER",
             "how many, each for its share of the nodes (256)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint32_t>(v, 1, kMaxNodes), network(d).correspondents);
             }},
            {kAddresses, "locator", "ADDRESS", "of what is under test, for HAHA", false,
             [](const std::string& v, Draft& d) {
               return store(read_address<Locator>(v), network(d).locator);
             }},
            {kAddresses, "peer", "ADDRESS", "locator of the peer that we play, for HAHA", false,
             [](const std::string& v, Draft& d) {
               return store(read_address<Locator>(v), network(d).peer);
             }},
            {kAddresses, "global-home-address", "ADDRESS",
             "of the first mobile node that the peer serves; the others count up", false,
             [](const std::string& v, Draft& d) {
               return store(read_address<HomeAddress>(v), network(d).first_global_home);
             }},
            {kAddresses, "global-nodes", "NUMBER", "mobile nodes that the peer serves (1)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint32_t>(v, 1, kMaxNodes), network(d).global_nodes);
             }},
            {kAddresses, "group-id", "NUMBER", "of the global home agent set (0)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint8_t>(v, 0, 255), network(d).group_id);
             }},

            {kRate, "rate", "PPS|PERCENT%|max", "packets per second of all senders together (max)",
             false,
             [](const std::string& v,
                Draft& d) { return store(read_packet_rate(v), d.options.rate); }},
            {kRate, "burst", "NUMBER", "so many packets at once, at the same mean rate (1)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint32_t>(v, 1, 1'000'000), d.options.profile.burst);
             }},
            {kRate, "ramp", "PPS,SECONDS", "start at this rate, and reach --rate after so long",
             false,
             [](const std::string& v,
                Draft& d) { return store(read_ramp(v, d.options.profile), d.options.profile); }},
            {kRate, "count", "NUMBER", "packets, 0 for no limit (0)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint64_t>(v, 0, ~std::uint64_t{0}), d.options.count);
             }},
            {kRate, "duration", "SECONDS", "at most, 0 for no limit (10)", false,
             [](const std::string& v, Draft& d) {
               return store(read_seconds(v, 0, kMaxSeconds), d.options.duration);
             }},
            {kRate, "drain", "SECONDS",
             "what has not come back so long after the last that did is lost (0.2)", false,
             [](const std::string& v, Draft& d) {
               return store(read_seconds(v, 0, 60), d.options.drain);
             }},

            {kRegistration, "register", "yes|no", "register all mobile nodes first (no)", false,
             [](const std::string& v, Draft& d) {
               return store(read_boolean(v), d.options.register_first);
             }},
            {kRegistration, "register-rate", "PPS|max",
             "Binding Updates per second of that (10000)", false,
             [](const std::string& v, Draft& d) {
               return store(read_packet_rate(v), d.options.register_rate);
             }},
            {kRegistration, "register-rounds", "NUMBER",
             "how often those without an acknowledgement are sent again (5)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint32_t>(v, 1, 1000), d.options.register_rounds);
             }},
            {kRegistration, "lifetime", "SECONDS", "binding lifetime to ask for, 4 to 262140 (600)",
             false,
             [](const std::string& v,
                Draft& d) { return store(mobile::read_lifetime(v), signalling(d).lifetime); }},
            {kRegistration, "key", "HEX", "shared key of RFC 4285, at least 16 octets (none)",
             false,
             [](const std::string& v, Draft& d) { return store(mobile::read_key(v), d.key); }},
            {kRegistration, "spi", "NUMBER", "security parameter index, 256 or more (256)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint32_t>(v, 256, 0xffff'ffffU), d.spi);
             }},
            {kRegistration, "key-derivation", "shared|per-home-agent",
             "the key as it is, or HMAC-SHA256(key, \"anyhome\" | home agent) (shared)", false,
             [](const std::string& v, Draft& d) {
               return store(read_choice<mobile::KeyDerivation>(
                                v, {{"shared", mobile::KeyDerivation::Shared},
                                    {"per-home-agent", mobile::KeyDerivation::PerHomeAgent}}),
                            d.derivation);
             }},
            {kRegistration, "replay-protection", "timestamp|sequence",
             "send the timestamp option too (timestamp when there is a key)", false,
             [](const std::string& v, Draft& d) {
               return store(read_choice<bool>(v, {{"timestamp", true}, {"sequence", false}}),
                            d.timestamps);
             }},
            {kRegistration, "identifier", "NAI",
             "mobile node identifier; {} becomes the node's number", false,
             [](const std::string& v, Draft& d) {
               return store(mobile::read_identifier(v), signalling(d).identifier);
             }},
            {kRegistration, "first-sequence", "NUMBER", "sequence number to begin with (1)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint16_t>(v, 0, 65535), signalling(d).first_sequence);
             }},
            {kRegistration, "bindings-per-message", "NUMBER", "of an SS-REP, 1 to 31 (19)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint32_t>(v, 1, 31),
                            signalling(d).bindings_per_message);
             }},

            {kNdr, "loss", "PERCENT,...", "that may be lost; a search for each (0)", false,
             [](const std::string& v, Draft& d) {
               return read_list(v, ',', d.options.losses, read_percent);
             }},
            {kNdr, "trial-time", "SECONDS", "length of a trial (1)", false,
             [](const std::string& v, Draft& d) {
               return store(read_seconds(v, 0.01, 3600), d.options.trial_time);
             }},
            {kNdr, "repeats", "NUMBER", "how often a rate has to pass (1)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<unsigned>(v, 1, 100), d.options.ndr.repeats);
             }},
            {kNdr, "tolerance", "PERCENT", "how near the answer has to be (1)", false,
             [](const std::string& v, Draft& d) {
               return store(read_percent(v), d.options.ndr.tolerance);
             }},
            {kNdr, "lowest", "PPS", "rate below which there is no search (1000)", false,
             [](const std::string& v, Draft& d) {
               return store(read_real(v, 1, kMaxPps), d.options.ndr.lowest_pps);
             }},
            {kNdr, "highest", "PPS", "rate to begin with (1000000)", false,
             [](const std::string& v, Draft& d) {
               return store(read_real(v, 1, kMaxPps), d.options.ndr.highest_pps);
             }},
            {kNdr, "sweep-frame-sizes", "SIZE/SIZE/...",
             "a search for each, each as in --frame-size", false,
             [](const std::string& v, Draft& d) {
               return read_list(v, '/', d.options.sweep_sizes,
                                [](const std::string& part) { return FrameSizes::parse(part); });
             }},
            {kNdr, "sweep-nodes", "NUMBER,...", "a search for each number of mobile nodes", false,
             [](const std::string& v, Draft& d) {
               return read_list(v, ',', d.options.sweep_nodes, [](const std::string& part) {
                 return read_number<std::uint32_t>(part, 1, kMaxNodes);
               });
             }},

            {kOutput, "format", "table|json|csv", "of the results (table)", false,
             [](const std::string& v, Draft& d) {
               return store(
                   read_choice<Format>(
                       v, {{"table", Format::Table}, {"json", Format::Json}, {"csv", Format::Csv}}),
                   d.options.format);
             }},
            {kOutput, "output", "FILE", "where results go (standard output)", false,
             [](const std::string& v, Draft& d) {
               return store(mobile::read_word(v), d.options.output);
             }},
            {kOutput, "stats-period", "SECONDS",
             "a line of rates so often, on standard error; 0: none (0)", false,
             [](const std::string& v, Draft& d) {
               return store(read_seconds(v, 0, 3600), d.options.stats_period);
             }},
            {kOutput, "max-loss", "PERCENT", "exit code 3 when more is lost (100)", false,
             [](const std::string& v, Draft& d) {
               return store(read_percent(v), d.options.max_loss);
             }},
        });

po::options_description all_options() {
  po::options_description all;
  for (const std::string_view group :
       {kPorts, kTraffic, kAddresses, kRate, kRegistration, kNdr, kOutput}) {
    po::options_description part(std::string(group), 110, 60);
    for (const Row& row : kRows) {
      if (row.group == group) {
        // All are lists of texts, so that a repetition is ours to report.
        auto* value = po::value<std::vector<std::string>>();
        value->value_name(std::string(row.argument));
        part.add_options()(std::string(row.name).c_str(), value, std::string(row.help).c_str());
      }
    }
    all.add(part);
  }
  po::options_description rest("Information", 110, 60);
  rest.add_options()("help", "this text")("version", "the version");
  all.add(rest);
  return all;
}

std::string help_text() {
  std::ostringstream text;
  text << "Usage: anyhome-pktgen [EAL options] -- [ACTION] [options]\n\n"
          "Actions:\n"
          "  run        send, and say what came back (what happens without an action)\n"
          "  register   register all mobile nodes, and say how fast\n"
          "  ndr        search for the highest rate that loses no more than --loss\n"
          "  prompt     take commands from standard input; `help` lists them\n\n"
          "Kinds of traffic:\n";
  for (const KindRow& row : kKinds) {
    text << fmt::format("  {:<18} {}\n", row.name, row.help);
  }
  text << all_options()
       << "\nExit codes: 0 done; 1 failed; 2 mistakes on the command line; 3 more lost than "
          "--max-loss,\nmobile nodes that are not registered, or no rate that passes.\n";
  return text.str();
}

using Texts = std::map<std::string, std::vector<std::string>>;

// Names and texts; what is no option is the action, or a mistake.
Texts collect(const po::parsed_options& parsed, std::vector<std::string>& words,
              Mistakes& mistakes) {
  Texts texts;
  for (const po::option& option : parsed.options) {
    if (option.position_key >= 0) {
      words.insert(words.end(), option.value.begin(), option.value.end());
    } else if (option.unregistered) {
      mistakes.push_back(fmt::format("{}{}: there is no such option; see --help",
                                     option.string_key.starts_with("-") ? "" : "--",
                                     option.string_key));
    } else {
      auto& values = texts[option.string_key];
      values.insert(values.end(), option.value.begin(), option.value.end());
    }
  }
  return texts;
}

void apply(const Texts& texts, Draft& draft, Mistakes& mistakes) {
  for (const Row& row : kRows) {
    const auto found = texts.find(std::string(row.name));
    if (found == texts.end()) {
      continue;
    }
    if (!row.repeatable && found->second.size() > 1) {
      mistakes.push_back(fmt::format("--{} \"{}\": given {} times; give it once", row.name,
                                     found->second.back(), found->second.size()));
      continue;
    }
    for (const std::string& value : found->second) {
      if (const auto remedy = row.apply(value, draft)) {
        // A key does not go into anybody's log.
        const std::string shown = row.name == "key" ? "..." : value;
        mistakes.push_back(fmt::format("--{} \"{}\": {}", row.name, shown, *remedy));
      }
    }
  }
}

// Which addresses a kind of traffic cannot do without.
std::vector<std::string_view> needed_by(Kind kind) {
  switch (kind) {
    case Kind::Correspondent:
    case Kind::BadVersion:
    case Kind::BadLength:
    case Kind::BadHopLimit:
    case Kind::BadHomeAddress:
      return {"home-address", "correspondent"};
    case Kind::ReverseTunnel:
    case Kind::BadCareOf:
      return {"home-agent", "home-address", "care-of-address", "correspondent"};
    case Kind::HahaIn:
      return {"home-address", "correspondent", "locator", "peer"};
    case Kind::HahaOut:
      return {"global-home-address", "correspondent"};
    case Kind::Register:
    case Kind::Refresh:
    case Kind::Move:
    case Kind::BadChecksum:
      return {"home-agent", "home-address", "care-of-address"};
    case Kind::BadAuthenticator:
      return {"home-agent", "home-address", "care-of-address", "key"};
    case Kind::SsReply:
      return {"locator", "peer", "global-home-address"};
    case Kind::Pcap:
      return {"pcap"};
  }
  return {};
}

void check_needs(const Texts& texts, const Draft& draft, Mistakes& mistakes) {
  std::map<std::string_view, std::string_view> missing;
  const auto need = [&](Kind kind) {
    for (const std::string_view name : needed_by(kind)) {
      if (!texts.contains(std::string(name))) {
        missing.emplace(name, to_string(kind));
      }
    }
  };
  for (const RequestedTraffic& entry : draft.options.mix) {
    need(entry.kind);
  }
  if (draft.options.register_first || draft.options.action == Action::Register) {
    need(Kind::Register);
  }
  for (const auto& [name, kind] : missing) {
    mistakes.push_back(fmt::format("--{}: missing; traffic {} needs it", name, kind));
  }
  if (!texts.contains("destination-mac")) {
    mistakes.emplace_back("--destination-mac: missing; give the address of what is under test");
  }
}

// Lists count up in the lower half of an address.
void check_ranges(const Texts& texts, const Network& network, Mistakes& mistakes) {
  const auto fits = [&](std::string_view name, const Ipv6Address& first, std::uint64_t count) {
    if (texts.contains(std::string(name)) && lower_half(first) > ~std::uint64_t{0} - count) {
      mistakes.push_back(
          fmt::format("--{} \"{}\": {} addresses do not fit behind it; give a lower one", name,
                      first.to_string(), count));
    }
  };
  fits("home-address", network.first_home.address(), std::uint64_t{network.nodes} * 2);
  fits("care-of-address", network.first_care_of.address(),
       (std::uint64_t{0xffff} << kMoveShift) + network.nodes);
  fits("correspondent", network.first_correspondent, network.correspondents);
  fits("global-home-address", network.first_global_home.address(), network.global_nodes);
}

// What options mean together.
void complete(const Texts& texts, Draft& draft, Mistakes& mistakes) {
  Options& options = draft.options;
  if (options.mix.empty()) {
    options.mix.push_back({});
  }
  if (draft.key) {
    signalling(draft).security =
        mobile::Security{draft.spi.value_or(256), *draft.key, draft.derivation};
  } else {
    for (const char* name : {"spi", "key-derivation"}) {
      if (texts.contains(name)) {
        mistakes.push_back(fmt::format("--{}: means nothing without --key", name));
      }
    }
  }
  signalling(draft).timestamps = draft.timestamps.value_or(draft.key.has_value());
  if (options.ndr.lowest_pps >= options.ndr.highest_pps) {
    mistakes.push_back(fmt::format("--lowest \"{}\": is not below --highest ({})",
                                   options.ndr.lowest_pps, options.ndr.highest_pps));
  }
  if (options.ndr.tolerance <= 0) {
    mistakes.emplace_back("--tolerance: is 0, which no search reaches; give more, 0.1 for one");
  }
  if (options.profile.ramp.count() != 0 && options.rate.unit == Rate::Unit::Maximum) {
    mistakes.emplace_back("--ramp: needs a --rate to reach");
  }
  if (options.count == 0 && options.duration.count() == 0 && options.action == Action::Run) {
    mistakes.emplace_back("--duration \"0\": there is no end without --count; give one of them");
  }
  if (!options.sweep_nodes.empty()) {
    network(draft).nodes = std::max(network(draft).nodes, std::ranges::max(options.sweep_nodes));
  }
  check_needs(texts, draft, mistakes);
  check_ranges(texts, network(draft), mistakes);
}

}  // namespace

std::expected<Rate, std::string> read_packet_rate(const std::string& text) {
  Rate rate;
  if (text == "max") {
    return rate;
  }
  const bool percent = text.ends_with('%');
  rate.unit = percent ? Rate::Unit::PercentOfLink : Rate::Unit::PacketsPerSecond;
  if (!parse_real(std::string_view(text).substr(0, text.size() - (percent ? 1 : 0)), rate.value) ||
      rate.value <= 0 || rate.value > (percent ? 100 : kMaxPps)) {
    return std::unexpected(fmt::format(
        "give packets per second up to {}, a share of the link as in 10%, or max", kMaxPps));
  }
  return rate;
}

std::expected<RequestedTraffic, std::string> read_traffic(const std::string& text) {
  RequestedTraffic traffic;
  const std::size_t at = text.find('@');
  const std::string front = text.substr(0, at);
  if (at != std::string::npos) {
    traffic.port = text.substr(at + 1);
  }
  const std::size_t equals = front.find('=');
  const auto kind = find_kind(front.substr(0, equals));
  bool good = kind.has_value() && (at == std::string::npos || !traffic.port.empty());
  if (equals != std::string::npos) {
    const auto weight = read_number<std::uint32_t>(front.substr(equals + 1), 1, 1'000'000);
    good = good && weight;
    traffic.weight = weight.value_or(1);
  }
  if (!good) {
    std::string names;
    for (const KindRow& row : kKinds) {
      names += fmt::format("{}{}", names.empty() ? "" : ", ", row.name);
    }
    return std::unexpected(
        fmt::format("give KIND, KIND=WEIGHT or KIND=WEIGHT@DEVICE; kinds are {}", names));
  }
  traffic.kind = *kind;
  return traffic;
}

std::expected<PatternSettings, std::string> read_order(const std::string& text) {
  if (text == "sequential") {
    return PatternSettings{Order::Sequential, 1};
  }
  if (text == "uniform") {
    return PatternSettings{Order::Uniform, 1};
  }
  double exponent = 1;
  if (text == "zipf" ||
      (text.starts_with("zipf=") && parse_real(std::string_view(text).substr(5), exponent) &&
       exponent > 0 && exponent <= 10)) {
    return PatternSettings{Order::Zipf, exponent};
  }
  return std::unexpected(
      std::string("give sequential, uniform, zipf, or zipf=EXPONENT above 0 and up to 10"));
}

std::expected<std::variant<Options, Information>, Mistakes> parse_options(
    const std::vector<std::string>& arguments) {
  Mistakes mistakes;
  Texts texts;
  std::vector<std::string> words;
  const auto all = all_options();
  try {
    // No guessing: "--key" must not mean "--key-derivation" one day.
    const auto style = po::command_line_style::unix_style ^ po::command_line_style::allow_guessing ^
                       po::command_line_style::allow_short;
    texts = collect(
        po::command_line_parser(arguments).options(all).style(style).allow_unregistered().run(),
        words, mistakes);
  } catch (const po::error& error) {
    return std::unexpected(Mistakes{fmt::format("{}; see --help", error.what())});
  }
  if (texts.contains("help")) {
    return Information{help_text()};
  }
  if (texts.contains("version")) {
    return Information{"anyhome-pktgen " ANYHOME_VERSION "\n"};
  }
  Draft draft;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto action = read_choice<Action>(words[i], {{"run", Action::Run},
                                                       {"register", Action::Register},
                                                       {"ndr", Action::Ndr},
                                                       {"prompt", Action::Prompt}});
    if (i != 0 || !action) {
      mistakes.push_back(
          fmt::format("\"{}\": {}", words[i], i != 0 ? "is one action too many" : action.error()));
    } else {
      draft.options.action = *action;
    }
  }
  apply(texts, draft, mistakes);
  complete(texts, draft, mistakes);
  if (!mistakes.empty()) {
    return std::unexpected(std::move(mistakes));
  }
  return std::move(draft.options);
}

}  // namespace anyhome::pktgen
