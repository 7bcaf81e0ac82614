// What a turn of packets, or what they lead to, will touch of records and tables: fetched for all
// of them at once, so that the waits for memory overlap.
#pragma once

#include <array>
#include <span>
#include <variant>

#include "apps/anyhomed/admission.h"
#include "controlplane/home_agent.h"
#include "dataplane/tables/forwarding_tables.h"

namespace anyhome {

// Binding Updates in the usual form, before they are looked at.
inline void bring_nearer(std::span<const Punted> packets, const control::HomeAgent& agent,
                         const dataplane::ForwardingTables& tables) {
  std::array<HomeAddress, kLargestQuantum> home_addresses;
  std::size_t count = 0;
  for (const Punted& packet :
       packets.first(std::min<std::size_t>(packets.size(), kLargestQuantum))) {
    const std::size_t header = packet.metadata.link_header;
    if (packet.bytes.size() >= header) {
      if (const auto home = control::HomeAgent::likely_home_address(packet.bytes.subspan(header))) {
        home_addresses[count++] = *home;
      }
    }
  }
  const std::span<const HomeAddress> all(home_addresses.data(), count);
  agent.prefetch(all);
  tables.prefetch(all);
}

// What a State Synchronization message changes in the tables: many bindings at once.
inline void bring_nearer(const control::Effects& effects,
                         const dataplane::ForwardingTables& tables) {
  constexpr std::size_t kFew = 4;
  if (effects.list().size() <= kFew) {
    return;
  }
  std::array<HomeAddress, 64> home_addresses;
  std::size_t count = 0;
  for (const control::Effect& effect : effects.list()) {
    const auto* set = std::get_if<forwarding::SetBinding>(&effect);
    if (set != nullptr && count < home_addresses.size()) {
      home_addresses[count++] = set->home_address;
    }
  }
  tables.prefetch(std::span<const HomeAddress>(home_addresses.data(), count));
}

}  // namespace anyhome
