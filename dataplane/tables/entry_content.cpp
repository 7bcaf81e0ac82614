#include "dataplane/tables/entry_content.h"

#include <cstring>

#include "common/bytes.h"
#include "common/wire/ipv6.h"

namespace anyhome::dataplane {

Entry tunnel_entry(EntryKind kind, const Ipv6Address& source, const Ipv6Address& destination,
                   std::uint8_t hop_limit, std::uint16_t path_mtu, std::uint16_t peer) {
  Entry entry;
  wire::Ipv6Header header;
  header.next_header = wire::protocol::kIpv6;
  header.hop_limit = hop_limit;  // RFC 2473 §6.3: the tunnel's own, whatever the inner one is
  header.source = source;
  header.destination = destination;
  Writer writer(entry.outer_header);
  header.write(writer);
  entry.path_mtu = path_mtu;
  entry.peer = peer;
  entry.kind = kind;
  return entry;
}

Ipv6Address outer_destination(const Entry& entry) {
  Ipv6Address destination;
  std::memcpy(destination.octets.data(),
              entry.outer_header.data() + wire::ipv6_offset::kDestination, Ipv6Address::kSize);
  return destination;
}

// An entry has no padding: its 64 bytes are its members.
bool same_content(const Entry& left, const Entry& right) {
  return std::memcmp(&left, &right, sizeof(Entry)) == 0;
}

}  // namespace anyhome::dataplane
