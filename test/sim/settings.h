// Configurations of simulated home agents and mobile nodes.
#pragma once

#include "apps/anyhome-mn/settings.h"
#include "common/config/config.h"
#include "test/sim/scenario.h"

namespace anyhome::sim {

config::HomeAgent home_agent_config(const Scenario& scenario, PopIndex pop);
// `later`: as after Reconfigure.
mobile::Settings mobile_settings(const Scenario& scenario, std::uint32_t mobile,
                                 bool later = false);

}  // namespace anyhome::sim
