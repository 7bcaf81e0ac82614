#include "apps/anyhome-bench/record.h"

#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include <fmt/format.h>

#include "apps/anyhome-bench/targets.h"

namespace anyhome::bench {
namespace {

using Json = nlohmann::ordered_json;

Json describe(const std::string& name, const Figure& figure) {
  Json json;
  json["unit"] = figure.unit;
  json["better"] = figure.better == Better::Less ? "less" : "more";
  const auto put = [&](const char* key, const std::optional<double>& value) {
    if (value) {
      json[key] = *value;
    }
  };
  put("quiet", figure.quiet);
  put("best", figure.best);
  put("busy", figure.busy);
  put("busy_best", figure.busy_best);
  put("committed", figure.committed);
  if (figure.phased()) {
    json["quiet_phases"] = figure.quiet_phases;
    json["busy_phases"] = figure.busy_phases;
  }
  json["spread"] = figure.spread;
  if (const auto target = target_of(name)) {
    json["must"] = target->must;
    put("goal", target->goal);
    json["verdict"] = name_of(judge(name, figure, *target));
  }
  return json;
}

Figure figure_of(const Json& json) {
  if (json.is_number()) {
    return single(json.get<double>(), "per second", Better::More);
  }
  const auto get = [&](const char* key) {
    const auto at = json.find(key);
    return at == json.end() ? std::nullopt : std::optional(at->get<double>());
  };
  Figure figure;
  figure.quiet = get("quiet");
  figure.best = get("best");
  figure.busy = get("busy");
  figure.busy_best = get("busy_best");
  figure.committed = get("committed");
  figure.spread = get("spread").value_or(0);
  figure.quiet_phases = json.value("quiet_phases", 0U);
  figure.busy_phases = json.value("busy_phases", 0U);
  figure.unit = json.value("unit", "cycles");
  figure.better = json.value("better", "less") == "more" ? Better::More : Better::Less;
  return figure;
}

// Cycles, with the speed of the core at that time.
void add_samples(const Json& json, Record& record) {
  using Taken = std::vector<std::array<double, 3>>;
  BestSpeed best(record.best);
  for (const auto& [name, taken] : json.items()) {
    for (const auto& [value, clock, width] : taken.get<Taken>()) {
      best.note({clock, width});
    }
  }
  record.best = best.speed();
  for (const auto& [name, taken] : json.items()) {
    Samples samples;
    for (const auto& [value, clock, width] : taken.get<Taken>()) {
      samples.add(value, {clock, width});
    }
    record.figures[name] = samples.figure(record.best);
  }
}

}  // namespace

void Record::merge(const Record& other) {
  for (const auto& [key, value] : other.machine) {
    machine[key] = value;
  }
  notes.insert(notes.end(), other.notes.begin(), other.notes.end());
  for (const auto& [name, figure] : other.figures) {
    figures[name] = figure;
  }
  best = fastest(best, other.best);
}

std::string to_json(const Record& record) {
  Json json;
  json["machine"] = record.machine;
  json["notes"] = record.notes;
  if (record.best != Speed{}) {
    json["best_speed"] = {record.best.clock, record.best.width};
  }
  if (!record.profile.empty()) {
    json["profile"] = record.profile;
  }
  json["figures"] = Json::object();
  for (const auto& [name, figure] : record.figures) {
    json["figures"][name] = describe(name, figure);
  }
  return json.dump(1) + "\n";
}

std::expected<Record, std::string> from_json(std::string_view text) {
  Record record;
  try {
    const Json json = Json::parse(text);
    if (json.contains("machine")) {
      record.machine = json["machine"].get<std::map<std::string, std::string>>();
    }
    if (json.contains("notes")) {
      record.notes = json["notes"].get<std::vector<std::string>>();
    }
    if (json.contains("best_speed")) {
      const auto speed = json["best_speed"].get<std::array<double, 2>>();
      record.best = {speed[0], speed[1]};
    }
    if (json.contains("samples")) {
      add_samples(json["samples"], record);
    }
    for (const auto& [name, value] :
         json.contains("figures") ? json["figures"].items() : json.items()) {
      record.figures[name] = figure_of(value);
    }
  } catch (const Json::exception& error) {
    return std::unexpected(fmt::format("no figures: {}", error.what()));
  }
  return record;
}

std::expected<Record, std::string> read_record(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) {
    return std::unexpected(path + ": cannot be read");
  }
  auto record = from_json(text.str());
  if (!record) {
    return std::unexpected(path + ": " + record.error());
  }
  return record;
}

std::expected<void, std::string> write_record(const std::string& path, const Record& record) {
  std::ofstream file(path);
  file << to_json(record) << std::flush;
  if (!file) {
    return std::unexpected(path + ": cannot be written");
  }
  return {};
}

}  // namespace anyhome::bench
