// The data plane of a simulated POP: the real pipeline, a packet at a time, over tables made of
// hash maps (docs/decisions/simulator.md says why not a model).
//
// Tables are told what the control core wants, as those of a real data path are, and can be read
// back: what is in here is what the POP does to packets, whatever its control core believes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "common/config/config.h"
#include "common/forwarding/drop_reason.h"
#include "common/forwarding/forwarding_update.h"
#include "common/forwarding/punt.h"
#include "common/time.h"
#include "test/sim/packet.h"

namespace anyhome::sim {

// Where a packet comes into a POP.
enum class Port : std::uint16_t {
  Internet = 0,
  Haha = 1,  // the links between home agents: the other side is believed
};

// What one packet has led to. Everything that is not sent or punted has a reason.
struct Outcome {
  struct Punted {
    forwarding::PuntMetadata metadata;
    Bytes bytes;
  };
  std::vector<Bytes> sent;  // without link-layer header
  std::vector<Punted> punted;
  std::vector<forwarding::DropReason> dropped;  // buffers that became ICMPv6 errors included
};

class DataPlane {
 public:
  explicit DataPlane(const config::HomeAgent& config);
  ~DataPlane();
  DataPlane(const DataPlane&) = delete;
  DataPlane& operator=(const DataPlane&) = delete;

  void apply(const forwarding::ForwardingUpdate& update);

  // A packet from the network.
  void receive(Instant now, Port port, ByteView packet, Outcome& outcome);
  // A packet of the control thread: signalling goes by routes alone, data through bindings.
  void originate(Instant now, bool through_bindings, ByteView packet, Outcome& outcome);

  // What the tables were told and still hold.
  [[nodiscard]] const forwarding::SetBinding* binding(const HomeAddress& home_address) const;
  [[nodiscard]] std::size_t bindings() const;
  [[nodiscard]] const std::map<Prefix, HomeAddress>& prefixes() const;
  // Calls `visit` with each binding, in no order.
  template <class Visit>
  void for_each_binding(Visit visit) const {
    for (const auto& [home_address, set] : bindings_) {
      visit(set);
    }
  }

 private:
  struct Machine;  // pipeline and environment

  void refresh_prefixes_of(const HomeAddress& owner);

  std::unordered_map<HomeAddress, forwarding::SetBinding, AddressHash> bindings_;
  std::map<Prefix, HomeAddress> prefixes_;
  std::vector<config::NemoPool> pools_;
  std::unique_ptr<Machine> machine_;
};

}  // namespace anyhome::sim
