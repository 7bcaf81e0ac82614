// One packet for every way through the data path of PipelineFixture: what the fuzz corpora start
// from, and what has to come out the same on every kind of buffer.
#pragma once

#include <string>
#include <vector>

#include "test/support/pipeline_fixture.h"

namespace anyhome::test {

struct SamplePacket {
  std::string name;
  Bytes bytes;
};

inline Bytes joined(const Bytes& a, const Bytes& b) {
  Bytes all = a;
  all.insert(all.end(), b.begin(), b.end());
  return all;
}

// With its checksum.
inline Bytes icmp(const Ipv6Address& source, const Ipv6Address& destination, Bytes message) {
  wire::icmpv6_set_checksum(source, destination, message);
  return build({source, destination, wire::protocol::kIcmpv6, 255, 0, 0, message});
}

inline std::vector<SamplePacket> sample_packets() {
  const PipelineFixture f;
  const Bytes update =
      hex("87 02 0102 0000 c910 20010db8000000010000000000000100"
          "3b 03 05 00 6ea4 000f c000 004b 0100 0310 20010db800ff00000000000000000100");
  const Bytes inner = build({f.home, f.correspondent});
  return {
      {"to-home", build({f.correspondent, f.home})},
      {"to-home-1500", build({f.correspondent, f.home, 17, 64, 0, 0, sized(1500)})},
      {"to-home-1280", build({f.correspondent, f.home, 17, 64, 0x03, 0, sized(1280)})},
      {"to-home-last-hop", build({f.correspondent, f.home, 17, 1})},
      {"to-home-limited",
       build({f.correspondent, f.home, 60, 64, 0, 0, hex("11 00 040100 010100 0000000000000000")})},
      {"to-mobile-network", build({f.correspondent, ip6("2001:db8:8000:5::7")})},
      {"to-nobody", build({f.correspondent, ip6("2001:db8:0:1::999")})},
      {"through", build({f.correspondent, ip6("2001:db8:1::5")})},
      {"no-route", build({f.correspondent, ip6("3fff::1")})},
      {"reverse-tunnel", tunnel(f.care_of, f.agent, inner)},
      {"hairpin", tunnel(f.care_of, f.agent, build({f.home, f.other_home}), 0x02)},
      {"mobile-network-out",
       tunnel(f.router_care_of, f.agent, build({ip6("2001:db8:8000:5::7"), f.correspondent}))},
      {"nested", tunnel(f.care_of, f.agent,
                        build({f.home, f.agent, 41, 64, 0, 0, tunnel(f.care_of, f.agent, inner)}))},
      {"forged-tunnel", tunnel(ip6("2001:db8:bad::1"), f.agent, inner)},
      {"from-peer", tunnel(ip6("2001:db8:b2::2a"), f.locator, build({f.correspondent, f.home}))},
      {"binding-update", build({f.care_of, f.agent, 60, 64, 0, 0, update})},
      {"discovery",
       icmp(f.care_of, ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"), hex("90 00 0000 004d 0000"))},
      {"echo", icmp(f.correspondent, f.agent, hex("80 00 0000 0001 0001"))},
      {"neighbor-solicitation",
       icmp(ip6("fe80::2"), ip6("ff02::1:ff00:1"), hex("87 00 0000 00000000"))},
      {"bgp", build({f.correspondent, f.locator, 6, 64, 0, 0,
                     hex("c000 00b3 00000000 00000000 50020000 00000000")})},
      {"bfd", build({ip6("fe80::2"), ip6("fe80::1"), 17, 255, 0, 0, hex("c000 0ec8 0020 0000")})},
      {"ha-hello", build({ip6("2001:db8:b2::2a"), f.locator, 135, 64, 0, 0,
                          hex("3b 01 f0 00 6f54 0001 0000 001e 000a 07e0")})},
      {"too-big-about-tunnel",
       icmp(ip6("2001:db8:99::1"), f.agent,
            joined(hex("02 00 0000 00000578"), tunnel(f.agent, f.care_of, inner)))},
      {"fragment", build({f.correspondent, f.agent, 44, 64, 0, 0,
                          hex("29 00 0001 00000007 0000000000000000")})},
      {"esp", build({f.correspondent, f.agent, 50, 64, 0, 0, hex("00000100 00000001")})},
      {"unknown-option",
       build({f.correspondent, f.agent, 60, 64, 0, 0, hex("06 00 9e04 00000000")})},
      {"routing-type-2", build({f.agent, f.home, 43, 64, 0, 0,
                                hex("87 02 02 01 00000000 20010db8000000010000000000000100"
                                    "3b 01 06 00 607d 0000 000f 004b 0102 0000")})},
      {"hop-by-hop", build({f.correspondent, f.agent, 0, 64, 0, 0, hex("3a 00 0502 0000 0100")})},
  };
}

}  // namespace anyhome::test
