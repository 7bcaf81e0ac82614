// anyhome-pktgen: traffic that home agents see, and what becomes of it.
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "apps/anyhome-pktgen/actions.h"
#include "apps/anyhome-pktgen/generator.h"
#include "apps/anyhome-pktgen/options.h"
#include "apps/anyhome-pktgen/signalling.h"
#include "apps/eal/eal.h"
#include "dataplane/io/port.h"

namespace anyhome::pktgen {
namespace {

volatile std::sig_atomic_t interrupts = 0;

void interrupt(int) { interrupts = 1; }

int fail(const std::string& problem) { return eal::fail("anyhome-pktgen", problem); }

int print_mobile_nodes(const Options& options) {
  std::string lines;
  for (std::uint32_t node = 0; node < options.traffic.network.nodes; ++node) {
    lines += mobile_nodes_line(options.traffic, node) + "\n";
  }
  const auto done = write_report(options, lines);
  return done ? kDone : fail(done.error());
}

int generate(const Options& options, const std::vector<std::string>& eal_arguments) {
  for (const eal::VirtualDevice& device : eal::virtual_devices(eal_arguments)) {
    if (device.name.starts_with("net_") && !dataplane::find_device(device.name)) {
      return fail(eal::explain_missing(device));
    }
  }
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
  auto generator = Generator::create(options);
  if (!generator) {
    return fail(generator.error());
  }
  Actions actions(options, **generator, [] { return interrupts != 0; });
  return perform(options, **generator, actions);
}

int run(int argc, char** argv) {
  const eal::Arguments arguments = eal::split_arguments(argc, argv);
  const auto parsed = parse_options(arguments.own);
  if (!parsed) {
    for (const std::string& mistake : parsed.error()) {
      fmt::print(stderr, "anyhome-pktgen: {}\n", mistake);
    }
    return kUsage;
  }
  if (const auto* information = std::get_if<Information>(&*parsed)) {
    fmt::print("{}", information->text);
    return kDone;
  }
  const auto& options = std::get<Options>(*parsed);
  if (options.action == Action::MobileNodes) {
    return print_mobile_nodes(options);
  }
  return eal::run("anyhome-pktgen", arguments.eal,
                  [&] { return generate(options, arguments.eal); });
}

}  // namespace
}  // namespace anyhome::pktgen

int main(int argc, char** argv) {
  try {
    return anyhome::pktgen::run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "anyhome-pktgen: {}\n", error.what());
    return anyhome::pktgen::kFailed;
  }
}
