#include "apps/anyhome-bench/sender.h"

#include <cstring>

#include "common/bytes.h"

namespace anyhome::bench {

void Sender::write(const Template& frames, rte_mbuf* packet) {
  auto* data = rte_pktmbuf_mtod(packet, std::byte*);
  std::memcpy(data, frames.frame.data(), frames.frame.size());
  random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
  const std::uint64_t number = (random_ >> 33U) * world_.bindings() >> 31U;
  // Bits that decide little about the number above.
  const std::uint64_t route = (random_ >> 13U & 0xfffff) * world_.routes() >> 20U;
  for (const Stamp& stamp : frames.stamps) {
    if (stamp.by == Stamp::By::Flow) {
      constexpr std::uint32_t kVersion6 = 0x6000'0000;
      store_be32(data + stamp.at, kVersion6 | (static_cast<std::uint32_t>(random_ >> 44U) | 1U));
    } else {
      const bool binding = stamp.by == Stamp::By::Binding;
      store_be64(data + stamp.at, binding ? stamp.base + number : world_.route(route));
    }
  }
  packet->data_len = static_cast<std::uint16_t>(frames.frame.size());
  packet->pkt_len = packet->data_len;
}

}  // namespace anyhome::bench
