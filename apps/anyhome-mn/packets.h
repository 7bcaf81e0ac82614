// The signalling packets of a mobile node: built whole, and taken apart as far as the upper layer.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>

#include "apps/anyhome-mn/counters.h"
#include "apps/anyhome-mn/effects.h"
#include "apps/anyhome-mn/settings.h"
#include "common/address.h"
#include "common/bytes.h"
#include "common/prefix.h"
#include "common/sequence.h"
#include "common/time.h"
#include "common/wire/icmpv6.h"
#include "common/wire/ipv6.h"

namespace anyhome::mobile {

// A packet from the access network, past its extension headers.
struct Received {
  wire::Ipv6Header header;
  std::optional<HomeAddress> routing_home;  // of a type 2 routing header (RFC 6275 §6.4)
  std::uint8_t protocol = 0;
  ByteView upper;
};

// Total: any bytes give a `Received` or the counter of the reason why not.
std::expected<Received, Counter> parse_received(ByteView packet);

struct UpdateContents {
  HomeAddress home_address;
  HomeAgentAddress home_agent;
  CareOfAddress care_of;
  SequenceNumber sequence;
  std::uint16_t flags = 0;
  Lifetime lifetime;
  std::span<const Prefix> prefixes;  // as Mobile Network Prefix options
  std::optional<std::string_view> identifier;
  std::optional<NtpTimestamp> timestamp;
  const Security* security = nullptr;
};

// IPv6 | Destination Options with Home Address | Mobility Header (RFC 6275 §6.1.7, §11.7.1).
// Empty when it does not fit a packet of the minimum MTU.
Bytes make_binding_update(const UpdateContents& contents);

Bytes make_discovery_request(const CareOfAddress& care_of, const Ipv6Address& destination,
                             const wire::DiscoveryRequest& request);
Bytes make_prefix_solicitation(const CareOfAddress& care_of, const HomeAgentAddress& home_agent,
                               const HomeAddress& home_address, std::uint16_t identifier);
// RFC 6275 §9.3.3; the offending packet had no Home Address option, so the field stays `::`.
Bytes make_binding_error(const CareOfAddress& care_of, const Ipv6Address& destination,
                         std::uint8_t status);

}  // namespace anyhome::mobile
