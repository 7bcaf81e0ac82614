#include "apps/anyhomed/control_loop.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <span>
#include <utility>

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "apps/anyhomed/bring_nearer.h"
#include "apps/anyhomed/clock.h"
#include "apps/anyhomed/log.h"
#include "apps/anyhomed/sizing.h"

namespace anyhome {
namespace {

using dataplane::PacketRing;

// Packets taken out of a worker's ring in one step.
constexpr unsigned kPuntsAtOnce = 64;
// A ring of the smallest size does not overflow while so many are served.
constexpr unsigned kServedBetweenLooks = 8;
// Steps of the tables' background work in one round.
constexpr std::uint32_t kMaintenance = 512;
// After work the thread looks again for this long before it sleeps: packets come in trains.
constexpr Duration kLinger = std::chrono::microseconds(50);
// A worker may have left out a wake-up in the last 100 µs; so, while packets come, not longer than
// this.
constexpr Duration kShortSleep = std::chrono::milliseconds(1);
// From the last HELLO to the end of the workers.
constexpr Duration kFarewell = std::chrono::milliseconds(100);
constexpr Duration kPuntsAreRecent = std::chrono::milliseconds(100);

}  // namespace

ControlLoop::ControlLoop(const config::Config& config, DataPlane& plane, Injector& injector,
                         HostBridge* host, control::HomeAgent& agent)
    : config_(config),
      plane_(plane),
      injector_(injector),
      host_(host),
      agent_(agent),
      executor_(agent, plane.tables(), injector),
      supervisor_(config, plane),
      admission_(control_queue_places(config)),
      commands_({config, plane, injector, host, agent, executor_, supervisor_, admission_}),
      telemetry_([this] { plane_.wake().wake(); }),
      note_offset_(dataplane::mbuf_note_offset()) {
  commands_.add_to(telemetry_);
  open_epoll();
}

ControlLoop::~ControlLoop() {
  telemetry_.close();
  for (const int fd : {epoll_, signals_}) {
    if (fd >= 0) {
      close(fd);
    }
  }
}

void ControlLoop::open_epoll() {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGTERM);
  sigaddset(&mask, SIGINT);
  signals_ = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  watch(signals_);
  watch(plane_.wake().fd());
  if (host_ != nullptr) {
    for (const int fd : host_->fds()) {
      watch(fd);
    }
  }
}

void ControlLoop::watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void ControlLoop::run() {
  Instant idle_since{};
  effects_.clear();
  agent_.start(read_now(), effects_);
  run_effects(read_now());
  while (!stopped_) {
    const Now now = read_now();
    if (round(now)) {
      idle_since = now.instant;
    } else if (now.instant - idle_since >= kLinger) {
      sleep(now);
    }
  }
  if (host_ != nullptr && host_->announced()) {
    (void)host_->announce(std::nullopt);
  }
}

bool ControlLoop::round(const Now& now) {
  take_signals(now);
  bool busy = serve_punts(now) != 0;
  if (host_ != nullptr) {
    busy = host_->poll(now) || busy;
    host_->on_timer(now);
  }
  if (const auto deadline = agent_.next_deadline(); deadline && *deadline <= now.instant) {
    effects_.clear();
    agent_.on_timer(now, effects_);
    executor_.run(now, effects_);
    take_in();  // half a millisecond may have passed
  }
  executor_.retry_deferred();
  plane_.tables().maintain(kMaintenance);
  if (now.instant >= next_look_) {
    supervise(now);
    next_look_ = now.instant + Supervisor::kPeriod;
  }
  const auto answer = [&](const dataplane::TelemetryQuestion& question) {
    return commands_.answer(now, question, effects_);
  };
  busy = telemetry_.answer_one(answer) || busy;
  if (phase_ == Phase::Stopping && now.instant >= stop_at_) {
    stop(now);
  }
  return busy;
}

// The last word to the peers goes out while the workers still run.
void ControlLoop::stop(const Now& now) {
  if (agent_.peers().empty() || std::exchange(farewell_said_, true)) {
    stopped_ = true;
    return;
  }
  effects_.clear();
  agent_.leave(now, effects_);
  run_effects(now);
  stop_at_ = now.instant + kFarewell;
}

unsigned ControlLoop::serve_punts(const Now& now) {
  take_in();
  unsigned since = 0;
  const unsigned served = admission_.serve_round(
      [&](forwarding::PuntClass punt_class, std::span<const Punted> packets) {
        if (punt_class == forwarding::PuntClass::Mobility) {
          bring_nearer(packets, agent_, std::as_const(plane_).tables());
        }
      },
      [&](const Punted& packet) {
        serve_punt(now, packet);
        if (++since == kServedBetweenLooks) {
          since = 0;
          take_in();  // so that the rings stay short, where the newest would be lost
        }
      });
  if (served != 0) {
    last_punt_ = now.instant;
  }
  return served;
}

void ControlLoop::take_in() {
  std::array<rte_mbuf*, kPuntsAtOnce> packets;
  for (std::size_t worker = 0; worker < plane_.workers(); ++worker) {
    // No more than a ring holds: workers go on while we are here.
    PacketRing& ring = plane_.punts(worker);
    for (unsigned left = ring.capacity(); left > 0;) {
      const unsigned taken = ring.pop(packets);
      // A worker has written them, on another core.
      for (rte_mbuf* packet : std::span(packets).first(taken)) {
        rte_mbuf_prefetch_part1(packet);
        rte_mbuf_prefetch_part2(packet);
      }
      for (rte_mbuf* packet : std::span(packets).first(taken)) {
        rte_prefetch0(rte_pktmbuf_mtod(packet, const std::byte*));
        rte_prefetch0(rte_pktmbuf_mtod_offset(packet, const std::byte*, RTE_CACHE_LINE_SIZE));
      }
      for (rte_mbuf* packet : std::span(packets).first(taken)) {
        admission_.push(dataplane::note_of(packet, note_offset_).punt, packet->pkt_len,
                        [packet](std::size_t offset, MutableBytes piece) {
                          dataplane::MbufAccess::copy_out(packet, offset, piece.data(),
                                                          piece.size());
                        });
      }
      rte_pktmbuf_free_bulk(packets.data(), taken);
      left = taken < packets.size() ? 0 : left - std::min(left, taken);
    }
  }
}

void ControlLoop::serve_punt(const Now& now, const Punted& packet) {
  const auto& [metadata, bytes] = packet;
  using forwarding::PuntClass;
  switch (metadata.punt_class) {
    case PuntClass::Mobility:
    case PuntClass::HahaHello:
    case PuntClass::HahaSync:
    case PuntClass::Stranded:
    case PuntClass::Discovery:
    case PuntClass::TunnelError:
      effects_.clear();
      agent_.on_packet(now, metadata, bytes.subspan(metadata.link_header), effects_);
      executor_.run(now, effects_,
                    metadata.decapsulations != 0 ? EffectExecutor::Way::Bindings
                                                 : EffectExecutor::Way::Routes);
      return;
    case PuntClass::Resolve:
      if (host_ != nullptr) {
        host_->hold(now, metadata, bytes);
      }
      return;
    case PuntClass::Routing:
    case PuntClass::NeighborDiscovery:
    case PuntClass::Host:
      if (host_ != nullptr) {
        host_->deliver(metadata, bytes);
      }
      return;
  }
}

void ControlLoop::supervise(const Now& now) {
  for (const Supervisor::LinkChange& change : supervisor_.look(now.instant)) {
    if (auto done = plane_.set_port_up(change.port, change.up); !done) {
      log::warning("port={} link change not installed: {}", plane_.ports()[change.port].name(),
                   to_string(done.error()));
    }
    if (host_ != nullptr) {
      host_->set_carrier(change.port, change.up);
    }
  }
  if (phase_ == Phase::Stopping) {
    return;
  }
  const bool mirrored = host_ == nullptr || host_->synchronized();
  // An overrun of the mirror while serving is no reason to withdraw: forwarding goes on.
  const bool able = supervisor_.fit() && (mirrored || able_);
  if (able != able_) {
    able_ = able;
    unable_because_ = supervisor_.fit() ? "waiting for the kernel's tables" : supervisor_.reason();
    effects_.clear();
    agent_.set_able(now, able, effects_);
    run_effects(now);
  }
  follow_serving();
}

void ControlLoop::run_effects(const Now& now) { executor_.run(now, effects_); }

void ControlLoop::follow_serving() {
  const bool reachable = able_ && agent_.ready();
  const Phase wanted = !reachable          ? Phase::NotServing
                       : agent_.draining() ? Phase::Draining
                                           : Phase::Serving;
  if (wanted == phase_ || (phase_ == Phase::Starting && wanted == Phase::NotServing)) {
    return;
  }
  std::optional<std::uint32_t> metric;
  if (wanted == Phase::Serving) {
    metric = config_.runtime.route_metric;
  } else if (wanted == Phase::Draining) {
    metric = config_.runtime.draining_route_metric;
  }
  if (host_ != nullptr) {
    if (auto done = host_->announce(metric); !done) {
      log::error("announcement {}", done.error());
    }
  }
  phase_ = wanted;
  switch (wanted) {
    case Phase::Serving:
      log::notice("serving home-prefix={}", config_.home_agent.home_prefixes.front().to_string());
      break;
    case Phase::Draining:
      log::notice("draining bindings={}; the home prefix has metric {}",
                  agent_.bindings().registered(), *metric);
      break;
    default:
      log::error("not-serving reason=\"{}\"; the home prefix is withdrawn",
                 able_ ? "no link to the set" : unable_because_);
      break;
  }
}

void ControlLoop::take_signals(const Now& now) {
  signalfd_siginfo info{};
  while (read(signals_, &info, sizeof info) == sizeof info) {
    if (phase_ == Phase::Stopping) {
      stop_at_ = now.instant;
      continue;
    }
    log::notice("stopping signal={} forwarding-goes-on-for-ms={}",
                info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM",
                config_.runtime.stop_delay.count());
    effects_.clear();
    agent_.set_able(now, false, effects_);
    run_effects(now);
    if (host_ != nullptr && host_->announced()) {
      if (auto done = host_->announce(std::nullopt); !done) {
        log::error("withdrawal {}", done.error());
      }
    }
    phase_ = Phase::Stopping;
    stop_at_ = now.instant + config_.runtime.stop_delay;
  }
}

bool ControlLoop::nothing_waits() const {
  if (!admission_.empty()) {
    return false;
  }
  for (std::size_t worker = 0; worker < plane_.workers(); ++worker) {
    if (!std::as_const(plane_).punts(worker).empty()) {
      return false;
    }
  }
  return true;
}

void ControlLoop::sleep(const Now& now) {
  Instant until = next_look_;
  if (const auto deadline = agent_.next_deadline()) {
    until = std::min(until, *deadline);
  }
  if (host_ != nullptr) {
    if (const auto deadline = host_->next_deadline()) {
      until = std::min(until, *deadline);
    }
  }
  if (phase_ == Phase::Stopping) {
    until = std::min(until, stop_at_);
  }
  const bool soon = now.instant - last_punt_ < kPuntsAreRecent || plane_.tables().has_work() ||
                    executor_.has_deferred();
  Duration left = std::max(until - now.instant, Duration::zero());
  if (soon) {
    left = std::min(left, kShortSleep);
  }
  plane_.wake().going_to_sleep();
  if (nothing_waits()) {
    const timespec timeout{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    std::array<epoll_event, 8> events;
    (void)epoll_pwait2(epoll_, events.data(), events.size(), &timeout, nullptr);
  }
  plane_.wake().awake();
}

}  // namespace anyhome
