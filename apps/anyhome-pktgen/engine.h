// The loop of one lcore: sends its share, takes what comes in, or both.
//
// The main thread prepares a run while nothing is sent: it hands every engine its composer and
// empty counts, waits until all have taken them, and says go. What has been sent is what the driver
// has taken; frames that it has no room for are offered again, so a sender that is too slow falls
// behind its schedule and never drops.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include <rte_mbuf.h>

#include "apps/anyhome-pktgen/composer.h"
#include "apps/anyhome-pktgen/counts.h"
#include "apps/anyhome-pktgen/inspect.h"
#include "apps/anyhome-pktgen/lcore_plan.h"
#include "apps/anyhome-pktgen/peer_duty.h"
#include "apps/anyhome-pktgen/run_request.h"

namespace anyhome::pktgen {

// What all engines look at.
struct Command {
  std::atomic<std::uint32_t> prepared{0};  // number of the run whose preparation is to be taken
  std::atomic<std::uint32_t> go{0};        // number of the run that is under way
  std::atomic<bool> stop{false};
  std::atomic<bool> quit{false};
};

// Nanoseconds since the program's start, by the processor's own counter.
class TickClock {
 public:
  TickClock();
  [[nodiscard]] std::chrono::nanoseconds now() const;
  static std::uint32_t ticks(std::chrono::nanoseconds since) {
    return static_cast<std::uint32_t>(since.count() / kTickNanoseconds);
  }
  // Civil time of the same moment.
  [[nodiscard]] WallTime wall(std::chrono::nanoseconds since) const { return wall_start_ + since; }

 private:
  std::uint64_t start_;
  double nanoseconds_per_cycle_;
  WallTime wall_start_;
};

// What an engine is to do in one run.
struct EngineRun {
  std::unique_ptr<Composer> composer;  // none: sends nothing
  SenderShare share;
  // Time stands in numbers of packets, so that two runs give the same bytes.
  bool reproducible = false;
  std::shared_ptr<const TrafficSettings> settings;
  NodeTable* nodes = nullptr;
  SentCounts sent;
  ReceivedCounts received;
};

class Engine {
 public:
  struct Setup {
    LcorePlan::Queues queues;
    rte_mempool* pool = nullptr;
    bool idle = false;
    PeerDuty* peer = nullptr;  // receivers tell it what has come; none: we play no peer
    bool speaks_for_peer = false;
    // Before the first run, too, answers come in.
    std::shared_ptr<const TrafficSettings> settings;
    NodeTable* nodes = nullptr;
  };

  Engine(const Command& command, const TickClock& clock, Setup setup)
      : command_(command),
        clock_(clock),
        setup_(std::move(setup)),
        waiting_(setup_.queues.transmit.size()),
        run_(std::make_unique<EngineRun>()) {
    run_->settings = setup_.settings;
    run_->nodes = setup_.nodes;
  }

  [[nodiscard]] bool sends() const { return !setup_.queues.transmit.empty(); }

  // Only while nothing is sent, before `Command::prepared` changes.
  void prepare(std::unique_ptr<EngineRun> run) { next_ = std::move(run); }
  [[nodiscard]] std::uint32_t prepared() const { return prepared_.load(std::memory_order_acquire); }
  [[nodiscard]] std::uint32_t finished() const { return finished_.load(std::memory_order_acquire); }
  [[nodiscard]] const EngineRun& current() const { return *run_; }

  // On its lcore, until `Command::quit`.
  void run();

 private:
  // Frames of a port that the driver has not taken yet.
  struct Waiting {
    static constexpr std::size_t kRoom = 32;
    std::array<rte_mbuf*, kRoom> frames{};
    std::array<std::uint8_t, kRoom> entries{};
    std::size_t count = 0;
  };

  void take_preparation();
  bool send();
  bool compose(std::chrono::nanoseconds since, std::uint64_t wanted);
  void flush(std::size_t port);
  [[nodiscard]] bool all_flushed() const;
  [[nodiscard]] bool has_flushed(std::chrono::nanoseconds since);
  void finish(std::chrono::nanoseconds since);
  bool speak_for_peer();
  bool receive();
  void take(const rte_mbuf& frame, const PortQueue& from, std::uint32_t ticks);
  void take_acknowledgement(const Inspected& seen);
  void take_state_acknowledgement(const Inspected& seen);

  const Command& command_;
  const TickClock& clock_;
  Setup setup_;
  std::vector<Waiting> waiting_;  // by our ports
  std::unique_ptr<EngineRun> run_;
  std::unique_ptr<EngineRun> next_;
  std::atomic<std::uint32_t> prepared_{0};
  std::atomic<std::uint32_t> finished_{0};
  std::uint32_t sending_ = 0;  // number of the run, 0: none
  std::chrono::nanoseconds started_{0};
  std::uint64_t composed_ = 0;
  bool exhausted_ = false;
  std::optional<std::chrono::nanoseconds> over_since_;
};

}  // namespace anyhome::pktgen
