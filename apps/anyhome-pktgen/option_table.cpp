#include "apps/anyhome-pktgen/option_table.h"

#include <sstream>

#include <fmt/format.h>

#include "apps/anyhome-mn/option_values.h"
#include "apps/anyhome-pktgen/values.h"

namespace anyhome::pktgen {
namespace {

using mobile::read_address;
using mobile::read_any_address;
using mobile::read_boolean;
using mobile::read_choice;
using mobile::read_number;
using mobile::read_seconds;

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

Network& network(Draft& draft) { return draft.options.traffic.network; }
Signalling& signalling(Draft& draft) { return draft.options.traffic.signalling; }

constexpr std::uint32_t kMaxNodes = 16'000'000;

constexpr std::string_view kPorts = "Ports";
constexpr std::string_view kTraffic = "Traffic";
constexpr std::string_view kAddresses = "Addresses";
constexpr std::string_view kRate = "Rate and length";
constexpr std::string_view kRegistration = "Registration";
constexpr std::string_view kNdr = "Throughput search (ndr)";
constexpr std::string_view kOutput = "Results";

constexpr OptionRow
    kRows[] =
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
            {kPorts, "link-settle", "SECONDS",
             "from then until something is sent: the other side has to see its link, too (0.2)",
             false,
             [](const std::string& v, Draft& d) {
               return store(read_seconds(v, 0, 3600), d.options.link_settle);
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
            {kTraffic, "template", "FILE",
             "user traffic after the packets of this pcap file, in turn, instead of UDP of "
             "--frame-size",
             false,
             [](const std::string& v, Draft& d) {
               return store(read_template_file(v), d.options.traffic.templates);
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
             [](const std::string& v, Draft& d) {
               return store(read_pcap_file(v), d.options.traffic.pcap_frames);
             }},
            {kTraffic, "reproducible", "yes|no",
             "times in packets go by their number: the same bytes in every run, no delays measured "
             "(no)",
             false,
             [](const std::string& v, Draft& d) {
               return store(read_boolean(v), d.options.reproducible);
             }},

            {kAddresses, "home-agent", "ADDRESS", "of what is under test", false,
             [](const std::string& v, Draft& d) {
               return store(read_address<HomeAgentAddress>(v), network(d).home_agent);
             }},
            {kAddresses, "home-address", "ADDRESS", "of the first mobile node; the others count up",
             false,
             [](const std::string& v, Draft& d) {
               return store(read_address<HomeAddress>(v), network(d).first_home);
             }},
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
             [](const std::string& v, Draft& d) {
               return store(read_packet_rate(v), d.options.rate);
             }},
            {kRate, "burst", "NUMBER", "so many packets at once, at the same mean rate (1)", false,
             [](const std::string& v, Draft& d) {
               return store(read_number<std::uint32_t>(v, 1, 1'000'000), d.options.profile.burst);
             }},
            {kRate, "ramp", "PPS,SECONDS", "start at this rate, and reach --rate after so long",
             false,
             [](const std::string& v, Draft& d) {
               return store(read_ramp(v, d.options.profile), d.options.profile);
             }},
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
             [](const std::string& v, Draft& d) {
               return store(mobile::read_lifetime(v), signalling(d).lifetime);
             }},
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
};

}  // namespace

std::span<const OptionRow> option_rows() { return kRows; }

}  // namespace anyhome::pktgen
