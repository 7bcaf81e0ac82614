#include "apps/anyhome-sim/memory.h"

#include <array>
#include <memory>

#include <malloc.h>

#include "common/wire/haha.h"
#include "controlplane/home_agent.h"
#include "test/sim/address_plan.h"
#include "test/sim/settings.h"
#include "test/sim/world.h"

namespace anyhome::sim {
namespace {

constexpr std::uint32_t kBindings = 200'000;
constexpr std::uint32_t kPerMessage = 19;  // what fits 1280 bytes (docs/protocol.md)

std::size_t heap_bytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

// `count` bindings of POP 1, as it tells POP 0.
Bytes reply(std::uint32_t first, std::uint32_t count, std::uint16_t identifier, const Now& now) {
  wire::StateSynchronization message;
  message.type = wire::SsType::Reply;
  message.acknowledge = true;
  message.global = true;
  message.identifier = identifier;
  for (std::uint32_t i = 0; i < count; ++i) {
    wire::BindingCacheInformation information;
    information.home_address = plan::home(first + i);
    information.care_of_address = plan::care_of(1, first + i);
    information.lifetime = Lifetime(150);
    information.timestamp = Timestamp::from(now.wall);
    message.bindings.push_back(information);
  }
  std::array<std::byte, 2048> buffer{};
  const MutableBytes written = wire::write_state_synchronization(
      buffer, message, wire::CodePoints{}, plan::locator(1), plan::locator(0));
  Bytes packet(wire::kIpv6HeaderSize + written.size());
  Writer writer(packet);
  wire::Ipv6Header header;
  header.payload_length = static_cast<std::uint16_t>(written.size());
  header.next_header = wire::protocol::kMobility;
  header.source = plan::locator(1).address();
  header.destination = plan::locator(0).address();
  header.write(writer);
  writer.bytes(written);
  return packet;
}

}  // namespace

MemoryCost measure_memory(unsigned pops) {
  Scenario scenario;
  scenario.topology.pops = std::max(pops, 2U);
  config::HomeAgent config = home_agent_config(scenario, 0);
  config.max_bindings = kBindings;
  const Now now{World::kStart, WallTime{World::kCivilStart}};
  control::Effects effects;
  const std::size_t before = heap_bytes();
  const auto agent = std::make_unique<control::HomeAgent>(config, now, 1);
  agent->start(now, effects);
  agent->set_able(now, true, effects);
  effects.clear();
  MemoryCost cost;
  forwarding::PuntMetadata metadata;
  metadata.punt_class = forwarding::PuntClass::HahaSync;
  std::uint16_t identifier = 1;
  for (std::uint32_t first = 0; first < kBindings; first += kPerMessage, ++identifier) {
    const Bytes packet = reply(first, std::min(kPerMessage, kBindings - first), identifier, now);
    effects.clear();
    agent->on_packet(now, metadata, packet, effects);
  }
  effects = {};
  const auto held = static_cast<double>(agent->bindings().live());
  // The index is made for the number of bindings that the configuration allows; it counts as
  // theirs.
  config.max_bindings = 64;
  const std::size_t full = heap_bytes();
  const auto small = std::make_unique<control::HomeAgent>(config, now, 1);
  cost.empty = static_cast<double>(heap_bytes() - full);
  cost.per_binding = (static_cast<double>(full - before) - cost.empty) / std::max(held, 1.0);
  return cost;
}

}  // namespace anyhome::sim
