// What others took, as once recorded, and how many times as much that is.
#pragma once

#include <string>

#include "apps/anyhome-bench/record.h"

namespace anyhome::bench {

// The machine on which that was recorded, in words.
inline constexpr std::string_view kPeersMachine =
    "two virtual processors of an AMD EPYC (Zen 4), time stamp counter 2.6 GHz";

// Figures that follow from others: to-exact-match/PATH/SIZE/INDEX, how many times DPDK's own loop
// of the same run; to-vpp/PATH/SIZE/INDEX, how many times less than VPP took;
// unmodified/anyhomed-less-macswap/PATH, what is ours of what anyhomed takes.
void add_derived(Record& record);

// A table of both.
std::string peers_table(const Record& record);

}  // namespace anyhome::bench
