// The command line and the configuration file, by Boost.Program_options, against the option table.
#pragma once

#include <string>
#include <vector>

#include "apps/eal/eal.h"
#include "common/config/option_table.h"

namespace anyhome {

struct SplitArguments : eal::Arguments {
  std::vector<std::string> misplaced;  // of `eal`, those that are ours
};
SplitArguments split_arguments(int argc, char** argv);

struct CommandLine {
  bool help = false;
  bool version = false;
  bool check_config = false;
  config::Config config;
  std::vector<config::Mistake> mistakes;  // everything wrong, of form and of sense
};

// Reads options and the file that --config names; the command line wins. Never throws.
CommandLine read_command_line(const SplitArguments& arguments);

// The options in their groups.
std::string help_text();
// One paragraph a mistake: option, value, problem, remedy.
std::string to_text(const std::vector<config::Mistake>& mistakes);
// The whole configuration as a file, defaults included.
std::string effective_configuration(const config::Config& config);

}  // namespace anyhome
