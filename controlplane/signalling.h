// Builds the packets of the control core: IPv6 header, type 2 routing header where one belongs, and
// the message.
#pragma once

#include <optional>

#include "common/address.h"
#include "common/bytes.h"
#include "common/wire/extension.h"
#include "common/wire/icmpv6.h"
#include "common/wire/ipv6.h"
#include "common/wire/mobility.h"
#include "controlplane/effects.h"

namespace anyhome::control {

// Where a message goes. With `home_address` set it is sent to a mobile node away from home: a type
// 2 routing header carries the home address, which also stands for the destination in the checksum
// (RFC 6275 §6.4, §6.1.1).
struct Envelope {
  Ipv6Address source;
  Ipv6Address destination;
  std::optional<HomeAddress> home_address;

  [[nodiscard]] const Ipv6Address& final_destination() const {
    return home_address ? home_address->address() : destination;
  }
};

// Calls `write(buffer)` with room for the upper-layer message; it returns the message it wrote
// there (empty: nothing is sent). The packet becomes a SendPacket effect.
template <class Write>
void send_message(Effects& effects, const Envelope& envelope, std::uint8_t protocol,
                  std::size_t max_message, Write&& write) {
  const std::size_t routing = envelope.home_address ? wire::kType2RoutingHeaderSize : 0;
  const std::size_t headers = wire::kIpv6HeaderSize + routing;
  const MutableBytes packet = effects.room(headers + max_message);
  const MutableBytes message = write(packet.subspan(headers));
  if (message.empty()) {
    return;
  }
  Writer writer(packet);
  wire::Ipv6Header header;
  header.payload_length = static_cast<std::uint16_t>(routing + message.size());
  header.next_header = routing != 0 ? wire::protocol::kRouting : protocol;
  header.source = envelope.source;
  header.destination = envelope.destination;
  header.write(writer);
  if (envelope.home_address) {
    wire::write_type2_routing_header(writer, protocol, *envelope.home_address);
  }
  effects.send(headers + message.size());
}

// An ICMPv6 message with `write(Writer&)`; the checksum is filled in here.
template <class Message>
void send_icmpv6(Effects& effects, const Envelope& envelope, const Message& message) {
  send_message(
      effects, envelope, wire::protocol::kIcmpv6, wire::kMinimumMtu, [&](MutableBytes buffer) {
        Writer writer(buffer);
        message.write(writer);
        if (!writer.ok()) {
          return MutableBytes{};
        }
        wire::icmpv6_set_checksum(envelope.source, envelope.final_destination(), writer.written());
        return writer.written();
      });
}

// An ICMPv6 error of `header`'s type, code and parameter, quoting as much of `offending` as keeps
// the packet within the minimum MTU (RFC 4443 §2.4 (c)).
struct Icmpv6Error {
  wire::Icmpv6Header header;
  ByteView offending;

  void write(Writer& writer) const {
    constexpr std::size_t kQuote =
        wire::kMinimumMtu - wire::kIpv6HeaderSize - wire::kIcmpv6HeaderSize;
    header.write(writer);
    writer.bytes(offending.first(offending.size() < kQuote ? offending.size() : kQuote));
  }
};

// Whether RFC 4443 §2.4 (e) allows an error in answer to this packet, by its addresses and
// protocol.
bool may_be_answered_by_error(ByteView packet);

}  // namespace anyhome::control
