#include "apps/anyhome-pktgen/lcore_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "apps/anyhome-pktgen/composer.h"

namespace anyhome::pktgen {
namespace {

// A queue for each receiver; of rings that lead back, as many as are sent into.
std::size_t wanted_receive_queues(const PortLimits& port, const LcorePlan& plan) {
  return port.loops ? std::max(plan.senders, plan.receivers) : plan.receivers;
}

void deal_queues(const std::vector<PortLimits>& ports, std::size_t lcores, LcorePlan& plan) {
  plan.lcores.resize(lcores);
  const std::size_t first_receiver = lcores - plan.receivers;
  for (std::size_t p = 0; p < ports.size(); ++p) {
    const auto index = static_cast<std::uint16_t>(p);
    for (std::uint16_t s = 0; s < plan.senders; ++s) {
      plan.lcores[s].transmit.push_back({ports[p].id, s, index});
    }
    for (std::uint16_t q = 0; q < plan.receive_queues[p]; ++q) {
      plan.lcores[first_receiver + (p + q) % plan.receivers].receive.push_back(
          {ports[p].id, q, index});
    }
  }
}

}  // namespace

std::expected<LcorePlan, std::string> plan_lcores(std::size_t lcores, std::size_t senders,
                                                  std::size_t entries,
                                                  const std::vector<PortLimits>& ports) {
  std::size_t most = kMaxStreams / std::max<std::size_t>(entries, 1);
  for (const PortLimits& port : ports) {
    most = std::min<std::size_t>(most, port.transmit_queues);
    if (port.loops) {
      most = std::min<std::size_t>(most, port.receive_queues);
    }
  }
  if (senders > lcores || senders > most) {
    return std::unexpected(
        fmt::format("--senders \"{}\": there are {} worker lcores, and queues and marks for {} "
                    "senders; give less",
                    senders, lcores, most));
  }
  LcorePlan plan;
  plan.senders = senders != 0
                     ? senders
                     : std::clamp<std::size_t>((lcores + 1) / 2, 1, std::max<std::size_t>(most, 1));
  plan.receivers = plan.senders == lcores ? lcores : lcores - plan.senders;
  for (const PortLimits& port : ports) {
    plan.receive_queues.push_back(static_cast<std::uint16_t>(std::clamp<std::size_t>(
        wanted_receive_queues(port, plan), 1, std::max<std::size_t>(port.receive_queues, 1))));
  }
  deal_queues(ports, lcores, plan);
  return plan;
}

}  // namespace anyhome::pktgen
