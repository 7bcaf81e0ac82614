// A corpus is a text file: a line for each input, a name and its bytes in hexadecimal digits. So a
// change of it can be read, and an input that once did harm can say what it was.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

#include "test/support/bytes.h"

namespace anyhome::fuzz {

struct CorpusInput {
  std::string name;
  test::Bytes bytes;
};

// Lines that start with # and empty ones are skipped. False: there is no such file.
inline bool read_corpus(const std::string& path, std::vector<CorpusInput>& inputs) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') {
      continue;
    }
    const std::size_t space = line.find(' ');
    const std::string digits = space == std::string::npos ? "" : line.substr(space);
    inputs.push_back({line.substr(0, space), test::hex(digits)});
  }
  return file.eof();
}

}  // namespace anyhome::fuzz
