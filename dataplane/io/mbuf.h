// What the pipeline asks of a packet, on rte_mbuf; and where the control thread and the workers
// write what they tell each other about one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <rte_prefetch.h>

#include "common/forwarding/punt.h"

namespace anyhome::dataplane {

// What the control thread hands to a worker.
enum class InjectKind : std::uint8_t {
  Frame,       // a finished frame for a port (from its twin)
  Host,        // an IPv6 packet of the kernel's, to go through bindings
  Signalling,  // an IPv6 packet of ours, to go by routes alone
  Data,        // an IPv6 packet of ours, to go through bindings
};

struct InjectMetadata {
  InjectKind kind = InjectKind::Frame;
  std::uint16_t port = 0;  // Frame: where to
};

// One dynamic field serves both directions; it works on mbufs of any pool.
union MbufNote {
  forwarding::PuntMetadata punt;
  InjectMetadata inject;
};
static_assert(sizeof(MbufNote) <= 20);

// Offset of the field, registered once per process.
inline int mbuf_note_offset() {
  static const int kOffset = [] {
    rte_mbuf_dynfield description{};
    std::strncpy(description.name, "anyhome_note", sizeof description.name - 1);
    description.size = sizeof(MbufNote);
    description.align = alignof(MbufNote);
    return rte_mbuf_dynfield_register(&description);
  }();
  return kOffset;
}

inline MbufNote& note_of(rte_mbuf* mbuf, int offset) {
  return *RTE_MBUF_DYNFIELD(mbuf, offset, MbufNote*);
}

// Frames that have just been received are about to be read. Only their first lines: the second,
// with the inner header of a tunnel packet, is one that others do not need
// (docs/performance/tuning.md).
inline void prefetch_frames(std::span<rte_mbuf* const> frames) {
  for (rte_mbuf* frame : frames) {
    rte_prefetch0(rte_pktmbuf_mtod(frame, void*));
  }
}

// The packet operations of pipeline/environment.h.
struct MbufAccess {
  static std::byte* data(rte_mbuf* mbuf) { return rte_pktmbuf_mtod(mbuf, std::byte*); }
  static std::size_t contiguous(const rte_mbuf* mbuf) { return mbuf->data_len; }
  static std::size_t length(const rte_mbuf* mbuf) { return mbuf->pkt_len; }

  static bool set_front(rte_mbuf* mbuf, const std::byte* front) {
    const std::ptrdiff_t offset = front - static_cast<const std::byte*>(mbuf->buf_addr);
    const std::ptrdiff_t grown = mbuf->data_off - offset;
    if (offset < 0 || -grown > mbuf->data_len) {
      return false;
    }
    mbuf->data_off = static_cast<std::uint16_t>(offset);
    mbuf->data_len = static_cast<std::uint16_t>(mbuf->data_len + grown);
    mbuf->pkt_len = static_cast<std::uint32_t>(mbuf->pkt_len + grown);
    return true;
  }

  static void truncate(rte_mbuf* mbuf, std::size_t size) {
    if (mbuf->nb_segs == 1) {
      mbuf->data_len = static_cast<std::uint16_t>(size);
      mbuf->pkt_len = static_cast<std::uint32_t>(size);
      return;
    }
    truncate_chain(mbuf, size);
  }

  static bool make_contiguous(rte_mbuf* mbuf, std::size_t size);

  static void copy_out(const rte_mbuf* mbuf, std::size_t at, std::byte* to, std::size_t size) {
    const void* from = rte_pktmbuf_read(mbuf, static_cast<std::uint32_t>(at),
                                        static_cast<std::uint32_t>(size), to);
    if (from != nullptr && from != to) {  // contiguous: a pointer into the packet
      std::memcpy(to, from, size);
    }
  }

  // Segments of the second become the last ones of the first. Nothing we put together comes near
  // the number of segments that a chain may have.
  static void append(rte_mbuf* head, rte_mbuf* tail) {
    if (rte_pktmbuf_chain(head, tail) != 0) {
      rte_pktmbuf_free(tail);
    }
  }

 private:
  static void truncate_chain(rte_mbuf* mbuf, std::size_t size);
};

}  // namespace anyhome::dataplane
