// Two home agents of a set with a link between them; of mobile nodes, who wants to can hear what is
// sent to them.
#pragma once

#include <array>
#include <functional>
#include <memory>

#include "apps/anyhome-bench-control/population.h"
#include "apps/anyhome-bench-control/station.h"

namespace anyhome::bench {

struct PairSettings {
  std::uint32_t max_bindings = 0;
  std::uint32_t places = 0;  // of each one's queues
  std::uint16_t window = 0;  // max-outstanding; 0: the default
  Duration delay{};          // of the link, one way
  double loss = 0;           // of its packets
};

class Pair {
 public:
  using Answered = std::function<void(unsigned member, Instant, const Answer&)>;

  explicit Pair(const PairSettings& settings);

  Station& operator[](unsigned member) { return *stations_[member]; }
  // Binding Acknowledgements are told of.
  void on_answer(Answered answered) { answered_ = std::move(answered); }
  void run(Duration at_most, const char* what, const std::function<bool()>& done) {
    bench::run(both_, at_most, what, done);
  }
  // Starts the first one and waits until it serves, which takes a while when the other one does
  // not answer; with `bindings` mobile nodes that are registered there.
  void start_first(std::uint32_t bindings);
  // So many at once; what follows from it is still to be done.
  void register_at_first(std::uint32_t bindings);
  // What went over the link, both ways.
  [[nodiscard]] std::uint64_t link_bytes() const { return links_[0]->bytes() + links_[1]->bytes(); }
  [[nodiscard]] std::uint64_t link_packets() const {
    return links_[0]->packets() + links_[1]->packets();
  }

 private:
  std::array<std::unique_ptr<Link>, 2> links_;  // by who sends
  std::array<std::unique_ptr<Station>, 2> stations_;
  std::array<Station*, 2> both_{};
  Answered answered_;
};

// Binding Updates in an order that no cache likes, served one turn after the other by one machine.
// Returns the time of its processor; throws std::runtime_error unless each is acknowledged.
// `sent` is told of each packet that it sends.
Duration serve_updates(Machine& machine, const Now& now, std::uint64_t count, std::uint64_t nodes,
                       const UpdateSpec& what, const std::function<void(ByteView)>& sent = nullptr);

}  // namespace anyhome::bench
