// Tests that need a network stack of their own: root, /dev/net/tun and iproute2.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>
#include <cstdio>

#include <sched.h>
#include <unistd.h>

int main(int argc, char** argv) {
  constexpr int kMesonSkip = 77;
  if (::geteuid() != 0 || ::unshare(CLONE_NEWNET) != 0) {
    std::puts("skipped: needs root (and may make network namespaces)");
    return kMesonSkip;
  }
  return Catch::Session().run(argc, argv);
}
