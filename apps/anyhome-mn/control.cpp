#include "apps/anyhome-mn/control.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <vector>

#include <fmt/format.h>

namespace anyhome::mobile {
namespace {

struct VerbInfo {
  Verb verb;
  std::string_view name;
  std::string_view argument;  // what it takes; "[...]" may be left out
};

constexpr std::array<VerbInfo, 5> kVerbs = {{
    {Verb::Move, "move", "IFNAME|ADDRESS"},
    {Verb::Home, "home", ""},
    {Verb::Register, "register", ""},
    {Verb::Status, "status", "[summary]"},
    {Verb::Stop, "stop", ""},
}};
constexpr std::string_view kWait = "wait=";

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(' '), line.size());
    if (end != 0) {
      words.push_back(line.substr(0, end));
    }
    line.remove_prefix(std::min(end + 1, line.size()));
  }
  return words;
}

std::string usage() {
  std::string text = "commands are";
  for (const VerbInfo& info : kVerbs) {
    text += fmt::format("{} {}{}{}", info.verb == Verb::Move ? "" : ",", info.name,
                        info.argument.empty() ? "" : " ", info.argument);
  }
  return text;
}

std::expected<void, std::string> check_argument(const Command& command, const VerbInfo& info) {
  if (command.argument.empty() && command.verb == Verb::Move) {
    return std::unexpected(fmt::format("{} needs {}", info.name, info.argument));
  }
  if (!command.argument.empty() && info.argument.empty()) {
    return std::unexpected(fmt::format("{} takes no argument", info.name));
  }
  if (command.verb == Verb::Status && !command.argument.empty() && command.argument != "summary") {
    return std::unexpected(
        fmt::format("status takes \"summary\" or nothing, not \"{}\"", command.argument));
  }
  return {};
}

}  // namespace

std::expected<Command, std::string> parse_command(std::string_view line) {
  std::vector<std::string_view> words = words_of(line);
  if (words.empty()) {
    return std::unexpected("no command: " + usage());
  }
  const auto* info = std::ranges::find(kVerbs, words.front(), &VerbInfo::name);
  if (info == kVerbs.end()) {
    return std::unexpected(fmt::format("\"{}\" is no command: {}", words.front(), usage()));
  }
  Command command;
  command.verb = info->verb;
  for (const std::string_view word : std::span(words).subspan(1)) {
    if (word.starts_with(kWait)) {
      const std::string_view number = word.substr(kWait.size());
      std::uint32_t milliseconds = 0;
      const auto [end, error] =
          std::from_chars(number.data(), number.data() + number.size(), milliseconds);
      if (error != std::errc{} || end != number.data() + number.size()) {
        return std::unexpected(fmt::format("\"{}\" is no number of milliseconds", number));
      }
      command.wait = std::chrono::milliseconds(milliseconds);
    } else if (command.argument.empty()) {
      command.argument = word;
    } else {
      return std::unexpected(fmt::format("\"{}\" is one word too many", word));
    }
  }
  if (const auto checked = check_argument(command, *info); !checked) {
    return std::unexpected(checked.error());
  }
  return command;
}

std::string to_line(const Command& command) {
  const auto* info = std::ranges::find(kVerbs, command.verb, &VerbInfo::verb);
  std::string line(info->name);
  if (!command.argument.empty()) {
    line += " " + command.argument;
  }
  if (command.wait) {
    line += fmt::format(" {}{}", kWait, command.wait->count());
  }
  return line;
}

}  // namespace anyhome::mobile
