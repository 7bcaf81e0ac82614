#include "dataplane/tables/entry_content.h"

#include <tuple>

namespace anyhome::dataplane {

Entry tunnel_entry(EntryKind kind, const Ipv6Address& source, const Ipv6Address& destination,
                   std::uint8_t hop_limit, std::uint16_t path_mtu, std::uint16_t peer) {
  Entry entry;
  entry.hop_limit = hop_limit;  // RFC 2473 §6.3: the tunnel's own, whatever the inner one is
  entry.source = source;
  entry.destination = destination;
  entry.path_mtu = path_mtu;
  entry.peer = peer;
  entry.kind = kind;
  return entry;
}

bool same_content(const Entry& left, const Entry& right) {
  const auto content = [](const Entry& entry) {
    return std::tuple(entry.source, entry.destination, LeafIndex{entry.leaf}, EntryKind{entry.kind},
                      LocalRole{entry.role}, std::uint32_t{entry.former},
                      std::uint32_t{entry.hop_limit}, entry.path_mtu, entry.peer);
  };
  return content(left) == content(right);
}

}  // namespace anyhome::dataplane
