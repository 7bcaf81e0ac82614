#include "apps/anyhome-pktgen/result.h"

#include <algorithm>
#include <numeric>

#include "common/wire/mobility.h"

namespace anyhome::pktgen {

namespace {

std::uint64_t sum(const auto& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

void add_tallies(auto& totals, const auto& tallies) {
  for (std::size_t i = 0; i < totals.size(); ++i) {
    totals[i] += tallies[i].get();
  }
}

}  // namespace

RunResult::RunResult(const std::vector<TrafficEntry>& mix, std::uint32_t bindings_in_one)
    : bindings_per_message(bindings_in_one) {
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
    add_tallies(entry.by_tunnels, received.entries[i].by_tunnels);
    entry.delay.merge(received.entries[i].delay);
    entry.variation.merge(received.entries[i].variation);
  }
  for (std::size_t s = 0; s < received.streams.size(); ++s) {
    EntryResult& entry = entries[s % entries.size()];
    entry.duplicates += received.streams[s].tracker.duplicates();
    entry.reordered += received.streams[s].tracker.reordered();
    entry.too_late += received.streams[s].tracker.too_late();
  }
  add_tallies(acknowledgements, received.acknowledgements);
  add_tallies(icmpv6_errors, received.icmpv6_errors);
  add_tallies(state_records, received.state_records);
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

std::uint64_t RunResult::state_replies() const {
  std::uint64_t total = 0;
  for (const EntryResult& entry : entries) {
    total += entry.entry.kind == Kind::SsReply ? entry.sent : 0;
  }
  return total;
}

std::uint64_t RunResult::acknowledged() const { return pktgen::sum(acknowledgements); }

std::uint64_t RunResult::accepted() const {
  std::uint64_t total = 0;
  for (std::size_t status = 0; status < acknowledgements.size(); ++status) {
    total +=
        wire::is_accepted(static_cast<wire::BindingStatus>(status)) ? acknowledgements[status] : 0;
  }
  return total;
}

std::uint64_t RunResult::judged_lost() const {
  return measured() != 0 ? lost()
                         : updates() - std::min(updates(), accepted()) + state_replies() -
                               std::min(state_replies(), state_acknowledgements);
}

bool RunResult::settled() const {
  const bool all_answered = std::ranges::all_of(entries, [](const EntryResult& entry) {
    const Nature nature = row_of(entry.entry.kind).nature;
    return nature == Nature::Measured || nature == Nature::Signalling;
  });
  return all_answered && lost() == 0 && acknowledged() >= updates() &&
         state_acknowledgements >= state_replies();
}

std::uint64_t RunResult::arrived() const {
  return received() + acknowledged() + state_acknowledgements + pktgen::sum(icmpv6_errors);
}

}  // namespace anyhome::pktgen
