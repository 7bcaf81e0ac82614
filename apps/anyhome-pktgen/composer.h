// One sender's packets, one after the other: a pure function of its settings and the time.
//
// Sender s of S owns the mobile nodes s, s + S, s + 2 S, ..., so that their order and their
// sequence numbers need no lock. All that is random comes from the seed: the same settings give the
// same packets.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "apps/anyhome-pktgen/data_frame.h"
#include "apps/anyhome-pktgen/node_table.h"
#include "apps/anyhome-pktgen/settings.h"
#include "apps/anyhome-pktgen/signalling.h"
#include "common/time.h"

namespace anyhome::pktgen {

struct Composed {
  std::size_t size = 0;  // 0: there is nothing to send any more
  std::uint16_t port = 0;
  std::uint8_t entry = 0;  // of the mix
};

struct ComposerPlace {
  std::uint32_t sender = 0;
  std::uint32_t senders = 1;
  std::uint8_t run = 0;
  // Mobile nodes that have been acknowledged are left out by `register`, which then has an end.
  bool only_unregistered = false;
};

class Composer {
 public:
  // Node numbers below settings.network.nodes are in `nodes`.
  Composer(const TrafficSettings& settings, NodeTable& nodes, const ComposerPlace& place);

  // The next packet, written to `to`, which holds the largest.
  Composed compose(std::span<std::byte> to, std::uint32_t ticks, WallTime now);
  [[nodiscard]] std::size_t largest() const { return largest_; }

 private:
  struct Stream {
    TrafficEntry entry;
    Pattern pattern;
    std::vector<DataFrame> frames;  // by size, or by template
    std::vector<std::byte> ethernet;
    std::uint32_t number = 0;
    std::uint8_t mark = 0;
    std::uint32_t registered = 0;  // own nodes that `register` has been through
  };

  std::size_t choose_stream();
  std::uint32_t own_node(std::uint64_t chosen) const {
    return static_cast<std::uint32_t>(chosen * place_.senders + place_.sender);
  }
  std::size_t compose_data(Stream& stream, std::byte* to, std::uint32_t ticks);
  std::size_t compose_update(Stream& stream, std::span<std::byte> to, WallTime now);
  std::size_t compose_state(Stream& stream, std::span<std::byte> to, WallTime now);
  std::size_t compose_foreign(Stream& stream, std::span<std::byte> to);
  std::size_t put(const Stream& stream, std::span<std::byte> to, const Packet& packet);

  const TrafficSettings& settings_;
  NodeTable& nodes_;
  ComposerPlace place_;
  Random random_;
  std::vector<Stream> streams_;
  std::uint64_t weights_ = 0;
  std::uint32_t own_nodes_ = 0;
  bool moves_ = false;  // somebody does
  std::size_t largest_ = 0;
};

// Streams are told apart by 8 bits of the mark.
inline constexpr std::size_t kMaxStreams = 256;

}  // namespace anyhome::pktgen
