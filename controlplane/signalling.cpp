#include "controlplane/signalling.h"

namespace anyhome::control {

bool may_be_answered_by_error(ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  if (!header || header->source.is_unspecified() || header->source.is_multicast() ||
      header->source.is_loopback() || header->destination.is_multicast()) {
    return false;
  }
  return !wire::may_be_icmpv6_error(packet);
}

}  // namespace anyhome::control
