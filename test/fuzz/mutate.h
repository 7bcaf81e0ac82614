// Mutations of an input, out of a seeded generator: the poor man's libFuzzer, for every test run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "test/fuzz/corpus.h"

namespace anyhome::fuzz {

class Mutator {
 public:
  Mutator(const std::vector<CorpusInput>& corpus, std::uint64_t seed)
      : corpus_(corpus), random_(seed) {}

  // One to four changes of an input of the corpus.
  test::Bytes next() {
    test::Bytes bytes = pick();
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) {
      change(bytes);
    }
    if (bytes.size() > kLongest) {
      bytes.resize(kLongest);
    }
    return bytes;
  }

 private:
  static constexpr std::size_t kLongest = 4096;

  std::size_t below(std::size_t bound) { return random_() % bound; }
  const test::Bytes& pick() { return corpus_[below(corpus_.size())].bytes; }
  std::byte any_byte() {
    // Ends of ranges are where mistakes are.
    constexpr unsigned kEnds[] = {0, 1, 0x7f, 0x80, 0xfe, 0xff};
    return static_cast<std::byte>(below(2) == 0 ? kEnds[below(std::size(kEnds))] : random_());
  }

  void change(test::Bytes& bytes) {
    using Difference = std::ptrdiff_t;
    if (bytes.empty()) {
      bytes.push_back(any_byte());
    }
    const std::size_t at = below(bytes.size());
    const std::size_t length = std::min(bytes.size() - at, 1 + below(24));
    const auto place = bytes.begin() + static_cast<Difference>(at);
    switch (below(8)) {
      case 0:
        bytes[at] ^= static_cast<std::byte>(1U << below(8));
        break;
      case 1:
        bytes[at] = any_byte();
        break;
      case 2:  // a little more or less: lengths, counts, types
        bytes[at] = static_cast<std::byte>(std::to_integer<std::size_t>(bytes[at]) + below(9) - 4);
        break;
      case 3:
        bytes.insert(place, length, any_byte());
        break;
      case 4:
        bytes.erase(place, place + static_cast<Difference>(length));
        break;
      case 5: {  // the same once more
        const test::Bytes copy(place, place + static_cast<Difference>(length));
        bytes.insert(place, copy.begin(), copy.end());
        break;
      }
      case 6: {  // the end of another
        const test::Bytes& other = pick();
        bytes.resize(at);
        const std::size_t from = other.empty() ? 0 : below(other.size());
        bytes.insert(bytes.end(), other.begin() + static_cast<Difference>(from), other.end());
        break;
      }
      default:
        bytes.resize(at);
        break;
    }
  }

  const std::vector<CorpusInput>& corpus_;
  std::mt19937_64 random_;
};

}  // namespace anyhome::fuzz
