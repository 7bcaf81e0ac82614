#include "apps/eal/eal.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>

namespace anyhome::eal {
namespace {

std::uint64_t read_number(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  file >> value;
  return value;
}

// The process that has EAL's files of this --file-prefix: it keeps a lock on one of them. 0: none.
pid_t holder_of_file_prefix() {
  const std::string path = std::string(rte_eal_get_runtime_dir()) + "/config";
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return 0;
  }
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  const bool held = fcntl(file, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  close(file);
  return held ? lock.l_pid : 0;
}

std::string explain_failure(const std::vector<std::string>& arguments, int error) {
  if (const pid_t holder = holder_of_file_prefix(); holder != 0) {
    return fmt::format(
        "EAL does not start: process {} is a DPDK program that has this --file-prefix already; "
        "give each its own",
        holder);
  }
  std::string text = "EAL does not start";
  if (error != 0) {
    text += fmt::format(": {}", rte_strerror(error));
  }
  text += ".";
  if (error == EACCES || geteuid() != 0) {
    text += " It needs root, for hugepages and devices.";
  }
  if (!has_argument(arguments, "--no-huge")) {
    text += fmt::format(
        " There are {} MiB of free hugepages; -m and --socket-mem must not ask for more.",
        free_hugepage_bytes() >> 20U);
  }
  return text + " The lines above, by EAL, say more; its options are in front of the --.";
}

constexpr std::pair<std::string_view, std::string_view> kInformation[] = {
    {"--help", "--help"}, {"-h", "--help"}, {"--version", "--version"}, {"-V", "--version"}};

}  // namespace

Arguments split_arguments(int argc, char** argv) {
  const std::vector<std::string> all(argv, argv + argc);
  const auto separator = std::find(all.begin() + (all.empty() ? 0 : 1), all.end(), "--");
  Arguments arguments{{all.begin(), separator}, {}};
  if (separator != all.end()) {
    arguments.own.assign(separator + 1, all.end());
    return arguments;
  }
  // Somebody who asks for help, and does not know of the "--" yet, gets ours.
  for (const auto& [asked, option] : kInformation) {
    if (std::ranges::find(arguments.eal, asked) != arguments.eal.end()) {
      arguments.own = {std::string(option)};
    }
  }
  return arguments;
}

bool has_argument(const std::vector<std::string>& arguments, const std::string& name) {
  return std::ranges::any_of(arguments, [&](const std::string& argument) {
    return argument == name || argument.starts_with(name + "=");
  });
}

std::vector<VirtualDevice> virtual_devices(const std::vector<std::string>& arguments) {
  constexpr std::string_view kOption = "--vdev";
  std::vector<VirtualDevice> devices;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string text;
    if (arguments[i].starts_with("--vdev=")) {
      text = arguments[i].substr(kOption.size() + 1);
    } else if (arguments[i] == kOption && i + 1 < arguments.size()) {
      text = arguments[++i];
    } else {
      continue;
    }
    devices.push_back({text.substr(0, text.find(',')), text});
  }
  return devices;
}

std::string explain_missing(const VirtualDevice& device) {
  return fmt::format(
      "EAL could not make the device {} out of \"{}\"; its lines above say why. An interface, file "
      "or socket that is named there has to exist",
      device.name, device.text);
}

std::uint64_t free_hugepage_bytes() {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (const auto& size : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
    const std::string name = size.path().filename();  // hugepages-2048kB
    const std::uint64_t kib = std::strtoull(name.c_str() + name.find('-') + 1, nullptr, 10);
    bytes += read_number(size.path() / "free_hugepages") * kib * 1024;
  }
  return bytes;
}

std::expected<void, std::string> start(std::string_view program,
                                       std::vector<std::string> arguments) {
  std::vector<char*> argv;
  for (std::string& argument : arguments) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  const int used = rte_eal_init(static_cast<int>(arguments.size()), argv.data());
  if (used < 0) {
    return std::unexpected(explain_failure(arguments, rte_errno));
  }
  if (used + 1 < static_cast<int>(arguments.size())) {
    return std::unexpected(fmt::format("\"{}\" is no EAL option; options of {} come behind a --",
                                       arguments[static_cast<std::size_t>(used) + 1], program));
  }
  return {};
}

int fail(std::string_view program, std::string_view problem) {
  std::fflush(stdout);
  fmt::print(stderr, "{}: {}\n", program, problem);
  return kFailed;
}

int run(std::string_view program, const std::vector<std::string>& arguments,
        const std::function<int()>& work) {
  if (const auto started = start(program, arguments); !started) {
    return fail(program, started.error());
  }
  // The other end of a socket may go at any time: a client of ours, or the vhost-user peer of a
  // port. Whoever writes to it is told by the call itself.
  std::signal(SIGPIPE, SIG_IGN);
  int result = kFailed;
  try {
    result = work();
  } catch (const std::exception& error) {
    result = fail(program, error.what());
  }
  rte_eal_cleanup();
  return result;
}

}  // namespace anyhome::eal
