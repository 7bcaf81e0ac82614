// A packet on its way through the stages.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/forwarding/punt.h"
#include "dataplane/pipeline/entry.h"
#include "dataplane/pipeline/environment.h"

namespace anyhome::dataplane {

enum class Origin : std::uint8_t {
  Wire,     // came in on a port
  Tunnel,   // was taken out of a reverse tunnel
  Link,     // was taken out of a HAHA link, as the last thing before it is delivered
  Host,     // the kernel's, through the TUN device
  Control,  // signalling of the control thread
  Error,    // an ICMPv6 error of our own
};

// The hop limit counts forwarding; what originates here is not forwarded (RFC 8200 §3).
constexpr bool is_forwarded(Origin origin) {
  return origin == Origin::Wire || origin == Origin::Tunnel || origin == Origin::Link;
}

// A cache line, so that an index is a shift away.
template <class Packet>
struct alignas(kCacheLine) Work {
  Packet* packet = nullptr;
  std::byte* ip = nullptr;       // the IPv6 header that is being forwarded by
  std::uint32_t length = 0;      // of that IPv6 packet, header included
  std::uint32_t contiguous = 0;  // bytes of it in the first segment
  const Entry* entry = nullptr;
  std::uint32_t hash = 0;  // of the flow
  AdjacencyIndex adjacency = 0;
  std::uint16_t port = forwarding::kNoPort;
  std::uint16_t peer = forwarding::kNoPeer;  // whose HAHA link it came over
  std::uint16_t path_mtu = 0;  // of the outer packet, to be kept by fragmenting; 0: it fits
  std::uint16_t inner_at = 0;  // where the header inside a tunnel packet starts, from `ip`
  Origin origin = Origin::Wire;
  std::uint8_t decapsulations = 0;
  std::uint8_t link_hop_limit = 0;  // Link: of the outer packet, as it was received
  std::uint8_t link_header = 0;     // bytes in front of `ip` that still are the frame's

  // Anew for another packet, member by member: of `*this = {}` GCC makes a temporary that it reads
  // in other pieces than it has written, and each such read waits until the writes have left the
  // store buffer, 20 of 90 cycles per packet.
  void reset(Packet* other) {
    packet = other;
    ip = nullptr;
    length = 0;
    contiguous = 0;
    entry = nullptr;
    hash = 0;
    adjacency = 0;
    port = forwarding::kNoPort;
    peer = forwarding::kNoPeer;
    path_mtu = 0;
    inner_at = 0;
    origin = Origin::Wire;
    decapsulations = 0;
    link_hop_limit = 0;
    link_header = 0;
  }
};

// Indices of packets waiting for a stage. A burst never has more than kMaxBurst packets, and each
// is in one list.
class WorkList {
 public:
  void push(unsigned index) { indices_[size_++] = static_cast<std::uint8_t>(index); }
  void clear() { size_ = 0; }
  [[nodiscard]] unsigned size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] unsigned operator[](unsigned at) const { return indices_[at]; }

 private:
  std::array<std::uint8_t, kMaxBurst> indices_;  // only what was pushed is read
  unsigned size_ = 0;
};

}  // namespace anyhome::dataplane
