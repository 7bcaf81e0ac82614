#include "apps/anyhome-mn/control_client.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <expected>
#include <string>

#include <fmt/format.h>

#include <sys/socket.h>
#include <sys/un.h>

#include "apps/anyhome-mn/control.h"
#include "apps/anyhome-mn/file_descriptor.h"

namespace anyhome::mobile {
namespace {

constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

constexpr std::string_view kHelp =
    "Usage: anyhome-mn ctl [--socket PATH] [--wait SECONDS] COMMAND\n"
    "\n"
    "Commands:\n"
    "  move IFNAME|ADDRESS  attach there: take its global address as care-of address, register\n"
    "  home                 de-register (Binding Update with lifetime 0); no tunnel until "
    "'register'\n"
    "  register             send a Binding Update now\n"
    "  status [summary]     one JSON object per mobile node and one for all of them\n"
    "  stop                 clean up and end\n"
    "\n"
    "Options:\n"
    "  --socket PATH        of the running program, default /run/anyhome-mn.sock\n"
    "  --wait SECONDS       return when the mobile nodes are registered, or home; fail after "
    "SECONDS\n"
    "\n"
    "Exit code: 0 done, 1 failed, 2 usage.\n";

struct Invocation {
  std::string socket{kDefaultSocketPath};
  Command command;
  bool help = false;
};

std::expected<std::chrono::milliseconds, std::string> parse_seconds(std::string_view text) {
  double seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc{} || end != text.data() + text.size() || !(seconds >= 0) ||
      seconds > 86400) {
    return std::unexpected(fmt::format("--wait \"{}\": give seconds, 0 to 86400", text));
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

std::expected<Invocation, std::string> parse(std::span<const std::string_view> arguments) {
  Invocation result;
  std::string line;
  std::optional<std::chrono::milliseconds> wait;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    if (word == "--help" || word == "-h") {
      result.help = true;
      return result;
    }
    if (word == "--socket" || word == "--wait") {
      if (++i == arguments.size()) {
        return std::unexpected(fmt::format("{} needs a value", word));
      }
      if (word == "--socket") {
        result.socket = arguments[i];
        continue;
      }
      const auto seconds = parse_seconds(arguments[i]);
      if (!seconds) {
        return std::unexpected(seconds.error());
      }
      wait = *seconds;
    } else if (word.starts_with("-")) {
      return std::unexpected(fmt::format("unknown option {}", word));
    } else {
      line += fmt::format("{}{}", line.empty() ? "" : " ", word);
    }
  }
  auto command = parse_command(line);
  if (!command) {
    return std::unexpected(command.error());
  }
  result.command = *command;
  result.command.wait = wait;
  return result;
}

std::expected<FileDescriptor, std::string> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return std::unexpected(fmt::format("socket path \"{}\" is empty or too long", path));
  }
  path.copy(address.sun_path, path.size());
  FileDescriptor fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(fd.get(), static_cast<const sockaddr*>(static_cast<const void*>(&address)),
                sizeof address) != 0) {
    return std::unexpected(failure("no anyhome-mn answers on " + path, errno));
  }
  return fd;
}

std::string read_all(int fd) {
  std::string text;
  std::array<char, 65536> buffer{};
  for (;;) {
    const ssize_t size = ::read(fd, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      return text;
    }
    text.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

int run_control_client(std::span<const std::string_view> arguments) {
  const auto invocation = parse(arguments);
  if (!invocation) {
    fmt::print(stderr, "anyhome-mn ctl: {}\n(anyhome-mn ctl --help)\n", invocation.error());
    return kUsage;
  }
  if (invocation->help) {
    fmt::print("{}", kHelp);
    return kDone;
  }
  const auto fd = connect_to(invocation->socket);
  if (!fd) {
    fmt::print(stderr, "anyhome-mn ctl: {}\n", fd.error());
    return kFailed;
  }
  const std::string line = to_line(invocation->command) + "\n";
  if (::send(fd->get(), line.data(), line.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(line.size())) {
    fmt::print(stderr, "anyhome-mn ctl: {}\n", failure("cannot send", errno));
    return kFailed;
  }
  std::string answer = read_all(fd->get());
  // The last line is the outcome.
  if (!answer.empty() && answer.back() == '\n') {
    answer.pop_back();
  }
  const std::size_t last = answer.rfind('\n') == std::string::npos ? 0 : answer.rfind('\n') + 1;
  const std::string outcome = answer.substr(last);
  fmt::print("{}", answer.substr(0, last));
  if (outcome == kOk) {
    return kDone;
  }
  fmt::print(stderr, "anyhome-mn ctl: {}\n",
             outcome.starts_with(kErrorPrefix) ? outcome.substr(kErrorPrefix.size())
                                               : std::string("it ended before it answered"));
  return kFailed;
}

}  // namespace anyhome::mobile
