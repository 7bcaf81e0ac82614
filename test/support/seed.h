// Random tests: another seed each run, and one line that repeats a run that failed.
#pragma once

#include <cstdlib>
#include <random>
#include <string>

#include <fmt/format.h>

namespace anyhome::test {

inline unsigned random_seed() {
  const char* given = std::getenv("ANYHOME_SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10))
                          : std::random_device{}();
}

// For INFO: how to have the same again. `binary` and `test` as they are called.
inline std::string replay_line(unsigned seed, const char* binary, const char* test) {
  return fmt::format("again: ANYHOME_SEED={} {} '{}'", seed, binary, test);
}

}  // namespace anyhome::test
