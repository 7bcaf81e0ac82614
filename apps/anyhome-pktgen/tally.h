// A number that one thread counts up and others read: no lock, no locked instruction.
#pragma once

#include <atomic>
#include <cstdint>

namespace anyhome::pktgen {

class Tally {
 public:
  Tally() = default;
  Tally(const Tally& other) : value_(other.get()) {}
  Tally& operator=(const Tally& other) {
    set(other.get());
    return *this;
  }

  void add(std::uint64_t more) { set(get() + more); }
  void set(std::uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

}  // namespace anyhome::pktgen
