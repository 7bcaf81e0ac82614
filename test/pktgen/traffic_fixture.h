// A network for the generator's tests: a hundred mobile nodes, and fifty of a peer's.
#pragma once

#include <string_view>
#include <vector>

#include "apps/anyhome-pktgen/settings.h"
#include "common/address.h"

namespace anyhome::pktgen {

inline Ipv6Address address(std::string_view text) { return *Ipv6Address::parse(text); }

inline TrafficSettings settings_of(const std::vector<TrafficEntry>& mix) {
  TrafficSettings settings;
  settings.mix = mix;
  Network& network = settings.network;
  network.home_agent = HomeAgentAddress(address("2001:db8:0:1::1a"));
  network.first_home = HomeAddress(address("2001:db8:0:1::1:0"));
  network.first_care_of = CareOfAddress(address("2001:db8:f1::1"));
  network.first_correspondent = address("2001:db8:c::1");
  network.nodes = 100;
  network.correspondents = 7;
  network.locator = Locator(address("2001:db8:a1::1a"));
  network.peer = Locator(address("2001:db8:a2::1a"));
  network.first_global_home = HomeAddress(address("2001:db8:0:1::2:0"));
  network.global_nodes = 50;
  settings.source_macs = {{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2}};
  settings.destination_macs = {{2, 0, 0, 0, 1, 1}, {2, 0, 0, 0, 1, 2}};
  return settings;
}
inline TrafficSettings settings_of(Kind kind) {
  return settings_of(std::vector{TrafficEntry{kind, 1, 0}});
}

}  // namespace anyhome::pktgen
