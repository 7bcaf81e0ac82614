// The "/anyhome/..." commands of the telemetry socket: what anyhomectl and dpdk-telemetry.py ask.
#pragma once

#include <string>

#include "apps/anyhomed/admission.h"
#include "apps/anyhomed/data_plane.h"
#include "apps/anyhomed/effect_executor.h"
#include "apps/anyhomed/host_bridge.h"
#include "apps/anyhomed/injector.h"
#include "apps/anyhomed/supervisor.h"
#include "controlplane/home_agent.h"
#include "dataplane/telemetry/telemetry.h"

namespace anyhome {

// What the answers are made of; all of it belongs to the control thread.
struct TelemetrySources {
  const config::Config& config;
  DataPlane& plane;
  Injector& injector;
  HostBridge* host;
  control::HomeAgent& agent;
  EffectExecutor& executor;
  Supervisor& supervisor;
  const Admission& admission;
};

class TelemetryCommands {
 public:
  explicit TelemetryCommands(const TelemetrySources& sources) : sources_(sources) {}

  void add_to(dataplane::TelemetryServer& server);
  // `effects` is scratch space for commands that change something.
  dataplane::TelemetryReply answer(const Now& now, const dataplane::TelemetryQuestion& question,
                                   control::Effects& effects);

 private:
  using Reply = dataplane::TelemetryReply;
  using Handler = Reply (TelemetryCommands::*)(const Now&, const std::string&, control::Effects&);
  struct Command {
    const char* path;
    const char* help;
    Handler handler;
  };
  static const Command kCommands[];

  Reply status(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply bindings(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply routes(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply neighbors(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply ports(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply workers(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply counters(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply drops(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply pools(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply explain_packet(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply remove(const Now& now, const std::string& parameters, control::Effects& effects);
  // About the set: set_commands.cpp.
  Reply peers(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply global_bindings(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply sync(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply topology(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply drain(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply undrain(const Now& now, const std::string& parameters, control::Effects& effects);
  Reply switch_node(const Now& now, const std::string& parameters, control::Effects& effects);

  TelemetrySources sources_;
};

}  // namespace anyhome
