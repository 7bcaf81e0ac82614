#include "apps/anyhome-bench/tables.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/anyhome-bench/targets.h"

namespace anyhome::bench {
namespace {

std::string text(const std::optional<double>& value) {
  if (!value) {
    return "-";
  }
  return *value >= 100000 ? fmt::format("{:.0f}", *value)
         : *value >= 20   ? fmt::format("{:.0f}", *value)
                          : fmt::format("{:.3g}", *value);
}

std::string beside(const std::string& name, const Figure& figure,
                   const std::optional<double>& target) {
  return target ? fmt::format("{} {}", text(target), name_of(judge(name, figure, *target))) : "";
}

std::string ratio(const Record& record, const Figure& figure, const std::string& reference) {
  const auto at = record.figures.find(reference);
  if (at == record.figures.end() || !at->second.quiet || !figure.quiet) {
    return "-";
  }
  return fmt::format("{:.2f}", *figure.quiet / *at->second.quiet);
}

// path/NAME/SIZE/INDEX, and the references of the same sizes.
std::string cycles_table(const Record& record) {
  std::string out = fmt::format(
      "Cycles per packet of one core, 64-byte packets inside, bursts of 32, from a ring to a ring; "
      "/em and /lpm:\nhow many times rte_hash's exact match and rte_lpm6 in the same seconds\n\n"
      "{:>9}  {:<17} {:<9} {:>6} {:>6} {:>6} {:>6} {:>6}   {:<12} {}\n",
      "bindings", "path", "index", "quiet", "best", "busy", "/em", "/lpm", "must", "goal");
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
  for (const Row& row : rows) {
    const Figure& figure = record.figures.at(row.name);
    const auto target = target_of(row.name);
    const std::string& size = row.parts[2];
    out += fmt::format("{:>9}  {:<17} {:<9} {:>6} {:>6} {:>6} {:>6} {:>6}   {:<12} {}\n", row.size,
                       row.parts[1], row.kind == 1 ? row.parts[3] : "", text(figure.quiet),
                       text(figure.best), text(figure.busy),
                       ratio(record, figure, "reference/exact-match/" + size),
                       ratio(record, figure, "reference/lpm/" + size),
                       target ? beside(row.name, figure, target->must) : "",
                       target ? beside(row.name, figure, target->goal) : "");
  }
  return out + "\n";
}

std::string other_table(const Record& record) {
  std::string out;
  for (const auto& [name, figure] : record.figures) {
    const auto parts = split_name(name);
    if (parts[0] == "path" || parts[0] == "reference") {
      continue;
    }
    if (out.empty()) {
      out = fmt::format("{:<52} {:>10} {:>10} {:>10}  {:<13} {:<12} {}\n", "figure", "quiet",
                        "best", "busy", "unit", "must", "goal");
    }
    const auto target = target_of(name);
    out += fmt::format("{:<52} {:>10} {:>10} {:>10}  {:<13} {:<12} {}", name, text(figure.quiet),
                       text(figure.best), text(figure.busy), figure.unit,
                       target ? beside(name, figure, target->must) : "",
                       target ? beside(name, figure, target->goal) : "");
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out.empty() ? out : out + "\n";
}

}  // namespace

std::string as_tables(const Record& record) {
  std::string out;
  for (const auto& [key, value] : record.machine) {
    out += fmt::format("{}: {}\n", key, value);
  }
  out += '\n' + cycles_table(record) + other_table(record);
  for (const std::string& note : record.notes) {
    out += "note: " + note + '\n';
  }
  return out;
}

std::string as_csv(const Record& record) {
  const auto cell = [](const std::optional<double>& value) {
    return value ? fmt::format("{:.6g}", *value) : "";
  };
  std::string out = "name,unit,better,quiet,best,busy,spread,must,must_verdict,goal,goal_verdict\n";
  for (const auto& [name, figure] : record.figures) {
    const auto target = target_of(name);
    const auto must = target ? std::optional(target->must) : std::nullopt;
    const auto goal = target ? target->goal : std::nullopt;
    out += fmt::format("{},{},{},{},{},{},{:.4g},{},{},{},{}\n", name, figure.unit,
                       figure.better == Better::Less ? "less" : "more", cell(figure.quiet),
                       cell(figure.best), cell(figure.busy), figure.spread, cell(must),
                       must ? name_of(judge(name, figure, *must)) : "", cell(goal),
                       goal ? name_of(judge(name, figure, *goal)) : "");
  }
  return out;
}

std::string as_comparison(const Record& before, const Record& now) {
  std::string out =
      fmt::format("{:<52} {:>10} {:>10} {:>8}\n", "figure", "before", "now", "change");
  int better = 0;
  int worse = 0;
  int same = 0;
  for (const auto& [name, figure] : now.figures) {
    const auto at = before.figures.find(name);
    if (at == before.figures.end()) {
      continue;
    }
    const bool quiet = at->second.quiet && figure.quiet;
    const auto old_value = quiet ? at->second.quiet : at->second.busy;
    const auto new_value = quiet ? figure.quiet : figure.busy;
    if (!old_value || !new_value) {
      out += fmt::format(
          "{:<52} {:>10} {:>10}           not comparable: one run was quiet, one was not\n", name,
          text(at->second.value()), text(figure.value()));
      continue;
    }
    const Change change = compare(name, at->second, figure);
    const bool time = figure.better == Better::Less && figure.unit == "cycles";
    (change == Change::Better ? better : change == Change::Worse ? worse : same) += 1;
    out += fmt::format(
        "{:<52} {:>10} {:>10} {:>8}  {}\n", name, text(old_value), text(new_value),
        *old_value == 0 ? "-" : fmt::format("{:+.1f}%", (*new_value / *old_value - 1) * 100),
        change == Change::WithinNoise ? "within noise"
        : change == Change::Better    ? (time ? "faster" : "better")
                                      : (time ? "slower" : "worse"));
  }
  return out + fmt::format("{} faster or better, {} slower or worse, {} within noise\n", better,
                           worse, same);
}

}  // namespace anyhome::bench
