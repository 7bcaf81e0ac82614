#include "dataplane/io/packet_pool.h"

#include <algorithm>

#include <fmt/format.h>

#include <rte_errno.h>
#include <rte_ether.h>
#include <rte_mbuf.h>

namespace anyhome::dataplane {

static_assert(RTE_PKTMBUF_HEADROOM >= kMinHeadroom, "this DPDK leaves too little headroom");

unsigned PacketPool::buffer_bytes(unsigned max_mtu) {
  constexpr unsigned kVlanTag = 4;
  const unsigned packet = max_mtu + kEncapsulationRoom + RTE_ETHER_HDR_LEN + kVlanTag +
                          RTE_ETHER_CRC_LEN + kMinTailroom;
  // Not less than the default, which drivers like, and whole cache lines.
  const unsigned bytes = RTE_PKTMBUF_HEADROOM + std::max(packet, RTE_MBUF_DEFAULT_DATAROOM + 0U);
  return (bytes + 63U) & ~63U;
}

std::expected<PacketPool, std::string> PacketPool::create(const PacketPoolSetup& setup) {
  PacketPool result;
  result.pool_.reset(rte_pktmbuf_pool_create_by_ops(
      setup.name.c_str(), setup.buffers, setup.cache, 0,
      static_cast<std::uint16_t>(buffer_bytes(setup.max_mtu)), setup.socket,
      setup.shared_processors ? "ring_mt_rts" : nullptr));
  if (result.pool_ == nullptr) {
    return std::unexpected(fmt::format(
        "no memory for {} packet buffers of {} bytes ({}): give EAL more (-m, --socket-mem, "
        "hugepages), or lower packet-buffers and the descriptors",
        setup.buffers, buffer_bytes(setup.max_mtu), rte_strerror(rte_errno)));
  }
  return result;
}

void PacketPool::note_low_water() { low_water_ = std::min(low_water_, available()); }

}  // namespace anyhome::dataplane
