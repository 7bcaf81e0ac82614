#include "apps/anyhome-mn/firewall.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <sys/wait.h>

namespace anyhome::mobile {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::seconds kPatience{2};
constexpr std::chrono::milliseconds kPause{10};

// A child with `input` as its standard input and the rest on /dev/null. -1: not started, see errno.
template <std::size_t N>
pid_t spawn(std::array<const char*, N> arguments, int input) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  if (input >= 0) {
    posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  }
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_WRONLY, 0);
  }
  // A process group of its own: Ctrl-C is for us, and the table has to stay until we are done. Our
  // blocked signals are not inherited.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  std::array<char*, N + 1> argv{};
  for (std::size_t i = 0; i < N; ++i) {
    argv[i] = const_cast<char*>(arguments[i]);  // NOLINT: execve's old promise not to write
  }
  pid_t child = -1;
  const int error = posix_spawnp(&child, argv[0], &actions, &attributes, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    errno = error;
    return -1;
  }
  return child;
}

bool table_exists(const std::string& name) {
  const pid_t child = spawn(std::array{"nft", "list", "table", "ip6", name.c_str()}, -1);
  int status = 0;
  return child > 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

}  // namespace

std::expected<Firewall, std::string> Firewall::start() {
  Firewall firewall;
  std::array<int, 2> ends{-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    return std::unexpected(failure("cannot make a pipe", errno));
  }
  const FileDescriptor child_end(ends[0]);
  firewall.input_ = FileDescriptor(ends[1]);
  firewall.child_ = spawn(std::array{"nft", "-i"}, child_end.get());
  if (firewall.child_ < 0) {
    return std::unexpected(failure("cannot run nft", errno));
  }
  const std::string table = fmt::format("anyhome_mn_{}", ::getpid());
  // One line is one transaction. The input hook: routing headers for others, nested mobile nodes in
  // our mobile network say, pass.
  const std::string commands = fmt::format(
      "add table ip6 {0} {{ flags owner; }}; "
      "add chain ip6 {0} input {{ type filter hook input priority raw; policy accept; }}; "
      "add rule ip6 {0} input rt type 2 counter drop\n",
      table);
  if (::write(firewall.input_.get(), commands.data(), commands.size()) !=
      static_cast<ssize_t>(commands.size())) {
    return std::unexpected(failure("nft takes no commands", errno));
  }
  const auto deadline = steady_clock::now() + kPatience;
  while (!table_exists(table)) {
    int status = 0;
    if (::waitpid(firewall.child_, &status, WNOHANG) == firewall.child_) {
      firewall.child_ = -1;
      return std::unexpected(std::string("nft ended before the table was there"));
    }
    if (steady_clock::now() > deadline) {
      return std::unexpected(std::string("nft did not make the table"));
    }
    std::this_thread::sleep_for(kPause);
  }
  return firewall;
}

Firewall::Firewall(Firewall&& other) noexcept
    : input_(std::move(other.input_)), child_(std::exchange(other.child_, -1)) {}

Firewall::~Firewall() {
  input_.reset();  // nft sees the end of its input, the kernel removes what it owned
  if (child_ > 0) {
    int status = 0;
    const auto deadline = steady_clock::now() + kPatience;
    while (::waitpid(child_, &status, WNOHANG) == 0) {
      if (steady_clock::now() > deadline) {
        ::kill(child_, SIGKILL);
        ::waitpid(child_, &status, 0);
        return;
      }
      std::this_thread::sleep_for(kPause);
    }
  }
}

}  // namespace anyhome::mobile
