// Which elements of a fixed array are in use. Control thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace anyhome::dataplane {

class IndexPool {
 public:
  explicit IndexPool(std::uint32_t capacity) : capacity_(capacity) {
    // Address space, not memory: pages that are never touched cost nothing, and a table under churn
    // never stops to grow the list.
    released_.reserve(capacity);
  }

  // What was released last comes first: its cache lines are the warmest.
  std::optional<std::uint32_t> allocate() {
    if (!released_.empty()) {
      const std::uint32_t index = released_.back();
      released_.pop_back();
      return index;
    }
    if (fresh_ == capacity_) {
      return std::nullopt;
    }
    return fresh_++;
  }
  void release(std::uint32_t index) { released_.push_back(index); }

  [[nodiscard]] std::uint32_t used() const {
    return fresh_ - static_cast<std::uint32_t>(released_.size());
  }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] bool exhausted() const { return used() == capacity_; }
  // No index at or above it was ever given out: where a walk over the array may end.
  [[nodiscard]] std::uint32_t high_water() const { return fresh_; }

 private:
  std::uint32_t capacity_;
  std::uint32_t fresh_ = 0;
  std::vector<std::uint32_t> released_;
};

}  // namespace anyhome::dataplane
