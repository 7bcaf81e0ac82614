// Every option of anyhomed, once: its name on the command line and in the file, what it takes, what
// it means, how it is read and how it is shown. `--help`, the configuration reference in docs/ and
// the parser are made from this table.
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/config/config.h"

namespace anyhome::config {

// Something wrong with an option; shown to the operator as it is.
struct Mistake {
  std::string option;
  std::string value;
  std::string problem;
  std::string remedy;
};

// What an option takes that says yes or no.
inline constexpr std::string_view kYesOrNo = "yes|no";

struct Option {
  std::string_view group;
  // "max-lifetime", or "port.*.mtu" for an option of a named section.
  std::string_view name;
  std::string_view argument;
  std::string_view help;
  bool repeatable = false;
  // What is wrong with the value and what would be right ("not a number; give 0 to 65535").
  std::expected<void, std::string> (*set)(Config& config, std::string_view instance,
                                          std::string_view value) = nullptr;
  // The value in text form; of a repeatable one all, in lines. Sections answer for `instance`.
  std::string (*show)(const Config& config, std::string_view instance) = nullptr;
};

std::span<const Option> options();

// "port.wan.mtu" is answered by the option "port.*.mtu" and the instance "wan".
struct OptionMatch {
  const Option* option = nullptr;
  std::string_view instance;
};
OptionMatch find_option(std::string_view key);

// The known option that looks most like `key`; empty when none does.
std::string_view similar_option(std::string_view key);

// Everything wrong with a configuration as a whole.
std::vector<Mistake> validate(const Config& config);

}  // namespace anyhome::config
