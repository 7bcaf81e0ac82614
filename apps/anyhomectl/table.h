// Rows for a terminal: columns as wide as they need to be, numbers to the right.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace anyhome::ctl {

struct Column {
  std::string_view key;
  std::string_view title;
};

// A table that may be longer than memory: it is formatted in chunks, each as wide as the widest
// cell so far.
class Table {
 public:
  explicit Table(const std::vector<Column>& columns) : columns_(columns) {}

  // The next rows; in front of the first ones the titles.
  std::string format(const std::vector<nlohmann::ordered_json>& rows);

 private:
  const std::vector<Column>& columns_;
  std::vector<std::size_t> widths_;  // empty: nothing formatted yet
};

// "name: value" lines of an object, underscores shown as hyphens.
std::string format_fields(const nlohmann::ordered_json& fields);

}  // namespace anyhome::ctl
