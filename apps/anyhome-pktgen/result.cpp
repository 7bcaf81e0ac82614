#include "apps/anyhome-pktgen/result.h"

#include <algorithm>
#include <numeric>

#include "common/wire/mobility.h"

namespace anyhome::pktgen {

RunResult::RunResult(const std::vector<TrafficEntry>& mix) {
  for (const TrafficEntry& entry : mix) {
    entries.emplace_back().entry = entry;
  }
}

void RunResult::add(const SentCounts& sent, const ReceivedCounts& received) {
  seconds = std::max(seconds, static_cast<double>(sent.nanoseconds.get()) * 1e-9);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    EntryResult& entry = entries[i];
    entry.sent += sent.entries[i].packets.get();
    entry.sent_bytes += sent.entries[i].bytes.get();
    entry.received += received.entries[i].packets.get();
    entry.received_bytes += received.entries[i].bytes.get();
    for (std::size_t t = 0; t < entry.by_tunnels.size(); ++t) {
      entry.by_tunnels[t] += received.entries[i].by_tunnels[t].get();
    }
    entry.delay.merge(received.entries[i].delay);
    entry.variation.merge(received.entries[i].variation);
  }
  for (std::size_t s = 0; s < received.streams.size(); ++s) {
    EntryResult& entry = entries[s % entries.size()];
    entry.duplicates += received.streams[s].tracker.duplicates();
    entry.reordered += received.streams[s].tracker.reordered();
    entry.too_late += received.streams[s].tracker.too_late();
  }
  for (std::size_t i = 0; i < acknowledgements.size(); ++i) {
    acknowledgements[i] += received.acknowledgements[i].get();
  }
  for (std::size_t i = 0; i < icmpv6_errors.size(); ++i) {
    icmpv6_errors[i] += received.icmpv6_errors[i].get();
  }
  state_acknowledgements += received.state_acknowledgements.get();
  state_questions += received.state_questions.get();
  hellos += received.hellos.get();
  neighbor_solicitations += received.neighbor_solicitations.get();
  stale += received.stale.get();
  other += received.other.get();
}

std::uint64_t RunResult::updates() const {
  std::uint64_t total = 0;
  for (const EntryResult& entry : entries) {
    const bool good = row_of(entry.entry.kind).nature != Nature::Bad;
    total += good && is_binding_update(entry.entry.kind) ? entry.sent : 0;
  }
  return total;
}

std::uint64_t RunResult::acknowledged() const {
  return std::accumulate(acknowledgements.begin(), acknowledgements.end(), std::uint64_t{0});
}

std::uint64_t RunResult::accepted() const {
  std::uint64_t total = 0;
  for (std::size_t status = 0; status < acknowledgements.size(); ++status) {
    total +=
        wire::is_accepted(static_cast<wire::BindingStatus>(status)) ? acknowledgements[status] : 0;
  }
  return total;
}

std::uint64_t RunResult::judged_lost() const {
  return measured() != 0 ? lost() : updates() - std::min(updates(), accepted());
}

}  // namespace anyhome::pktgen
