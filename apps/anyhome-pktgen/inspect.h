// What a received frame is: one of our measured packets, in however many tunnels, an answer to our
// signalling, or something else. Total: any bytes give an answer.
#pragma once

#include <cstdint>

#include "apps/anyhome-pktgen/mark.h"
#include "apps/anyhome-pktgen/settings.h"
#include "common/address.h"
#include "common/bytes.h"
#include "common/time.h"

namespace anyhome::pktgen {

enum class Seen : std::uint8_t {
  Other,
  Marked,
  BindingAcknowledgement,
  StateAcknowledgement,
  StateQuestion,  // an SS-REQ or an SS-REP
  Hello,
  Icmpv6Error,
  NeighborSolicitation,
};

struct Inspected {
  Seen seen = Seen::Other;
  std::uint8_t tunnels = 0;  // around a marked packet
  Mark mark;                 // of a marked packet
  // Of a Binding Acknowledgement: status, sequence number, lifetime, whom it is for. Of an ICMPv6
  // error: type.
  std::uint8_t status = 0;
  std::uint16_t sequence = 0;
  Lifetime lifetime;
  Ipv6Address node;
  ByteView packet;   // the innermost, from its IPv6 header on
  ByteView message;  // of it, where it is a Mobility Header
};

Inspected inspect(ByteView frame, const wire::CodePoints& points);

}  // namespace anyhome::pktgen
