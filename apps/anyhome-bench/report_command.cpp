#include "apps/anyhome-bench/report_command.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <optional>

#include <fmt/format.h>

#include "apps/anyhome-bench/peers.h"
#include "apps/anyhome-bench/record.h"
#include "apps/anyhome-bench/tables.h"

namespace anyhome::bench {
namespace {

bool write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text << std::flush;
  if (!file) {
    fmt::print(stderr, "anyhome-bench report: {}: cannot be written\n", path.string());
  }
  return static_cast<bool>(file);
}

}  // namespace

int report_command(const std::vector<std::string>& arguments) {
  Record record;
  std::optional<Record> before;
  std::string json;
  std::string csv;
  std::string sections;
  std::vector<std::string> mistakes;
  const auto read = [&](const std::string& file) {
    auto result = read_record(file);
    if (!result) {
      mistakes.push_back(result.error());
      return Record{};
    }
    return *result;
  };
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& word = arguments[i];
    if (!word.starts_with("--")) {
      record.merge(read(word));
    } else if (word != "--json" && word != "--csv" && word != "--against" && word != "--sections") {
      mistakes.push_back(word + ": no such option");
    } else if (i + 1 == arguments.size()) {
      mistakes.push_back(word + ": nothing is given");
    } else if (const std::string& file = arguments[++i]; word == "--against") {
      before = read(file);
    } else {
      (word == "--json" ? json : word == "--csv" ? csv : sections) = file;
    }
  }
  if (mistakes.empty() && record.figures.empty() && record.notes.empty()) {
    mistakes.emplace_back("there are no figures to report");
  }
  if (!mistakes.empty()) {
    for (const std::string& mistake : mistakes) {
      fmt::print(stderr, "anyhome-bench report: {}\n", mistake);
    }
    return 2;
  }
  add_derived(record);
  fmt::print("{}", as_tables(record));
  if (before) {
    fmt::print("\n{}", as_comparison(*before, record));
  }
  std::fflush(stdout);
  if (!json.empty()) {
    if (const auto done = write_record(json, record); !done) {
      fmt::print(stderr, "anyhome-bench report: {}\n", done.error());
      return 1;
    }
  }
  if (!csv.empty() && !write(csv, as_csv(record))) {
    return 1;
  }
  if (!sections.empty()) {
    for (const Section& section : sections_of(record)) {
      if (!write(std::filesystem::path(sections) / (section.name + ".txt"), section.text)) {
        return 1;
      }
    }
  }
  return 0;
}

}  // namespace anyhome::bench
