// The options, one row each: name, argument, help and how its text is read. What they mean together
// is known at the end only (option_checks.h), hence the draft.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/anyhome-pktgen/options.h"

namespace anyhome::pktgen {

// Options being collected.
struct Draft {
  Options options;
  std::optional<std::vector<std::byte>> key;
  std::optional<std::uint32_t> spi;
  mobile::KeyDerivation derivation = mobile::KeyDerivation::Shared;
  std::optional<bool> timestamps;
};

using Remedy = std::optional<std::string>;

struct OptionRow {
  std::string_view group;
  std::string_view name;
  std::string_view argument;
  std::string_view help;
  bool repeatable;
  Remedy (*apply)(const std::string& value, Draft& draft);
};

// In the order in which help shows them; rows of a group stand together.
std::span<const OptionRow> option_rows();

}  // namespace anyhome::pktgen
