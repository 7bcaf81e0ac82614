// A home agent under test: packets as a mobile node would send them, effects read back.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <optional>
#include <vector>

#include "common/wire/extension.h"
#include "common/wire/icmpv6.h"
#include "common/wire/mobility.h"
#include "controlplane/home_agent.h"
#include "test/support/bytes.h"

namespace anyhome::test {

inline const HomeAddress kHome{*Ipv6Address::parse("2001:db8:0:1::100")};
inline const HomeAddress kOtherHome{*Ipv6Address::parse("2001:db8:0:1::101")};
inline const HomeAgentAddress kAgent{*Ipv6Address::parse("2001:db8:0:1::1a")};
inline const CareOfAddress kCareOf{*Ipv6Address::parse("2001:db8:ff::100")};
inline const CareOfAddress kNewCareOf{*Ipv6Address::parse("2001:db8:fe::100")};
inline const Prefix kHomePrefix{*Ipv6Address::parse("2001:db8:0:1::"), 64};

inline config::HomeAgent insecure_config() {
  config::HomeAgent config;
  config.home_prefixes = {kHomePrefix};
  config.address = kAgent;
  config.authentication = config::Authentication::InsecureNone;
  config.max_bindings = 1000;
  return config;
}

// How a Binding Update is to be built; the defaults make a good first registration.
struct UpdateSpec {
  HomeAddress home_address = kHome;
  Ipv6Address source = kCareOf.address();
  Ipv6Address destination = kAgent.address();
  std::optional<CareOfAddress> alternate_care_of;
  bool home_address_option = true;
  std::uint16_t sequence = 1;
  std::uint16_t flags = wire::bu_flag::kAcknowledge | wire::bu_flag::kHomeRegistration;
  std::uint16_t lifetime = 75;  // units of 4 s
  std::vector<wire::MobileNetworkPrefix> prefixes;
  bool nonce_indices = false;
  // Adds what comes after the other options.
  std::function<void(wire::MessageWriter&)> more;
  // Changes the finished Mobility Header; the checksum is made right again afterwards if asked for.
  std::function<void(Bytes&)> tamper;
  bool reseal = true;
};

Bytes build_update(const UpdateSpec& spec);

// A packet as the home agent sent it, taken apart.
struct Sent {
  wire::Ipv6Header header;
  std::optional<HomeAddress> routing_home_address;  // out of a type 2 routing header
  std::uint8_t protocol = 0;
  Bytes message;
};
Sent take_apart(ByteView packet);

struct HomeAgentFixture {
  explicit HomeAgentFixture(const config::HomeAgent& config = insecure_config())
      : agent(config, now, 1) {
    agent.start(now, effects);
    agent.set_able(now, true, effects);
    effects.clear();
  }

  Now now{Instant{std::chrono::seconds(1000)}, WallTime{std::chrono::seconds(1767225600)}};
  control::HomeAgent agent;
  control::Effects effects;

  void advance(Duration duration) {
    now.instant += duration;
    now.wall += duration;
  }
  // Advances and carries out every timer on the way; effects are collected over all of it.
  void run_for(Duration duration);

  void receive(const Bytes& packet, const forwarding::PuntMetadata& metadata = {}) {
    effects.clear();
    agent.on_packet(now, metadata, packet, effects);
  }
  // Sends an update and returns the status of its acknowledgement; nullopt when there was none.
  std::optional<wire::BindingStatus> update(const UpdateSpec& spec);

  [[nodiscard]] std::vector<Sent> sent() const;
  // The only acknowledgement among what was sent.
  [[nodiscard]] std::optional<wire::BindingAcknowledgement> acknowledgement() const;

  template <class T>
  [[nodiscard]] std::vector<T> all() const {
    std::vector<T> found;
    for (const control::Effect& effect : effects.list()) {
      if (const T* match = std::get_if<T>(&effect)) {
        found.push_back(*match);
      }
    }
    return found;
  }
  // The kinds of effects in their order: "set", "remove", "set-prefix", "remove-prefix", "send",
  // ...
  [[nodiscard]] std::vector<std::string> order() const;

  [[nodiscard]] std::uint64_t count(control::ControlCounter counter) const {
    return agent.counters().value(counter);
  }

 private:
  mutable Bytes last_acknowledgement_;
};

}  // namespace anyhome::test
