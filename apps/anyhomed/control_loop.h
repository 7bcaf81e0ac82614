// The control thread: sleeps in epoll until a worker, the kernel, a timer or an operator has
// something, and carries it out.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "apps/anyhomed/admission.h"
#include "apps/anyhomed/data_plane.h"
#include "apps/anyhomed/effect_executor.h"
#include "apps/anyhomed/host_bridge.h"
#include "apps/anyhomed/injector.h"
#include "apps/anyhomed/supervisor.h"
#include "apps/anyhomed/telemetry_commands.h"
#include "controlplane/home_agent.h"
#include "dataplane/telemetry/telemetry.h"

namespace anyhome {

class ControlLoop {
 public:
  // `host` is null in static mode.
  ControlLoop(const config::Config& config, DataPlane& plane, Injector& injector, HostBridge* host,
              control::HomeAgent& agent);
  ~ControlLoop();
  ControlLoop(const ControlLoop&) = delete;
  ControlLoop& operator=(const ControlLoop&) = delete;

  // Returns after SIGTERM or SIGINT and the delay for stopping; the prefixes are withdrawn then.
  // A second signal cuts the delay short.
  void run();

 private:
  enum class Phase : std::uint8_t { Starting, Serving, Draining, NotServing, Stopping };

  void open_epoll();
  void watch(int fd);
  // One round; true when there was something to do.
  bool round(const Now& now);
  unsigned serve_punts(const Now& now);
  // Everything out of the rings, copied into the queues by class.
  void take_in();
  void serve_punt(const Now& now, const Punted& packet);
  void supervise(const Now& now);
  // Announces or withdraws the home prefix as the host and the set have it.
  void follow_serving();
  void run_effects(const Now& now);
  void stop(const Now& now);
  void take_signals(const Now& now);
  void sleep(const Now& now);
  [[nodiscard]] bool nothing_waits() const;

  const config::Config& config_;
  DataPlane& plane_;
  Injector& injector_;
  HostBridge* host_;
  control::HomeAgent& agent_;
  EffectExecutor executor_;
  Supervisor supervisor_;
  Admission admission_;
  TelemetryCommands commands_;
  dataplane::TelemetryServer telemetry_;
  control::Effects effects_;
  int epoll_ = -1;
  int signals_ = -1;
  int note_offset_;
  Phase phase_ = Phase::Starting;
  Instant next_look_{};
  Instant stop_at_{};
  bool able_ = false;  // workers and ports are fit, and the kernel's tables known
  std::string unable_because_ = "starting";
  Instant last_punt_{};
  bool farewell_said_ = false;
  bool stopped_ = false;
};

}  // namespace anyhome
