// Counts and times what a planned network does, while its run is measured.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "test/sim/world.h"

namespace anyhome::sim {

class Meter final : public Watcher {
 public:
  enum class Kind : std::uint8_t { Hello, Synchronization, Signalling };
  struct Count {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
  };
  static constexpr std::size_t kKinds = 3;
  static constexpr std::size_t kMostPops = 256;

  explicit Meter(std::size_t pops) : counts_(pops) {}

  void measure(bool on) { on_ = on; }

  void after_pop(World& world, PopIndex pop, const PopOutput& output) override;
  void on_sent(World& world, End from, const Packet& packet) override;
  void on_data(World& world, DataId id) override;
  void on_delivered(World& world, DataId id) override;

  [[nodiscard]] const Count& count(PopIndex pop, Kind kind) const {
    return counts_[pop][static_cast<std::size_t>(kind)];
  }
  // Seconds from an accepted Binding Update to when all peers, and each peer, knew it.
  [[nodiscard]] const std::vector<double>& converged() const { return converged_; }
  [[nodiscard]] const std::vector<double>& learnt() const { return learnt_; }
  [[nodiscard]] std::uint64_t superseded() const { return superseded_; }
  [[nodiscard]] std::uint64_t unconverged() const { return pending_.size(); }

  // How long a flow was without delivery between two times, beyond what its pace explains: the
  // longest gap between packets, by when they were sent, of those that arrived.
  [[nodiscard]] double longest_gap(std::uint32_t flow, Instant from, Instant to,
                                   Duration interval) const;

 private:
  struct Update {
    Instant at;
    Timestamp time;
    std::bitset<kMostPops> waiting;
  };

  bool on_ = false;
  std::vector<std::array<Count, kKinds>> counts_;
  std::map<HomeAddress, Update> pending_;
  std::vector<double> converged_;
  std::vector<double> learnt_;
  std::uint64_t superseded_ = 0;
  // By flow, when packets were sent that have arrived.
  std::map<std::uint32_t, std::vector<Instant>> delivered_;
};

}  // namespace anyhome::sim
