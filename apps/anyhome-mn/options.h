// The options of anyhome-mn: command line and INI file with the same names, one table for both.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "apps/anyhome-mn/fleet.h"
#include "common/address.h"

namespace anyhome::mobile {

enum class Verbosity : std::uint8_t {
  Quiet,    // warnings only
  Events,   // what happens to bindings
  Verbose,  // every acknowledgement too
};

struct Options {
  FleetSettings fleet;

  std::string access;  // interface or address
  std::chrono::milliseconds address_wait{5000};

  std::string socket;
  std::string tun_name;
  std::optional<std::size_t> tun_mtu;  // default: MTU of the access link - 40, at least 1280
  bool all_home_addresses = false;

  std::uint32_t table = 6275;
  bool routing = true;
  bool default_route = true;
  bool firewall = true;
  bool deregister_on_stop = false;
  std::optional<Verbosity> verbosity;  // default: Events for one node, Quiet for more
};

// Text to print and be done: --help, --version.
struct Information {
  std::string text;
};

// All mistakes at once, each with option, value and remedy.
using Mistakes = std::vector<std::string>;

std::expected<std::variant<Options, Information>, Mistakes> parse_options(int argc,
                                                                          const char* const* argv);

}  // namespace anyhome::mobile
