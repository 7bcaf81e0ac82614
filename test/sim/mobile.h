// A simulated mobile node: the real one (apps/anyhome-mn), moved between access networks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/anyhome-mn/mobile_node.h"
#include "common/time.h"
#include "test/sim/packet.h"
#include "test/sim/topology.h"

namespace anyhome::sim {

struct MobileOutput {
  std::vector<Packet> sent;
  std::vector<mobile::Event> events;
  std::optional<DataView> delivered;  // a data packet that came through
  bool sent_data = false;             // the data packet that was to be sent is among `sent`
};

class Mobile {
 public:
  Mobile(std::uint32_t index, const mobile::Settings& settings, std::uint64_t seed)
      : index_(index), node_(settings, seed) {}

  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] const mobile::MobileNode& node() const { return node_; }
  [[nodiscard]] std::optional<unsigned> network() const { return network_; }
  // Registered at the care-of address it has now.
  [[nodiscard]] bool registered_here() const {
    return node_.binding() && node_.care_of() && node_.binding()->care_of == *node_.care_of();
  }

  // Changes the access network. What arrives at the old care-of address still reaches the mobile
  // node until `linger` has passed, as with two radios.
  void move(const Now& now, unsigned network, Duration linger, MobileOutput& output);
  // Starts anew with other settings, where it is.
  void restart(const Now& now, const mobile::Settings& settings, std::uint64_t seed,
               MobileOutput& output);
  // Whether a packet for this care-of address reaches the mobile node.
  [[nodiscard]] bool reachable_at(const Ipv6Address& care_of, Instant now) const;

  void receive(const Now& now, ByteView packet, MobileOutput& output);
  // A packet of a program behind the mobile node.
  void send(const Now& now, ByteView packet, MobileOutput& output);
  void on_timer(const Now& now, MobileOutput& output);
  void deregister(const Now& now, MobileOutput& output);
  void register_now(const Now& now, MobileOutput& output);
  [[nodiscard]] std::optional<Instant> next_deadline() const { return node_.next_deadline(); }

  // The name of the counter that told of a packet's end since `before`.
  [[nodiscard]] std::string_view reason_since(const mobile::Counters& before) const;

 private:
  struct Lingering {
    CareOfAddress care_of;
    Instant until;
  };
  static void sort(mobile::Effects& effects, MobileOutput& output);

  std::uint32_t index_;
  mobile::MobileNode node_;
  std::optional<unsigned> network_;
  std::vector<Lingering> lingering_;
};

}  // namespace anyhome::sim
