// The waiting room for packets whose next hop's link-layer address is not known yet.
//
// Workers do not wait: they punt such a packet, and the control thread keeps a copy here, has the
// kernel ask (Netlink::use_neighbor), and sends the copy once the kernel knows the answer.
// Everything is bounded, because anybody can make us resolve by scanning a connected prefix (RFC
// 6583): copies per neighbour and in all, and new neighbours per second. Pure logic: time comes in,
// no I/O.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/address.h"
#include "common/bytes.h"
#include "common/forwarding/drop_reason.h"
#include "common/forwarding/punt.h"
#include "common/time.h"
#include "dataplane/io/host_event.h"

namespace anyhome::host {

struct NeighborKey {
  InterfaceIndex interface = kNoInterface;
  Ipv6Address address;
  friend auto operator<=>(const NeighborKey&, const NeighborKey&) = default;
  friend bool operator==(const NeighborKey&, const NeighborKey&) = default;
};

struct NeighborKeyHash {
  std::size_t operator()(const NeighborKey& key) const {
    return static_cast<std::size_t>(hash_address(key.address, to_number(key.interface)));
  }
};

// A punted packet as it was handed over: the metadata and all its bytes.
struct WaitingPacket {
  forwarding::PuntMetadata metadata;
  std::vector<std::byte> bytes;
};

// Why a waiting packet is not sent after all.
enum class WaitingDrop : std::uint8_t {
  NeighborQueueFull,  // more than `packets_per_neighbor`: the oldest goes (RFC 4861 §7.2.2)
  WaitingRoomFull,  // more than `packets`: the oldest of the neighbour that has waited longest goes
  NewNeighborRate,  // more new neighbours than `new_neighbors_per_second`: the packet goes
  NeighborFailed,   // the kernel asked in vain
  NeighborRemoved,  // the kernel was told to forget the neighbour, or its interface lost the link
  NoAnswer,         // the kernel said nothing within `answer_within`
};
inline constexpr std::size_t kWaitingDropCount = 6;

struct WaitingDropInfo {
  std::string_view name;      // kebab-case, what operators see behind "waiting-"
  std::string_view sentence;  // why, for somebody who has only this line
};

inline constexpr std::array<WaitingDropInfo, kWaitingDropCount> kWaitingDrops = {{
    {"neighbor-queue-full", "Replaced by a newer packet for the same neighbour; three may wait."},
    {"room-full", "Replaced by a newer packet for another neighbour; 256 may wait in all."},
    {"new-neighbor-rate", "The first packet for one more neighbour, beyond a hundred a second."},
    {"neighbor-failed", "Waited for a neighbour that did not answer the kernel."},
    {"neighbor-removed", "Waited for a neighbour that was removed, or whose port lost its link."},
    {"no-answer", "Waited three seconds without any news of the neighbour."},
}};

constexpr std::string_view to_string(WaitingDrop drop) {
  return kWaitingDrops[static_cast<std::size_t>(drop)].name;
}

// The reason that the data path counts it under.
constexpr forwarding::DropReason drop_reason(WaitingDrop drop) {
  return drop == WaitingDrop::NeighborFailed ? forwarding::DropReason::NeighborFailed
                                             : forwarding::DropReason::NeighborUnresolved;
}

struct ResolverOptions {
  std::size_t packets_per_neighbor = 3;  // RFC 4861 §7.2.2 asks for one at least
  std::size_t packets = 256;
  std::size_t neighbors = 4096;                      // that `used` remembers
  unsigned new_neighbors_per_second = 100;           // and a burst of as many
  Duration answer_within = std::chrono::seconds(3);  // MAX_MULTICAST_SOLICIT × RETRANS_TIMER
  Duration ask_again = std::chrono::seconds(20);
};

class NeighborResolver {
 public:
  explicit NeighborResolver(const ResolverOptions& options = {}) : options_(options) {}

  // Keeps a copy of a packet for an unresolved neighbour. True: have the kernel ask now.
  [[nodiscard]] bool hold(Instant now, const NeighborKey& neighbor,
                          const forwarding::PuntMetadata& metadata, ByteView packet);

  // The data path sends, or tries to send, to this neighbour: say so every few seconds. True: have
  // the kernel confirm it now. That is every 20 s while the neighbour answers, and each time it has
  // failed since, because nobody else would ever ask for it again.
  [[nodiscard]] bool used(Instant now, const NeighborKey& neighbor);

  // What the kernel found out. Appends the packets that can go, in the order in which they came.
  void on_neighbor(const NeighborChanged& change, std::vector<WaitingPacket>& ready);

  // Drops what has waited too long.
  void on_timer(Instant now);
  [[nodiscard]] std::optional<Instant> next_deadline() const;

  [[nodiscard]] std::size_t waiting() const { return packets_; }
  [[nodiscard]] std::uint64_t dropped(WaitingDrop drop) const {
    return dropped_[static_cast<std::size_t>(drop)];
  }

 private:
  struct Waiting {
    NeighborKey neighbor;
    Instant deadline;
    std::deque<WaitingPacket> packets;  // never empty
  };
  using Queue = std::list<Waiting>;  // by deadline: all wait equally long

  [[nodiscard]] bool admit_new_neighbor(Instant now);
  void note_asked(Instant now, const NeighborKey& neighbor);
  void make_room();
  void discard(Queue::iterator at, WaitingDrop drop);
  Queue::iterator remove(Queue::iterator at);
  void count(WaitingDrop drop, std::size_t packets) {
    dropped_[static_cast<std::size_t>(drop)] += packets;
  }

  ResolverOptions options_;
  Queue queue_;
  std::unordered_map<NeighborKey, Queue::iterator, NeighborKeyHash> by_neighbor_;
  // When the kernel was asked last, for neighbours that answer or still may.
  std::unordered_map<NeighborKey, Instant, NeighborKeyHash> asked_;
  std::size_t packets_ = 0;
  // Generic cell rate algorithm: when the bucket would be full again.
  Instant bucket_full_at_ = Instant::min();
  std::array<std::uint64_t, kWaitingDropCount> dropped_{};
};

}  // namespace anyhome::host
