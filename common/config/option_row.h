// What the rows of the option tables are made with: reading a value into its place, and showing it.
#pragma once

#include <algorithm>
#include <chrono>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/ranges.h>

#include "common/config/option_table.h"
#include "common/config/option_values.h"

namespace anyhome::config {

// Rows of the global home agent set (haha_options.cpp).
std::span<const Option> haha_options();

namespace row {

using Result = std::expected<void, std::string>;
using View = std::string_view;

// Puts a parsed value where it belongs, or passes the error on.
template <class T, class U>
Result assign(T& target, const Parsed<U>& parsed) {
  if (!parsed) {
    return std::unexpected(parsed.error());
  }
  target = T(*parsed);
  return {};
}

template <class T, class U>
Result append(std::vector<T>& target, const Parsed<U>& parsed) {
  if (!parsed) {
    return std::unexpected(parsed.error());
  }
  target.emplace_back(*parsed);
  return {};
}

// The named section's element, made when it is new: sections come into being by being mentioned.
template <class T>
T& named(std::vector<T>& list, View name) {
  const auto found = std::ranges::find(list, name, &T::name);
  if (found != list.end()) {
    return *found;
  }
  list.emplace_back().name = name;
  return list.back();
}

template <class T>
const T& existing(const std::vector<T>& list, View name) {
  static const T kDefault{};
  const auto found = std::ranges::find(list, name, &T::name);
  return found != list.end() ? *found : kDefault;
}

template <class Range, class Show>
std::string lines(const Range& range, Show&& show) {
  std::vector<std::string> texts;
  std::ranges::transform(range, std::back_inserter(texts), show);
  return fmt::format("{}", fmt::join(texts, "\n"));
}

inline std::string seconds_or_infinite(const std::optional<std::chrono::seconds>& value) {
  return value ? std::to_string(value->count()) : "infinite";
}

inline Result set_seconds_or_infinite(std::optional<std::chrono::seconds>& target, View value) {
  if (value == "infinite") {
    target.reset();
    return {};
  }
  const auto parsed = parse_number<std::int64_t>(value, 1, 0xffff'fffe);
  if (!parsed) {
    return std::unexpected(parsed.error() + ", nor \"infinite\"");
  }
  target = std::chrono::seconds(*parsed);
  return {};
}

}  // namespace row
}  // namespace anyhome::config
