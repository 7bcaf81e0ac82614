#include "apps/anyhome-pktgen/options.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <sstream>

#include <fmt/format.h>

#include "apps/anyhome-mn/option_values.h"
#include "apps/anyhome-pktgen/option_checks.h"
#include "apps/anyhome-pktgen/option_table.h"
#include "apps/options/option_texts.h"

namespace anyhome::pktgen {
namespace {

namespace po = boost::program_options;

po::options_description all_options() {
  po::options_description all;
  const auto rows = option_rows();
  for (auto row = rows.begin(); row != rows.end();) {
    const std::string_view group = row->group;
    po::options_description part(std::string(group), 110, 60);
    for (; row != rows.end() && row->group == group; ++row) {
      // All are lists of texts, so that a repetition is ours to report.
      auto* value = po::value<std::vector<std::string>>();
      value->value_name(std::string(row->argument));
      part.add_options()(std::string(row->name).c_str(), value, std::string(row->help).c_str());
    }
    all.add(part);
  }
  po::options_description rest("Information", 110, 60);
  rest.add_options()("help", "this text")("version", "the version");
  all.add(rest);
  return all;
}

std::string help_text() {
  std::ostringstream text;
  text << "Usage: anyhome-pktgen [EAL options] -- [ACTION] [options]\n\n"
          "Actions:\n"
          "  run        send, and say what came back (what happens without an action)\n"
          "  register   register all mobile nodes, and say how fast\n"
          "  ndr        search for the highest rate that loses no more than --loss\n"
          "  prompt     take commands from standard input; `help` lists them\n"
          "  mobile-nodes\n"
          "             print a mobile-nodes-file for anyhomed, with --key in each line\n\n"
          "Kinds of traffic:\n";
  for (const KindRow& row : kKinds) {
    text << fmt::format("  {:<18} {}\n", row.name, row.help);
  }
  text << all_options()
       << "\nExit codes: 0 done; 1 failed; 2 mistakes on the command line; 3 more lost than "
          "--max-loss,\nmobile nodes that are not registered, or no rate that passes.\n";
  return text.str();
}

bool is_option(const std::string& text) {
  return std::ranges::any_of(option_rows(), [&](const OptionRow& row) {
    return text == fmt::format("--{}", row.name) ||
           text.starts_with(fmt::format("--{}=", row.name));
  });
}

// Options that end without a value are reported and left out: the parser would stop at the first.
std::vector<std::string> with_values(const std::vector<std::string>& arguments,
                                     Mistakes& mistakes) {
  std::vector<std::string> kept;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& text = arguments[i];
    const bool wants_next = is_option(text) && text.find('=') == std::string::npos;
    if (wants_next && (i + 1 == arguments.size() || is_option(arguments[i + 1]))) {
      mistakes.push_back(fmt::format("{}: has no value; see --help", text));
      continue;
    }
    kept.push_back(text);
    if (wants_next) {
      // The two in one, so that a value may begin with a dash.
      kept.back() += "=" + arguments[++i];
    }
  }
  return kept;
}

}  // namespace

std::expected<std::variant<Options, Information>, Mistakes> parse_options(
    const std::vector<std::string>& arguments) {
  Mistakes mistakes;
  Texts texts;
  std::vector<std::string> words;
  const auto all = all_options();
  try {
    texts = options::collect(po::command_line_parser(with_values(arguments, mistakes))
                                 .options(all)
                                 .style(options::command_line_style())
                                 .allow_unregistered()
                                 .run(),
                             {}, words, mistakes);
  } catch (const po::error& error) {
    mistakes.push_back(fmt::format("{}; see --help", error.what()));
  }
  if (texts.contains("help")) {
    return Information{help_text()};
  }
  if (texts.contains("version")) {
    return Information{"anyhome-pktgen " ANYHOME_VERSION "\n"};
  }
  Draft draft;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto action =
        mobile::read_choice<Action>(words[i], {{"run", Action::Run},
                                               {"register", Action::Register},
                                               {"ndr", Action::Ndr},
                                               {"prompt", Action::Prompt},
                                               {"mobile-nodes", Action::MobileNodes}});
    if (i != 0 || !action) {
      mistakes.push_back(
          fmt::format("\"{}\": {}", words[i], i != 0 ? "is one action too many" : action.error()));
    } else {
      draft.options.action = *action;
    }
  }
  options::apply(option_rows(), texts, draft, mistakes);
  complete(texts, draft, mistakes);
  if (!mistakes.empty()) {
    return std::unexpected(std::move(mistakes));
  }
  return std::move(draft.options);
}

}  // namespace anyhome::pktgen
