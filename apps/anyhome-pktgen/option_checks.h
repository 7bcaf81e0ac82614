// What options mean together: what a kind of traffic needs, what contradicts what.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "apps/anyhome-pktgen/option_table.h"
#include "apps/options/option_texts.h"

namespace anyhome::pktgen {

// Options that were given, and their values.
using options::Texts;

// Options that these kinds of traffic cannot do without and that were not given, a mistake each.
std::vector<std::string> missing_for(const std::vector<Kind>& kinds, const Options& options);
// Completes the options of the draft, or says what is wrong with them.
void complete(const Texts& texts, Draft& draft, Mistakes& mistakes);

}  // namespace anyhome::pktgen
