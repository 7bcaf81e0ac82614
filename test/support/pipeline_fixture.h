// A home agent's data path with one mobile node, one mobile router and a correspondent.
#pragma once

#include <memory>
#include <stdexcept>

#include "test/support/heap_environment.h"
#include "test/support/packets.h"

namespace anyhome::test {

struct PipelineFixture {
  // Port 0 leads to the Internet; port 1 is another network.
  static constexpr Mac kPortMac{2, 0, 0, 0, 1, 0};

  const Ipv6Address agent = ip6("2001:db8:0:1::1a");
  const Ipv6Address locator = ip6("2001:db8:a1::1a");
  const Ipv6Address home = ip6("2001:db8:0:1::100");
  const Ipv6Address care_of = ip6("2001:db8:ff::100");
  const Ipv6Address other_home = ip6("2001:db8:0:1::200");
  const Ipv6Address other_care_of = ip6("2001:db8:fe::200");
  const Ipv6Address router_home = ip6("2001:db8:0:1::300");
  const Ipv6Address router_care_of = ip6("2001:db8:fd::300");
  const Ipv6Address correspondent = ip6("2001:db8:c::1");

  dataplane::PipelineConfig config;
  HeapEnvironment env;
  std::unique_ptr<dataplane::Pipeline<HeapEnvironment>> pipeline;
  dataplane::AdjacencyIndex internet = 0;
  dataplane::AdjacencyIndex inside = 0;

  PipelineFixture() {
    config.ports.resize(2);
    config.ports[0].mac = kPortMac;
    config.ports[1].mac = {2, 0, 0, 0, 1, 1};
    config.home_prefixes = {dataplane::PrefixTest(prefix("2001:db8:0:1::/64"))};
    config.pools = {{dataplane::PrefixTest(prefix("2001:db8:8000::/36")), 64}};
    config.own_address = agent;
    config.home_agent = dataplane::AddressTest(agent);
    config.locator = dataplane::AddressTest(locator);
    config.fragment_seed = 77;
    internet = env.next_hop(0, 0xaa);
    inside = env.next_hop(1, 0xbb);
    using dataplane::LeafKind;
    using dataplane::LeafValue;
    env.route(prefix("2001:db8::/32"), LeafValue::of(LeafKind::Adjacency, internet));
    env.route(prefix("2001:db8:1::/48"), LeafValue::of(LeafKind::Adjacency, inside));
    env.route(prefix("2001:db8:dead::/48"), LeafValue::of(LeafKind::Prohibited, 0));
    env.route(
        prefix("2001:db8:a1::99/128"),
        LeafValue::of(LeafKind::Local, static_cast<std::uint32_t>(dataplane::LocalRole::Host)));
    env.bind(home, dataplane::EntryKind::Bound, agent, care_of);
    env.bind(other_home, dataplane::EntryKind::Bound, agent, other_care_of);
    const dataplane::Entry& router =
        env.bind(router_home, dataplane::EntryKind::Bound, agent, router_care_of);
    env.bindings[ip6("2001:db8:8000:5::")] = router;
    dataplane::Entry discovery;
    discovery.kind = dataplane::EntryKind::Local;
    discovery.role = dataplane::LocalRole::Discovery;
    env.bindings[ip6("2001:db8:0:1:fdff:ffff:ffff:fffe")] = discovery;
    restart();
  }

  // Takes over a changed configuration.
  void restart() { pipeline = std::make_unique<dataplane::Pipeline<HeapEnvironment>>(config, env); }

  void receive(const Bytes& packet, std::uint16_t port = 0) {
    receive_frame(frame(config.ports[port].mac, packet), port);
  }
  void receive_frame(const Bytes& bytes, std::uint16_t port = 0) {
    dataplane::HeapPacket* packet = env.add(bytes);
    pipeline->receive(port, std::span<dataplane::HeapPacket* const>(&packet, 1));
  }
  void originate(const Bytes& bytes, dataplane::Origin origin, bool through_bindings) {
    dataplane::HeapPacket* packet = env.add(bytes);
    pipeline->originate(origin, through_bindings,
                        std::span<dataplane::HeapPacket* const>(&packet, 1));
  }

  // Everything that was counted, as "name=value" of what is not zero; what a test compares in one
  // piece, so that nothing else may have moved.
  [[nodiscard]] std::string counted() const {
    std::string text;
    for (const auto& info : forwarding::kDropReasons) {
      append(text, info.name, env.drops[static_cast<std::size_t>(info.reason)]);
    }
    for (const auto& info : forwarding::kCounters) {
      // Bytes follow from packets and would only make the expectations unreadable.
      if (!info.name.ends_with("-bytes")) {
        append(text, info.name, env.counters[static_cast<std::size_t>(info.counter)]);
      }
    }
    return text;
  }

  // The only thing sent, without its Ethernet header.
  [[nodiscard]] Bytes sent_packet() const {
    if (env.transmitted.size() != 1) {
      throw std::logic_error(fmt::format("{} packets were sent", env.transmitted.size()));
    }
    return without_link_header(env.transmitted[0].frame);
  }
  // After every packet: nothing is left over, nothing has leaked.
  void check_quiet() const {
    if (env.live_packets() != 0 || env.stray_packets() != 0) {
      throw std::logic_error(fmt::format("{} packets are left over, {} ended twice",
                                         env.live_packets(), env.stray_packets()));
    }
  }

 private:
  static void append(std::string& text, std::string_view name, std::uint64_t value) {
    if (value != 0) {
      text += (text.empty() ? "" : " ") + std::string(name) + "=" + std::to_string(value);
    }
  }
};

}  // namespace anyhome::test
