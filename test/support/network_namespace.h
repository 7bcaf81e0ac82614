// What a test that needs a kernel network stack of its own needs.
//
// A fresh network namespace per test case: nothing outside is seen or touched, and nothing is left,
// because a namespace without a name dies with the last process in it.
#pragma once

#include <array>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>

#include <poll.h>
#include <sched.h>

#include <sys/wait.h>

namespace anyhome::test {

struct CommandResult {
  int status = -1;
  std::string output;  // and errors
};

inline CommandResult run(const std::string& command) {
  CommandResult result;
  FILE* pipe = ::popen(("(" + command + ") 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    return result;
  }
  std::array<char, 4096> buffer{};
  while (const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), pipe)) {
    result.output.append(buffer.data(), size);
  }
  const int status = ::pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

// A command that has to succeed.
inline std::string sh(const std::string& command) {
  const CommandResult result = run(command);
  INFO("$ " << command << "\n" << result.output);
  REQUIRE(result.status == 0);
  return result.output;
}

class NetworkNamespace {
 public:
  NetworkNamespace() {
    INFO("unshare: " << std::strerror(errno));
    REQUIRE(::unshare(CLONE_NEWNET) == 0);
    sh("ip link set lo up");
  }
};

inline constexpr std::chrono::seconds kPatience{10};

// Time left until a deadline, as poll() wants it.
class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds patience = kPatience)
      : end_(std::chrono::steady_clock::now() + patience) {}
  [[nodiscard]] bool passed() const { return std::chrono::steady_clock::now() >= end_; }
  [[nodiscard]] int milliseconds_left() const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end_ - std::chrono::steady_clock::now());
    return left.count() > 0 ? static_cast<int>(left.count()) : 0;
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

// False when the deadline passes first.
inline bool wait_readable(int fd, const Deadline& deadline) {
  pollfd waiting{fd, POLLIN, 0};
  return ::poll(&waiting, 1, deadline.milliseconds_left()) > 0;
}

// For what announces itself on no descriptor: asks until it is so, or the deadline passes.
template <class Condition>
bool eventually(const Condition& condition) {
  const Deadline deadline;
  while (!condition()) {
    if (deadline.passed()) {
      return false;
    }
    ::poll(nullptr, 0, 1);
  }
  return true;
}

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// Even without DAD the kernel finishes an address in a work item of its own: only then is it no
// longer tentative, and the last thing to come is the route of the local table.
inline bool has_address(const std::string& device, std::string_view address) {
  const std::string plain(address.substr(0, address.find('/')));
  const std::string shown = sh("ip -6 addr show dev " + device + " -tentative");
  return has(shown, address) && has(sh("ip -6 route show table local dev " + device), plain);
}

inline void add_address(const std::string& device, const std::string& address) {
  sh("ip -6 addr add " + address + " dev " + device);
  REQUIRE(eventually([&] { return has_address(device, address); }));
}

}  // namespace anyhome::test
