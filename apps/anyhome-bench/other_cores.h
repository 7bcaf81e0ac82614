// Work on several lcores at once.
#pragma once

#include <atomic>
#include <functional>
#include <utility>
#include <vector>

namespace anyhome::bench {

// All lcores besides the one that measures.
std::vector<unsigned> other_cores();

// Says that it has begun by adding to `running`, and ends when `enough` is set.
using Work = std::function<void(std::atomic<unsigned>& running, const std::atomic<bool>& enough)>;

// Runs `first` here while `others` are at work, one on each lcore. Whatever throws, all of them
// end, and the first exception comes out.
void together(const std::function<void()>& first, const std::vector<Work>& others);
inline void together(const std::function<void()>& first, Work other) {
  together(first, std::vector<Work>{std::move(other)});
}

}  // namespace anyhome::bench
