#include "apps/anyhomectl/table.h"

#include <algorithm>

#include <fmt/format.h>

namespace anyhome::ctl {
namespace {

using Json = nlohmann::ordered_json;

std::string cell(const Json& row, std::string_view key) {
  const auto found = row.find(key);
  if (found == row.end()) {
    return "";
  }
  return found->is_string() ? found->get<std::string>() : found->dump();
}

bool is_number(const Json& row, std::string_view key) {
  const auto found = row.find(key);
  return found != row.end() && found->is_number();
}

}  // namespace

std::string format_table(const std::vector<Column>& columns, const std::vector<Json>& rows) {
  std::vector<std::size_t> widths;
  for (const Column& column : columns) {
    std::size_t width = column.title.size();
    for (const Json& row : rows) {
      width = std::max(width, cell(row, column.key).size());
    }
    widths.push_back(width);
  }
  std::string text;
  const auto line = [&](const auto& content, const auto& right) {
    std::string one;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      one += fmt::format(fmt::runtime(right(columns[i]) ? "{:>{}}" : "{:<{}}"), content(columns[i]),
                         widths[i]);
      one += i + 1 < columns.size() ? "  " : "";
    }
    one.erase(one.find_last_not_of(' ') + 1);
    text += one + "\n";
  };
  const auto right = [&](const Column& column) {
    return !rows.empty() && is_number(rows.front(), column.key);
  };
  line([](const Column& column) { return std::string(column.title); }, right);
  for (const Json& row : rows) {
    line([&](const Column& column) { return cell(row, column.key); }, right);
  }
  return text;
}

std::string format_fields(const Json& fields) {
  std::size_t width = 0;
  for (const auto& [key, value] : fields.items()) {
    width = std::max(width, key.size());
  }
  std::string text;
  for (const auto& [key, value] : fields.items()) {
    std::string name = key;
    std::ranges::replace(name, '_', '-');
    std::string shown = value.is_string() ? value.get<std::string>() : value.dump();
    std::ranges::replace(shown, '\n', ' ');
    text += fmt::format("{:<{}}  {}\n", name, width, shown);
  }
  return text;
}

}  // namespace anyhome::ctl
