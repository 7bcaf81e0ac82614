// What senders and receivers count, per entry of the mix; one writer each, read by the main thread.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "apps/anyhome-pktgen/histogram.h"
#include "apps/anyhome-pktgen/mark.h"
#include "apps/anyhome-pktgen/sequence_tracker.h"
#include "apps/anyhome-pktgen/tally.h"
#include "common/wire/haha.h"

namespace anyhome::pktgen {

struct SentCounts {
  struct Entry {
    Tally packets;
    Tally bytes;  // with FCS
  };
  explicit SentCounts(std::size_t entry_count = 0) : entries(entry_count) {}

  std::vector<Entry> entries;
  Tally nanoseconds;  // from the first to the end
};

struct ReceivedCounts {
  static constexpr std::size_t kTunnels = 3;  // 0, 1, 2

  struct Entry {
    Tally packets;
    Tally bytes;  // with FCS
    std::array<Tally, kTunnels> by_tunnels;
    // In ticks of kTickNanoseconds.
    Histogram delay;
    Histogram variation;  // RFC 3393, between neighbours in a stream: how far apart
  };
  struct Stream {
    SequenceTracker tracker;
    std::uint32_t last_number = 0;
    std::uint32_t last_delay = 0;
    bool any = false;
  };

  explicit ReceivedCounts(std::size_t entry_count = 0, std::size_t stream_count = 0)
      : entries(entry_count), streams(stream_count) {}

  // One of ours, at this time.
  void count(const Mark& mark, std::uint8_t tunnels, std::size_t frame_bytes,
             std::uint32_t now_ticks) {
    Stream& stream = streams[mark.stream];
    Entry& entry = entries[mark.stream % entries.size()];
    entry.packets.add(1);
    entry.bytes.add(frame_bytes);
    entry.by_tunnels[std::min<std::size_t>(tunnels, kTunnels - 1)].add(1);
    const std::uint32_t delay = now_ticks - mark.ticks;
    entry.delay.add(delay);
    if (stream.any && mark.number == stream.last_number + 1) {
      entry.variation.add(delay > stream.last_delay ? delay - stream.last_delay
                                                    : stream.last_delay - delay);
    }
    stream.any = true;
    stream.last_number = mark.number;
    stream.last_delay = delay;
    stream.tracker.see(mark.number);
  }

  // An SS-ACK: a status for each of the global bindings that one of our SS-REPs has told. What it
  // says of an end mark is about none of them.
  void count_state_acknowledgement(const std::vector<wire::SsStatusOption>& statuses) {
    bool any = false;
    for (const wire::SsStatusOption& option : statuses) {
      const bool end_mark =
          option.status == wire::SsStatus::Success && option.home_address == HomeAddress{};
      if (!end_mark) {
        state_records[static_cast<std::size_t>(option.status)].add(1);
        any = true;
      }
    }
    state_acknowledgements.add(any ? 1 : 0);
  }

  std::vector<Entry> entries;
  std::vector<Stream> streams;
  std::array<Tally, 256> acknowledgements;  // Binding Acknowledgements by status
  std::array<Tally, 256> state_records;     // global bindings in SS-ACKs by status
  std::array<Tally, 128> icmpv6_errors;     // by type
  Tally state_acknowledgements;
  Tally state_questions;
  Tally hellos;
  Tally neighbor_solicitations;
  Tally stale;  // marked by an earlier trial
  Tally other;
};

}  // namespace anyhome::pktgen
