// A fuzz target: one function that takes any bytes and must come back, having found everything that
// ought to be true to be true. Each target is a source file of its own that defines `run`; the same
// file makes a libFuzzer program (clang, -Dfuzzers=true) and a program for every test run that
// replays the corpus and a fixed number of mutations of it (replay_main.cpp).
#pragma once

#include <cstdio>
#include <cstdlib>

#include "common/bytes.h"

namespace anyhome::fuzz {

void run(ByteView input);

// What a target claims. Aborts, which both programs report together with the input.
inline void require(bool claim, const char* what) {
  if (!claim) [[unlikely]] {
    std::fprintf(stderr, "not true: %s\n", what);
    std::abort();
  }
}

}  // namespace anyhome::fuzz
