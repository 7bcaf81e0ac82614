// The command line of anyhome-pktgen, behind EAL's own.
#pragma once

#include <chrono>
#include <expected>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "apps/anyhome-pktgen/ndr.h"
#include "apps/anyhome-pktgen/schedule.h"
#include "apps/anyhome-pktgen/settings.h"

namespace anyhome::pktgen {

enum class Action : std::uint8_t {
  Run,
  Register,
  Ndr,
  Prompt,
  MobileNodes,
};

enum class Format : std::uint8_t {
  Table,
  Json,
  Csv,
};

// A rate as it is asked for; what it means may depend on link and frame size.
struct Rate {
  enum class Unit : std::uint8_t { Maximum, PacketsPerSecond, PercentOfLink };
  Unit unit = Unit::Maximum;
  double value = 0;
  friend bool operator==(const Rate&, const Rate&) = default;
};

// Before ports are known, an entry of the mix names its port.
struct RequestedTraffic {
  Kind kind = Kind::Correspondent;
  std::uint32_t weight = 1;
  std::string port;  // empty: the first
};

struct Options {
  Action action = Action::Run;
  TrafficSettings traffic;  // but for mix and addresses of the ports
  std::vector<RequestedTraffic> mix;
  std::vector<std::string> ports;  // empty: all that DPDK has
  std::vector<MacAddress> source_macs;
  std::vector<MacAddress> destination_macs;
  std::uint32_t senders = 0;  // 0: half of the lcores
  bool idle = false;
  std::chrono::milliseconds link_wait{10'000};
  std::chrono::milliseconds link_settle{200};
  double link_gigabits = 0;  // 0: what the driver says

  Rate rate;
  RateProfile profile;  // burst and ramp
  std::uint64_t count = 0;
  std::chrono::milliseconds duration{10'000};
  std::chrono::milliseconds drain{200};
  bool reproducible = false;

  bool register_first = false;
  Rate register_rate{Rate::Unit::PacketsPerSecond, 10'000};
  std::uint32_t register_rounds = 5;

  NdrSettings ndr;
  std::vector<double> losses{0};  // shares
  std::chrono::milliseconds trial_time{1'000};
  std::vector<FrameSizes> sweep_sizes;
  std::vector<std::uint32_t> sweep_nodes;

  bool plays_peer = false;  // of a global home agent set
  // Names of all options that were given: the prompt's `set traffic` counts on them.
  std::set<std::string, std::less<>> given;

  Format format = Format::Table;
  std::string output;  // empty: standard output
  std::chrono::milliseconds stats_period{0};
  double max_loss = 1;  // share; more is exit code 3
};

struct Information {
  std::string text;
};

using Mistakes = std::vector<std::string>;

// `arguments` are those behind EAL's "--".
std::expected<std::variant<Options, Information>, Mistakes> parse_options(
    const std::vector<std::string>& arguments);

}  // namespace anyhome::pktgen
