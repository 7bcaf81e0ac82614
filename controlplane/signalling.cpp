#include "controlplane/signalling.h"

namespace anyhome::control {

bool may_be_answered_by_error(ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  if (!header || header->source.is_unspecified() || header->source.is_multicast() ||
      header->source.is_loopback() || header->destination.is_multicast()) {
    return false;
  }
  const auto chain = wire::walk_headers(packet);
  if (!chain || chain->protocol != wire::protocol::kIcmpv6) {
    return true;
  }
  const auto icmp = wire::Icmpv6Header::parse(packet.subspan(chain->upper_offset));
  return icmp && !wire::icmpv6::is_error(icmp->type) && icmp->type != wire::icmpv6::kRedirect;
}

}  // namespace anyhome::control
