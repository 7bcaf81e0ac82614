// anyhomed: puts the home agent, the data path and the kernel's side together and runs them.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <random>
#include <span>

#include <fmt/format.h>

#include <rte_version.h>

#include "apps/anyhomed/boot_epoch.h"
#include "apps/anyhomed/clock.h"
#include "apps/anyhomed/command_line.h"
#include "apps/anyhomed/control_loop.h"
#include "apps/anyhomed/data_plane.h"
#include "apps/anyhomed/host_bridge.h"
#include "apps/anyhomed/injector.h"
#include "apps/anyhomed/log.h"
#include "apps/anyhomed/preflight.h"
#include "apps/anyhomed/sizing.h"
#include "apps/eal/eal.h"
#include "controlplane/home_agent.h"

namespace anyhome {
namespace {

constexpr int kUsage = 2;

// Signals are read from a file by the control thread; blocked before EAL makes its threads, so that
// none of those takes them.
void block_signals() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGTERM);
  sigaddset(&mask, SIGINT);
  pthread_sigmask(SIG_BLOCK, &mask, nullptr);
}

int fail(const std::string& problem) { return eal::fail("anyhomed", problem); }

std::expected<void, std::string> set_static_tables(const config::Config& config, DataPlane& plane) {
  const auto port_index = [&](const std::string& name) {
    const auto found = std::ranges::find(config.ports, name, &config::Port::name);
    return static_cast<std::uint16_t>(found - config.ports.begin());
  };
  auto& tables = plane.tables();
  for (std::uint16_t port = 0; port < config.ports.size(); ++port) {
    for (const std::string& address : config.ports[port].addresses) {
      const auto local = Ipv6Address::parse(address.substr(0, address.find('/')));
      if (auto done = tables.set_local(*local, dataplane::LocalRole::Host); !done) {
        return std::unexpected(fmt::format("address {}: {}", address, to_string(done.error())));
      }
    }
  }
  for (const config::StaticRoute& route : config.data_path.routes) {
    const dataplane::NextHop hop{port_index(route.port), route.gateway, 1};
    if (auto done = tables.set_route(route.prefix, std::span(&hop, 1)); !done) {
      return std::unexpected(
          fmt::format("route {}: {}", route.prefix.to_string(), to_string(done.error())));
    }
  }
  for (const config::StaticNeighbor& neighbor : config.data_path.neighbors) {
    if (auto done = tables.set_neighbor(port_index(neighbor.port), neighbor.address, neighbor.mac);
        !done) {
      return std::unexpected(
          fmt::format("neighbor {}: {}", neighbor.address.to_string(), to_string(done.error())));
    }
  }
  return {};
}

std::expected<void, std::string> set_own_addresses(const config::HomeAgent& agent,
                                                   dataplane::ForwardingTables& tables) {
  std::vector<std::pair<Ipv6Address, dataplane::LocalRole>> own = {
      {agent.address.address(), dataplane::LocalRole::HomeAgent}};
  for (const Ipv6Address& discovery : agent.discovery_addresses()) {
    own.emplace_back(discovery, dataplane::LocalRole::Discovery);
  }
  for (const auto& [address, role] : own) {
    if (auto done = tables.set_local(address, role); !done) {
      return std::unexpected(
          fmt::format("address {}: {}", address.to_string(), to_string(done.error())));
    }
  }
  return {};
}

void log_start(const config::Config& config, const DataPlane& plane) {
  log::notice("starting version={} home-agent-address={} workers={} ports={}", ANYHOME_VERSION,
              config.home_agent.address.to_string(), plane.workers(), plane.ports().size());
  if (config.home_agent.authentication == config::Authentication::InsecureNone) {
    log::warning(
        "authentication=insecure-none: anybody can register any home address; not for a network "
        "that others can reach");
  }
  log_sizing(config, plane);
}

int serve(const config::Config& config, const std::vector<std::string>& eal_arguments) {
  log::open();
  log::set_level(config.runtime.log_level);
  if (const std::string problem = explain_missing_device(config, eal_arguments); !problem.empty()) {
    return fail(problem);
  }
  auto plane = DataPlane::create(config);
  if (!plane) {
    return fail(plane.error());
  }
  Injector injector(**plane);
  std::unique_ptr<HostBridge> host;
  if (config.data_path.host == config::HostMode::Kernel) {
    auto bridge = HostBridge::create(config, **plane, injector);
    if (!bridge) {
      return fail(bridge.error());
    }
    host = std::move(*bridge);
  } else if (auto done = set_static_tables(config, **plane); !done) {
    return fail(done.error());
  }
  if (auto done = set_own_addresses(config.home_agent, (*plane)->tables()); !done) {
    return fail(done.error());
  }
  std::random_device random;
  const Now now = read_now();
  const std::uint32_t epoch = config.home_agent.haha.alone()
                                  ? 1
                                  : next_boot_epoch(config.runtime.state_directory + "/epoch-" +
                                                        config.home_agent.address.to_string(),
                                                    now.wall);
  control::HomeAgent agent(config.home_agent, now, (std::uint64_t{random()} << 32U) | random(),
                           epoch);
  log_start(config, **plane);
  // Routes that are known already are published before the first packet comes in.
  while ((*plane)->tables().maintain(~0U)) {
  }
  ControlLoop loop(config, **plane, injector, host.get(), agent);
  if (auto done = (*plane)->start(); !done) {
    return fail(done.error());
  }
  loop.run();
  (*plane)->stop();
  log::notice("stopped");
  return 0;
}

int main_with(int argc, char** argv) {
  const SplitArguments arguments = split_arguments(argc, argv);
  const CommandLine command_line = read_command_line(arguments);
  if (command_line.help) {
    fmt::print("{}", help_text());
    return 0;
  }
  if (command_line.version) {
    fmt::print("anyhomed {} ({})\n", ANYHOME_VERSION, rte_version());
    return 0;
  }
  if (!command_line.mistakes.empty()) {
    fmt::print(stderr, "anyhomed: {} in the configuration:\n{}",
               command_line.mistakes.size() == 1
                   ? std::string("a mistake")
                   : fmt::format("{} mistakes", command_line.mistakes.size()),
               to_text(command_line.mistakes));
    return kUsage;
  }
  if (command_line.check_config) {
    fmt::print("{}", effective_configuration(command_line.config));
    return 0;
  }
  const config::Config& config = command_line.config;
  if (const std::string problem = preflight(config, arguments.eal); !problem.empty()) {
    return fail(problem);
  }
  block_signals();
  return eal::run("anyhomed", arguments.eal, [&] { return serve(config, arguments.eal); });
}

}  // namespace
}  // namespace anyhome

int main(int argc, char** argv) {
  try {
    return anyhome::main_with(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "anyhomed: {}\n", error.what());
    return 1;
  }
}
