#include "apps/anyhome-bench/peers.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "apps/anyhome-bench/layout.h"
#include "apps/anyhome-bench/targets.h"

namespace anyhome::bench {
namespace {

// Cycles per packet of one core without a neighbour, least and most of several runs.
struct Peer {
  std::string_view what;
  std::string_view path;  // ours that does the same, and more
  unsigned long size;
  double least;
  double most;
  bool vpp;
};
constexpr std::array<Peer, 9> kPeers = {{
    {"VPP 26.06, IPv6 in IPv6, encapsulation", "to-mobile-node", 1000, 167, 167, true},
    {"VPP 26.06, IPv6 in IPv6, encapsulation", "to-mobile-node", 10'000, 258, 400, true},
    {"VPP 26.06, IPv6 in IPv6, encapsulation", "to-mobile-node", 100'000, 662, 662, true},
    {"VPP 26.06, IPv6 in IPv6, decapsulation", "from-mobile-node", 1000, 475, 590, true},
    {"VPP 26.06, IPv6 in IPv6, decapsulation", "from-mobile-node", 10'000, 1480, 1480, true},
    {"DPDK l3fwd, exact match, no tunnel", "to-mobile-node", 1000, 69, 69, false},
    {"DPDK l3fwd, exact match, no tunnel", "to-mobile-node", 100'000, 723, 723, false},
    {"DPDK l3fwd, longest prefix match, no tunnel", "from-mobile-node", 1000, 37, 37, false},
    {"DPDK l3fwd, longest prefix match, no tunnel", "from-mobile-node", 100'000, 76, 76, false},
}};

// Of quiet phases only: busy ones are not alike. Both spread, and so does what is left: by as much,
// which is a larger share of it.
Figure less(const Figure& all, const Figure& part) {
  Figure left;
  left.quiet_phases = std::min(all.quiet_phases, part.quiet_phases);
  left.busy_phases = std::min(all.busy_phases, part.busy_phases);
  if (all.quiet && part.quiet) {
    left.quiet = *all.quiet - *part.quiet;
    left.spread =
        (all.spread * *all.quiet + part.spread * *part.quiet) / std::max(*left.quiet, 1.0);
  }
  return left;
}

}  // namespace

void add_derived(Record& record) {
  Figures added;
  for (const auto& [name, figure] : record.figures) {
    const auto parts = split_name(name);
    if (name.starts_with("unmodified/anyhomed/")) {
      const auto device = record.figures.find("unmodified/testpmd-macswap/" + parts[2]);
      if (device != record.figures.end()) {
        added["unmodified/anyhomed-less-macswap/" + parts[2]] = less(figure, device->second);
      }
    }
    if (name == "unmodified/one-haha-link/1") {
      const auto both = record.figures.find("unmodified/one-haha-link/2");
      if (both != record.figures.end()) {
        added["unmodified/scaling/one-haha-link"] = ratio(figure, both->second, Better::More);
      }
    }
    if (parts[0] != "path" || parts.size() != 4 || is_alternative(name)) {
      continue;
    }
    const auto exact = record.figures.find("reference/exact-match/" + parts[2]);
    // Both look one address up and put one header in front.
    if (parts[1] == "to-mobile-node" && exact != record.figures.end()) {
      added["to-exact-match/" + name.substr(5)] = ratio(figure, exact->second, Better::Less);
    }
    for (const Peer& peer : kPeers) {
      if (peer.vpp && peer.path == parts[1] && peer.size == size_in(name)) {
        added["to-vpp/" + name.substr(5)] =
            ratio(single(peer.least, "cycles"), figure, Better::More);
      }
    }
  }
  for (auto& [name, figure] : added) {
    record.figures[name] = std::move(figure);
  }
}

std::string peers_table(const Record& record) {
  std::string out;
  for (const Peer& peer : kPeers) {
    const std::string start = fmt::format("path/{}/{}/", peer.path, peer.size);
    for (const auto& [name, figure] : record.figures) {
      if (!name.starts_with(start) || is_alternative(name)) {
        continue;
      }
      const std::string theirs = peer.least == peer.most
                                     ? fmt::format("{:.0f}", peer.least)
                                     : fmt::format("{:.0f}-{:.0f}", peer.least, peer.most);
      const std::string ratio_name = "to-vpp/" + name.substr(5);
      std::string line =
          fmt::format("{:>9}  {:<44} {:>9}  {:<17} {:>6} {:>6} {}", peer.size, peer.what, theirs,
                      peer.path, number_text(figure.quiet),
                      figure.quiet ? fmt::format("{:.1f}", peer.least / *figure.quiet) : "-",
                      peer.vpp ? judged_text(ratio_name, record.figures.at(ratio_name)) : "");
      line.erase(line.find_last_not_of(' ') + 1);
      out += line + '\n';
    }
  }
  if (out.empty()) {
    return out;
  }
  return fmt::format(
             "Cycles per packet of others as once recorded without a neighbour, on {}.\n"
             "On another processor the ratio is an indication only.\n\n"
             "{:>9}  {:<44} {:>9}  {:<17} {:>6} {:>6} {:>17}\n",
             kPeersMachine, "size", "who", "theirs", "our path", "ours", "ratio", "must / goal") +
         out;
}

}  // namespace anyhome::bench
