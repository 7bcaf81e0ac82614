// What an entry says, made and read.
#pragma once

#include <cstdint>

#include "common/address.h"
#include "dataplane/pipeline/entry.h"

namespace anyhome::dataplane {

// A tunnel's entry but for what the tables add: key, leaf, and where it is linked.
Entry tunnel_entry(EntryKind kind, const Ipv6Address& source, const Ipv6Address& destination,
                   std::uint8_t hop_limit, std::uint16_t path_mtu, std::uint16_t peer);

constexpr bool is_binding(EntryKind kind) {
  return kind == EntryKind::Bound || kind == EntryKind::Global;
}
// Everything but an address of ours leaves through a tunnel, and so by a route.
constexpr bool has_route(EntryKind kind) { return kind != EntryKind::Local; }

// But for key and link.
bool same_content(const Entry& left, const Entry& right);

}  // namespace anyhome::dataplane
