// A POP: a home agent's control core and its data plane, wired as the daemon wires them.
//
// It can crash (everything is gone but the small state file with the last boot epoch), and start
// again empty.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/config/config.h"
#include "common/time.h"
#include "controlplane/home_agent.h"
#include "test/sim/data_plane.h"
#include "test/sim/packet.h"

namespace anyhome::sim {

// What one event at a POP has led to.
struct PopOutput {
  std::vector<Packet> sent;
  std::vector<control::Note> notes;
  std::vector<HomeAddress> told;  // whose way has been set
  // A data packet that goes no further, and why.
  struct Ended {
    DataId id = 0;
    std::string reason;
  };
  std::vector<Ended> ended;
  // A data packet that has neither gone on nor ended: a fault.
  std::optional<DataId> vanished;
  // A registration that was acknowledged when its path was not there yet.
  std::optional<HomeAddress> premature;
  bool core_ran = false;  // the control core had a part in it
};

class Pop {
 public:
  Pop(std::uint32_t index, const config::HomeAgent& config, std::uint64_t hash_seed);

  [[nodiscard]] std::uint32_t index() const { return index_; }
  [[nodiscard]] const config::HomeAgent& config() const { return config_; }
  [[nodiscard]] bool up() const { return agent_ != nullptr; }
  // Counts starts.
  [[nodiscard]] std::uint32_t incarnation() const { return incarnation_; }

  void start(const Now& now, PopOutput& output);
  void crash();
  // Begins or ends to move its mobile nodes elsewhere.
  void drain(const Now& now, bool drain, PopOutput& output);

  void receive(const Now& now, Port port, const Packet& packet, PopOutput& output);
  void on_timer(const Now& now, PopOutput& output);

  [[nodiscard]] std::optional<Instant> next_deadline() const {
    return up() ? agent_->next_deadline() : std::nullopt;
  }
  [[nodiscard]] bool serving() const { return up() && agent_->serving(); }
  [[nodiscard]] const control::HomeAgent& agent() const { return *agent_; }
  [[nodiscard]] const DataPlane& plane() const { return *plane_; }

 private:
  // What a packet has been through, for those that come out of it.
  struct Past {
    std::uint8_t links = 0;
    std::uint8_t visits = 0;
  };
  void run(const Now& now, const control::Effects& effects, PopOutput& output);
  // Packets for it go to a care-of address from here.
  [[nodiscard]] bool is_forwarded(const HomeAddress& home_address) const;
  void settle(const Now& now, Outcome& outcome, Past past, std::optional<DataId> data,
              PopOutput& output);

  std::uint32_t index_;
  config::HomeAgent config_;
  std::uint64_t hash_seed_;
  std::uint32_t incarnation_ = 0;
  std::uint32_t last_epoch_ = 0;  // what the state file says
  std::unique_ptr<control::HomeAgent> agent_;
  std::unique_ptr<DataPlane> plane_;
};

}  // namespace anyhome::sim
