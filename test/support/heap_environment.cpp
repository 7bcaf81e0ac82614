#include "test/support/heap_environment.h"

namespace anyhome::test {

using namespace anyhome::dataplane;

std::uint64_t HeapEnvironment::lookup_bindings(const std::byte* const* keys, unsigned count,
                                               const Entry** entries) const {
  std::uint64_t hits = 0;
  for (unsigned i = 0; i < count; ++i) {
    Ipv6Address key;
    std::memcpy(key.octets.data(), keys[i], Ipv6Address::kSize);
    const auto found = bindings.find(key);
    entries[i] = found == bindings.end() ? nullptr : &found->second;
    hits |= found == bindings.end() ? 0ULL : 1ULL << i;
  }
  return hits;
}

void HeapEnvironment::lookup_routes(const Ipv6Address* addresses, unsigned count,
                                    LeafIndex* result) const {
  for (unsigned i = 0; i < count; ++i) {
    result[i] = kNoRouteLeaf;
    int best = -1;
    for (const auto& [prefix, leaf] : routes) {
      if (prefix.contains(addresses[i]) && static_cast<int>(prefix.length()) > best) {
        best = static_cast<int>(prefix.length());
        result[i] = leaf;
      }
    }
  }
}

void HeapEnvironment::forget() {
  drops = {};
  counters = {};
  transmitted.clear();
  punted.clear();
  handed_off.clear();
  trace_lines.clear();
  released = 0;
}

Entry& HeapEnvironment::bind(const Ipv6Address& key, EntryKind kind,
                             const Ipv6Address& tunnel_source,
                             const Ipv6Address& tunnel_destination, std::uint16_t peer) {
  Entry entry;
  entry.kind = kind;
  entry.peer = peer;
  entry.path_mtu = 0xffff;
  entry.source = tunnel_source;
  entry.destination = tunnel_destination;
  entry.hop_limit = kind == EntryKind::Bound ? 64 : 255;
  LeafIndex leaf = kNoRouteLeaf;
  lookup_routes(&tunnel_destination, 1, &leaf);
  entry.set_leaf(leaf);
  bindings[key] = entry;
  return bindings[key];
}

LeafIndex HeapEnvironment::route(const Prefix& prefix, LeafValue value) {
  leaves.push_back(value);
  const auto index = static_cast<LeafIndex>(leaves.size() - 1);
  routes[prefix] = index;
  return index;
}

AdjacencyIndex HeapEnvironment::next_hop(std::uint16_t port, std::uint8_t mac_tail,
                                         std::uint16_t mtu) {
  Adjacency adjacency;
  Writer writer(adjacency.link_header);
  for (const unsigned octet : {2U, 0U, 0U, 0U, 0U, unsigned{mac_tail}}) {
    writer.u8(static_cast<std::uint8_t>(octet));
  }
  for (const unsigned octet : {2U, 0U, 0U, 0U, 1U, unsigned{port}}) {
    writer.u8(static_cast<std::uint8_t>(octet));
  }
  writer.u16(0x86dd);
  adjacency.state = AdjacencyState::Forward;
  adjacency.port = port;
  adjacency.mtu = mtu;
  adjacencies.push_back(adjacency);
  return static_cast<AdjacencyIndex>(adjacencies.size() - 1);
}

}  // namespace anyhome::test
