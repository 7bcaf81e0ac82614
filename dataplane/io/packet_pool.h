// Pools of packet buffers: one for the workers, one for the control thread.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>

#include <rte_mempool.h>

namespace anyhome::dataplane {

// Room in front of a received packet: two IPv6 headers and a link header with a VLAN tag, and what
// ESP will want (40 + 40 + 18 + 14 = 112). The library's own default is 128.
inline constexpr unsigned kMinHeadroom = 112;
// Behind a packet: padding and authenticator of ESP.
inline constexpr unsigned kMinTailroom = 34;
// An encapsulated packet is larger than what came in by this much (two IPv6 headers).
inline constexpr unsigned kEncapsulationRoom = 80;

struct PacketPoolSetup {
  std::string name;
  unsigned buffers = 0;
  unsigned cache = 0;  // per lcore; 0: none
  unsigned max_mtu = 1500;
  int socket = 0;
  // Several threads run on one processor: a ring whose other users need not wait for one that was
  // preempted in the middle (relaxed tail sync) instead of the usual one.
  bool shared_processors = false;
};

class PacketPool {
 public:
  static std::expected<PacketPool, std::string> create(const PacketPoolSetup& setup);

  [[nodiscard]] rte_mempool* get() const { return pool_.get(); }
  [[nodiscard]] unsigned size() const { return pool_->size; }
  // Of the buffers with all that DPDK puts around them.
  [[nodiscard]] std::size_t bytes() const {
    return std::size_t{pool_->size} *
           (pool_->header_size + std::size_t{pool_->elt_size} + pool_->trailer_size);
  }
  // Buffers that are free now; walks the caches of all lcores, so not for the packet path.
  [[nodiscard]] unsigned available() const { return rte_mempool_avail_count(pool_.get()); }
  // The least that `note_low_water` has seen.
  [[nodiscard]] unsigned low_water() const { return low_water_; }
  void note_low_water();
  // Bytes of data room of a buffer, headroom included.
  [[nodiscard]] static unsigned buffer_bytes(unsigned max_mtu);

 private:
  struct Free {
    void operator()(rte_mempool* pool) const { rte_mempool_free(pool); }
  };
  std::unique_ptr<rte_mempool, Free> pool_;
  unsigned low_water_ = ~0U;
};

}  // namespace anyhome::dataplane
