#include "apps/options/option_texts.h"

namespace anyhome::options {

namespace po = boost::program_options;

int command_line_style() {
  return po::command_line_style::unix_style ^ po::command_line_style::allow_guessing ^
         po::command_line_style::allow_short;
}

Texts collect(const po::parsed_options& parsed, const Source& source,
              std::vector<std::string>& words, Mistakes& mistakes) {
  Texts texts;
  for (const po::option& option : parsed.options) {
    if (option.position_key >= 0) {
      words.insert(words.end(), option.value.begin(), option.value.end());
    } else if (option.unregistered) {
      mistakes.push_back(
          fmt::format("{}{}{}: there is no such option; see --help", source.where,
                      option.string_key.starts_with("-") ? std::string_view() : source.dashes,
                      option.string_key));
    } else {
      auto& values = texts[option.string_key];
      values.insert(values.end(), option.value.begin(), option.value.end());
    }
  }
  return texts;
}

Texts collect(const po::parsed_options& parsed, const Source& source, Mistakes& mistakes) {
  std::vector<std::string> words;
  Texts texts = collect(parsed, source, words, mistakes);
  for (const std::string& word : words) {
    mistakes.push_back(fmt::format("{}\"{}\": is no option; see --help", source.where, word));
  }
  return texts;
}

std::string given_too_often(std::string_view name, const std::vector<std::string>& values) {
  return fmt::format("--{} \"{}\": given {} times; give it once", name, values.back(),
                     values.size());
}

}  // namespace anyhome::options
