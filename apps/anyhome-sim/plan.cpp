#include "apps/anyhome-sim/plan.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <fstream>

#include <fmt/format.h>

#include "apps/anyhome-sim/memory.h"
#include "apps/anyhome-sim/meter.h"
#include "test/sim/address_plan.h"

namespace anyhome::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Records of all home agents together that are held at once: about half a kilobyte each.
constexpr std::uint64_t kMostRecords = 1'000'000;
// Mobile nodes whose traffic is followed: some move once, some sit next to a POP that is going to
// die, some get their packets by way of it.
constexpr std::uint32_t kMovingProbes = 100;
constexpr std::uint32_t kProbesPerDeath = 24;
constexpr Duration kProbeInterval = milliseconds(50);
constexpr Duration kWarmUp = seconds(90);
constexpr Duration kPause = seconds(5);
constexpr Duration kWatchedMoves = seconds(45);
constexpr Duration kBetweenDeaths = seconds(60);
constexpr Duration kWatchedMove = seconds(15);
constexpr Duration kWatchedDeath = seconds(30);

Duration from_ms(double ms) { return Duration(static_cast<std::int64_t>(ms * 1e6)); }

// Something befalls the mobile node of a flow.
struct Trial {
  std::uint32_t flow = 0;
  Duration at{};
};

// Who does what when, beside the scenario itself.
struct Course {
  Scenario scenario;
  Duration measure_from{};
  Duration measure_to{};
  Duration end{};
  std::vector<Trial> moves;
  std::vector<Trial> deaths;         // of its home agent
  std::vector<Trial> deaths_on_way;  // of the home agent where its packets enter
};

class Planner {
 public:
  Planner(const PlanOptions& options, std::uint32_t simulated)
      : options_(options), simulated_(simulated), random_(options.seed) {}

  Course write() {
    network();
    mobile_nodes();
    course_.measure_from = kWarmUp;
    course_.measure_to = kWarmUp + from_ms(options_.minutes * 60'000);
    course_.scenario.flows_from = course_.measure_to;
    deaths();
    movers_ = options_.moves_per_hour > 0 ? std::min((simulated_ + 1) / 2, kMovingProbes) : 0;
    place();
    attach();
    moves();
    watched_moves();
    return std::move(course_);
  }

 private:
  void network() {
    Scenario& scenario = course_.scenario;
    scenario.seed = options_.seed;
    scenario.theme = Theme::Rough;
    scenario.topology.pops = options_.pops;
    scenario.topology.access_networks = 2 * options_.pops;
    scenario.topology.correspondent_sites = options_.pops;
    scenario.topology.farthest = from_ms(options_.farthest_ms);
    scenario.haha = {options_.loss, 0, from_ms(options_.jitter_ms)};
    scenario.internet = scenario.haha;
    scenario.bfd = from_ms(options_.bfd_ms);
    scenario.pops.resize(options_.pops);
    for (PopIndex pop = 0; pop < options_.pops; ++pop) {
      add(random_.between(Duration{}, Duration(seconds(1))), ActionKind::Start, pop);
    }
  }

  void mobile_nodes() {
    MobilePlan plan;
    plan.lifetime_units = Lifetime::rounded_down(options_.lifetime).units();
    course_.scenario.mobiles.assign(simulated_, plan);
  }

  void deaths() {
    Duration at = course_.measure_to + kPause + kWatchedMoves + kWatchedMove;
    for (PopIndex pop = 0; pop < options_.failures && options_.pops > 1; ++pop) {
      deaths_.push_back({pop, at});
      add(at, ActionKind::Crash, pop);
      add(at + kWatchedDeath, ActionKind::Start, pop);
      at += kBetweenDeaths;
    }
    course_.end = at;
  }

  // The first mobile nodes are followed on a move, the next ones stay where they are.
  void place() {
    networks_.assign(simulated_, kAnyNetwork);
    settled_ = movers_;
    for (const Death& death : deaths_) {
      for (std::uint32_t i = 0; i < kProbesPerDeath && settled_ < simulated_; ++i) {
        networks_[settled_] = random_.chance(0.5) ? death.pop : death.pop + options_.pops;
        course_.deaths.push_back({follow(settled_, any_pop()), death.at});
        ++settled_;
      }
    }
    // Far from all who die.
    for (const Death& death : deaths_) {
      for (std::uint32_t i = 0; i < kProbesPerDeath && settled_ < simulated_; ++i) {
        const auto dying = static_cast<unsigned>(deaths_.size());
        networks_[settled_] = dying + static_cast<unsigned>(random_.below(options_.pops - dying));
        course_.deaths_on_way.push_back({follow(settled_, death.pop), death.at});
        ++settled_;
      }
    }
  }

  void attach() {
    for (std::uint32_t mobile = 0; mobile < simulated_; ++mobile) {
      if (networks_[mobile] == kAnyNetwork) {
        networks_[mobile] = any_network();
      }
      // The nearest POP is told to begin with; a switch for everybody at once is another question.
      course_.scenario.mobiles[mobile].home_agent = networks_[mobile] % options_.pops;
      add(random_.between(Duration(seconds(15)), Duration(seconds(60))), ActionKind::Move, mobile,
          networks_[mobile]);
    }
  }

  void moves() {
    if (options_.moves_per_hour <= 0) {
      return;
    }
    const double mean_ms = 3'600'000.0 / options_.moves_per_hour;
    for (std::uint32_t mobile = 0; mobile < simulated_; ++mobile) {
      if (mobile >= movers_ && mobile < settled_) {
        continue;
      }
      // A Poisson process: what happened before says nothing of what comes.
      for (Duration at = kWarmUp + pause(mean_ms); at < course_.measure_to; at += pause(mean_ms)) {
        move(mobile, at);
      }
    }
  }

  // One for each, after the traffic has been measured: as many as moves are rare.
  void watched_moves() {
    for (std::uint32_t mobile = 0; mobile < movers_; ++mobile) {
      const Duration at = course_.measure_to + kPause + random_.between(Duration{}, kWatchedMoves);
      move(mobile, at);
      course_.moves.push_back({follow(mobile, any_pop()), at});
    }
  }

  static constexpr unsigned kAnyNetwork = ~0U;

  void move(std::uint32_t mobile, Duration at) {
    networks_[mobile] = next_network(networks_[mobile]);
    add(at, ActionKind::Move, mobile, networks_[mobile]);
  }
  // The flow of a correspondent near a POP.
  std::uint32_t follow(std::uint32_t mobile, std::uint32_t site) {
    course_.scenario.flows.push_back({FlowKind::ToMobile, mobile, site, kProbeInterval});
    return static_cast<std::uint32_t>(course_.scenario.flows.size() - 1);
  }
  PopIndex any_pop() { return static_cast<PopIndex>(random_.below(options_.pops)); }
  Duration pause(double mean_ms) {
    return from_ms(-std::log(1.0 - random_.unit()) * mean_ms) + milliseconds(1);
  }
  unsigned any_network() { return static_cast<unsigned>(random_.below(2ULL * options_.pops)); }
  // Two access networks are near each POP.
  unsigned next_network(unsigned now) {
    if (random_.chance(options_.local_moves) || options_.pops == 1) {
      return (now + options_.pops) % (2 * options_.pops);
    }
    unsigned next = now;
    while (next % options_.pops == now % options_.pops) {
      next = any_network();
    }
    return next;
  }
  void add(Duration at, ActionKind kind, std::uint32_t subject, std::uint32_t object = 0) {
    course_.scenario.actions.push_back({at, kind, subject, object, {}});
  }

  const PlanOptions& options_;
  struct Death {
    PopIndex pop = 0;
    Duration at{};
  };

  std::uint32_t simulated_;
  std::uint32_t movers_ = 0;   // the first mobile nodes
  std::uint32_t settled_ = 0;  // end of those behind them that do not move
  Random random_;
  Course course_;
  std::vector<Death> deaths_;
  std::vector<unsigned> networks_;
};

Distribution distribution_of(std::vector<double> samples) {
  std::ranges::sort(samples);
  return {std::move(samples)};
}

void traffic(const Meter& meter, PlanReport& report) {
  const auto per_second = [&](const Meter::Count& count, double scale) {
    return Traffic{static_cast<double>(count.messages) / report.measured_seconds * scale,
                   static_cast<double>(count.bytes) / report.measured_seconds * scale};
  };
  for (PopIndex pop = 0; pop < report.options.pops; ++pop) {
    report.pops.push_back({per_second(meter.count(pop, Meter::Kind::Hello), 1),
                           per_second(meter.count(pop, Meter::Kind::Synchronization), report.scale),
                           per_second(meter.count(pop, Meter::Kind::Signalling), report.scale)});
  }
}

Distribution outages(const std::vector<Trial>& trials, Duration watched, const Meter& meter) {
  std::vector<double> gaps;
  for (const Trial& trial : trials) {
    const Instant from = World::kStart + trial.at;
    gaps.push_back(meter.longest_gap(trial.flow, from, from + watched, kProbeInterval));
  }
  return distribution_of(std::move(gaps));
}

// Messages on their way to one peer at a time: what is sent in the time that an acknowledgement
// takes.
double outstanding(const PlanReport& report) {
  if (report.per_peer.empty() || report.options.pops < 2) {
    return 0;
  }
  double messages = 0;
  for (const PopReport& pop : report.pops) {
    messages += pop.synchronization.messages / 2;  // the other half are acknowledgements
  }
  const double per_link =
      messages / static_cast<double>(report.options.pops) / (report.options.pops - 1);
  return per_link * 2 * report.per_peer.percentile(50);
}

}  // namespace

double Distribution::percentile(double percent) const {
  if (samples.empty()) {
    return 0;
  }
  const auto rank =
      static_cast<std::size_t>(std::ceil(static_cast<double>(samples.size()) * percent / 100.0));
  return samples[std::clamp<std::size_t>(rank, 1, samples.size()) - 1];
}

bool Distribution::resolves(double percent) const {
  constexpr double kRounding = 1e-6;
  return percent >= 100.0 ||
         static_cast<double>(samples.size()) * (100.0 - percent) >= 100.0 - kRounding;
}

PlanReport make_plan(const PlanOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  PlanReport report;
  report.options = options;
  const std::uint64_t affordable = std::max<std::uint64_t>(kMostRecords / options.pops, 1);
  report.simulated = static_cast<std::uint32_t>(
      options.simulated != 0 ? options.simulated : std::min(options.mobile_nodes, affordable));
  report.scale = static_cast<double>(options.mobile_nodes) / report.simulated;
  const Course course = Planner(options, report.simulated).write();
  World world(course.scenario, 0);
  Meter meter(options.pops);
  world.watch(meter);
  world.run_until(course.measure_from);
  meter.measure(true);
  world.run_until(course.measure_to);
  meter.measure(false);
  report.measured_seconds = options.minutes * 60;
  traffic(meter, report);
  world.run_until(course.end);
  if (world.violation()) {
    fmt::print(stderr, "anyhome-sim: {}: {}\n", world.violation()->invariant,
               world.violation()->what);
  }
  report.convergence = distribution_of(meter.converged());
  report.per_peer = distribution_of(meter.learnt());
  report.superseded = meter.superseded();
  report.unconverged = meter.unconverged();
  report.move_outage = outages(course.moves, kWatchedMove, meter);
  report.death_outage = outages(course.deaths, kWatchedDeath, meter);
  report.death_outage_others = outages(course.deaths_on_way, kWatchedDeath, meter);
  report.outstanding = outstanding(report);
  const MemoryCost memory = measure_memory(options.pops);
  report.bytes_per_binding = memory.per_binding;
  report.bytes_per_agent =
      memory.empty + memory.per_binding * static_cast<double>(options.mobile_nodes);
  report.events = world.events();
  report.cpu_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return report;
}

int run_plan(const PlanOptions& options) {
  const PlanReport report = make_plan(options);
  fmt::print("{}", describe(report));
  if (!options.csv.empty()) {
    std::ofstream file(options.csv);
    file << to_csv(report);
    if (!file.flush()) {
      fmt::print(stderr, "anyhome-sim: --csv \"{}\": cannot be written; give another file\n",
                 options.csv);
      return 1;
    }
  }
  if (!options.plot.empty()) {
    if (const auto drawn = plot(report, options.plot); !drawn) {
      fmt::print(stderr, "anyhome-sim: --plot \"{}\": {}\n", options.plot, drawn.error());
      return 1;
    }
  }
  return 0;
}

}  // namespace anyhome::sim
