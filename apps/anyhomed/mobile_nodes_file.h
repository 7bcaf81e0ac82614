// Mobile nodes by the thousands, one a line: HOME-ADDRESS,SPI,KEY[,NAI[,PREFIX...]].
#pragma once

#include <string>
#include <vector>

#include "common/config/option_table.h"

namespace anyhome {

// Appends the file's mobile nodes, and a mistake for each line that makes no sense. Blank lines and
// lines that start with # are skipped. A node's name is its home address.
void read_mobile_nodes_file(const std::string& name, std::vector<config::MobileNode>& nodes,
                            std::vector<config::Mistake>& mistakes);

}  // namespace anyhome
