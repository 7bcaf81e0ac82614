// Figures in a file: what one run leaves for a later one to be compared with, and for plots.
//
//   {"machine": {"processor": ..., ...}, "notes": [...], "best_speed": [1.4, 5.2],
//    "figures": {"path/to-mobile-node/1000/buckets": {"unit": "cycles", "better": "less",
//                "quiet": 58.1, "best": 57.3, "quiet_phases": 20, "busy": 90.2, "busy_best": 88.0,
//                "busy_phases": 4, "spread": 0.004, "must": 75, "goal": 60, "verdict": "goal"}}}
//
// What other programs were measured at comes as samples, which become figures when it is read:
//
//    "samples": {"unmodified/anyhomed/miss": [[VALUE, CLOCK, WIDTH], ...]}
//
// A flat {"name": number} is read as figures, too, of which more is better: rates of other
// programs.
#pragma once

#include <expected>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apps/anyhome-bench/figure.h"

namespace anyhome::bench {

struct Record {
  std::map<std::string, std::string> machine;
  std::vector<std::string> notes;  // what was not measured, and why
  Figures figures;
  Speed best;  // that any core had
  // By path: how often the processor was seen at which instruction ("FILE OFFSET"). Written, for
  // scripts/bench to find the stages; not read again.
  std::map<std::string, std::map<std::string, unsigned>> profile;

  void merge(const Record& other);
};

std::string to_json(const Record& record);
std::expected<Record, std::string> from_json(std::string_view text);

std::expected<Record, std::string> read_record(const std::string& path);
std::expected<void, std::string> write_record(const std::string& path, const Record& record);

}  // namespace anyhome::bench
