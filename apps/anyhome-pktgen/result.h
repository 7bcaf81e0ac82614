// What a run has brought, summed over senders and receivers: plain numbers.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "apps/anyhome-pktgen/counts.h"
#include "apps/anyhome-pktgen/settings.h"

namespace anyhome::pktgen {

struct EntryResult {
  TrafficEntry entry;
  std::uint64_t sent = 0;
  std::uint64_t sent_bytes = 0;
  std::uint64_t received = 0;  // duplicates included
  std::uint64_t received_bytes = 0;
  std::array<std::uint64_t, ReceivedCounts::kTunnels> by_tunnels{};
  std::uint64_t duplicates = 0;
  std::uint64_t reordered = 0;
  std::uint64_t too_late = 0;
  Histogram delay;
  Histogram variation;

  // Only what is marked can be missed.
  [[nodiscard]] std::uint64_t lost() const {
    const std::uint64_t arrived = received - duplicates;
    return row_of(entry.kind).nature == Nature::Measured && sent > arrived ? sent - arrived : 0;
  }
};

struct RunResult {
  RunResult() = default;
  // `bindings_per_message`: of an SS-REP.
  RunResult(const std::vector<TrafficEntry>& mix, std::uint32_t bindings_per_message);
  // What one sender and receiver has counted, of the same mix.
  void add(const SentCounts& sent, const ReceivedCounts& received);

  double seconds = 0;
  std::vector<EntryResult> entries;
  std::array<std::uint64_t, 256> acknowledgements{};
  std::array<std::uint64_t, 128> icmpv6_errors{};
  std::uint32_t bindings_per_message = 0;
  std::array<std::uint64_t, 256> state_records{};  // global bindings by status
  std::uint64_t state_acknowledgements = 0;
  std::uint64_t state_questions = 0;
  std::uint64_t hellos = 0;
  std::uint64_t neighbor_solicitations = 0;
  std::uint64_t stale = 0;
  std::uint64_t other = 0;
  std::uint64_t missed = 0;  // by our own ports and pool

  [[nodiscard]] std::uint64_t sent() const { return sum(&EntryResult::sent); }
  [[nodiscard]] std::uint64_t received() const { return sum(&EntryResult::received); }
  [[nodiscard]] std::uint64_t measured() const {
    std::uint64_t total = 0;
    for (const EntryResult& entry : entries) {
      total += row_of(entry.entry.kind).nature == Nature::Measured ? entry.sent : 0;
    }
    return total;
  }
  [[nodiscard]] std::uint64_t lost() const {
    std::uint64_t total = 0;
    for (const EntryResult& entry : entries) {
      total += entry.lost();
    }
    return total;
  }
  // Binding Updates that are to be accepted, and SS-REPs.
  [[nodiscard]] std::uint64_t updates() const;
  [[nodiscard]] std::uint64_t state_replies() const;
  [[nodiscard]] std::uint64_t acknowledged() const;  // whatever the status
  [[nodiscard]] std::uint64_t accepted() const;
  // Global bindings that were told.
  [[nodiscard]] std::uint64_t state_records_sent() const {
    return state_replies() * bindings_per_message;
  }
  // Everything that a trial is judged by: what is measured, or, of signalling alone, the Binding
  // Updates and those that were not accepted, the SS-REPs and those that were not acknowledged.
  [[nodiscard]] std::uint64_t judged() const {
    return measured() != 0 ? measured() : updates() + state_replies();
  }
  [[nodiscard]] std::uint64_t judged_lost() const;
  // Nothing is to come any more that has not come: what was sent is answered, all of it.
  [[nodiscard]] bool settled() const;
  // Whatever comes because something was sent.
  [[nodiscard]] std::uint64_t arrived() const;
  [[nodiscard]] double loss() const {
    return measured() == 0 ? 0 : static_cast<double>(lost()) / static_cast<double>(measured());
  }
  [[nodiscard]] double per_second(std::uint64_t count) const {
    return seconds <= 0 ? 0 : static_cast<double>(count) / seconds;
  }

 private:
  [[nodiscard]] std::uint64_t sum(std::uint64_t EntryResult::*member) const {
    std::uint64_t total = 0;
    for (const EntryResult& entry : entries) {
      total += entry.*member;
    }
    return total;
  }
};

}  // namespace anyhome::pktgen
