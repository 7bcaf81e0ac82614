// The pipeline on the heap: tables out of std::map, packets kept for inspection.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "common/prefix.h"
#include "dataplane/pipeline/heap_packet.h"
#include "dataplane/pipeline/pipeline.h"
#include "test/support/bytes.h"

namespace anyhome::test {

struct Transmitted {
  std::uint16_t port = 0;
  Bytes frame;
};
struct HandedOff {
  std::uint32_t worker = 0;
  std::uint16_t port = 0;
  Bytes frame;
};
struct Punted {
  forwarding::PuntMetadata metadata;
  Bytes bytes;
};

class HeapEnvironment {
 public:
  using Packet = dataplane::HeapPacket;
  static constexpr bool kTracing = true;

  // ---- Packets ----
  static std::byte* data(Packet* packet) { return packet->data(); }
  static std::size_t contiguous(const Packet* packet) { return packet->contiguous(); }
  static std::size_t length(const Packet* packet) { return packet->length(); }
  static bool set_front(Packet* packet, const std::byte* front) { return packet->set_front(front); }
  static void truncate(Packet* packet, std::size_t size) { packet->truncate(size); }
  static bool make_contiguous(Packet* packet, std::size_t size) {
    return packet->make_contiguous(size);
  }
  static void copy_out(const Packet* packet, std::size_t at, std::byte* to, std::size_t size) {
    packet->copy_out(at, to, size);
  }
  void append(Packet* head, Packet* tail) {
    head->append(*tail);
    remove(tail);
  }
  Packet* allocate(std::size_t size) {
    if (allocations_left == 0) {
      return nullptr;
    }
    --allocations_left;
    return add(Bytes(size));
  }

  void drop(Packet* packet, forwarding::DropReason reason) {
    count_drop(reason);
    remove(packet);
  }
  void count_drop(forwarding::DropReason reason) { ++drops[static_cast<std::size_t>(reason)]; }
  void release(Packet* packet) {
    ++released;
    remove(packet);
  }
  void transmit(std::uint16_t port, Packet* packet) {
    transmitted.push_back({port, packet->bytes()});
    remove(packet);
  }
  void hand_off(Packet* packet, std::uint32_t worker, std::uint16_t port) {
    if (handoff_ring_left == 0) {
      drop(packet, forwarding::DropReason::HandoffRingFull);
      return;
    }
    --handoff_ring_left;
    count(forwarding::Counter::HandedOff, 1);
    handed_off.push_back({worker, port, packet->bytes()});
    remove(packet);
  }
  bool punt(Packet* packet, const forwarding::PuntMetadata& metadata) {
    if (punt_ring_left == 0) {
      return false;
    }
    --punt_ring_left;
    punted.push_back({metadata, packet->bytes()});
    remove(packet);
    return true;
  }

  // ---- Tables ----
  std::uint64_t lookup_bindings(const std::byte* const* keys, unsigned count,
                                const dataplane::Entry** entries) const;
  void lookup_routes(const Ipv6Address* addresses, unsigned count,
                     dataplane::LeafIndex* leaves) const;
  [[nodiscard]] dataplane::LeafValue leaf(dataplane::LeafIndex index) const {
    return leaves[index];
  }
  [[nodiscard]] const dataplane::Adjacency& adjacency(dataplane::AdjacencyIndex index) const {
    return adjacencies[index];
  }
  [[nodiscard]] const dataplane::MultipathGroup* groups() const { return multipath.data(); }
  [[nodiscard]] const dataplane::Entry* prefix_entry(std::uint32_t index) const {
    return prefix_entries[index];
  }
  [[nodiscard]] const Ipv6Address& former_care_of_address(std::uint32_t index) const {
    return former_care_of_addresses.at(index);
  }
  [[nodiscard]] bool peer_is_dead(std::uint16_t peer) const { return dead_peers.contains(peer); }
  [[nodiscard]] bool has_routed_prefixes() const { return !prefix_entries.empty(); }

  void note_used(dataplane::AdjacencyIndex adjacency) { used.insert(adjacency); }

  // ---- The rest ----
  void count(forwarding::Counter counter, std::uint64_t by) {
    counters[static_cast<std::size_t>(counter)] += by;
  }
  [[nodiscard]] Instant now() const { return time; }
  void trace(std::string line) { trace_lines.push_back(std::move(line)); }

  // ---- For the test ----
  Packet* add(ByteView bytes) {
    packets_.push_back(std::make_unique<Packet>(bytes));
    return packets_.back().get();
  }
  // As a driver gives it out of several buffers: `first` bytes in the first one, which has room for
  // `tailroom` more.
  Packet* add_chain(ByteView bytes, std::size_t first, std::size_t tailroom = 256) {
    packets_.push_back(
        std::make_unique<Packet>(bytes.first(std::min(first, bytes.size())), tailroom));
    Packet* packet = packets_.back().get();
    packet->append_segment(bytes.subspan(packet->length()));
    return packet;
  }
  [[nodiscard]] std::size_t live_packets() const { return packets_.size(); }
  // Packets that ended though they had ended already, or were never there.
  [[nodiscard]] std::size_t stray_packets() const { return strays_; }
  void forget();

  // Fills the tables.
  dataplane::Entry& bind(const Ipv6Address& key, dataplane::EntryKind kind,
                         const Ipv6Address& tunnel_source, const Ipv6Address& tunnel_destination,
                         std::uint16_t peer = forwarding::kNoPeer);
  dataplane::LeafIndex route(const Prefix& prefix, dataplane::LeafValue value);
  dataplane::AdjacencyIndex next_hop(std::uint16_t port, std::uint8_t mac_tail,
                                     std::uint16_t mtu = 1500);

  std::array<std::uint64_t, forwarding::kDropReasonCount> drops{};
  std::array<std::uint64_t, forwarding::kCounterCount> counters{};
  std::vector<Transmitted> transmitted;
  std::vector<Punted> punted;
  std::vector<HandedOff> handed_off;
  std::vector<std::string> trace_lines;
  std::uint64_t released = 0;
  std::size_t allocations_left = 1000;
  std::size_t punt_ring_left = 1000;
  std::size_t handoff_ring_left = 1000;
  Instant time{std::chrono::seconds(100)};

  std::map<Ipv6Address, dataplane::Entry> bindings;
  std::map<Prefix, dataplane::LeafIndex> routes;
  std::vector<dataplane::LeafValue> leaves{dataplane::LeafValue{}};
  std::deque<dataplane::Adjacency> adjacencies;
  std::vector<dataplane::MultipathGroup> multipath;
  std::vector<const dataplane::Entry*> prefix_entries;
  std::set<std::uint16_t> dead_peers;
  std::map<std::uint32_t, Ipv6Address> former_care_of_addresses;
  std::set<dataplane::AdjacencyIndex> used;

 private:
  void remove(Packet* packet) {
    if (std::erase_if(packets_, [packet](const auto& held) { return held.get() == packet; }) == 0) {
      ++strays_;
    }
  }

  std::vector<std::unique_ptr<Packet>> packets_;
  std::size_t strays_ = 0;
};

static_assert(dataplane::Environment<HeapEnvironment>);

}  // namespace anyhome::test
