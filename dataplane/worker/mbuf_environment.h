// The pipeline's environment in a worker: mbufs, the real tables, rings and ports.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/io/mbuf.h"
#include "dataplane/io/packet_ring.h"
#include "dataplane/pipeline/environment.h"
#include "dataplane/pipeline/next_hop.h"
#include "dataplane/tables/reader_view.h"
#include "dataplane/worker/handoff.h"
#include "dataplane/worker/transmitter.h"
#include "dataplane/worker/worker_counters.h"

namespace anyhome::dataplane {

// Lookups in the real tables; also what `explain` runs on.
class TableAccess {
 public:
  explicit TableAccess(const ReaderView& view) : view_(view) {}

  std::uint64_t lookup_bindings(const std::byte* const* keys, unsigned count,
                                const Entry** entries) const {
    return view_.bindings->lookup_bulk(keys, count, entries);
  }
  void lookup_routes(const Ipv6Address* addresses, unsigned count, LeafIndex* leaves) const {
    view_.routes->lookup_bulk(addresses, count, leaves);
  }
  [[nodiscard]] LeafValue leaf(LeafIndex index) const { return load_leaf(view_.leaves[index]); }
  [[nodiscard]] const Adjacency& adjacency(AdjacencyIndex index) const {
    return view_.adjacencies[index];
  }
  [[nodiscard]] const MultipathGroup* groups() const { return view_.groups; }
  [[nodiscard]] const Entry* prefix_entry(std::uint32_t index) const {
    return view_.prefix_entries[index].load(std::memory_order_acquire);
  }
  [[nodiscard]] const Ipv6Address& former_care_of_address(std::uint32_t index) const {
    return view_.former_care_of_addresses[index];
  }
  [[nodiscard]] bool peer_is_dead(std::uint16_t peer) const { return view_.peers->is_dead(peer); }
  [[nodiscard]] bool has_routed_prefixes() const {
    return view_.prefixes_outside_pools->load(std::memory_order_relaxed) != 0;
  }

 private:
  ReaderView view_;
};

// Which adjacencies a worker has sent by: a byte each, written by the worker, taken back by the
// control thread. A mark that is lost to a race comes again with the next packet.
class UseMarks {
 public:
  explicit UseMarks(std::size_t adjacencies) : marks_(adjacencies) {}
  void mark(AdjacencyIndex adjacency) { marks_[adjacency].store(1, std::memory_order_relaxed); }
  bool take(AdjacencyIndex adjacency) {
    return marks_[adjacency].exchange(0, std::memory_order_relaxed) != 0;
  }

 private:
  std::vector<std::atomic<std::uint8_t>> marks_;
};

class MbufEnvironment : public MbufAccess, public TableAccess {
 public:
  using Packet = rte_mbuf;
  static constexpr bool kTracing = false;

  MbufEnvironment(const ReaderView& tables, rte_mempool* pool, PacketRing& punts,
                  Transmitter& transmitter, Handoff& handoff, WorkerCounters& counters,
                  UseMarks& used)
      : TableAccess(tables),
        pool_(pool),
        punts_(punts),
        transmitter_(transmitter),
        handoff_(handoff),
        counters_(counters),
        used_(used),
        note_offset_(mbuf_note_offset()) {}

  rte_mbuf* allocate(std::size_t size) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool_);
    if (packet == nullptr || size > rte_pktmbuf_tailroom(packet)) {
      rte_pktmbuf_free(packet);
      return nullptr;
    }
    packet->data_len = static_cast<std::uint16_t>(size);
    packet->pkt_len = static_cast<std::uint32_t>(size);
    return packet;
  }

  void drop(rte_mbuf* packet, forwarding::DropReason reason) {
    count_drop(reason);
    release(packet);
  }
  void count_drop(forwarding::DropReason reason) {
    counters_.drops[static_cast<std::size_t>(reason)].add(1);
  }
  // rte_pktmbuf_free looks for a next segment in the buffer's second line, which nothing else on
  // the way of a packet that is dropped reads.
  static void release(rte_mbuf* packet) {
    if (packet->nb_segs == 1 && rte_mbuf_refcnt_read(packet) == 1 && RTE_MBUF_DIRECT(packet))
        [[likely]] {
      rte_mbuf_raw_free(packet);
    } else {
      rte_pktmbuf_free(packet);
    }
  }

  void transmit(std::uint16_t port, rte_mbuf* packet) { transmitter_.send(port, packet); }

  void hand_off(rte_mbuf* packet, std::uint32_t worker, std::uint16_t port) {
    handoff_.send(worker, port, packet);
  }

  bool punt(rte_mbuf* packet, const forwarding::PuntMetadata& metadata) {
    note_of(packet, note_offset_).punt = metadata;
    if (punts_.count() >= forwarding::punt_limit(metadata.punt_class, punts_.capacity()) ||
        !punts_.push(packet)) {
      return false;
    }
    punted_ = true;
    return true;
  }

  void note_used(AdjacencyIndex adjacency) { used_.mark(adjacency); }

  void count(forwarding::Counter counter, std::uint64_t by) {
    counters_.counters[static_cast<std::size_t>(counter)].add(by);
  }
  [[nodiscard]] Instant now() const { return now_; }
  static void trace(const std::string&) {}

  // The worker's loop.
  void set_now(Instant now) { now_ = now; }
  // Whether something was punted since the last call.
  bool take_punted() { return std::exchange(punted_, false); }

 private:
  rte_mempool* pool_;
  PacketRing& punts_;
  Transmitter& transmitter_;
  Handoff& handoff_;
  WorkerCounters& counters_;
  UseMarks& used_;
  int note_offset_;
  Instant now_{};
  bool punted_ = false;
};

static_assert(Environment<MbufEnvironment>);

}  // namespace anyhome::dataplane
