#include "apps/anyhome-sim/options.h"

#include <algorithm>
#include <array>
#include <boost/program_options.hpp>
#include <charconv>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "apps/options/option_texts.h"
#include "test/sim/invariants.h"

#ifndef ANYHOME_VERSION
#define ANYHOME_VERSION "unknown"
#endif

namespace anyhome::sim {
namespace {

namespace po = boost::program_options;

struct Draft {
  CheckOptions check;
  PlanOptions plan;
};

// Reads one value; the error says what would have been right.
using Remedy = std::optional<std::string>;
using Apply = Remedy (*)(std::string_view value, Draft& draft);

struct Row {
  std::string_view group;
  std::string_view name;
  std::string_view argument;  // empty: a switch
  std::string_view help;
  Apply apply;
};

template <class T>
Remedy read_number(std::string_view text, T least, T most, T& target) {
  T number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < least || number > most) {
    return fmt::format("give a number from {} to {}", least, most);
  }
  target = number;
  return std::nullopt;
}

Remedy read_seeds(std::string_view text, Draft& draft) {
  const std::size_t dash = text.find('-');
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  constexpr std::uint64_t kMost = ~std::uint64_t{0};
  if (dash == std::string_view::npos ||
      read_number(text.substr(0, dash), std::uint64_t{0}, kMost, first) ||
      read_number(text.substr(dash + 1), first, kMost, last)) {
    return "give two numbers, as in 0-999";
  }
  draft.check.first_seed = first;
  draft.check.last_seed = last;
  return std::nullopt;
}

Remedy read_theme(std::string_view text, Draft& draft) {
  draft.check.theme = parse_theme(text);
  if (draft.check.theme) {
    return std::nullopt;
  }
  std::string names;
  for (const ThemeInfo& theme : themes()) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", theme.name);
  }
  return "give one of " + names;
}

constexpr std::string_view kCheck = "Promises under faults";
constexpr std::string_view kPlan = "Planning a network (with --pops or --mobile-nodes)";

const std::array
    kRows =
        std::to_array<Row>(
            {
                {kCheck, "seed", "NUMBER", "the run of this seed",
                 [](std::string_view v, Draft& d) {
                   const Remedy remedy =
                       read_number(v, std::uint64_t{0}, ~std::uint64_t{0}, d.check.first_seed);
                   d.check.last_seed = d.check.first_seed;
                   return remedy;
                 }},
                {kCheck, "seeds", "FIRST-LAST", "the runs of these seeds (0-999)", read_seeds},
                {kCheck, "theme", "NAME", "what the runs are about; by default the seed decides",
                 read_theme},
                {kCheck, "trace", "", "tell what happened, line by line",
                 [](std::string_view, Draft& d) -> Remedy {
                   d.check.trace = true;
                   return std::nullopt;
                 }},
                {kCheck, "trace-lines", "NUMBER", "only the last ones (1000000)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, std::size_t{1}, std::size_t{100'000'000},
                                      d.check.trace_lines);
                 }},
                {kCheck, "soak", "HOURS", "seed after seed from the first one on, for this long",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 0.0, 10'000.0, d.check.soak_hours);
                 }},
                {kCheck, "jobs", "NUMBER", "runs at the same time (1)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 1U, 64U, d.check.jobs);
                 }},
                {kPlan, "pops", "NUMBER", "home agents, 1 to 250 (3)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 1U, 250U, d.plan.pops);
                 }},
                {kPlan, "mobile-nodes", "NUMBER", "in all (1000)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, std::uint64_t{1}, std::uint64_t{100'000'000},
                                      d.plan.mobile_nodes);
                 }},
                {kPlan, "moves-per-hour", "NUMBER",
                 "of each mobile node, to another access network (4)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 0.0, 3600.0, d.plan.moves_per_hour);
                 }},
                {kPlan, "local-moves", "SHARE",
                 "of the moves, that stay near the same home agent (0)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 0.0, 1.0, d.plan.local_moves);
                 }},
                {kPlan, "loss", "SHARE", "of packets, everywhere (0)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 0.0, 0.9, d.plan.loss);
                 }},
                {kPlan, "jitter", "MILLISECONDS", "added to the way of a packet by chance (5)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 0.0, 10'000.0, d.plan.jitter_ms);
                 }},
                {kPlan, "farthest", "MILLISECONDS", "from one end of the map to the other (80)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 1.0, 10'000.0, d.plan.farthest_ms);
                 }},
                {kPlan, "bfd", "MILLISECONDS", "until routers notice a dead home agent (300)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 1.0, 100'000.0, d.plan.bfd_ms);
                 }},
                {kPlan, "lifetime", "SECONDS", "of bindings, as mobile nodes ask for it (600)",
                 [](std::string_view v, Draft& d) {
                   std::int64_t lifetime = 0;
                   const Remedy remedy =
                       read_number(v, std::int64_t{16}, std::int64_t{262'140}, lifetime);
                   d.plan.lifetime = std::chrono::seconds(lifetime);
                   return remedy;
                 }},
                {kPlan, "simulated-mobile-nodes", "NUMBER",
                 "of them; the rest is scaled (what memory allows)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, std::uint64_t{1}, std::uint64_t{10'000'000},
                                      d.plan.simulated);
                 }},
                {kPlan, "minutes", "NUMBER", "of virtual time that is measured (5)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 0.1, 1440.0, d.plan.minutes);
                 }},
                {kPlan, "failures", "NUMBER", "home agents that die, one after the other (3)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, 0U, 100U, d.plan.failures);
                 }},
                {kPlan, "plan-seed", "NUMBER", "another map, other moves (1)",
                 [](std::string_view v, Draft& d) {
                   return read_number(v, std::uint64_t{0}, ~std::uint64_t{0}, d.plan.seed);
                 }},
                {kPlan, "csv", "FILE", "write the figures there",
                 [](std::string_view v, Draft& d) -> Remedy {
                   d.plan.csv = v;
                   return v.empty() ? Remedy("give a file") : std::nullopt;
                 }},
                {kPlan, "plot", "FILE", "draw them there: .svg or .png, by gnuplot",
                 [](std::string_view v, Draft& d) -> Remedy {
                   d.plan.plot = v;
                   return v.ends_with(".svg") || v.ends_with(".png")
                              ? std::nullopt
                              : Remedy("give a file named .svg or .png");
                 }},
            });

po::options_description all_options() {
  po::options_description all;
  for (const std::string_view group : {kCheck, kPlan}) {
    po::options_description part(std::string(group), 110, 60);
    for (const Row& row : kRows) {
      if (row.group != group) {
        continue;
      }
      if (row.argument.empty()) {
        part.add_options()(std::string(row.name).c_str(), std::string(row.help).c_str());
      } else {
        auto* value = po::value<std::vector<std::string>>();
        value->value_name(std::string(row.argument));
        part.add_options()(std::string(row.name).c_str(), value, std::string(row.help).c_str());
      }
    }
    all.add(part);
  }
  po::options_description rest("Information");
  rest.add_options()("help", "this text")("version", "the version")(
      "promises", "what every run is held to")("themes", "what runs can be about");
  all.add(rest);
  return all;
}

using options::Texts;

void apply(const Texts& texts, Draft& draft, Mistakes& mistakes) {
  for (const Row& row : kRows) {
    const auto found = texts.find(std::string(row.name));
    if (found == texts.end()) {
      continue;
    }
    if (found->second.size() > 1) {
      mistakes.push_back(options::given_too_often(row.name, found->second));
      continue;
    }
    const std::string value = found->second.empty() ? std::string() : found->second.front();
    if (const Remedy remedy = row.apply(value, draft)) {
      mistakes.push_back(fmt::format("--{} \"{}\": {}", row.name, value, *remedy));
    }
  }
}

// What options mean together. True: a network is to be planned.
bool complete(const Texts& texts, const Draft& draft, Mistakes& mistakes) {
  if (texts.contains("seed") && texts.contains("seeds")) {
    mistakes.emplace_back("--seed: means nothing with --seeds; leave one out");
  }
  const bool plan = texts.contains("pops") || texts.contains("mobile-nodes");
  for (const Row& row : kRows) {
    if (texts.contains(std::string(row.name)) && (row.group == kPlan) != plan) {
      mistakes.push_back(
          fmt::format("--{}: {}", row.name,
                      plan ? "does not go with --pops or --mobile-nodes; leave it out"
                           : "is about a network; give --pops or --mobile-nodes, too"));
    }
  }
  if (plan && draft.plan.failures >= draft.plan.pops && draft.plan.pops > 1) {
    mistakes.push_back(fmt::format("--failures \"{}\": nobody would be left of {}; give less",
                                   draft.plan.failures, draft.plan.pops));
  }
  if (plan && draft.plan.simulated > draft.plan.mobile_nodes) {
    mistakes.push_back(
        fmt::format("--simulated-mobile-nodes \"{}\": more than there are; give {} or less",
                    draft.plan.simulated, draft.plan.mobile_nodes));
  }
  return plan;
}

std::string list_of_promises() {
  std::string text;
  for (const PromiseInfo& promise : promises()) {
    text += fmt::format("{:<40} {}\n", promise.name, promise.sentence);
  }
  return text;
}

std::string list_of_themes() {
  std::string text;
  for (const ThemeInfo& theme : themes()) {
    text += fmt::format("{:<12} {}\n", theme.name, theme.sentence);
  }
  return text;
}

}  // namespace

std::expected<Command, Mistakes> parse_options(int argc, const char* const* argv) {
  Mistakes mistakes;
  Texts texts;
  const auto all = all_options();
  try {
    texts = options::collect(po::command_line_parser(argc, argv)
                                 .options(all)
                                 .style(options::command_line_style())
                                 .allow_unregistered()
                                 .run(),
                             {}, mistakes);
  } catch (const po::error& error) {
    return std::unexpected(Mistakes{fmt::format("{}; see --help", error.what())});
  }
  if (texts.contains("help")) {
    std::ostringstream text;
    text << "Usage: anyhome-sim OPTIONS\n" << all;
    return Information{text.str()};
  }
  if (texts.contains("version")) {
    return Information{"anyhome-sim " ANYHOME_VERSION "\n"};
  }
  if (texts.contains("promises")) {
    return Information{list_of_promises()};
  }
  if (texts.contains("themes")) {
    return Information{list_of_themes()};
  }
  Draft draft;
  apply(texts, draft, mistakes);
  const bool plan = complete(texts, draft, mistakes);
  if (!mistakes.empty()) {
    return std::unexpected(std::move(mistakes));
  }
  if (plan) {
    return draft.plan;
  }
  return draft.check;
}

}  // namespace anyhome::sim
