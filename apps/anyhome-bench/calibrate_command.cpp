#include "apps/anyhome-bench/calibrate_command.h"

#include <charconv>
#include <cstdio>
#include <iostream>

#include <fmt/format.h>
#include <sched.h>

#include "apps/anyhome-bench/calibration.h"

namespace anyhome::bench {
namespace {

// The first one finds cold caches, and any may be interrupted by who has the processor otherwise.
constexpr int kCalibrations = 5;

bool go_to(const std::string& text) {
  unsigned processor = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), processor);
  if (error != std::errc() || end != text.data() + text.size() || processor >= CPU_SETSIZE) {
    return false;
  }
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  return sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace

int calibrate_command(const std::vector<std::string>& arguments) {
  if (!arguments.empty()) {
    fmt::print(stderr, "anyhome-bench calibrate: numbers of processors come on standard input\n");
    return 2;
  }
  for (std::string line; std::getline(std::cin, line);) {
    if (!go_to(line)) {
      fmt::print(stderr, "anyhome-bench calibrate: {}: there is no such processor for us\n", line);
      return 2;
    }
    Speed speed;
    for (int i = 0; i < kCalibrations; ++i) {
      speed = fastest(speed, current_speed());
    }
    fmt::print("{:.4f} {:.4f}\n", speed.clock, speed.width);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace anyhome::bench
