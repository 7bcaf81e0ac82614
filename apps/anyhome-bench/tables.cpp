#include "apps/anyhome-bench/tables.h"

#include <algorithm>
#include <array>
#include <functional>
#include <set>

#include <fmt/format.h>

#include "apps/anyhome-bench/layout.h"
#include "apps/anyhome-bench/peers.h"

namespace anyhome::bench {
namespace {

constexpr std::string_view kTestpmd = "unmodified/testpmd-macswap/ring";

std::string without_trailing_spaces(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

// Medians, best and number of phases of both states.
std::string phases_head() {
  return fmt::format("{:>7} {:>6} {:>6} {:>7} {:>6} {:>6}", "quiet", "best", "phases", "busy",
                     "best", "phases");
}
std::string phases_text(const Figure& figure) {
  // The best of ratios is the one whose two phases were least alike.
  const bool is_ratio = figure.unit == "times";
  const auto best = [&](const std::optional<double>& value) {
    return is_ratio ? "-" : number_text(value);
  };
  return fmt::format("{:>7} {:>6} {:>6} {:>7} {:>6} {:>6}", number_text(figure.quiet),
                     best(figure.best), figure.quiet_phases, number_text(figure.busy),
                     best(figure.busy_best), figure.busy_phases);
}

std::string machine_section(const Record& record) {
  std::string out;
  const auto say = [&](const auto& entry) {
    out += fmt::format("{:<10} {}\n", entry.first, entry.second);
  };
  const auto processor = record.machine.find("processor");
  if (processor != record.machine.end()) {
    say(*processor);
  }
  for (const auto& entry : record.machine) {
    if (entry.first != "processor") {
      say(entry);
    }
  }
  if (record.best != Speed{}) {
    out += fmt::format(
        "{:<10} {:.2f} cycles of the core per tick of the time stamp counter at best, {:.1f} "
        "additions per cycle\n",
        "speed", record.best.clock, record.best.width / record.best.clock);
    if (const double share = kClockOfTargets / record.best.clock; share > 1.05 || share < 0.95) {
      out += fmt::format(
          "{:<10} targets are of a core with {:.2f} cycles per tick: what computes takes {:.2f} "
          "times as many ticks here\n",
          "", kClockOfTargets, share);
    }
  }
  unsigned quiet = 0;
  unsigned all = 0;
  for (const auto& [name, figure] : record.figures) {
    quiet += figure.quiet_phases;
    all += figure.quiet_phases + figure.busy_phases;
  }
  if (all != 0) {
    out += fmt::format("{:<10} {:.0f} % of {} were quiet, with a core to themselves\n", "phases",
                       100.0 * quiet / all, all);
  }
  return out;
}

// path/NAME/SIZE/INDEX, and the references of the same sizes.
std::string paths_section(const Record& record) {
  struct Row {
    unsigned long size;
    int kind;  // references first
    std::string name;
    std::vector<std::string> parts;
  };
  std::vector<Row> rows;
  for (const auto& [name, figure] : record.figures) {
    const auto parts = split_name(name);
    if ((parts[0] == "path" && parts.size() == 4) ||
        (parts[0] == "reference" && parts.size() == 3)) {
      rows.push_back({size_in(name), parts[0] == "path" ? 1 : 0, name, parts});
    }
  }
  if (rows.empty()) {
    return "";
  }
  std::ranges::stable_sort(rows, {}, [](const Row& row) { return std::pair(row.size, row.kind); });
  std::string out = fmt::format(
      "Cycles per packet of one core, 64-byte packets inside, bursts of 32, from a ring to a ring; "
      "median and best of the phases.\n"
      "/tpmd: how many times testpmd's macswap from ring to ring takes; /em and /lpm: rte_hash's "
      "exact match and rte_lpm6\n"
      "in the same seconds; instr.: instructions of the same path, counted with a thousand "
      "bindings.\n\n"
      "{:>8} {:<16} {:<8} {} {:>6} {:>5} {:>5} {:>6} {:>17}\n",
      "bindings", "path", "index", phases_head(), "/tpmd", "/em", "/lpm", "instr.", "must / goal");
  unsigned long size = rows.front().size;
  for (const Row& row : rows) {
    if (row.size != size) {
      out += '\n';
      size = row.size;
    }
    const Figure& figure = record.figures.at(row.name);
    const bool own = row.kind == 1;
    const auto counted = record.figures.find(
        own ? fmt::format("instructions/{}/{}", row.parts[1], row.parts[3]) : "");
    out += without_trailing_spaces(
        fmt::format("{:>8} {:<16} {:<8} {} {:>6} {:>5} {:>5} {:>6} {}", row.size, row.parts[1],
                    own ? row.parts[3] : "", phases_text(figure),
                    ratio_text(record, figure, std::string(kTestpmd)),
                    ratio_text(record, figure, "reference/exact-match/" + row.parts[2]),
                    ratio_text(record, figure, "reference/lpm/" + row.parts[2]),
                    counted == record.figures.end() ? "-" : number_text(counted->second.quiet),
                    judged_text(row.name, figure)));
  }
  return out;
}

// The stages of stage/PATH/STAGE in instructions and stage-cycles/PATH/STAGE, a column for each
// path.
std::string stages_section(const Record& record) {
  constexpr std::array<std::string_view, 5> kColumns = {
      "to-mobile-node", "to-haha-link", "from-haha-link", "from-mobile-node", "miss"};
  std::set<std::string> stages;
  for (const auto& [name, figure] : record.figures) {
    const auto parts = split_name(name);
    if ((parts[0] == "stage" || parts[0] == "stage-cycles") && parts.size() == 3) {
      stages.insert(parts[2]);
    }
  }
  if (stages.empty()) {
    return "";
  }
  std::string out =
      "What each stage takes of a packet, with a thousand bindings: cycles (the path's quiet "
      "median, by where samples fell)\nand instructions (counted by callgrind).\n\n";
  out += fmt::format("{:<16}", "stage");
  for (const auto column : kColumns) {
    out += fmt::format(" {:>17}", column);
  }
  out += '\n';
  for (const std::string& stage : stages) {
    std::string line = fmt::format("{:<16}", stage);
    for (const auto column : kColumns) {
      const auto value = [&](std::string_view part) {
        const auto at = record.figures.find(fmt::format("{}/{}/{}", part, column, stage));
        return at == record.figures.end() ? std::nullopt : at->second.quiet;
      };
      line += fmt::format(" {:>8} {:>8}", number_text(value("stage-cycles")),
                          number_text(value("stage")));
    }
    out += line + '\n';
  }
  return out;
}

std::string instructions_section(const Record& record) {
  std::string out;
  for (const auto& [name, figure] : record.figures) {
    const auto parts = split_name(name);
    if (parts[0] != "instructions" || parts.size() != 3 || !figure.quiet) {
      continue;
    }
    out += without_trailing_spaces(fmt::format(
        "{:<18} {:<9} {:>8} {:>10}  {}", parts[1], parts[2], number_text(figure.quiet),
        number_text(figure.committed),
        figure.committed ? fmt::format("{:+.1f} %", (*figure.quiet / *figure.committed - 1) * 100)
                         : ""));
  }
  return out.empty() ? out
                     : fmt::format(
                           "Instructions per packet, counted by callgrind with a thousand "
                           "bindings, beside what is committed.\n\n"
                           "{:<18} {:<9} {:>8} {:>10}  {}\n",
                           "path", "index", "counted", "committed", "differs") +
                           out;
}

// Figures whose names start with one of `parts`, a line each.
std::string list_section(const Record& record, std::string_view title,
                         const std::vector<std::string_view>& parts) {
  std::string phased;
  std::string plain;
  for (const auto& [name, figure] : record.figures) {
    if (std::ranges::find(parts, split_name(name)[0]) == parts.end()) {
      continue;
    }
    if (figure.phased()) {
      phased +=
          without_trailing_spaces(fmt::format("{:<49} {}  {:<6} {}", name, phases_text(figure),
                                              figure.unit, judged_text(name, figure)));
    } else {
      plain += without_trailing_spaces(fmt::format("{:<48} {:>12} {:<12} {}", name,
                                                   number_text(figure.value()), figure.unit,
                                                   judged_text(name, figure)));
    }
  }
  if (phased.empty() && plain.empty()) {
    return "";
  }
  std::string out = std::string(title) + "\n";
  if (!phased.empty()) {
    out +=
        '\n' +
        fmt::format("{:<49} {}  {:<6} {:>17}\n", "figure", phases_head(), "unit", "must / goal") +
        phased;
  }
  if (!plain.empty()) {
    out += '\n' +
           fmt::format("{:<48} {:>12} {:<12} {:>17}\n", "figure", "value", "unit", "must / goal") +
           plain;
  }
  return out;
}

// How many figures reach what, and which of them do not. Figures of the other index are there to be
// compared with.
std::string verdicts_section(const Record& record) {
  constexpr std::array kVerdicts = {Verdict::Goal, Verdict::Must, Verdict::Near, Verdict::Missed,
                                    Verdict::NotSeenQuiet};
  std::array<unsigned, kVerdicts.size()> counts{};
  std::string below;
  for (const auto& [name, figure] : record.figures) {
    const auto target = target_of(name);
    if (!target || is_alternative(name)) {
      continue;
    }
    const Verdict verdict = judge(name, figure, *target);
    ++counts[static_cast<std::size_t>(verdict)];
    if (verdict == Verdict::Must || verdict == Verdict::Near || verdict == Verdict::Missed) {
      below += without_trailing_spaces(fmt::format(
          "{:<48} {:>9} {}", name, number_text(figure.quiet), judged_text(name, figure)));
    }
  }
  std::string out;
  for (const Verdict verdict : kVerdicts) {
    out += fmt::format("{}{} {}", out.empty() ? "Verdicts: " : ", ", name_of(verdict),
                       counts[static_cast<std::size_t>(verdict)]);
  }
  if (std::ranges::all_of(counts, [](unsigned count) { return count == 0; })) {
    return "";
  }
  return out + ".\n" +
         (below.empty()
              ? ""
              : "Not at their goals, or not where they must be if they have none:\n\n" + below);
}

}  // namespace

std::vector<Section> sections_of(const Record& record) {
  Record full = record;
  add_derived(full);
  const auto list = [&](std::string_view title, const std::vector<std::string_view>& parts) {
    return list_section(full, title, parts);
  };
  std::vector<Section> sections = {
      {"machine", machine_section(full)},
      {"paths", paths_section(full)},
      {"ratios",
       list("Times as many cycles as DPDK's own exact match of the same run.", {"to-exact-match"})},
      {"peers", peers_table(full)},
      {"routes",
       list("Cycles per packet, a thousand bindings, by the number of routes.", {"routes"})},
      {"stages", stages_section(full)},
      {"instructions", instructions_section(full)},
      {"workers",
       list("More workers: cycles per packet of each, and times as much as one.", {"workers"})},
      {"churn", list("100,000 bindings a second come, change and go: cycles per packet, times as "
                     "many.",
                     {"churn"})},
      {"control", list("The control thread, one core, tables cold.", {"control"})},
      {"memory",
       list("Tables for so many bindings, and the agent itself.", {"memory", "start-up", "idle"})},
      {"unmodified",
       list("Unmodified binaries on the same packets, a thousand bindings.", {"unmodified"})},
      {"wire", list("On the wire, over memif.", {"wire"})},
      {"verdicts", verdicts_section(full)},
  };
  std::string notes;
  for (const std::string& note : record.notes) {
    notes += "note: " + note + '\n';
  }
  sections.push_back({"notes", std::move(notes)});
  std::erase_if(sections, [](const Section& section) { return section.text.empty(); });
  return sections;
}

std::string as_tables(const Record& record) {
  std::string out;
  for (const Section& section : sections_of(record)) {
    out += (out.empty() ? "" : "\n") + section.text;
  }
  return out;
}

std::string as_csv(const Record& record) {
  Record full = record;
  add_derived(full);
  const auto cell = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.6g}", *value) : "";
  };
  std::string out =
      "name,unit,better,quiet,best,quiet_phases,busy,busy_best,busy_phases,spread,must,goal,"
      "verdict\n";
  for (const auto& [name, figure] : full.figures) {
    const auto target = target_of(name);
    out += fmt::format("{},{},{},{},{},{},{},{},{},{:.4g},{},{},{}\n", name, figure.unit,
                       figure.better == Better::Less ? "less" : "more", cell(figure.quiet),
                       cell(figure.best), figure.quiet_phases, cell(figure.busy),
                       cell(figure.busy_best), figure.busy_phases, figure.spread,
                       cell(target ? std::optional(target->must) : std::nullopt),
                       cell(target ? target->goal : std::nullopt),
                       target ? name_of(judge(name, figure, *target)) : "");
  }
  return out;
}

std::string as_comparison(const Record& before, const Record& now) {
  const auto name_of = [](Change change, bool time) {
    switch (change) {
      case Change::Better:
        return time ? "faster" : "better";
      case Change::Worse:
        return time ? "slower" : "worse";
      case Change::WithinNoise:
        return "within noise";
      case Change::NotSeenQuiet:
        break;
    }
    return "not seen quiet in both runs";
  };
  std::string out;
  for (const char* const key : {"processor", "pages", "compiled", "measured"}) {
    const auto old = before.machine.find(key);
    const auto other = now.machine.find(key);
    if (old != before.machine.end() && other != now.machine.end() && old->second != other->second) {
      out += fmt::format("not the same: {}: {}; now {}\n", key, old->second, other->second);
    }
  }
  out += fmt::format("{:<52} {:>10} {:>10} {:>8} {:>8}\n", "figure", "before", "now", "change",
                     "noise");
  std::array<int, 4> counts{};
  for (const auto& [name, figure] : now.figures) {
    const auto at = before.figures.find(name);
    if (at == before.figures.end()) {
      continue;
    }
    const Figure& old = at->second;
    const Change change = compare(name, old, figure);
    ++counts[static_cast<std::size_t>(change)];
    const bool judged = change != Change::NotSeenQuiet;
    const bool time = figure.better == Better::Less && figure.unit == "cycles";
    out += fmt::format("{:<52} {:>10} {:>10} {:>8} {:>8}  {}\n", name,
                       number_text(judged ? old.quiet : old.value()),
                       number_text(judged ? figure.quiet : figure.value()),
                       !judged || *old.quiet == 0
                           ? "-"
                           : fmt::format("{:+.1f}%", (*figure.quiet / *old.quiet - 1) * 100),
                       judged ? fmt::format("{:.1f}%", noise_of(name, old, figure) * 100) : "-",
                       name_of(change, time));
  }
  return out + fmt::format(
                   "{} faster or better, {} slower or worse, {} within noise, {} not seen quiet in "
                   "both runs\n",
                   counts[0], counts[1], counts[2], counts[3]);
}

}  // namespace anyhome::bench
