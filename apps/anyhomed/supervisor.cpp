#include "apps/anyhomed/supervisor.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/anyhomed/log.h"

namespace anyhome {

Supervisor::Supervisor(const config::Config& config, DataPlane& plane)
    : plane_(plane),
      hearts_(plane.workers(), config.runtime.worker_timeout),
      loops_(plane.workers()),
      loads_(plane.workers()),
      links_(plane.ports().size()) {}

std::vector<Supervisor::LinkChange> Supervisor::look(Instant now) {
  look_at_workers(now);
  if (now >= next_load_) {
    measure_load();
    next_load_ = now + kLoadPeriod;
  }
  std::vector<LinkChange> changes;
  for (std::uint16_t port = 0; port < links_.size(); ++port) {
    const dataplane::PortLinkState link = plane_.ports()[port].link();
    if (link.up != links_[port].up || !looked_) {
      if (link.up) {
        log::notice("link-up port={} speed={}", plane_.ports()[port].name(), link.speed_mbps);
      } else {
        log::warning("link-down port={}", plane_.ports()[port].name());
      }
      changes.push_back({port, link.up});
    }
    links_[port] = link;
  }
  looked_ = true;
  plane_.worker_pool().note_low_water();
  plane_.control_pool().note_low_water();
  return changes;
}

void Supervisor::look_at_workers(Instant now) {
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    loops_[i] = plane_.worker_counters(i).loops.value();
  }
  for (const Heartbeats::Change& change : hearts_.look(now, loops_)) {
    if (change.stuck) {
      log::error("worker-stuck worker={} lcore={} for-ms={}; the home prefix is withdrawn",
                 change.worker, plane_.worker_lcore(change.worker),
                 std::chrono::duration_cast<std::chrono::milliseconds>(change.silent).count());
    } else {
      log::notice("worker-moving worker={} lcore={}", change.worker,
                  plane_.worker_lcore(change.worker));
    }
  }
}

void Supervisor::measure_load() {
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    const dataplane::WorkerCounters& counters = plane_.worker_counters(i);
    const std::uint64_t busy = counters.busy_cycles.value();
    const std::uint64_t total = counters.total_cycles.value();
    Load& load = loads_[i];
    // The two are not read in one instant.
    const std::uint64_t share =
        total == load.total ? 0 : (busy - load.busy) * 100 / (total - load.total);
    load = {busy, total, static_cast<unsigned>(std::min<std::uint64_t>(share, 100))};
  }
}

std::size_t Supervisor::ports_up() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(links_, [](const dataplane::PortLinkState& link) { return link.up; }));
}

std::string Supervisor::reason() const {
  if (hearts_.stuck() != 0) {
    return fmt::format("{} of {} workers make no progress", hearts_.stuck(), hearts_.workers());
  }
  return ports_up() == 0 ? "no port has a link" : "";
}

}  // namespace anyhome
