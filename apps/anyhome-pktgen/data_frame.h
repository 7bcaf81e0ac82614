// Ready-made frames of user traffic, of which only what differs from packet to packet is rewritten.
//
// The checksum over everything that stays is summed up once; a packet adds the lower halves of its
// addresses and its mark. So a packet costs a copy and some ten additions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "apps/anyhome-pktgen/mark.h"
#include "apps/anyhome-pktgen/settings.h"
#include "apps/anyhome-pktgen/user_packet.h"
#include "common/bytes.h"
#include "common/checksum.h"

namespace anyhome::pktgen {

// What differs from packet to packet.
struct Endpoints {
  std::uint64_t home = 0;           // lower half of the mobile node's home address
  std::uint64_t correspondent = 0;  // lower half
  std::uint64_t care_of = 0;        // lower half; where the kind has one
};

class DataFrame {
 public:
  // `kind` is a measured one or a bad one that looks like it.
  DataFrame(Kind kind, const TrafficSettings& settings, std::uint16_t port,
            const UserPacket& packet);

  // What goes to the port, without FCS.
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }
  // `to` has size() bytes.
  void write(std::byte* to, const Endpoints& endpoints, const Mark& mark) const;

 private:
  std::vector<std::byte> bytes_;
  std::size_t home_at_ = 0;           // lower half of the home address
  std::size_t correspondent_at_ = 0;  // lower half
  std::size_t care_of_at_ = 0;        // lower half; 0: none
  std::size_t checksum_at_ = 0;
  std::size_t mark_at_ = 0;
  ChecksumSum constant_;
};

// The Ethernet header of frames out of this port, with a tag where there is one.
std::vector<std::byte> ethernet_header(const TrafficSettings& settings, std::uint16_t port);

}  // namespace anyhome::pktgen
