// Options in two passes: Boost.Program_options splits a command line or a file into names and
// texts, then each row of a program's table reads its own text. So every mistake is found, not only
// the first.
#pragma once

#include <boost/program_options.hpp>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace anyhome::options {

using Mistakes = std::vector<std::string>;
using Texts = std::map<std::string, std::vector<std::string>, std::less<>>;

// No guessing: "--key" must not mean "--key-derivation" one day. No short options.
int command_line_style();

// Where names and texts come from: `where` stands in front of mistakes, `dashes` in front of names.
struct Source {
  std::string where;
  std::string_view dashes = "--";
};

// What is no option goes to `words`.
Texts collect(const boost::program_options::parsed_options& parsed, const Source& source,
              std::vector<std::string>& words, Mistakes& mistakes);
// For programs that take options alone: each word is a mistake.
Texts collect(const boost::program_options::parsed_options& parsed, const Source& source,
              Mistakes& mistakes);

// An option that was given more often than it may be.
std::string given_too_often(std::string_view name, const std::vector<std::string>& values);

// Rows have a name, whether they are repeatable, and a reader of a text into the draft, whose
// answer is the remedy when it cannot be read. One without a reader is somebody else's.
template <class Rows, class Draft>
void apply(const Rows& rows, const Texts& texts, Draft& draft, Mistakes& mistakes) {
  for (const auto& row : rows) {
    const auto found = texts.find(row.name);
    if (found == texts.end() || row.apply == nullptr) {
      continue;
    }
    if (!row.repeatable && found->second.size() > 1) {
      mistakes.push_back(given_too_often(row.name, found->second));
      continue;
    }
    for (const std::string& value : found->second) {
      if (const auto remedy = row.apply(value, draft)) {
        // A key does not go into anybody's log.
        const std::string shown = row.name == "key" ? "..." : value;
        mistakes.push_back(fmt::format("--{} \"{}\": {}", row.name, shown, *remedy));
      }
    }
  }
}

}  // namespace anyhome::options
