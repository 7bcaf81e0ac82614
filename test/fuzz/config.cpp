// Lines "OPTION = VALUE" as an operator may write them: no text does harm, what an option shows is
// what it reads, and the check of the whole finds words for everything.
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/config/option_table.h"
#include "test/fuzz/target.h"

namespace anyhome::fuzz {
namespace {

using namespace anyhome::config;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

void take_line(Config& config, std::string_view line) {
  const std::size_t equals = line.find('=');
  const std::string_view key = trimmed(line.substr(0, equals));
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view{} : trimmed(line.substr(equals + 1));
  const OptionMatch match = find_option(key);
  if (match.option == nullptr) {
    (void)similar_option(key);
    return;
  }
  const Config before = config;
  const auto done = match.option->set(config, match.instance, value);
  if (!done) {
    require(!done.error().empty(), "a refusal says what would be right");
    return;
  }
  const std::string shown = match.option->show(config, match.instance);
  if (match.option->repeatable || shown == "(not shown)") {  // a key
    return;
  }
  Config again = before;
  require(match.option->set(again, match.instance, shown).has_value() || shown.empty(),
          "what an option shows it reads");
  require(match.option->show(again, match.instance) == shown || shown.empty(), "and shows again");
}

}  // namespace

void run(ByteView input) {
  constexpr std::size_t kMostLines = 64;
  Config config;
  std::string_view text = as_text(input);
  for (std::size_t i = 0; i < kMostLines && !text.empty(); ++i) {
    const std::size_t end = text.find('\n');
    take_line(config, text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  for (const Mistake& mistake : validate(config)) {
    require(!mistake.option.empty() && !mistake.problem.empty() && !mistake.remedy.empty(),
            "a mistake names the option, the problem and the remedy");
  }
}

}  // namespace anyhome::fuzz
