#include "apps/anyhomed/mobile_nodes_file.h"

#include <fstream>
#include <string_view>

#include <fmt/format.h>

#include "common/config/option_values.h"

namespace anyhome {
namespace {

// More would bury the first ones, which are the ones to look at.
constexpr std::size_t kMaxMistakes = 20;

std::vector<std::string_view> fields(std::string_view line) {
  std::vector<std::string_view> result;
  while (true) {
    const std::size_t comma = line.find(',');
    result.push_back(line.substr(0, comma));
    if (comma == std::string_view::npos) {
      return result;
    }
    line.remove_prefix(comma + 1);
  }
}

config::Parsed<config::MobileNode> parse_line(std::string_view line) {
  const auto parts = fields(line);
  if (parts.size() < 3) {
    return std::unexpected("fewer than three fields");
  }
  config::MobileNode node;
  node.name = parts[0];
  const auto home = config::parse_address(parts[0]);
  if (!home) {
    return std::unexpected("the home address is " + home.error());
  }
  node.home_address = HomeAddress(*home);
  const auto spi = config::parse_number<std::uint32_t>(parts[1], 256);
  if (!spi) {
    return std::unexpected("the SPI is " + spi.error());
  }
  node.spi = *spi;
  auto key = config::parse_key(parts[2]);
  if (!key) {
    return std::unexpected("the key is " + key.error());
  }
  node.key = std::move(*key);
  if (parts.size() > 3 && !parts[3].empty()) {
    node.identifier = std::string(parts[3]);
  }
  for (std::size_t i = 4; i < parts.size(); ++i) {
    const auto prefix = config::parse_prefix(parts[i]);
    if (!prefix) {
      return std::unexpected("a prefix is " + prefix.error());
    }
    node.prefixes.push_back(*prefix);
  }
  return node;
}

}  // namespace

void read_mobile_nodes_file(const std::string& name, std::vector<config::MobileNode>& nodes,
                            std::vector<config::Mistake>& mistakes) {
  std::ifstream file(name);
  if (!file) {
    mistakes.push_back(
        {"mobile-nodes-file", name, "cannot be read", "check the name and the permissions"});
    return;
  }
  std::size_t number = 0;
  std::size_t bad = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line.front() == '#') {
      continue;
    }
    auto node = parse_line(line);
    if (node) {
      nodes.push_back(std::move(*node));
    } else if (++bad <= kMaxMistakes) {
      mistakes.push_back({fmt::format("{}:{}", name, number), "", node.error(),
                          "write HOME-ADDRESS,SPI,KEY[,NAI[,PREFIX...]]"});
    }
  }
  if (bad > kMaxMistakes) {
    mistakes.push_back({name, "", fmt::format("{} more lines are wrong", bad - kMaxMistakes),
                        "mend the first ones and try again"});
  }
}

}  // namespace anyhome
