// What the handlers of telemetry commands share: reading parameters, cutting answers into pages.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/address.h"
#include "common/time.h"
#include "dataplane/telemetry/telemetry.h"

namespace anyhome {

// Records looked at for one page: a filter that matches little must not hold the control thread.
inline constexpr std::uint32_t kRecordsPerPage = 2000;

// "cursor=32,home=2001:db8::1" → a map. An element without "=" is the value of "".
class Parameters {
 public:
  explicit Parameters(std::string_view text) {
    while (!text.empty()) {
      const std::size_t comma = std::min(text.find(','), text.size());
      const std::string_view part = text.substr(0, comma);
      const std::size_t equals = part.find('=');
      if (equals == std::string_view::npos) {
        values_[""] = part;
      } else {
        values_[std::string(part.substr(0, equals))] = part.substr(equals + 1);
      }
      text.remove_prefix(std::min(comma + 1, text.size()));
    }
  }

  [[nodiscard]] std::optional<std::string> get(const std::string& name) const {
    const auto found = values_.find(name);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] std::optional<Ipv6Address> address(const std::string& name) const {
    const auto text = get(name);
    return text ? Ipv6Address::parse(*text) : std::nullopt;
  }
  [[nodiscard]] std::uint32_t cursor() const {
    std::uint32_t value = 0;
    const std::string text = get("cursor").value_or("0");
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
  }
  // Names other than these are mistakes.
  [[nodiscard]] std::string unknown(std::initializer_list<std::string_view> known) const {
    for (const auto& [name, value] : values_) {
      if (std::ranges::find(known, name) == known.end()) {
        return name.empty() ? value : name;
      }
    }
    return "";
  }
  // The first of these that has a value that is no address.
  [[nodiscard]] std::string no_address(std::initializer_list<std::string_view> names) const {
    for (const std::string_view name : names) {
      const auto text = get(std::string(name));
      if (text && !Ipv6Address::parse(*text)) {
        return *text;
      }
    }
    return "";
  }

 private:
  std::map<std::string, std::string> values_;
};

// A page out of rows that are all there.
inline dataplane::TelemetryReply page(std::vector<dataplane::TelemetryRow> rows,
                                      std::uint32_t cursor) {
  dataplane::TelemetryReply reply;
  const std::size_t first = std::min<std::size_t>(cursor, rows.size());
  const std::size_t last = std::min(first + dataplane::kTelemetryPage, rows.size());
  reply.rows.assign(std::make_move_iterator(rows.begin() + static_cast<std::ptrdiff_t>(first)),
                    std::make_move_iterator(rows.begin() + static_cast<std::ptrdiff_t>(last)));
  if (last < rows.size()) {
    reply.fields.emplace_back("next", std::uint64_t{last});
  }
  return reply;
}

inline std::uint64_t seconds(Duration duration) {
  return static_cast<std::uint64_t>(
      std::max<std::int64_t>(std::chrono::floor<std::chrono::seconds>(duration).count(), 0));
}

inline std::string text(std::string_view view) { return std::string(view); }

}  // namespace anyhome
