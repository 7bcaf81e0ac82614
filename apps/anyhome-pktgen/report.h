// Results for people and for programs: one set of numbers, three ways to write it.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "apps/anyhome-pktgen/options.h"
#include "apps/anyhome-pktgen/result.h"

namespace anyhome::pktgen {

using Json = nlohmann::ordered_json;

// What came of one search.
struct NdrResult {
  std::string frame_size;
  std::uint32_t nodes = 0;
  double allowed_loss = 0;
  std::optional<double> pps;
  double gigabits = 0;  // on the wire, of what was sent
  unsigned trials = 0;
  bool limited_by_sender = false;
  std::uint64_t missed = 0;            // by our own ports, in all trials
  std::optional<EntryResult> at_rate;  // of the last trial that passed
};

struct RegistrationResult {
  std::uint32_t nodes = 0;
  std::uint32_t registered = 0;
  std::uint64_t updates = 0;
  double seconds = 0;  // of sending, all rounds
  unsigned rounds = 0;
  std::array<std::uint64_t, 256> acknowledgements{};
  // Those that the peer serves.
  std::uint32_t global_nodes = 0;
  std::uint32_t announced = 0;
  std::array<std::uint64_t, 256> state_records{};  // by status

  [[nodiscard]] bool complete() const { return registered == nodes && announced == global_nodes; }
  // How far it has come, in words.
  [[nodiscard]] std::string to_string() const;
};

// Each an object with one array of rows, "traffic" or "searches", and plain values.
Json describe(const RunResult& result, bool with_delays);
Json describe(const std::vector<NdrResult>& results);
Json describe(const RegistrationResult& result);

// A table and lines of values, JSON, or the rows as comma-separated values.
std::string render(const Json& report, Format format);

// "rx 12,345 pps" for a terminal that is looked at.
std::string progress_line(const RunResult& now, const RunResult& before, double seconds);

}  // namespace anyhome::pktgen
