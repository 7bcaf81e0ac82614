// The command line of anyhome-bench, behind EAL's.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/tables/binding_table.h"

namespace anyhome::bench {

// What `--only` takes besides paths and references.
inline constexpr std::string_view kWorkers = "workers";
inline constexpr std::string_view kChurn = "churn";

struct Options {
  bool help = false;
  std::vector<std::uint32_t> sizes{1000, 100'000, 1'000'000};
  std::vector<dataplane::BindingIndex> indexes{dataplane::BindingIndex::Chained};
  unsigned rounds = 15;
  std::uint64_t packets = 200'000;  // per phase
  std::vector<std::string> only;    // paths and references by name; empty: all
  std::string json;
  std::string csv;
  std::string against;  // a file that --json has written
};

struct CommandLine {
  Options options;
  std::vector<std::string> mistakes;
};

// What is behind `--`, program name left out.
CommandLine read_options(const std::vector<std::string>& arguments);
std::string options_help();

}  // namespace anyhome::bench
