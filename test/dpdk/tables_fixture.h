// Small tables, and workers that read them the way the pipeline does.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/wire/ipv6.h"
#include "dataplane/pipeline/next_hop.h"
#include "dataplane/tables/entry_content.h"
#include "dataplane/tables/forwarding_tables.h"
#include "test/dpdk/qsbr.h"
#include "test/support/bytes.h"

namespace anyhome::test {

using namespace anyhome::dataplane;  // NOLINT(google-build-using-namespace): a test's header

inline MacAddress mac(std::uint8_t last) { return {0x02, 0, 0, 0, 0, last}; }

inline TableSizes small_sizes() {
  TableSizes sizes;
  sizes.max_bindings = 64;
  sizes.max_prefixes = 32;
  sizes.max_prefixes_outside_pools = 16;
  sizes.max_agent_addresses = 8;
  sizes.max_routes = 64;
  sizes.max_neighbors = 32;
  sizes.max_multipath_groups = 8;
  return sizes;
}

// Home prefix 2001:db8:0:1::/64; /64s out of 2001:db8:100::/40; port 0, port 1 with VLAN 7.
inline TableSetup small_setup(const Qsbr& qsbr, const TableSizes& sizes = small_sizes()) {
  TableSetup setup;
  setup.name = "test";
  setup.sizes = sizes;
  setup.ports = {{mac(0xa0), std::nullopt, 1500}, {mac(0xa1), 7, 9000}};
  setup.home_prefixes = {prefix("2001:db8:0:1::/64")};
  setup.pools = {{prefix("2001:db8:100::/40"), 64}};
  setup.qsbr = qsbr.get();
  setup.socket = -1;  // any
  return setup;
}

inline std::unique_ptr<ForwardingTables> make_tables(const TableSetup& setup) {
  auto tables = ForwardingTables::create(setup);
  if (!tables) {
    FAIL(tables.error());
  }
  return std::move(*tables);
}

inline const Entry* find_entry(const ReaderView& view, const Ipv6Address& key) {
  const std::byte* keys[] = {bytes_of(key)};
  const Entry* found = nullptr;
  view.bindings->lookup_bulk(keys, 1, &found);
  return found;
}

// Whether packets for the key are treated as those of that entry are.
inline bool follows(const ReaderView& view, const Ipv6Address& key, const Entry* entry) {
  const Entry* found = find_entry(view, key);
  return found != nullptr && entry != nullptr && found->key == key && same_content(*found, *entry);
}

inline LeafIndex find_leaf(const ReaderView& view, const Ipv6Address& address) {
  LeafIndex leaf = kNoRouteLeaf;
  view.routes->lookup_bulk(&address, 1, &leaf);
  return leaf;
}

inline LeafValue find_value(const ReaderView& view, const Ipv6Address& address) {
  return load_leaf(view.leaves[find_leaf(view, address)]);
}

inline const Adjacency& find_adjacency(const ReaderView& view, const Ipv6Address& address,
                                       std::uint32_t flow_hash = 0) {
  const LeafValue value = find_value(view, address);
  const bool leads_to_one =
      value.kind() == LeafKind::Adjacency || value.kind() == LeafKind::Multipath;
  REQUIRE(leads_to_one);
  return view.adjacencies[select_adjacency(value, flow_hash, view.groups)];
}

// Different next hops that a route spreads its flows over, sorted.
inline std::vector<Ipv6Address> next_hops(const ReaderView& view, const Ipv6Address& address) {
  const LeafValue value = find_value(view, address);
  std::vector<Ipv6Address> found = {find_adjacency(view, address).next_hop};
  for (std::uint32_t i = 1; i < 64; ++i) {  // more than slots
    const AdjacencyIndex adjacency = select_adjacency(value, i << 26U, view.groups);
    found.push_back(view.adjacencies[adjacency].next_hop);
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

inline HomeAddress home(unsigned number) {
  Ipv6Address address = ip6("2001:db8:0:1::1000:0");
  address.octets[14] = static_cast<std::uint8_t>(number >> 8U);
  address.octets[15] = static_cast<std::uint8_t>(number & 0xffU);
  return HomeAddress(address);
}

inline forwarding::SetBinding bound(unsigned number, std::string_view care_of_address) {
  return {home(number), forwarding::BindingKind::Bound, ip6("2001:db8:0:1::a"),
          ip6(care_of_address), 1400};
}

// Runs the background work to its end; nobody may be holding it up.
inline void settle(ForwardingTables& tables) {
  unsigned steps = 0;
  while (tables.maintain(64)) {
    REQUIRE(++steps < 100000);
  }
}

inline TableFill fill_of(const ForwardingTables& tables, std::string_view name) {
  for (const TableFill& fill : tables.report()) {
    if (fill.name == name) {
      return fill;
    }
  }
  FAIL("no table of that name");
  return {};
}

// A state that two tests compare: everything that is counted.
inline std::vector<std::uint64_t> usage(const ForwardingTables& tables) {
  std::vector<std::uint64_t> used;
  for (const TableFill& fill : tables.report()) {
    used.push_back(fill.used);
  }
  return used;
}

}  // namespace anyhome::test
