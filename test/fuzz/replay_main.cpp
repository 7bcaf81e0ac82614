// Replays a target's corpus, then mutations of it: the same ones each time, so that a test run does
// not fail by chance. Under the sanitizers it finds what libFuzzer would.
//
//   fuzz-TARGET CORPUS...         in a test run; ANYHOME_SEED=n has other mutations,
//                                 ANYHOME_FUZZ_ROUNDS=n more or fewer
//   fuzz-TARGET --input FILE...   single inputs in binary, as libFuzzer and this program leave them
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "test/fuzz/mutate.h"
#include "test/fuzz/target.h"

// Of the sanitizers, when the program is built with them.
extern "C" __attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)());  // NOLINT

namespace {

using anyhome::fuzz::CorpusInput;
using anyhome::test::Bytes;

constexpr std::uint64_t kSeed = 1;
// Under the address sanitizer an input takes fifty times as long.
#ifdef __SANITIZE_ADDRESS__
constexpr std::uint64_t kRounds = 1'000;
#else
constexpr std::uint64_t kRounds = 20'000;
#endif
constexpr const char* kLeftBehind = "failed-input.bin";

struct Current {
  const char* program = "";
  const char* name = "";
  const Bytes* bytes = nullptr;
} current;

// Leaves the input behind; what is not safe in a signal handler does not matter any more.
void report() {
  if (current.bytes == nullptr) {
    return;
  }
  std::ofstream(kLeftBehind, std::ios::binary)
      .write(reinterpret_cast<const char*>(current.bytes->data()),  // NOLINT
             static_cast<std::streamsize>(current.bytes->size()));
  std::fprintf(stderr, "the input was %s\nagain: %s --input %s\n", current.name, current.program,
               kLeftBehind);
  current.bytes = nullptr;
}

void on_signal(int number) {
  report();
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void run(const char* name, const Bytes& bytes) {
  current.name = name;
  current.bytes = &bytes;
  anyhome::fuzz::run(bytes);
  current.bytes = nullptr;
}

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

int run_files(int count, char** paths) {
  for (int i = 0; i < count; ++i) {
    std::ifstream file(paths[i], std::ios::binary);
    if (!file) {
      std::fprintf(stderr, "cannot read %s\n", paths[i]);
      return 2;
    }
    const std::string text(std::istreambuf_iterator<char>(file), {});
    const auto bytes = std::as_bytes(std::span(text));
    run(paths[i], Bytes(bytes.begin(), bytes.end()));
  }
  return 0;
}

int replay(const std::vector<CorpusInput>& corpus) {
  for (const CorpusInput& input : corpus) {
    run(input.name.c_str(), input.bytes);
  }
  const std::uint64_t seed = number_from("ANYHOME_SEED", kSeed);
  const std::uint64_t rounds = number_from("ANYHOME_FUZZ_ROUNDS", kRounds);
  anyhome::fuzz::Mutator mutator(corpus, seed);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    run("a mutation", mutator.next());
  }
  std::printf("%zu inputs of the corpus, %llu mutations of seed %llu\n", corpus.size(),
              static_cast<unsigned long long>(rounds), static_cast<unsigned long long>(seed));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  current.program = argv[0];
  if (__sanitizer_set_death_callback != nullptr) {
    __sanitizer_set_death_callback(report);
  }
  std::signal(SIGABRT, on_signal);
  if (argc >= 2 && std::string(argv[1]) == "--input") {
    return run_files(argc - 2, argv + 2);
  }
  std::vector<CorpusInput> corpus;
  for (int i = 1; i < argc; ++i) {
    if (!anyhome::fuzz::read_corpus(argv[i], corpus)) {
      std::fprintf(stderr, "cannot read %s\n", argv[i]);
      return 2;
    }
  }
  if (corpus.empty()) {
    std::fputs("no input: give a corpus (test/fuzz/corpus/TARGET.txt)\n", stderr);
    return 2;
  }
  return replay(corpus);
}
