// How many Binding Updates and global bindings a control thread takes in a second, cold, beside
// what is demanded; what waits meanwhile; how it gets through a storm of registrations; and how
// state synchronization gets over a bad link. docs/performance/control.md says what the figures
// mean.
#include <algorithm>
#include <boost/program_options.hpp>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "apps/anyhome-bench-control/link.h"
#include "apps/anyhome-bench-control/loads.h"
#include "apps/anyhome-bench-control/storm.h"
#include "apps/eal/eal.h"
#include "common/config/config.h"

namespace anyhome::bench {
namespace {

namespace po = boost::program_options;

constexpr std::string_view kParts[] = {"updates", "takeover", "storm", "link"};

struct Options {
  LoadSettings loads;
  std::vector<std::string> parts = {"updates", "takeover"};
  std::vector<std::uint32_t> nodes = {100'000, 1'000'000};
  std::vector<std::uint32_t> places = {4096, 25000, 65536, 131072, 262144, 524288};
  unsigned spread_ms = 150;
  std::vector<std::uint16_t> windows = {64, 256, 1024, 4096, 16384};
  LinkSettings link;
  std::string json;

  [[nodiscard]] bool wants(std::string_view part) const {
    return std::ranges::find(parts, part) != parts.end();
  }
};

std::string verdict(double value, double must, double goal) {
  return must == 0 ? "" : value >= goal ? "goal met" : value >= must ? "must met" : "missed";
}

class Report {
 public:
  void rate(const Rate& rate) {
    if (!std::exchange(rates_begun_, true)) {
      fmt::print("{:<28} {:>10} {:>8} {:>10} {:>10}\n", "events", "per second", "cycles", "must",
                 "goal");
    }
    fmt::print("{:<28} {:>10.0f} {:>8.0f} {:>10.0f} {:>10.0f}  {}\n", rate.name, rate.per_second,
               rate.cycles, rate.must, rate.goal, verdict(rate.per_second, rate.must, rate.goal));
    values_["control-" + rate.name + "-per-second"] = rate.per_second;
  }

  void memory(double bytes_per_binding) {
    fmt::print("{:.0f} bytes per binding, forwarding tables included (must 350)\n",
               bytes_per_binding);
    values_["bytes-per-binding"] = bytes_per_binding;
  }

  void takeover(std::string_view name, std::uint32_t bindings, const TakeoverFigures& figures) {
    rate(figures.rate);
    fmt::print(
        "  {} takes over {} bindings in {:.2f} s of its control core (must 3), no round of either "
        "took more than {:.2f} ms\n"
        "  meanwhile an acknowledgement took at most {:.2f} ms there (p99 {:.2f}, {} measured), "
        "{:.2f} ms at the other one (p99 {:.2f}, {} measured) (must 10)\n",
        name, bindings, figures.seconds, figures.longest_round_ms, figures.at_taker.longest_ms,
        figures.at_taker.p99_ms, figures.at_taker.count, figures.at_giver.longest_ms,
        figures.at_giver.p99_ms, figures.at_giver.count);
    const double longest = std::max(figures.at_taker.longest_ms, figures.at_giver.longest_ms);
    if (figures.rate.name == "global-bindings") {
      values_["control-takeover-seconds"] = figures.seconds;
      values_["control-longest-step-ms"] = figures.longest_round_ms;
      values_["control-longest-acknowledgement-ms"] = longest;
    } else {
      values_["control-longest-acknowledgement-live-ms"] = longest;
    }
  }

  void storm(const StormFigures& figures) {
    if (!std::exchange(storms_begun_, true)) {
      constexpr auto kLine =
          "{:>9} {:>8} {:>6} {:>8} {:>8} {:>8} {:>9} {:>9} {:>10} {:>9} {:>10} {:>7}\n";
      fmt::print("\n");
      fmt::print(kLine, "nodes", "places", "MiB", "half in", "99 % in", "all in", "messages",
                 "budget", "displaced", "ring full", "longest", "others");
      fmt::print(kLine, "", "", "used", "s", "s", "s", "per node", "lost", "", "", "HELLO, ms",
                 "lost");
    }
    const auto displaced =
        figures.displaced[static_cast<std::size_t>(forwarding::PuntClass::Mobility)];
    fmt::print(
        "{:>9} {:>8} {:>6.1f} {:>8.2f} {:>8.2f} {:>8.2f} {:>9.2f} {:>9} {:>10} {:>9} {:>10.2f} "
        "{:>7}{}\n",
        figures.settings.mobile_nodes, figures.settings.places,
        static_cast<double>(figures.queue_bytes) / (1U << 20U), figures.half_seconds,
        figures.most_seconds, figures.seconds, figures.messages_per_node, figures.beyond_budget,
        displaced, figures.ring_full, figures.longest_hello_wait_ms, figures.others_lost,
        figures.peer_lost ? "  the peer seemed dead" : "");
    std::fflush(stdout);
    const std::string name =
        fmt::format("storm-{}-{}", figures.settings.mobile_nodes, figures.settings.places);
    values_["control-" + name + "-seconds"] = figures.seconds;
    values_["control-" + name + "-longest-hello-ms"] = figures.longest_hello_wait_ms;
  }

  void link(const LinkFigures& figures) {
    if (!std::exchange(links_begun_, true)) {
      fmt::print("\n{:>8} {:>9} {:>10} {:>6} {:>8} {:>17} {:>9}\n", "window", "bindings",
                 "round trip", "loss", "seconds", "bytes per binding", "repeated");
    }
    fmt::print("{:>8} {:>9} {:>7.0f} ms {:>4.0f} % {:>8.2f} {:>17.1f} {:>7.1f} %\n",
               figures.settings.window, figures.settings.bindings, figures.settings.round_trip_ms,
               100 * figures.settings.loss, figures.seconds, figures.bytes_per_binding,
               100 * figures.repeated);
    std::fflush(stdout);
    values_[fmt::format("control-link-{}-seconds", figures.settings.window)] = figures.seconds;
  }

  void write(const std::string& file) const {
    if (!file.empty()) {
      std::ofstream(file) << values_.dump(2) << '\n';
    }
  }

 private:
  nlohmann::ordered_json values_;
  bool rates_begun_ = false;
  bool storms_begun_ = false;
  bool links_begun_ = false;
};

void measure(const Options& options) {
  Report report;
  if (options.wants("updates")) {
    const UpdateFigures figures = measure_updates(options.loads);
    for (const Rate& rate : figures.rates) {
      report.rate(rate);
    }
    report.memory(figures.bytes_per_binding);
  }
  if (options.wants("takeover")) {
    report.takeover("a booting home agent", options.loads.bindings,
                    measure_bootstrap(options.loads));
    report.takeover("a serving home agent", options.loads.bindings,
                    measure_synchronization(options.loads));
  }
  if (options.wants("storm")) {
    for (const std::uint32_t nodes : options.nodes) {
      for (const std::uint32_t places : options.places) {
        report.storm(measure_storm({nodes, places, options.spread_ms}));
      }
    }
  }
  if (options.wants("link")) {
    for (const std::uint16_t window : options.windows) {
      LinkSettings link = options.link;
      link.bindings = options.loads.bindings;
      link.window = window;
      report.link(measure_link(link));
    }
  }
  report.write(options.json);
}

std::vector<std::string> mistakes_of(const Options& options) {
  std::vector<std::string> mistakes;
  const auto check = [&](bool good, std::string what) {
    if (!good) {
      mistakes.push_back(std::move(what));
    }
  };
  check(options.loads.bindings >= 1 && options.loads.bindings <= 16'000'000,
        "--bindings: give 1 to 16000000");
  check(options.loads.events >= 1, "--events: give 1 at least");
  for (const std::string& part : options.parts) {
    check(std::ranges::find(kParts, part) != std::end(kParts),
          fmt::format("--parts {}: there are updates, takeover, storm and link", part));
  }
  for (const std::uint32_t nodes : options.nodes) {
    check(nodes >= 1 && nodes <= 16'000'000, "--nodes: give 1 to 16000000");
  }
  for (const std::uint32_t places : options.places) {
    check(places >= config::kFewestControlPlaces && places <= 1U << 24U,
          fmt::format("--places: give {} to {}", config::kFewestControlPlaces, 1U << 24U));
  }
  check(options.spread_ms >= 1 && options.spread_ms <= 60'000, "--spread: give 1 to 60000");
  for (const std::uint16_t window : options.windows) {
    check(window >= 1 && window <= 16384, "--windows: give 1 to 16384");
  }
  check(options.link.round_trip_ms >= 0 && options.link.round_trip_ms <= 10'000,
        "--round-trip: give 0 to 10000");
  check(options.link.loss >= 0 && options.link.loss < 0.5, "--loss: give 0 to 49");
  return mistakes;
}

int main_with(int argc, char** argv) {
  Options options;
  double loss_percent = 1;
  po::options_description described("Options");
  described.add_options()("help,h", "this text")(
      "parts", po::value(&options.parts)->multitoken(),
      "what is measured: updates, takeover, storm, link (updates takeover)")(
      "bindings", po::value(&options.loads.bindings), "in the tables (1000000)")(
      "events", po::value(&options.loads.events), "refreshes and movements (300000)")(
      "nodes", po::value(&options.nodes)->multitoken(), "mobile nodes of storms (100000 1000000)")(
      "places", po::value(&options.places)->multitoken(),
      "control-queue in storms (4096 25000 65536 131072 262144 524288)")(
      "spread", po::value(&options.spread_ms), "all mobile nodes come within so many ms (150)")(
      "windows", po::value(&options.windows)->multitoken(),
      "max-outstanding over the link (64 256 1024 4096 16384)")(
      "round-trip", po::value(&options.link.round_trip_ms), "of the link, in ms (100)")(
      "loss", po::value(&loss_percent), "of the link, in percent of the packets (1)")(
      "json", po::value(&options.json), "write the figures there, too");
  const eal::Arguments arguments = eal::split_arguments(argc, argv);
  po::variables_map values;
  std::vector<std::string> mistakes;
  try {
    po::store(po::command_line_parser(arguments.own).options(described).run(), values);
    po::notify(values);
    options.link.loss = loss_percent / 100;
    mistakes = mistakes_of(options);
  } catch (const std::exception& error) {
    mistakes.emplace_back(error.what());
  }
  for (const std::string& mistake : mistakes) {
    fmt::print(stderr, "anyhome-bench-control: {}\n", mistake);
  }
  if (!mistakes.empty()) {
    return 2;
  }
  if (values.contains("help")) {
    fmt::print("Usage: anyhome-bench-control EAL-OPTIONS -- OPTIONS\n\n{}",
               (std::ostringstream() << described).str());
    return 0;
  }
  return eal::run("anyhome-bench-control", arguments.eal, [&] {
    measure(options);
    return 0;
  });
}

}  // namespace
}  // namespace anyhome::bench

int main(int argc, char** argv) { return anyhome::bench::main_with(argc, argv); }
