// anyhome-mn: a mobile node for labs and tests, on a kernel without Mobile IPv6.
#include <cstdio>
#include <exception>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "apps/anyhome-mn/control_client.h"
#include "apps/anyhome-mn/daemon.h"
#include "apps/anyhome-mn/options.h"

namespace {

constexpr int kFailed = 1;
constexpr int kUsage = 2;

int run(int argc, char** argv) {
  using namespace anyhome::mobile;
  if (argc > 1 && std::string_view(argv[1]) == "ctl") {
    const std::vector<std::string_view> arguments(argv + 2, argv + argc);
    return run_control_client(arguments);
  }
  const auto parsed = parse_options(argc, argv);
  if (!parsed) {
    for (const std::string& mistake : parsed.error()) {
      fmt::print(stderr, "anyhome-mn: {}\n", mistake);
    }
    return kUsage;
  }
  if (const auto* information = std::get_if<Information>(&*parsed)) {
    fmt::print("{}", information->text);
    return 0;
  }
  return run_daemon(std::get<Options>(*parsed));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "anyhome-mn: {}\n", error.what());
    return kFailed;
  }
}
