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

std::string format_table(const std::vector<Column>& columns,
                         const std::vector<nlohmann::ordered_json>& rows);

// "name: value" lines of an object, underscores shown as hyphens.
std::string format_fields(const nlohmann::ordered_json& fields);

}  // namespace anyhome::ctl
