// The peer of a global home agent set that we play, whether or not something is sent: without its
// HELLOs no HAHA link is up, and what is under test repeats what nobody acknowledges.
//
// Receivers make the answers and put them on a ring, the first sender sends them and says HELLO
// once a second. What the port does not take is gone; the protocol repeats it.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "apps/anyhome-pktgen/settings.h"
#include "common/bytes.h"
#include "common/time.h"

namespace anyhome::pktgen {

class PeerDuty {
 public:
  // `port`: index of the one that HELLOs go out of. `settings` outlives this.
  static std::expected<std::unique_ptr<PeerDuty>, std::string> create(
      const TrafficSettings& settings, std::uint16_t port, rte_mempool* pool);

  // For receivers: a State Synchronization message came in at this port of ours.
  void take(ByteView packet, std::uint16_t port);

  struct Frame {
    rte_mbuf* frame = nullptr;
    std::uint16_t port = 0;
  };
  // For the first sender: the next frame that is due, if any; it is the caller's.
  Frame next(std::chrono::nanoseconds now, WallTime wall);

 private:
  struct FreeRing {
    void operator()(rte_ring* ring) const { rte_ring_free(ring); }
  };
  PeerDuty(const TrafficSettings& settings, std::uint16_t port, rte_mempool* pool)
      : settings_(settings), port_(port), pool_(pool) {}
  [[nodiscard]] rte_mbuf* make(const std::vector<std::byte>& packet, std::uint16_t port) const;

  const TrafficSettings& settings_;
  std::uint16_t port_;
  rte_mempool* pool_;
  std::unique_ptr<rte_ring, FreeRing> answers_;
  std::chrono::nanoseconds next_hello_{0};
};

}  // namespace anyhome::pktgen
