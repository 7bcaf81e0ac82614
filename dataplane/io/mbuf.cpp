#include "dataplane/io/mbuf.h"

#include <algorithm>

namespace anyhome::dataplane {

void MbufAccess::truncate_chain(rte_mbuf* mbuf, std::size_t size) {
  rte_mbuf* segment = mbuf;
  std::size_t left = size;
  std::uint16_t segments = 1;
  while (left > segment->data_len && segment->next != nullptr) {
    left -= segment->data_len;
    segment = segment->next;
    ++segments;
  }
  segment->data_len = static_cast<std::uint16_t>(std::min<std::size_t>(left, segment->data_len));
  rte_pktmbuf_free(segment->next);
  segment->next = nullptr;
  mbuf->nb_segs = segments;
  mbuf->pkt_len = static_cast<std::uint32_t>(size);
}

bool MbufAccess::make_contiguous(rte_mbuf* mbuf, std::size_t size) {
  if (size <= mbuf->data_len) {
    return true;
  }
  std::size_t missing = size - mbuf->data_len;
  if (size > mbuf->pkt_len || missing > rte_pktmbuf_tailroom(mbuf)) {
    return false;
  }
  copy_out(mbuf, mbuf->data_len, data(mbuf) + mbuf->data_len, missing);
  mbuf->data_len = static_cast<std::uint16_t>(size);
  // What was copied leaves the segments behind.
  while (missing > 0) {
    rte_mbuf* next = mbuf->next;
    const std::size_t taken = std::min<std::size_t>(missing, next->data_len);
    next->data_off = static_cast<std::uint16_t>(next->data_off + taken);
    next->data_len = static_cast<std::uint16_t>(next->data_len - taken);
    missing -= taken;
    if (next->data_len == 0) {
      mbuf->next = next->next;
      --mbuf->nb_segs;
      next->next = nullptr;
      next->nb_segs = 1;
      rte_pktmbuf_free_seg(next);
    }
  }
  return true;
}

}  // namespace anyhome::dataplane
