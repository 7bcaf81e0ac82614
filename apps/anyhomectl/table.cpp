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

std::string Table::format(const std::vector<Json>& rows) {
  const bool first = widths_.empty();
  widths_.resize(columns_.size());
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    widths_[i] = std::max(widths_[i], columns_[i].title.size());
    for (const Json& row : rows) {
      widths_[i] = std::max(widths_[i], cell(row, columns_[i].key).size());
    }
  }
  std::string text;
  const auto line = [&](const auto& content) {
    std::string one;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const bool right = !rows.empty() && is_number(rows.front(), columns_[i].key);
      one +=
          fmt::format(fmt::runtime(right ? "{:>{}}" : "{:<{}}"), content(columns_[i]), widths_[i]);
      one += i + 1 < columns_.size() ? "  " : "";
    }
    one.erase(one.find_last_not_of(' ') + 1);
    text += one + "\n";
  };
  if (first) {
    line([](const Column& column) { return std::string(column.title); });
  }
  for (const Json& row : rows) {
    line([&](const Column& column) { return cell(row, column.key); });
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
