// The way in that libFuzzer expects.
#include <cstdint>

#include "test/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  anyhome::fuzz::run(std::as_bytes(std::span(data, size)));
  return 0;
}
