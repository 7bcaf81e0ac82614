// The data path of a member of a home agent set: peers Osaka and Tokyo, mobile nodes that are
// registered with them, and HAHA links on port 0 only.
#pragma once

#include <catch2/catch.hpp>

#include "test/support/pipeline_fixture.h"

namespace anyhome::test {

struct HahaFixture : PipelineFixture {
  static constexpr std::uint16_t kOsaka = 0;
  static constexpr std::uint16_t kTokyo = 1;

  const Ipv6Address osaka = ip6("2001:db8:0:1::2a");
  const Ipv6Address osaka_locator = ip6("2001:db8:b2::2a");
  const Ipv6Address tokyo = ip6("2001:db8:0:1::3a");
  const Ipv6Address tokyo_locator = ip6("2001:db8:c3::3a");
  // Registered there.
  const Ipv6Address home_at_osaka = ip6("2001:db8:0:1::400");
  const Ipv6Address home_at_tokyo = ip6("2001:db8:0:1::500");
  const Ipv6Address router_at_tokyo = ip6("2001:db8:0:1::600");
  const Ipv6Address network_at_tokyo = ip6("2001:db8:8000:6::");

  HahaFixture() {
    using dataplane::EntryKind;
    config.ports[0].haha = true;
    config.peers.add(Locator(osaka_locator));
    config.peers.add(Locator(tokyo_locator));
    env.bind(osaka, EntryKind::Peer, locator, osaka_locator, kOsaka);
    env.bind(tokyo, EntryKind::Peer, locator, tokyo_locator, kTokyo);
    env.bind(home_at_osaka, EntryKind::Global, locator, osaka_locator, kOsaka);
    env.bind(home_at_tokyo, EntryKind::Global, locator, tokyo_locator, kTokyo);
    const dataplane::Entry& router =
        env.bind(router_at_tokyo, EntryKind::Global, locator, tokyo_locator, kTokyo);
    env.bindings[network_at_tokyo] = router;
    restart();
  }

  // Out of Osaka's link.
  [[nodiscard]] Bytes from_osaka(const Bytes& inner, std::uint8_t hop_limit = 250) const {
    Bytes packet = tunnel(osaka_locator, locator, inner);
    packet[7] = std::byte{hop_limit};
    return packet;
  }
};

inline Bytes with_hop_limit(Bytes packet, std::uint8_t hop_limit) {
  packet[7] = std::byte{hop_limit};
  return packet;
}

// What a packet of a HAHA link must look like around `inner`, flow label aside.
inline void check_link_packet(const Bytes& packet, const Ipv6Address& source,
                              const Ipv6Address& destination, std::uint8_t hop_limit,
                              const Bytes& inner) {
  const auto header = wire::Ipv6Header::parse(packet);
  REQUIRE(header);
  CHECK(header->source == source);
  CHECK(header->destination == destination);
  CHECK(header->next_header == wire::protocol::kIpv6);
  CHECK(unsigned{header->hop_limit} == hop_limit);
  CHECK(header->flow_label != 0);
  CHECK(header->payload_length == inner.size());
  CHECK(dump(ByteView(packet).subspan(40)) == dump(inner));
}

}  // namespace anyhome::test
