// anyhome-pktgen: traffic that home agents see, and what becomes of it.
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include <fmt/format.h>

#include <rte_eal.h>
#include <rte_errno.h>

#include "apps/anyhome-pktgen/actions.h"
#include "apps/anyhome-pktgen/generator.h"
#include "apps/anyhome-pktgen/options.h"
#include "apps/anyhome-pktgen/signalling.h"

namespace anyhome::pktgen {
namespace {

volatile std::sig_atomic_t interrupts = 0;

void interrupt(int) { interrupts = 1; }

int fail(const std::string& problem) {
  std::fflush(stdout);
  fmt::print(stderr, "anyhome-pktgen: {}\n", problem);
  return kFailed;
}

struct Arguments {
  std::vector<std::string> eal;
  std::vector<std::string> own;
};

Arguments split(int argc, char** argv) {
  Arguments arguments;
  bool behind = false;
  for (int i = 0; i < argc; ++i) {
    const std::string argument = argv[i];
    if (!behind && i > 0 && argument == "--") {
      behind = true;
    } else {
      (behind ? arguments.own : arguments.eal).push_back(argument);
    }
  }
  // Somebody who asks for help, and does not know of the "--" yet, gets ours.
  if (!behind && argc == 2 &&
      (arguments.eal[1] == "--help" || arguments.eal[1] == "-h" ||
       arguments.eal[1] == "--version")) {
    arguments.own = {arguments.eal[1] == "-h" ? "--help" : arguments.eal[1]};
  }
  return arguments;
}

int print_mobile_nodes(const Options& options) {
  std::string lines;
  for (std::uint32_t node = 0; node < options.traffic.network.nodes; ++node) {
    lines += mobile_nodes_line(options.traffic, node) + "\n";
  }
  const auto done = write_report(options, lines);
  return done ? kDone : fail(done.error());
}

int start(const Options& options, std::vector<std::string> eal) {
  std::vector<char*> argv;
  for (std::string& argument : eal) {
    argv.push_back(argument.data());
  }
  argv.push_back(nullptr);
  const int used = rte_eal_init(static_cast<int>(eal.size()), argv.data());
  if (used < 0) {
    return fail(
        fmt::format("EAL does not start: {}; its own lines above say more, and without "
                    "hugepages it wants --no-huge -m 256",
                    rte_strerror(rte_errno)));
  }
  if (used + 1 < static_cast<int>(eal.size())) {
    return fail(fmt::format("\"{}\" is no EAL option; options of anyhome-pktgen come behind a --",
                            eal[static_cast<std::size_t>(used) + 1]));
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
  const Arguments arguments = split(argc, argv);
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
  const int result = start(options, arguments.eal);
  rte_eal_cleanup();
  return result;
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
