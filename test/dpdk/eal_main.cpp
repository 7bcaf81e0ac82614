// Catch2's main for tests of the real rte_ structures: no hugepages, no devices, no privileges.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

#include <unistd.h>

#include <rte_eal.h>

int main(int argc, char** argv) {
  // A prefix of our own: tests run beside each other, and beside a daemon. Without hugepages the
  // memory is plain anonymous memory, of which only what is touched is used.
  std::vector<std::string> arguments = {"anyhome-tests",
                                        "--no-huge",
                                        "-m",
                                        "1024",
                                        "--no-pci",
                                        "--no-telemetry",
                                        "--no-shconf",
                                        "--log-level=lib.eal:error",
                                        "--lcores",
                                        "0@(0-1)",
                                        "--file-prefix",
                                        "anyhome-test-" + std::to_string(getpid())};
  std::vector<char*> pointers;
  pointers.reserve(arguments.size());
  for (std::string& argument : arguments) {
    pointers.push_back(argument.data());
  }
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) {
    std::fputs("rte_eal_init failed\n", stderr);
    return 1;
  }
  const std::string runtime_directory = rte_eal_get_runtime_dir();
  const int result = Catch::Session().run(argc, argv);
  rte_eal_cleanup();
  std::error_code ignored;
  std::filesystem::remove_all(runtime_directory, ignored);
  return result;
}
