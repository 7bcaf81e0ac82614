// Configurations of simulated home agents and mobile nodes.
#pragma once

#include "apps/anyhome-mn/settings.h"
#include "common/config/config.h"
#include "test/sim/scenario.h"

namespace anyhome::sim {

config::HomeAgent home_agent_config(const Scenario& scenario, PopIndex pop);
mobile::Settings mobile_settings(const Scenario& scenario, std::uint32_t mobile);

}  // namespace anyhome::sim
