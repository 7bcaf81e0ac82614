// What happened, a line each: kept only when somebody wants to read it, so that thousands of seeds
// cost nothing. A run that failed is repeated with a history; it does the same again.
#pragma once

#include <deque>
#include <string>
#include <utility>

#include <fmt/format.h>

#include "common/time.h"

namespace anyhome::sim {

class History {
 public:
  // Keeps the last `lines` lines; 0: none.
  explicit History(std::size_t lines) : limit_(lines) {}

  [[nodiscard]] bool wanted() const { return limit_ != 0; }

  template <class... Args>
  void add(Instant now, fmt::format_string<Args...> format, Args&&... args) {
    if (limit_ == 0) {
      return;
    }
    if (lines_.size() == limit_) {
      lines_.pop_front();
    }
    lines_.push_back(fmt::format("{:12.6f}  ", seconds(now)) +
                     fmt::format(format, std::forward<Args>(args)...));
  }
  [[nodiscard]] const std::deque<std::string>& lines() const { return lines_; }

  static double seconds(Instant at) {
    return std::chrono::duration<double>(at.time_since_epoch()).count();
  }

 private:
  std::size_t limit_;
  std::deque<std::string> lines_;
};

}  // namespace anyhome::sim
