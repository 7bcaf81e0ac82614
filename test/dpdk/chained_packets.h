// Packets that lie in several buffers, as some drivers give them.
#pragma once

#include <cstring>
#include <initializer_list>
#include <vector>

#include "test/dpdk/worker_fixture.h"
#include "test/support/bytes.h"

namespace anyhome::test {

// `sizes` of all segments but the last, which takes the rest. Not more than there is.
inline rte_mbuf* make_chain(PacketPool& pool, const Bytes& bytes,
                            const std::vector<std::size_t>& sizes) {
  rte_mbuf* packet = nullptr;
  std::size_t at = 0;
  for (std::size_t i = 0; i <= sizes.size() && (i == 0 || at < bytes.size()); ++i) {
    const std::size_t left = bytes.size() - at;
    const std::size_t size = i < sizes.size() ? std::min(sizes[i], left) : left;
    rte_mbuf* segment = rte_pktmbuf_alloc(pool.get());
    REQUIRE(segment != nullptr);
    char* room = rte_pktmbuf_append(segment, static_cast<std::uint16_t>(size));
    REQUIRE(room != nullptr);
    std::memcpy(room, bytes.data() + at, size);
    at += size;
    if (packet == nullptr) {
      packet = segment;
    } else {
      REQUIRE(rte_pktmbuf_chain(packet, segment) == 0);
    }
  }
  return packet;
}

inline Bytes bytes_of_chain(const rte_mbuf* packet) {
  Bytes all;
  for (const rte_mbuf* segment = packet; segment != nullptr; segment = segment->next) {
    const auto* data = rte_pktmbuf_mtod(segment, const std::byte*);
    all.insert(all.end(), data, data + segment->data_len);
  }
  return all;
}

}  // namespace anyhome::test
