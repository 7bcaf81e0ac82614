#include "apps/anyhome-pktgen/report.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "common/wire/haha.h"
#include "common/wire/mobility.h"

namespace anyhome::pktgen {
namespace {

double rounded(double value, double places) { return std::round(value * places) / places; }

double microseconds(double ticks) { return rounded(ticks * kTickNanoseconds / 1000, 1000); }

// RFC 8219 §7.2: typical latency is the median, worst-case latency the 99.9th percentile; §7.3.1:
// delay variation is that less the shortest.
void add_delays(Json& row, const EntryResult& entry) {
  const Histogram& delay = entry.delay;
  if (delay.count() == 0) {
    for (const char* name : {"min-us", "mean-us", "p50-us", "p90-us", "p99-us", "p99.9-us",
                             "max-us", "pdv-us", "ipdv-mean-us", "ipdv-max-us"}) {
      row[name] = Json();
    }
    return;
  }
  const auto percentile = [&](double share) {
    return microseconds(static_cast<double>(delay.percentile(share)));
  };
  row["min-us"] = microseconds(static_cast<double>(delay.min()));
  row["mean-us"] = microseconds(delay.mean());
  row["p50-us"] = percentile(0.5);
  row["p90-us"] = percentile(0.9);
  row["p99-us"] = percentile(0.99);
  row["p99.9-us"] = percentile(0.999);
  row["max-us"] = microseconds(static_cast<double>(delay.max()));
  row["pdv-us"] = microseconds(static_cast<double>(delay.percentile(0.999) - delay.min()));
  row["ipdv-mean-us"] = microseconds(entry.variation.mean());
  row["ipdv-max-us"] = microseconds(static_cast<double>(entry.variation.max()));
}

double gigabits_on_wire(std::uint64_t packets, std::uint64_t bytes, double seconds) {
  const double bits = 8.0 * static_cast<double>(bytes + packets * kWireOverhead);
  return seconds <= 0 ? 0 : rounded(bits / seconds * 1e-9, 1e6);
}

std::string_view to_string(wire::SsStatus status) {
  switch (status) {
    case wire::SsStatus::Success:
      return "success";
    case wire::SsStatus::ReasonUnspecified:
      return "reason-unspecified";
    case wire::SsStatus::MalformedReply:
      return "malformed-reply";
    case wire::SsStatus::NotInSameGlobalHomeAgentSet:
      return "not-in-same-global-home-agent-set";
    case wire::SsStatus::NoMobilityOption:
      return "no-mobility-option";
  }
  return "unknown";
}

// Those that came, each under its number and its name.
template <class Status>
Json by_status(const std::array<std::uint64_t, 256>& counts) {
  Json object = Json::object();
  for (std::size_t status = 0; status < counts.size(); ++status) {
    if (counts[status] != 0) {
      object[fmt::format("{}-{}", status, to_string(static_cast<Status>(status)))] = counts[status];
    }
  }
  return object;
}

std::string cell(const Json& value) {
  if (value.is_string()) {
    return value.get<std::string>();
  }
  if (value.is_null()) {
    return "-";
  }
  return value.is_number_float() ? fmt::format("{}", value.get<double>()) : value.dump();
}

std::string as_table(const Json& rows) {
  std::string text;
  if (rows.empty()) {
    return text;
  }
  // Columns that are results of one row stand one below the other: a line is no wider than a
  // screen.
  std::size_t names = 0;
  for (const auto& [name, value] : rows.front().items()) {
    names = std::max(names, name.size());
  }
  std::vector<std::size_t> widths;
  for (const Json& row : rows) {
    std::size_t width = 0;
    for (const auto& [name, value] : row.items()) {
      width = std::max(width, cell(value).size());
    }
    widths.push_back(width);
  }
  for (const auto& [name, first] : rows.front().items()) {
    text += fmt::format("{:<{}}", name, names);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      text += fmt::format("  {:>{}}", cell(rows[i].value(name, Json())), widths[i]);
    }
    text += '\n';
  }
  return text;
}

std::string as_csv(const Json& rows) {
  std::string text;
  const auto line = [&text](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const bool quote = cells[i].find(',') != std::string::npos;
      text += fmt::format("{}{}{}{}", i == 0 ? "" : ",", quote ? "\"" : "", cells[i],
                          quote ? "\"" : "");
    }
    text += '\n';
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::vector<std::string> names;
    std::vector<std::string> cells;
    for (const auto& [name, value] : rows[i].items()) {
      names.push_back(name);
      cells.push_back(value.is_null() ? "" : cell(value));
    }
    if (i == 0) {
      line(names);
    }
    line(cells);
  }
  return text;
}

}  // namespace

Json describe(const RunResult& result, bool with_delays) {
  Json rows = Json::array();
  for (const EntryResult& entry : result.entries) {
    Json row;
    row["traffic"] = to_string(entry.entry.kind);
    row["sent"] = entry.sent;
    row["sent-pps"] = rounded(result.per_second(entry.sent), 1);
    row["sent-gbps"] = gigabits_on_wire(entry.sent, entry.sent_bytes, result.seconds);
    row["received"] = entry.received;
    row["received-pps"] = rounded(result.per_second(entry.received), 1);
    row["received-gbps"] = gigabits_on_wire(entry.received, entry.received_bytes, result.seconds);
    const bool measured = row_of(entry.entry.kind).nature == Nature::Measured;
    row["lost"] = measured ? Json(entry.lost()) : Json();
    row["lost-percent"] =
        measured && entry.sent != 0
            ? Json(rounded(
                  100.0 * static_cast<double>(entry.lost()) / static_cast<double>(entry.sent), 1e6))
            : Json();
    row["duplicates"] = entry.duplicates;
    row["reordered"] = entry.reordered;
    row["too-late-to-tell"] = entry.too_late;
    row["in-no-tunnel"] = entry.by_tunnels[0];
    row["in-one-tunnel"] = entry.by_tunnels[1];
    row["in-two-tunnels"] = entry.by_tunnels[2];
    if (with_delays) {
      add_delays(row, entry);
    }
    rows.push_back(std::move(row));
  }
  Json report;
  report["seconds"] = rounded(result.seconds, 1e6);
  report["traffic"] = std::move(rows);
  report["binding-acknowledgements"] = by_status<wire::BindingStatus>(result.acknowledgements);
  report["ss-acknowledgements"] = result.state_acknowledgements;
  report["ss-records-sent"] = result.state_records_sent();
  report["ss-records"] = by_status<wire::SsStatus>(result.state_records);
  report["ss-questions"] = result.state_questions;
  report["hellos"] = result.hellos;
  report["neighbor-solicitations"] = result.neighbor_solicitations;
  Json errors = Json::object();
  for (std::size_t type = 0; type < result.icmpv6_errors.size(); ++type) {
    if (result.icmpv6_errors[type] != 0) {
      errors[fmt::format("type-{}", type)] = result.icmpv6_errors[type];
    }
  }
  report["icmpv6-errors"] = std::move(errors);
  report["of-earlier-runs"] = result.stale;
  report["other-frames"] = result.other;
  report["missed-by-us"] = result.missed;
  return report;
}

Json describe(const std::vector<NdrResult>& results) {
  Json rows = Json::array();
  for (const NdrResult& result : results) {
    Json row;
    row["frame-size"] = result.frame_size;
    row["nodes"] = result.nodes;
    row["allowed-loss-percent"] = rounded(result.allowed_loss * 100, 1e6);
    row["pps"] = result.pps ? Json(rounded(*result.pps, 1)) : Json();
    row["gbps"] = result.pps ? Json(rounded(result.gigabits, 1e6)) : Json();
    row["trials"] = result.trials;
    row["limited-by-sender"] = result.limited_by_sender ? "yes" : "no";
    row["missed-by-us"] = result.missed;
    add_delays(row, result.at_rate.value_or(EntryResult{}));
    rows.push_back(std::move(row));
  }
  Json report;
  report["searches"] = std::move(rows);
  return report;
}

std::string RegistrationResult::to_string() const {
  std::string text = fmt::format("{} of {} mobile nodes are registered", registered, nodes);
  if (global_nodes != 0) {
    text += fmt::format(", {} of {} of the peer's announced", announced, global_nodes);
  }
  return text;
}

Json describe(const RegistrationResult& result) {
  Json row;
  row["nodes"] = result.nodes;
  row["registered"] = result.registered;
  row["binding-updates"] = result.updates;
  row["rounds"] = result.rounds;
  row["seconds"] = rounded(result.seconds, 1e6);
  row["binding-updates-per-second"] =
      result.seconds <= 0 ? 0 : rounded(static_cast<double>(result.updates) / result.seconds, 1);
  if (result.global_nodes != 0) {
    row["global-nodes"] = result.global_nodes;
    row["announced"] = result.announced;
  }
  Json report;
  report["registration"] = Json::array({std::move(row)});
  report["binding-acknowledgements"] = by_status<wire::BindingStatus>(result.acknowledgements);
  if (result.global_nodes != 0) {
    report["ss-records"] = by_status<wire::SsStatus>(result.state_records);
  }
  return report;
}

std::string render(const Json& report, Format format) {
  if (format == Format::Json) {
    return report.dump(2) + "\n";
  }
  std::string text;
  for (const auto& [name, value] : report.items()) {
    if (value.is_array()) {
      text += format == Format::Csv ? as_csv(value) : as_table(value);
    } else if (format == Format::Table && value.is_object()) {
      for (const auto& [inner, count] : value.items()) {
        text += fmt::format("{} {}: {}\n", name, inner, cell(count));
      }
    } else if (format == Format::Table) {
      text += fmt::format("{}: {}\n", name, cell(value));
    }
  }
  return text;
}

std::string progress_line(const RunResult& now, const RunResult& before, double seconds) {
  const auto rate = [seconds](std::uint64_t later, std::uint64_t earlier) {
    return seconds <= 0 ? 0.0 : static_cast<double>(later - earlier) / seconds;
  };
  return fmt::format(
      "{:.1f} s: sent {} ({:.0f}/s), received {} ({:.0f}/s), acknowledgements {}, missed by us {}",
      now.seconds, now.sent(), rate(now.sent(), before.sent()), now.received(),
      rate(now.received(), before.received()), now.acknowledged(), now.missed);
}

}  // namespace anyhome::pktgen
