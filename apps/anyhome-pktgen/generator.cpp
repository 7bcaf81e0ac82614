#include "apps/anyhome-pktgen/generator.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>

namespace anyhome::pktgen {
namespace {

using dataplane::FoundDevice;
using dataplane::Port;

constexpr unsigned kDescriptors = 1024;
constexpr unsigned kPoolCache = 256;
// What two tunnels add to a frame that comes back.
constexpr unsigned kTunnels = 80;
constexpr unsigned kMinMtu = 1500;
constexpr unsigned kFrameOverhead = 14 + kFcs;
constexpr unsigned kPollMicroseconds = 2000;
constexpr unsigned kRetryMicroseconds = 100'000;

std::vector<std::string> all_devices() {
  std::vector<std::string> names;
  for (std::uint16_t id = static_cast<std::uint16_t>(rte_eth_find_next(0)); id < RTE_MAX_ETHPORTS;
       id = static_cast<std::uint16_t>(rte_eth_find_next(static_cast<std::uint16_t>(id + 1)))) {
    std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
    if (rte_eth_dev_get_name_by_port(id, name.data()) == 0) {
      names.emplace_back(name.data());
    }
  }
  return names;
}

// Of what is sent, without tunnels.
unsigned largest_frame(const Options& options) {
  unsigned largest = options.traffic.sizes.largest();
  for (const FrameSizes& sizes : options.sweep_sizes) {
    largest = std::max<unsigned>(largest, sizes.largest());
  }
  for (const auto& frame : options.traffic.pcap_frames) {
    largest = std::max(largest, static_cast<unsigned>(frame.size()) + kFcs);
  }
  return largest;
}

// What goes out and comes back in tunnels, as far as the device takes it.
unsigned needed_mtu(const Options& options, std::uint16_t device) {
  rte_eth_dev_info info{};
  rte_eth_dev_info_get(device, &info);
  const unsigned most = std::min<unsigned>(info.max_mtu, info.max_rx_pktlen - kFrameOverhead);
  return std::min(std::max(largest_frame(options) - kFrameOverhead + kTunnels, kMinMtu),
                  std::max(most, kMinMtu));
}

int run_engine(void* engine) {
  static_cast<Engine*>(engine)->run();
  return 0;
}

}  // namespace

Generator::Generator(const Options& options)
    : options_(options),
      traffic_(options.traffic),
      nodes_(options.traffic.network.nodes, options.traffic.signalling.first_sequence) {
  unsigned lcore = 0;
  RTE_LCORE_FOREACH_WORKER(lcore) { lcores_.push_back(lcore); }
}

std::expected<std::unique_ptr<Generator>, std::string> Generator::create(const Options& options) {
  std::unique_ptr<Generator> generator(new Generator(options));
  if (generator->lcores_.empty()) {
    return std::unexpected(
        "EAL has one lcore only, which is the main thread's; give it another for sending: -l 0,1, "
        "or on a machine with few processors --lcores '0@(0,1),1@(0,1)'");
  }
  if (auto done = generator->open_ports(); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = generator->start_ports(); !done) {
    return std::unexpected(done.error());
  }
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
  for (Port& port : ports_) {
    port.stop();
  }
}

Generator::Done Generator::open_ports() {
  const std::vector<std::string> names = options_.ports.empty() ? all_devices() : options_.ports;
  if (names.empty()) {
    return std::unexpected(
        "DPDK has no port; give EAL --vdev=net_memif0,... for a virtual one, or -a for one on the "
        "PCI bus that is bound to a driver for user space");
  }
  std::vector<FoundDevice> devices;
  std::size_t most_senders = kMaxStreams / std::max<std::size_t>(options_.mix.size(), 1);
  for (const std::string& name : names) {
    auto device = dataplane::find_device(name);
    if (!device) {
      return std::unexpected(device.error());
    }
    most_senders = std::min<std::size_t>(most_senders, device->queues.max_transmit);
    devices.push_back(std::move(*device));
  }
  const std::size_t lcores = lcores_.size();
  senders_ = options_.senders != 0 ? options_.senders : (lcores + 1) / 2;
  if (senders_ > lcores || (options_.senders != 0 && senders_ > most_senders)) {
    return std::unexpected(
        fmt::format("--senders \"{}\": there are {} worker lcores, and queues and marks for {} "
                    "senders; give less",
                    senders_, lcores, most_senders));
  }
  senders_ = std::clamp<std::size_t>(senders_, 1, std::max<std::size_t>(most_senders, 1));
  receivers_ = senders_ == lcores ? lcores : lcores - senders_;
  std::vector<unsigned> mtus;
  for (const FoundDevice& device : devices) {
    mtus.push_back(needed_mtu(options_, device.id));
  }
  dataplane::PacketPoolSetup pool;
  pool.name = "anyhome_pktgen";
  pool.cache = kPoolCache;
  pool.max_mtu = std::max(std::ranges::max(mtus), largest_frame(options_));
  pool.shared_processors = options_.idle;
  pool.buffers = static_cast<unsigned>(names.size() * (senders_ + receivers_) * kDescriptors +
                                       lcores * kPoolCache * 2 + 1024);
  auto made = dataplane::PacketPool::create(pool);
  if (!made) {
    return std::unexpected(made.error());
  }
  pool_ = std::make_unique<dataplane::PacketPool>(std::move(*made));
  ports_.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    dataplane::PortSetup setup;
    setup.name = names[i];
    setup.device = names[i];
    setup.mtu = static_cast<std::uint16_t>(mtus[i]);
    setup.receive_queues = static_cast<std::uint16_t>(
        std::clamp<std::size_t>(devices[i].queues.max_receive, 1, receivers_));
    setup.transmit_queues = static_cast<std::uint16_t>(senders_);
    setup.receive_descriptors = kDescriptors;
    setup.transmit_descriptors = kDescriptors;
    setup.pool = pool_->get();
    auto port = Port::open(setup, devices[i]);
    if (!port) {
      return std::unexpected(port.error());
    }
    if (!port->warnings().empty()) {
      fmt::print(stderr, "anyhome-pktgen: port {}: {}\n", names[i], port->warnings());
    }
    ports_.push_back(std::move(*port));
    traffic_.source_macs.push_back(i < options_.source_macs.size() ? options_.source_macs[i]
                                                                   : ports_.back().mac());
    // One for all is enough.
    traffic_.destination_macs.push_back(
        options_.destination_macs[std::min(i, options_.destination_macs.size() - 1)]);
  }
  return {};
}

Generator::Done Generator::start_ports() {
  const auto deadline = clock_.now() + options_.link_wait;
  for (Port& port : ports_) {
    auto done = port.start();
    // A memif's socket may not be there yet; elsewhere a second try is worth nothing.
    while (!done && port.driver() == "net_memif" && clock_.now() < deadline) {
      rte_delay_us_sleep(kRetryMicroseconds);
      done = port.start();
    }
    if (!done) {
      return done;
    }
  }
  for (const Port& port : ports_) {
    while (!port.link().up) {
      if (clock_.now() >= deadline) {
        return std::unexpected(fmt::format("port {}: no link after {} s; is the other side there?",
                                           port.name(),
                                           static_cast<double>(options_.link_wait.count()) / 1000));
      }
      rte_delay_us_sleep(kPollMicroseconds);
    }
  }
  return {};
}

Generator::Done Generator::start_peer() {
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
      PeerDuty::create(traffic_, link == mix->end() ? std::uint16_t{0} : link->port, pool_->get());
  if (!peer) {
    return std::unexpected(peer.error());
  }
  peer_ = std::move(*peer);
  return {};
}

void Generator::start_engines() {
  std::vector<Engine::Setup> setups(lcores_.size());
  for (std::size_t i = 0; i < setups.size(); ++i) {
    setups[i].pool = pool_->get();
    setups[i].idle = options_.idle;
    setups[i].peer = peer_.get();
    setups[i].speaks_for_peer = peer_ != nullptr && i == 0;
    setups[i].settings = under_way_;
    setups[i].nodes = &nodes_;
  }
  // Senders come first, receivers last; with as many senders as lcores all do both.
  const std::size_t first_receiver = lcores_.size() - receivers_;
  for (std::size_t p = 0; p < ports_.size(); ++p) {
    for (std::uint16_t s = 0; s < senders_; ++s) {
      setups[s].transmit.push_back({ports_[p].id(), s, static_cast<std::uint16_t>(p)});
    }
    for (std::uint16_t q = 0; q < ports_[p].receive_queues(); ++q) {
      setups[first_receiver + (p + q) % receivers_].receive.push_back(
          {ports_[p].id(), q, static_cast<std::uint16_t>(p)});
    }
  }
  for (std::size_t i = 0; i < setups.size(); ++i) {
    engines_.push_back(std::make_unique<Engine>(command_, clock_, std::move(setups[i])));
    rte_eal_remote_launch(run_engine, engines_.back().get(), lcores_[i]);
  }
}

std::expected<std::vector<TrafficEntry>, std::string> Generator::place(
    const std::vector<RequestedTraffic>& mix) const {
  std::vector<TrafficEntry> placed;
  for (const RequestedTraffic& wanted : mix) {
    std::size_t port = 0;
    while (port < ports_.size() && !wanted.port.empty() && ports_[port].name() != wanted.port) {
      ++port;
    }
    if (port == ports_.size()) {
      return std::unexpected(fmt::format("--traffic \"{}@{}\": there is no such port; ports are {}",
                                         to_string(wanted.kind), wanted.port,
                                         dataplane::known_devices()));
    }
    placed.push_back({wanted.kind, wanted.weight, static_cast<std::uint16_t>(port)});
  }
  if (placed.size() * senders_ > kMaxStreams) {
    return std::unexpected(fmt::format("--traffic: {} kinds of {} senders are more than {} streams",
                                       placed.size(), senders_, kMaxStreams));
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
  const double gigabits = options_.link_gigabits > 0 ? options_.link_gigabits
                                                     : ports_.front().link().speed_mbps / 1000.0;
  if (gigabits <= 0) {
    return std::unexpected(
        fmt::format("port {} does not say how fast it is; give --link-speed, or --rate in packets "
                    "per second",
                    ports_.front().name()));
  }
  // What the frames of the mix take on the wire; tunnelled ones are a header longer.
  double bytes = 0;
  double weights = 0;
  for (const TrafficEntry& entry : mix) {
    const bool tunnel = entry.kind == Kind::ReverseTunnel || entry.kind == Kind::HahaIn ||
                        entry.kind == Kind::BadCareOf;
    bytes += entry.weight * (traffic_.sizes.mean() + kWireOverhead + (tunnel ? 40 : 0));
    weights += entry.weight;
  }
  return gigabits * 1e9 * rate.value / 100 / 8 / (bytes / weights);
}

std::uint64_t Generator::missed() const {
  std::uint64_t total = 0;
  for (const Port& port : ports_) {
    const auto statistics = port.statistics();
    total += statistics.missed + statistics.no_buffer + statistics.receive_errors;
  }
  return total;
}

std::size_t Generator::busy_senders(const std::vector<TrafficEntry>& mix) const {
  const bool by_node =
      std::ranges::any_of(mix, [](const TrafficEntry& entry) { return goes_by_node(entry.kind); });
  return by_node ? std::min<std::size_t>(senders_, traffic_.network.nodes) : senders_;
}

void Generator::start(const RunRequest& request) {
  ++run_;
  const std::size_t senders = busy_senders(request.mix);
  auto settings = std::make_shared<TrafficSettings>(traffic_);
  settings->mix = request.mix;
  under_way_ = settings;
  missed_before_ = missed();
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
    run->rate = request.rate.share(senders);
    if (request.count != 0) {
      // What is over goes to the first ones.
      run->count = request.count / senders + (i < request.count % senders ? 1 : 0);
    }
    if (request.duration.count() != 0) {
      run->duration = request.duration;
    }
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

void Generator::rest(std::chrono::milliseconds time) const {
  rte_delay_us_sleep(static_cast<unsigned>(std::chrono::microseconds(time).count()));
}

bool Generator::sending() const {
  return std::ranges::any_of(engines_, [this](const auto& engine) {
    return engine->sends() && engine->finished() != run_;
  });
}

RunResult Generator::result() const {
  RunResult result(under_way_->mix);
  for (const auto& engine : engines_) {
    result.add(engine->current().sent, engine->current().received);
  }
  result.missed = missed() - missed_before_;
  return result;
}

RunResult Generator::wait(const std::function<void()>& tick) {
  while (sending()) {
    tick();
    rte_delay_us_sleep(kPollMicroseconds);
  }
  RunResult last = result();
  auto quiet_since = clock_.now();
  const auto arrived = [](const RunResult& result) {
    return result.received() + result.state_acknowledgements + result.acknowledged();
  };
  // Only where nothing but measured packets is to come is it known that all have.
  const bool all_measured = std::ranges::all_of(last.entries, [](const EntryResult& entry) {
    return row_of(entry.entry.kind).nature == Nature::Measured;
  });
  while (clock_.now() - quiet_since < options_.drain && !(all_measured && last.lost() == 0)) {
    tick();
    rte_delay_us_sleep(kPollMicroseconds);
    RunResult now = result();
    if (arrived(now) != arrived(last)) {
      quiet_since = clock_.now();
    }
    last = std::move(now);
  }
  return last;
}

}  // namespace anyhome::pktgen
