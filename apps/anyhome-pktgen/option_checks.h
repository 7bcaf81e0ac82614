// What options mean together: what a kind of traffic needs, what contradicts what.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "apps/anyhome-pktgen/option_table.h"

namespace anyhome::pktgen {

// Options that were given, and their values.
using Texts = std::map<std::string, std::vector<std::string>, std::less<>>;

// Which options a kind of traffic cannot do without.
std::vector<std::string_view> needed_by(Kind kind);
// Completes the options of the draft, or says what is wrong with them.
void complete(const Texts& texts, Draft& draft, Mistakes& mistakes);

}  // namespace anyhome::pktgen
