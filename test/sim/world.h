// A run: POPs, mobile nodes, correspondents and the network, event by event on one time line.
//
// Nothing in here reads a clock or draws by chance but from the seed. After every event those
// watching (invariants.h) may look at everything; the first to object ends the run.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/time.h"
#include "test/sim/event_queue.h"
#include "test/sim/history.h"
#include "test/sim/ledger.h"
#include "test/sim/mobile.h"
#include "test/sim/network.h"
#include "test/sim/pop.h"
#include "test/sim/random.h"
#include "test/sim/scenario.h"
#include "test/sim/topology.h"

namespace anyhome::sim {

class World;

// Looks on. A watcher changes nothing; only an adversary injects packets.
class Watcher {
 public:
  Watcher() = default;
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  virtual ~Watcher() = default;

  // A POP has processed something; `output` is what came of it.
  virtual void after_pop(World&, PopIndex, const PopOutput&) {}
  virtual void after_mobile(World&, std::uint32_t /*mobile*/, const MobileOutput&) {}
  // A POP or a site sends a packet into the network.
  virtual void on_sent(World&, End, const Packet&) {}
  virtual void on_action(World&, const Action&) {}
  // A data packet is about to be sent.
  virtual void on_data(World&, DataId) {}
  virtual void on_delivered(World&, DataId) {}
  virtual void on_lost(World&, const Ledger::Loss&) {}
};

// The promise that was broken, and how.
struct Violation {
  std::string invariant;
  std::string what;
  Instant at;
};

class World {
 public:
  World(const Scenario& scenario, std::size_t history_lines);
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void watch(Watcher& watcher) { watchers_.push_back(&watcher); }
  // Runs until the given time, or to the first violation; false: there is one.
  bool run_until(Duration time);

  void fail(std::string invariant, std::string what);
  [[nodiscard]] const std::optional<Violation>& violation() const { return violation_; }

  // ---- For watchers ----
  [[nodiscard]] Instant now() const { return now_; }
  [[nodiscard]] Duration elapsed() const { return now_ - kStart; }
  [[nodiscard]] const Scenario& scenario() const { return scenario_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Pop>>& pops() const { return pops_; }
  [[nodiscard]] const std::vector<Mobile>& mobiles() const { return mobiles_; }
  [[nodiscard]] const Topology& topology() const { return topology_; }
  [[nodiscard]] const Network& network() const { return network_; }
  [[nodiscard]] const Ledger& ledger() const { return ledger_; }
  [[nodiscard]] const History& history() const { return history_; }
  History& history() { return history_; }
  [[nodiscard]] Now now_at_pop(PopIndex pop) const {
    return {now_, WallTime{kCivilStart + (now_ - kStart) + pop_clocks_[pop]}};
  }
  [[nodiscard]] Now now_at_mobile(std::uint32_t mobile) const {
    return {now_, WallTime{kCivilStart + (now_ - kStart) + mobile_clocks_[mobile]}};
  }
  // Signalling and data packets taken out of the network so far.
  [[nodiscard]] std::uint64_t events() const { return events_; }

  // An adversary's packet, from a site.
  void inject(SiteIndex site, Bytes packet);
  // A packet that a member should never have put into one of its links.
  void inject_into_link(PopIndex from, Bytes packet);
  void stop_flows() { flows_running_ = false; }

  // Data packets with numbers from here on are nobody's whom the ledger knows.
  static constexpr DataId kFirstForged = DataId{1} << 63U;
  // Uptime at the start of a run: agents are not to rely on a clock that begins at zero.
  static constexpr Instant kStart{std::chrono::hours(1)};
  static constexpr Duration kCivilStart = std::chrono::seconds(1'767'225'600);  // 2026

 private:
  void process(const Event& event);
  void arrive(Transit transit);
  void arrive_at_pop(const Transit& transit);
  void arrive_at_site(const Transit& transit);
  void act(const Action& action);
  void act_on_pop(const Action& action);
  void act_on_mobile(const Action& action);
  void calm();
  void send_data(std::uint32_t flow);
  void start_pop(PopIndex pop);
  void crash_pop(PopIndex pop);

  void finish_pop(PopIndex pop, PopOutput& output);
  void finish_mobile(std::uint32_t mobile, MobileOutput& output);
  void arm_pop(PopIndex pop);
  void arm_mobile(std::uint32_t mobile);
  void transmit(End from, Packet packet);
  void deliver_data(DataId id, const DataView& data, bool at_right_place);

  template <class Call>
  void tell(Call call) {
    for (Watcher* watcher : watchers_) {
      call(*watcher);
    }
  }

  const Scenario scenario_;
  Random random_;
  EventQueue queue_;
  Ledger ledger_;
  History history_;
  Topology topology_;
  Network network_;
  std::vector<std::unique_ptr<Pop>> pops_;
  std::vector<Mobile> mobiles_;
  std::vector<Duration> pop_clocks_;
  std::vector<Duration> mobile_clocks_;
  // A timer event is good only with the generation that armed it.
  struct Armed {
    Instant at;
    std::uint32_t generation = 0;
    bool armed = false;
  };
  std::vector<Armed> pop_timers_;
  std::vector<Armed> mobile_timers_;
  std::vector<Watcher*> watchers_;
  std::optional<Violation> violation_;
  Instant now_ = kStart;
  std::uint64_t events_ = 0;
  bool flows_running_ = true;
};

}  // namespace anyhome::sim
