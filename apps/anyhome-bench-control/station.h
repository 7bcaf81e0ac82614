// A control thread on virtual time: packets come when they come, wait in the daemon's queues, and
// are served in the daemon's rounds. What a round costs is measured, and moves its clock.
//
// So two home agents and a million mobile nodes can be watched with one processor: each station
// has a core of its own, and what the others and the mobile nodes do costs it nothing.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <random>
#include <span>
#include <vector>

#include "apps/anyhome-bench-control/machine.h"
#include "apps/anyhome-bench-control/stopwatch.h"
#include "apps/anyhomed/admission.h"
#include "common/token_bucket.h"

namespace anyhome::bench {

struct Arrival {
  Instant at;
  forwarding::PuntClass punt_class = forwarding::PuntClass::Mobility;
  std::vector<std::byte> packet;
};

// Where packets come from, in the order of their arrival.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;
  // When the next packet arrives; nullopt: none will, as things are.
  [[nodiscard]] virtual std::optional<Instant> next() = 0;
  virtual Arrival take() = 0;
};

// From one home agent to another: 8 Gbit/s, so long under way, and some are lost.
class Link final : public Source {
 public:
  Link(Duration delay, double loss, std::uint32_t seed)
      : delay_(delay), lost_(loss), random_(seed) {}

  void send(Instant at, ByteView packet);
  std::optional<Instant> next() override;
  Arrival take() override;

  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  static constexpr Duration kPerByte{1};

  Duration delay_;
  std::bernoulli_distribution lost_;
  std::mt19937 random_;
  Instant free_{};  // when the last packet is out
  std::deque<Arrival> under_way_;
  std::uint64_t packets_ = 0;
  std::uint64_t bytes_ = 0;
};

// What became of packets of a class before they were served.
struct Losses {
  std::uint64_t budget = 0;     // beyond what a worker hands over in a second
  std::uint64_t ring_full = 0;  // the control thread was elsewhere
};

class Station {
 public:
  // Called with each packet that is sent, and when.
  using Sent = std::function<void(Instant, ByteView)>;

  Station(const config::HomeAgent& config, std::uint32_t places, const Now& start);

  void listen_to(Source& source) { sources_.push_back(&source); }
  void on_sent(Sent sent) { on_sent_ = std::move(sent); }
  void send(ByteView packet) { on_sent_(clock_, packet); }
  // Starts the home agent.
  void start(Instant when);

  // When it has something to do next.
  [[nodiscard]] Instant next_action();
  // Does it: one round of the control thread.
  void round();

  [[nodiscard]] Instant now() const { return clock_; }
  [[nodiscard]] Machine& machine() { return machine_; }
  [[nodiscard]] control::HomeAgent& agent() { return machine_.agent(); }
  [[nodiscard]] const Admission& queues() const { return queues_; }
  // Of its processor.
  [[nodiscard]] Duration busy() const { return watch_.total(); }
  [[nodiscard]] Duration longest_round() const { return longest_round_; }
  // From arrival to the end of the look at the rings that followed the service.
  [[nodiscard]] Duration longest_hello_wait() const { return longest_hello_wait_; }
  [[nodiscard]] const Losses& losses(forwarding::PuntClass punt_class) const {
    return losses_[static_cast<std::size_t>(punt_class)];
  }
  void forget_longest() { longest_round_ = longest_hello_wait_ = Duration::zero(); }

 private:
  [[nodiscard]] Now wall_now() const { return {clock_, start_.wall + (clock_ - start_.instant)}; }
  void pause();
  // What has come in, through a worker's budgets and its ring, into the queues.
  void look();
  void arrive(Arrival arrival);
  void hand_out();

  Now start_;
  Machine machine_;
  Admission queues_;
  std::vector<Source*> sources_;
  Sent on_sent_;
  Instant clock_;
  bool started_ = false;
  Stopwatch watch_;
  std::vector<Arrival> ring_;
  std::vector<TokenBucket> budgets_;
  std::array<Losses, forwarding::kPuntClassCount> losses_{};
  std::deque<Instant> hellos_;  // that wait: when they came
  unsigned hellos_served_ = 0;  // since the last look
  Duration longest_round_{};
  Duration longest_hello_wait_{};
};

// Until `done`, for so long at most: always the one that has something to do first. Throws
// std::runtime_error with `what` when that is not enough.
void run(std::span<Station* const> stations, Duration at_most, const char* what,
         const std::function<bool()>& done);

}  // namespace anyhome::bench
