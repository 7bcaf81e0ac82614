#include "apps/anyhomed/preflight.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include <rte_ethdev.h>

#include "apps/eal/eal.h"

namespace anyhome {
namespace {

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

}  // namespace

std::string preflight(const config::Config& config, const std::vector<std::string>& eal_arguments) {
  if (!__builtin_cpu_supports(ANYHOME_MARCH)) {
    return "this program was built for " ANYHOME_MARCH
           ", which this processor is not; build it anew with -Dmarch=x86-64-v2";
  }
  const bool wants_hugepages = !eal::has_argument(eal_arguments, "--no-huge");
  if (wants_hugepages && eal::free_hugepage_bytes() == 0) {
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

std::string explain_missing_device(const config::Config& config,
                                   const std::vector<std::string>& eal_arguments) {
  for (const config::Port& port : config.ports) {
    std::uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(port.device.c_str(), &id) == 0) {
      continue;
    }
    const auto devices = eal::virtual_devices(eal_arguments);
    const auto asked = std::ranges::find(devices, port.device, &eal::VirtualDevice::name);
    if (asked != devices.end()) {
      return fmt::format("port {}: {}", port.name, eal::explain_missing(*asked));
    }
  }
  return "";
}

}  // namespace anyhome
