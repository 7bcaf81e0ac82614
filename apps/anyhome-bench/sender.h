// Who sends the frames of a path: each for a binding drawn at random.
#pragma once

#include <cstdint>

#include <rte_mbuf.h>

#include "apps/anyhome-bench/world.h"

namespace anyhome::bench {

class Sender {
 public:
  explicit Sender(const World& world) : world_(world) {}
  // Into an empty buffer.
  void write(const Template& frames, rte_mbuf* packet);

 private:
  const World& world_;
  std::uint64_t random_ = 0x9e3779b97f4a7c15;
};

}  // namespace anyhome::bench
