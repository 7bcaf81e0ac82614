// Which workers are alive: a worker counts its loops, and one whose count stands still for too long
// is stuck (docs/architecture.md, "Threads and memory").
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "common/time.h"

namespace anyhome {

class Heartbeats {
 public:
  struct Change {
    std::size_t worker = 0;
    bool stuck = false;
    Duration silent{};  // how long it had not moved
  };

  Heartbeats(std::size_t workers, Duration timeout) : hearts_(workers), timeout_(timeout) {}

  // `loops` is each worker's count; to be called more often than the timeout. Returns who has
  // become stuck, or moves again.
  std::vector<Change> look(Instant now, std::span<const std::uint64_t> loops) {
    // When we have not looked for a while ourselves, the workers may not have run either (a
    // suspended machine, a debugger): they get their time anew.
    const bool we_were_away = now - last_look_ > timeout_;
    last_look_ = now;
    std::vector<Change> changes;
    for (std::size_t i = 0; i < hearts_.size(); ++i) {
      Heart& heart = hearts_[i];
      const bool moves = loops[i] != heart.loops;
      const Duration silent = now - heart.moved;
      if (moves || we_were_away) {
        heart.loops = loops[i];
        heart.moved = now;
      }
      if (heart.stuck ? moves : !moves && !we_were_away && silent >= timeout_) {
        heart.stuck = !heart.stuck;
        stuck_ += heart.stuck ? 1 : -1;
        changes.push_back({i, heart.stuck, silent});
      }
    }
    return changes;
  }

  [[nodiscard]] bool is_stuck(std::size_t worker) const { return hearts_[worker].stuck; }
  [[nodiscard]] std::size_t stuck() const { return static_cast<std::size_t>(stuck_); }
  [[nodiscard]] std::size_t workers() const { return hearts_.size(); }

 private:
  struct Heart {
    std::uint64_t loops = 0;
    Instant moved;
    bool stuck = false;
  };

  std::vector<Heart> hearts_;
  Duration timeout_;
  Instant last_look_{};
  std::ptrdiff_t stuck_ = 0;
};

}  // namespace anyhome
