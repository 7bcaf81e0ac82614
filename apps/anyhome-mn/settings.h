// What one mobile node is told before it starts. Plain values; the options of the program are in
// options.h, which also says what is checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/address.h"
#include "common/prefix.h"
#include "common/time.h"

namespace anyhome::mobile {

enum class KeyDerivation : std::uint8_t {
  Shared,        // the key as it stands, at every home agent
  PerHomeAgent,  // rulings §9: HMAC-SHA256(key, "anyhome" | home agent address), first 16 octets
};

// The mobility security association of RFC 4285 §3.
struct Security {
  std::uint32_t spi = 256;  // 0-255 are reserved
  std::vector<std::byte> key;
  KeyDerivation derivation = KeyDerivation::Shared;
};

// RFC 3963 §5.1: what a mobile router says about its prefixes.
enum class MobileRouterMode : std::uint8_t {
  Off,       // a mobile host
  Explicit,  // every Binding Update lists them
  Implicit,  // the home agent knows them already
};

struct Settings {
  HomeAddress home_address;
  Prefix home_prefix;
  std::optional<HomeAgentAddress> home_agent;    // nullopt: found by discovery (RFC 6275 §11.4.1)
  std::optional<Ipv6Address> discovery_address;  // nullopt: RFC 2526 anycast of the home prefix
  Lifetime lifetime{150};                        // asked for; 600 s

  MobileRouterMode mobile_router = MobileRouterMode::Off;
  std::vector<Prefix> prefixes;  // mobile network prefixes, in both modes

  std::optional<std::string> identifier;  // NAI (RFC 4283)
  std::optional<Security> security;       // nullopt: nothing is authenticated
  bool timestamps = false;                // RFC 4285 §6, the message replay protection option

  bool switch_deregisters = false;  // RFC 5142 §6.1; draft §5.5 says not to
  std::uint8_t tunnel_hop_limit = 64;
};

}  // namespace anyhome::mobile
