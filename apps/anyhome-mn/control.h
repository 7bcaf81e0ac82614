// What the running program and `anyhome-mn ctl` say to each other over a Unix socket: the client
// sends one line, the server answers with any number of lines, the last of which is "ok" or
// "error: ...", and closes.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace anyhome::mobile {

inline constexpr std::string_view kDefaultSocketPath = "/run/anyhome-mn.sock";
inline constexpr std::string_view kOk = "ok";
inline constexpr std::string_view kErrorPrefix = "error: ";

enum class Verb : std::uint8_t {
  Move,
  Home,
  Register,
  Status,
  Stop,
};

struct Command {
  Verb verb = Verb::Status;
  std::string argument;  // interface or address of `move`, "summary" of `status`
  std::optional<std::chrono::milliseconds> wait;  // for the outcome
};

// "move eth1", "home wait=5000", ... The error says what would have been right.
std::expected<Command, std::string> parse_command(std::string_view line);
std::string to_line(const Command& command);

}  // namespace anyhome::mobile
