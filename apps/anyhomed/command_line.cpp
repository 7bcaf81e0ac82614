#include "apps/anyhomed/command_line.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <fstream>
#include <set>
#include <sstream>

#include <fmt/format.h>

#include "apps/anyhomed/mobile_nodes_file.h"

namespace anyhome {
namespace {

namespace po = boost::program_options;
using config::Mistake;

constexpr const char* kConfig = "config";
constexpr const char* kCheckConfig = "check-config";
constexpr const char* kMobileNodesFile = "mobile-nodes-file";

struct Given {
  std::string key;
  std::vector<std::string> values;
  bool in_file = false;
};

// The name by which Boost knows an option of the table: named sections are a wildcard.
std::string boost_name(std::string_view name) {
  const std::size_t star = name.find(".*.");
  return std::string(star == std::string_view::npos ? name : name.substr(0, star + 2));
}

// All take a value, but it is looked for here: Boost would stop at the first one that is missing.
po::typed_value<std::vector<std::string>>* values() {
  return po::value<std::vector<std::string>>()->implicit_value({}, "");
}

po::options_description describe() {
  po::options_description description;
  std::string last;
  for (const config::Option& option : config::options()) {
    const std::string name = boost_name(option.name);
    if (name != last) {
      description.add_options()(name.c_str(), values());
      last = name;
    }
  }
  description.add_options()(kMobileNodesFile, values());
  return description;
}

po::options_description describe_command_line() {
  po::options_description description = describe();
  description.add_options()("help,h", "")("version,V", "")(kCheckConfig, "")("config,c", values());
  return description;
}

// Whether an argument in front of the "--" was meant to be behind it. EAL has a --log-level, too.
bool is_own_option(std::string_view argument) {
  if (!argument.starts_with("--") || argument.starts_with("--log-level")) {
    return false;
  }
  const std::string_view key = argument.substr(2, argument.find('=') - 2);
  return key == kConfig || key == kCheckConfig || key == kMobileNodesFile ||
         config::find_option(key).option != nullptr;
}

class CommandLineReader {
 public:
  CommandLine read(const std::vector<std::string>& arguments) {
    read_arguments(arguments);
    for (const std::string& file : files_) {
      read_file(file);
    }
    if (result_.help || result_.version) {
      return std::move(result_);
    }
    if (files_.empty() && result_.mistakes.empty() && given_.empty()) {
      mistake("config", "", "missing", "name a configuration file: --config FILE");
      return std::move(result_);  // everything else follows from that
    }
    apply();
    if (result_.mistakes.empty()) {
      result_.mistakes = config::validate(result_.config);
    } else if (!file_missing_) {
      // What the whole has to say is worth hearing too, unless it follows from a value not taken.
      for (Mistake& more : config::validate(result_.config)) {
        if (!mentioned(more.option)) {
          result_.mistakes.push_back(std::move(more));
        }
      }
    }
    return std::move(result_);
  }

 private:
  void mistake(std::string option, std::string value, std::string problem, std::string remedy) {
    result_.mistakes.push_back(
        {std::move(option), std::move(value), std::move(problem), std::move(remedy)});
  }

  [[nodiscard]] bool mentioned(const std::string& option) const {
    return std::ranges::any_of(result_.mistakes,
                               [&](const Mistake& m) { return m.option == option; });
  }

  void read_arguments(const std::vector<std::string>& arguments) {
    const po::options_description description = describe_command_line();
    std::vector<Given> taken;
    try {
      const auto parsed =
          po::command_line_parser(arguments)
              .options(description)
              .allow_unregistered()
              .style(po::command_line_style::unix_style & ~po::command_line_style::allow_guessing)
              .run();
      for (const auto& option : parsed.options) {
        if (option.position_key < 0) {
          taken.push_back({option.string_key, option.value, false});
        } else if (!taken.empty() && taken.back().values.empty() && !is_flag(taken.back().key)) {
          taken.back().values = option.value;  // "--mtu 1500"; Boost sees to "--mtu=1500" only
        } else {
          mistake("command line", option.value.empty() ? "" : option.value.front(), "not an option",
                  "options start with --; the configuration file goes with --config");
        }
      }
    } catch (const po::error& error) {
      mistake("command line", "", error.what(), "see anyhomed -- --help");
    }
    for (Given& argument : taken) {
      take_argument(std::move(argument));
    }
  }

  static bool is_flag(std::string_view key) {
    return key == "help" || key == "version" || key == kCheckConfig;
  }

  void take_argument(Given argument) {
    if (argument.key == "help") {
      result_.help = true;
    } else if (argument.key == "version") {
      result_.version = true;
    } else if (argument.key == kCheckConfig) {
      result_.check_config = true;
    } else if (argument.key == kConfig && !argument.values.empty()) {
      files_.insert(files_.end(), argument.values.begin(), argument.values.end());
    } else {
      given_.push_back(std::move(argument));
    }
  }

  void read_file(const std::string& name) {
    std::ifstream file(name);
    // A directory can be opened, and shows itself at the first reading.
    if (!file || (file.peek() == std::ifstream::traits_type::eof() && file.bad())) {
      mistake("config", name, "cannot be read", "check the name and the permissions");
      file_missing_ = true;
      return;
    }
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
      lines.push_back(line);
    }
    // Boost stops at the first line that is no INI; that line is reported and taken out, so that
    // the rest is read too.
    while (!try_lines(name, lines)) {
    }
  }

  bool try_lines(const std::string& name, std::vector<std::string>& lines) {
    std::stringstream text;
    for (const std::string& line : lines) {
      text << line << '\n';
    }
    try {
      const auto parsed = po::parse_config_file(text, describe(), true);
      for (const auto& option : parsed.options) {
        given_.push_back({option.string_key, option.value, true});
      }
      return true;
    } catch (const po::invalid_syntax& error) {
      const std::string bad = error.tokens();
      for (std::size_t i = 0; i < lines.size(); ++i) {
        if (!bad.empty() && lines[i].find(bad) != std::string::npos) {
          mistake(fmt::format("{}:{}", name, i + 1), lines[i], "neither [section] nor key = value",
                  "write option = value, or start the line with #");
          lines[i].clear();
          return false;
        }
      }
      mistake(name, "", error.what(), "see docs/configuration.md");
      return true;
    } catch (const po::error& error) {
      mistake(name, "", error.what(), "see docs/configuration.md");
      return true;
    }
  }

  // File first, then the command line on top: of an option that is given once the command line's
  // counts, of a repeatable one the command line's replace the file's.
  void apply() {
    for (const Given& given : given_) {
      const bool overridden = given.in_file && std::ranges::any_of(given_, [&](const Given& other) {
                                return !other.in_file && other.key == given.key;
                              });
      if (!overridden) {
        apply_one(given);
      }
    }
  }

  void apply_one(const Given& given) {
    if (given.values.empty()) {
      apply_bare(given.key);
      return;
    }
    for (const std::string& value : given.values) {
      if (given.key == kMobileNodesFile) {
        read_mobile_nodes_file(value, result_.config.home_agent.mobile_nodes, result_.mistakes);
        continue;
      }
      const config::OptionMatch match = config::find_option(given.key);
      if (match.option == nullptr) {
        const std::string_view similar = config::similar_option(given.key);
        mistake(
            given.key, value, "no such option",
            similar.empty() ? "see anyhomed -- --help" : fmt::format("did you mean {}?", similar));
        continue;
      }
      if (!match.option->repeatable && !seen_.insert(given.key).second) {
        mistake(given.key, value, "given more than once", "leave one of them");
        continue;
      }
      const auto set = match.option->set(result_.config, match.instance, value);
      if (!set) {
        mistake(given.key, value, set.error(),
                fmt::format("{}: {}", match.option->argument, match.option->help));
      }
    }
  }

  // An option without a value: "--idle" says yes.
  void apply_bare(const std::string& key) {
    const config::OptionMatch match = config::find_option(key);
    if (match.option != nullptr && match.option->argument == config::kYesOrNo) {
      apply_one({key, {"yes"}, false});
    } else if (match.option != nullptr || key == kConfig || key == kMobileNodesFile) {
      mistake(key, "", "has no value", "write --" + key + " VALUE");
    } else {
      no_such_option(key, "");
    }
  }

  void no_such_option(const std::string& key, const std::string& value) {
    const std::string_view similar = config::similar_option(key);
    mistake(key, value, "no such option",
            similar.empty() ? "see anyhomed -- --help" : fmt::format("did you mean {}?", similar));
  }

  CommandLine result_;
  std::vector<std::string> files_;
  bool file_missing_ = false;  // what else is missing may be in there
  std::vector<Given> given_;
  std::set<std::string> seen_;
};

}  // namespace

SplitArguments split_arguments(int argc, char** argv) {
  SplitArguments split{eal::split_arguments(argc, argv), {}};
  std::ranges::copy_if(split.eal, std::back_inserter(split.misplaced), is_own_option);
  return split;
}

CommandLine read_command_line(const SplitArguments& arguments) {
  if (arguments.misplaced.empty()) {
    return CommandLineReader().read(arguments.own);
  }
  CommandLine result;
  for (const std::string& argument : arguments.misplaced) {
    result.mistakes.push_back(
        {"command line", argument, "an option of anyhomed among EAL's",
         "EAL's options come first, then --, then anyhomed's: anyhomed --no-pci -- --config FILE"});
  }
  return result;
}

std::string help_text() {
  std::string text =
      "Usage: anyhomed [EAL options] -- --config FILE [options]\n\n"
      "A home agent for Mobile IPv6 and NEMO on DPDK. Options are the same on the command line "
      "and\n"
      "in the file; the command line wins. Options with a * belong to a named section: [port.wan]\n"
      "mtu = 1500 in the file is --port.wan.mtu 1500 on the command line.\n\n"
      "General:\n"
      "  -c [ --config ] FILE                  configuration file (INI)\n"
      "  --check-config                        read everything, say what is wrong, and exit\n"
      "  -h [ --help ]                         this text\n"
      "  -V [ --version ]                      print the version and exit\n"
      "  --mobile-nodes-file FILE              mobile nodes by the thousands: one a line,\n"
      "                                        HOME-ADDRESS,SPI,KEY[,NAI[,PREFIX...]]\n";
  const config::Config defaults;
  std::string_view group;
  for (const config::Option& option : config::options()) {
    if (option.group != group) {
      group = option.group;
      text += fmt::format("\n{}:\n", group);
    }
    const std::string head = fmt::format("  --{} {}", option.name, option.argument);
    text += fmt::format(
        "{}{}", head,
        head.size() < 39 ? std::string(40 - head.size(), ' ') : "\n" + std::string(40, ' '));
    std::string help(option.help);
    const std::string shown = option.show(defaults, "");
    if (option.repeatable) {
      help += " (may be repeated)";
    } else if (!shown.empty() && shown != "::") {
      help += fmt::format(" (default {})", shown);
    }
    // Wrapped at 100 columns, 40 of them indented.
    while (help.size() > 60) {
      const std::size_t blank = help.rfind(' ', 60);
      text += help.substr(0, blank) + "\n" + std::string(40, ' ');
      help.erase(0, blank + 1);
    }
    text += help + "\n";
  }
  return text;
}

std::string to_text(const std::vector<config::Mistake>& mistakes) {
  std::string text;
  for (const Mistake& mistake : mistakes) {
    text += fmt::format("{}{}: {}\n    remedy: {}\n", mistake.option,
                        mistake.value.empty() ? "" : " = " + mistake.value, mistake.problem,
                        mistake.remedy);
  }
  return text;
}

std::string effective_configuration(const config::Config& config) {
  std::string text;
  const auto lines = [&text](const config::Option& option, std::string_view key,
                             std::string_view instance, const config::Config& from) {
    std::istringstream values(option.show(from, instance));
    for (std::string value; std::getline(values, value);) {
      text += fmt::format("{} = {}\n", key, value);
    }
  };
  const auto section = [&](std::string_view kind, std::string_view instance) {
    text += fmt::format("\n[{}.{}]\n", kind, instance);
    for (const config::Option& option : config::options()) {
      const std::string start = fmt::format("{}.*.", kind);
      if (option.name.starts_with(start)) {
        lines(option, option.name.substr(start.size()), instance, config);
      }
    }
  };
  for (const config::Option& option : config::options()) {
    if (option.name.find('*') == std::string_view::npos) {
      lines(option, option.name, "", config);
    }
  }
  for (const config::Port& port : config.ports) {
    section("port", port.name);
  }
  for (const config::Peer& peer : config.home_agent.haha.peers) {
    section("peer", peer.name);
  }
  for (const config::MobileNode& node : config.home_agent.mobile_nodes) {
    section("mobile-node", node.name);
  }
  return text;
}

}  // namespace anyhome
