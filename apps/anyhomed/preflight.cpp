#include "apps/anyhomed/preflight.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

namespace anyhome {
namespace {

bool has_argument(const std::vector<std::string>& arguments, const std::string& name) {
  return std::ranges::any_of(arguments, [&](const std::string& argument) {
    return argument == name || argument.starts_with(name + "=");
  });
}

std::uint64_t read_number(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  file >> value;
  return value;
}

// Free hugepages of any size, in bytes.
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

// CAP_NET_ADMIN in the effective set, as /proc tells it.
bool can_administer_network() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("CapEff:")) {
      constexpr unsigned kNetAdmin = 12;
      return ((std::strtoull(line.c_str() + 7, nullptr, 16) >> kNetAdmin) & 1U) != 0;
    }
  }
  return geteuid() == 0;
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

}  // namespace

std::string preflight(const config::Config& config, const std::vector<std::string>& eal_arguments) {
  if (!__builtin_cpu_supports(ANYHOME_MARCH)) {
    return "this program was built for " ANYHOME_MARCH
           ", which this processor is not; build it anew with -Dmarch=x86-64-v2";
  }
  const bool wants_hugepages = !has_argument(eal_arguments, "--no-huge");
  if (wants_hugepages && free_hugepage_bytes() == 0) {
    return "there are no free hugepages; make some (sysctl vm.nr_hugepages=512 gives 1 GiB in "
           "pages "
           "of 2 MiB), or for a lab give EAL --no-huge -m 512";
  }
  if (config.data_path.host == config::HostMode::Kernel && !can_administer_network()) {
    return "host = kernel needs CAP_NET_ADMIN for its TAP and TUN devices; run as root, or say "
           "host "
           "= static";
  }
  return "";
}

std::string explain_eal_failure(const std::vector<std::string>& eal_arguments, int error) {
  if (const pid_t holder = holder_of_file_prefix(); holder != 0) {
    return fmt::format(
        "EAL does not start: process {} is a DPDK program that has this --file-prefix already; "
        "give "
        "each its own",
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
  if (!has_argument(eal_arguments, "--no-huge")) {
    text += fmt::format(
        " There are {} MiB of free hugepages; -m and --socket-mem must not ask for more.",
        free_hugepage_bytes() >> 20U);
  }
  return text + " The lines above, by EAL, say more; its options are in front of the --.";
}

std::string explain_missing_device(const config::Config& config,
                                   const std::vector<std::string>& eal_arguments) {
  for (const config::Port& port : config.ports) {
    std::uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(port.device.c_str(), &id) == 0) {
      continue;
    }
    // "--vdev=net_pcap0,rx_pcap=FILE" or the same in two words.
    const auto asked = std::ranges::find_if(eal_arguments, [&](std::string_view argument) {
      if (argument.starts_with("--vdev=")) {
        argument.remove_prefix(std::string_view("--vdev=").size());
      }
      return argument.substr(0, argument.find(',')) == port.device;
    });
    if (asked != eal_arguments.end()) {
      return fmt::format(
          "port {}: EAL could not make the device {} out of \"{}\"; its lines above say why. An "
          "interface or file that is named there has to exist",
          port.name, port.device, *asked);
    }
  }
  return "";
}

}  // namespace anyhome
