#include "apps/anyhome-pktgen/generator.h"

#include <algorithm>

#include <fmt/format.h>

#include <rte_cycles.h>
#include <rte_launch.h>
#include <rte_lcore.h>

#include "apps/anyhome-pktgen/signalling.h"

namespace anyhome::pktgen {
namespace {

constexpr unsigned kPollMicroseconds = 2000;

int run_engine(void* engine) {
  static_cast<Engine*>(engine)->run();
  return 0;
}

}  // namespace

Generator::Generator(const Options& options, std::vector<unsigned> lcores, LcorePlan plan,
                     Ports ports)
    : options_(options),
      traffic_(options.traffic),
      nodes_(options.traffic.network.nodes, options.traffic.signalling.first_sequence),
      lcores_(std::move(lcores)),
      plan_(std::move(plan)),
      ports_(std::move(ports)) {
  for (std::size_t i = 0; i < ports_.all().size(); ++i) {
    traffic_.source_macs.push_back(i < options.source_macs.size() ? options.source_macs[i]
                                                                  : ports_.all()[i].mac());
    // One for all is enough.
    traffic_.destination_macs.push_back(
        options.destination_macs[std::min(i, options.destination_macs.size() - 1)]);
  }
}

std::expected<std::unique_ptr<Generator>, std::string> Generator::create(const Options& options) {
  std::vector<unsigned> lcores;
  unsigned lcore = 0;
  RTE_LCORE_FOREACH_WORKER(lcore) { lcores.push_back(lcore); }
  if (lcores.empty()) {
    return std::unexpected(
        "EAL has one lcore only, which is the main thread's; give it another for sending: -l 0,1, "
        "or on a machine with few processors --lcores '0@(0,1),1@(0,1)'");
  }
  auto ports = Ports::find(options);
  if (!ports) {
    return std::unexpected(ports.error());
  }
  auto plan = plan_lcores(lcores.size(), options.senders, options.mix.size(), ports->limits());
  if (!plan) {
    return std::unexpected(plan.error());
  }
  if (auto done = ports->open(options, *plan); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = ports->start(options); !done) {
    return std::unexpected(done.error());
  }
  std::unique_ptr<Generator> generator(
      new Generator(options, std::move(lcores), std::move(*plan), std::move(*ports)));
  if (auto done = generator->start_peer(); !done) {
    return std::unexpected(done.error());
  }
  generator->start_engines();
  return generator;
}

Generator::~Generator() {
  command_.stop.store(true);
  command_.quit.store(true);
  rte_eal_mp_wait_lcore();
}

std::expected<void, std::string> Generator::start_peer() {
  under_way_ = std::make_shared<TrafficSettings>(traffic_);
  if (!options_.plays_peer) {
    return {};
  }
  const auto mix = place(options_.mix);
  if (!mix) {
    return std::unexpected(mix.error());
  }
  // Out of the port of what goes over HAHA links.
  const auto link =
      std::ranges::find_if(*mix, [](const TrafficEntry& entry) { return is_haha(entry.kind); });
  auto peer =
      PeerDuty::create(traffic_, link == mix->end() ? std::uint16_t{0} : link->port, ports_.pool());
  if (!peer) {
    return std::unexpected(peer.error());
  }
  peer_ = std::move(*peer);
  return {};
}

void Generator::start_engines() {
  for (std::size_t i = 0; i < lcores_.size(); ++i) {
    Engine::Setup setup;
    setup.queues = plan_.lcores[i];
    setup.pool = ports_.pool();
    setup.idle = options_.idle;
    setup.peer = peer_.get();
    setup.speaks_for_peer = peer_ != nullptr && i == 0;
    setup.settings = under_way_;
    setup.nodes = &nodes_;
    engines_.push_back(std::make_unique<Engine>(command_, clock_, std::move(setup)));
    rte_eal_remote_launch(run_engine, engines_.back().get(), lcores_[i]);
  }
}

std::expected<std::vector<TrafficEntry>, std::string> Generator::place(
    const std::vector<RequestedTraffic>& mix) const {
  std::vector<TrafficEntry> placed;
  for (const RequestedTraffic& wanted : mix) {
    std::size_t port = 0;
    while (port < ports_.all().size() && !wanted.port.empty() &&
           ports_.all()[port].name() != wanted.port) {
      ++port;
    }
    if (port == ports_.all().size()) {
      return std::unexpected(fmt::format("--traffic \"{}@{}\": there is no such port; ports are {}",
                                         to_string(wanted.kind), wanted.port,
                                         dataplane::known_devices()));
    }
    placed.push_back({wanted.kind, wanted.weight, static_cast<std::uint16_t>(port)});
  }
  if (placed.size() * plan_.senders > kMaxStreams) {
    return std::unexpected(fmt::format("--traffic: {} kinds of {} senders are more than {} streams",
                                       placed.size(), plan_.senders, kMaxStreams));
  }
  return placed;
}

std::expected<double, std::string> Generator::packets_per_second(
    const Rate& rate, const std::vector<TrafficEntry>& mix) const {
  if (rate.unit == Rate::Unit::Maximum) {
    return 0.0;
  }
  if (rate.unit == Rate::Unit::PacketsPerSecond) {
    return rate.value;
  }
  const double gigabits = options_.link_gigabits > 0
                              ? options_.link_gigabits
                              : ports_.all().front().link().speed_mbps / 1000.0;
  if (gigabits <= 0) {
    return std::unexpected(
        fmt::format("port {} does not say how fast it is; give --link-speed, or --rate in packets "
                    "per second",
                    ports_.all().front().name()));
  }
  return gigabits * 1e9 * rate.value / 100 / 8 / mean_wire_bytes(traffic_, mix);
}

void Generator::start(const RunRequest& request) {
  ++run_;
  const std::size_t senders = busy_senders(request.mix, plan_.senders, traffic_.network.nodes);
  auto settings = std::make_shared<TrafficSettings>(traffic_);
  settings->mix = request.mix;
  under_way_ = settings;
  drain_ = request.drain;
  missed_before_ = ports_.missed();
  command_.stop.store(false);
  for (std::size_t i = 0; i < engines_.size(); ++i) {
    auto run = std::make_unique<EngineRun>();
    const std::size_t entries = request.mix.size();
    if (i < senders) {
      run->composer = std::make_unique<Composer>(
          *under_way_, nodes_,
          ComposerPlace{static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(senders),
                        static_cast<std::uint8_t>(run_), request.only_unregistered});
    }
    run->share = share_of(request, i, senders);
    run->reproducible = options_.reproducible;
    run->settings = under_way_;
    run->nodes = &nodes_;
    run->sent = SentCounts(entries);
    run->received = ReceivedCounts(entries, entries * senders);
    engines_[i]->prepare(std::move(run));
  }
  command_.prepared.store(run_, std::memory_order_release);
  for (const auto& engine : engines_) {
    while (engine->prepared() != run_) {
      rte_delay_us_sleep(10);
    }
  }
  command_.go.store(run_, std::memory_order_release);
}

void Generator::stop() { command_.stop.store(true); }

bool Generator::sending() const {
  return std::ranges::any_of(engines_, [this](const auto& engine) {
    return engine->sends() && engine->finished() != run_;
  });
}

RunResult Generator::result() const {
  RunResult result(under_way_->mix, bindings_in_message(*under_way_));
  for (const auto& engine : engines_) {
    result.add(engine->current().sent, engine->current().received);
  }
  result.missed = ports_.missed() - missed_before_;
  return result;
}

RunResult Generator::wait(const std::function<void()>& tick) {
  while (sending()) {
    tick();
    rte_delay_us_sleep(kPollMicroseconds);
  }
  RunResult last = result();
  auto quiet_since = clock_.now();
  while (clock_.now() - quiet_since < drain_ && !last.settled()) {
    tick();
    rte_delay_us_sleep(kPollMicroseconds);
    RunResult now = result();
    if (now.arrived() != last.arrived()) {
      quiet_since = clock_.now();
    }
    last = std::move(now);
  }
  return last;
}

}  // namespace anyhome::pktgen
