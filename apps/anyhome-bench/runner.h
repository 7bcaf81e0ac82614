// One core that forwards frames from a ring to a ring, by our pipeline or by a reference loop, in
// short phases; each phase says what it cost and whether the core was its own meanwhile.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include <rte_hash.h>
#include <rte_lpm6.h>
#include <rte_mbuf.h>

#include "apps/anyhome-bench/calibration.h"
#include "apps/anyhome-bench/world.h"
#include "dataplane/io/packet_pool.h"
#include "dataplane/io/packet_ring.h"
#include "dataplane/pipeline/pipeline.h"
#include "dataplane/worker/mbuf_environment.h"

namespace anyhome::bench {

// What our figures are compared with.
enum class Reference : std::uint8_t {
  Io,          // out of one ring, into the other
  ExactMatch,  // rte_hash in bulk, a 64-byte entry, a header of 40 bytes in front
  Lpm,         // rte_lpm6 in bulk
};
inline constexpr Reference kReferences[] = {Reference::Io, Reference::ExactMatch, Reference::Lpm};
std::string_view name_of(Reference reference);

struct Phase {
  double cycles = 0;  // per packet
  bool quiet = false;
};

class Runner {
 public:
  static constexpr unsigned kBurst = 32;

  explicit Runner(World& world);
  ~Runner();
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;

  // From now on says after each burst that it holds nothing of the tables, as a worker does.
  void report_quiescence(rte_rcu_qsbr* qsbr);

  // About `packets` packets; throws when one of them does not come out as it has to.
  Phase run(Path path, std::uint64_t packets);
  Phase run(Reference reference, std::uint64_t packets);

 private:
  struct Line {
    std::array<std::byte, 64> bytes;
  };

  void fill(const Template& frames);
  void drain();
  void look_up_exactly(std::span<rte_mbuf*> packets);
  void look_up_longest(std::span<rte_mbuf*> packets);
  template <class Forward>
  Phase measure(const Template& frames, std::uint64_t packets, Forward forward);

  World& world_;
  rte_rcu_qsbr* qsbr_ = nullptr;
  dataplane::PacketPool pool_;
  dataplane::PacketRing in_;
  dataplane::PacketRing out_;
  dataplane::PacketRing punts_;
  std::unique_ptr<dataplane::WorkerCounters> counters_;
  dataplane::Transmitter transmitter_;
  dataplane::Handoff handoff_;
  dataplane::UseMarks used_;
  dataplane::MbufEnvironment environment_;
  dataplane::Pipeline<dataplane::MbufEnvironment> pipeline_;
  rte_hash* hash_ = nullptr;
  rte_lpm6* lpm_ = nullptr;
  std::vector<Line> entries_;
  std::uint64_t random_ = 0x9e3779b97f4a7c15;
  std::uint64_t out_count_ = 0;
};

}  // namespace anyhome::bench
