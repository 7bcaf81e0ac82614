// Where memory is, and who is far from it.
//
// Tables, rings and packet buffers of an agent are on one NUMA node: that of its first worker. They
// are one working set, of which each packet touches a part that nobody knows before; so it is not
// split or doubled, but each node gets an agent of its own. Who was placed elsewhere all the same
// works, and pays for each miss; that is worth a word at start.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

namespace anyhome::dataplane {

struct Placed {
  std::string name;  // as an operator calls it: "worker lcore 3", "port wan"
  int node = -1;     // -1: of no node, a virtual device for instance
};

// One line for each that is on another node than the memory; `remedy` says what to do.
inline std::vector<std::string> far_from(int memory_node, const std::vector<Placed>& placed,
                                         std::string_view remedy) {
  std::vector<std::string> lines;
  for (const Placed& one : placed) {
    if (one.node >= 0 && one.node != memory_node) {
      lines.push_back(fmt::format("{} is on NUMA node {}, tables and packet buffers are on {}: {}",
                                  one.name, one.node, memory_node, remedy));
    }
  }
  return lines;
}

}  // namespace anyhome::dataplane
