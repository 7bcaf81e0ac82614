#include "apps/anyhomed/supervisor.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/anyhomed/log.h"

namespace anyhome {

Supervisor::Supervisor(const config::Config& config, DataPlane& plane)
    : plane_(plane),
      worker_timeout_(config.runtime.worker_timeout),
      hearts_(plane.workers()),
      links_(plane.ports().size()) {}

std::vector<Supervisor::LinkChange> Supervisor::look(Instant now) {
  look_at_workers(now);
  last_look_ = now;
  std::vector<LinkChange> changes;
  for (std::uint16_t port = 0; port < links_.size(); ++port) {
    const dataplane::PortLinkState link = plane_.ports()[port].link();
    if (link.up != links_[port].up) {
      if (link.up) {
        log::notice("link-up port={} speed={}", plane_.ports()[port].name(), link.speed_mbps);
      } else {
        log::warning("link-down port={}", plane_.ports()[port].name());
      }
      changes.push_back({port, link.up});
    }
    links_[port] = link;
  }
  plane_.worker_pool().note_low_water();
  plane_.control_pool().note_low_water();
  return changes;
}

void Supervisor::look_at_workers(Instant now) {
  // When we have not run for a while ourselves, the workers may not have either: they get their
  // time anew (a suspended machine, a debugger).
  const bool we_were_away = now - last_look_ > worker_timeout_;
  stuck_ = 0;
  for (std::size_t i = 0; i < hearts_.size(); ++i) {
    Heart& heart = hearts_[i];
    const std::uint64_t loops = plane_.worker_counters(i).loops.value();
    if (loops != heart.loops || we_were_away) {
      if (heart.stuck && loops != heart.loops) {
        log::notice("worker-moving worker={} lcore={}", i, plane_.worker_lcore(i));
        heart.stuck = false;
      }
      heart.loops = loops;
      heart.moved = now;
    } else if (!heart.stuck && now - heart.moved >= worker_timeout_) {
      heart.stuck = true;
      log::error("worker-stuck worker={} lcore={} for-ms={}; the home prefix is withdrawn", i,
                 plane_.worker_lcore(i),
                 std::chrono::duration_cast<std::chrono::milliseconds>(now - heart.moved).count());
    }
    stuck_ += heart.stuck ? 1U : 0U;
  }
}

std::size_t Supervisor::ports_up() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(links_, [](const dataplane::PortLinkState& link) { return link.up; }));
}

std::string Supervisor::reason() const {
  if (stuck_ != 0) {
    return fmt::format("{} of {} workers make no progress", stuck_, hearts_.size());
  }
  return ports_up() == 0 ? "no port has a link" : "";
}

}  // namespace anyhome
