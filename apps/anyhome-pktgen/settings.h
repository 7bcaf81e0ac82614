// What is sent, to whom and out of which port: plain values, checked where options are read.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "apps/anyhome-mn/settings.h"
#include "apps/anyhome-pktgen/frame_sizes.h"
#include "apps/anyhome-pktgen/pattern.h"
#include "apps/anyhome-pktgen/traffic.h"
#include "apps/anyhome-pktgen/user_packet.h"
#include "common/address.h"
#include "common/time.h"
#include "common/wire/code_points.h"

namespace anyhome::pktgen {

using MacAddress = std::array<std::uint8_t, 6>;

// The addresses that the generator plays. Lists of addresses count up from their first.
struct Network {
  HomeAgentAddress home_agent;
  HomeAddress first_home;
  CareOfAddress first_care_of;
  Ipv6Address first_correspondent;
  std::uint32_t nodes = 1;
  std::uint32_t correspondents = 256;
  // Of Global HAHA.
  Locator locator;  // of what is under test
  Locator peer;     // ours
  HomeAddress first_global_home;
  std::uint32_t global_nodes = 1;
  std::uint8_t group_id = 0;
  wire::CodePoints code_points;
};

// Of a mobile node's Binding Updates.
struct Signalling {
  Lifetime lifetime{150};  // 600 s
  std::optional<mobile::Security> security;
  std::optional<std::string> identifier;  // "{}" becomes the node's number
  bool timestamps = false;
  std::uint16_t first_sequence = 1;
  std::uint32_t bindings_per_message = 19;  // of an SS-REP: what 1280 bytes hold
};

struct TrafficEntry {
  Kind kind = Kind::Correspondent;
  std::uint32_t weight = 1;
  std::uint16_t port = 0;  // index among our ports
  friend bool operator==(const TrafficEntry&, const TrafficEntry&) = default;
};

struct TrafficSettings {
  Network network;
  Signalling signalling;
  std::vector<TrafficEntry> mix;
  PatternSettings pattern;
  FrameSizes sizes;
  std::uint64_t seed = 1;
  std::optional<std::uint16_t> vlan;
  // By port: who we are, and whom we send to.
  std::vector<MacAddress> source_macs;
  std::vector<MacAddress> destination_macs;
  std::vector<std::vector<std::byte>> pcap_frames;
  std::vector<UserPacket> templates;  // of user traffic, in turn; none: generated, of `sizes`
};

}  // namespace anyhome::pktgen
