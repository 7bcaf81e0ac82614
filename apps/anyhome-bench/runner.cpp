#include "apps/anyhome-bench/runner.h"

#include <algorithm>
#include <stdexcept>

#include <fmt/format.h>
#include <valgrind/callgrind.h>

#include <rte_cycles.h>
#include <rte_prefetch.h>

#include "common/wire/ipv6.h"

namespace anyhome::bench {
namespace {

using namespace dataplane;  // NOLINT(google-build-using-namespace)

// As many as fit into the second-level cache with their headers.
constexpr unsigned kBuffers = 511;
constexpr std::size_t kEthernet = 14;

// Bursts between two looks at the clock.
constexpr unsigned kTrain = 8;

std::uint64_t trains_of(std::uint64_t packets) {
  return std::max<std::uint64_t>(packets / (kTrain * Runner::kBurst), 1);
}

PacketPool make_pool() {
  PacketPoolSetup setup;
  static unsigned number = 0;
  setup.name = fmt::format("bench-pool{}", number++);
  setup.buffers = kBuffers;
  setup.cache = 256;
  setup.socket = -1;
  auto pool = PacketPool::create(setup);
  if (!pool) {
    throw std::runtime_error(pool.error());
  }
  return std::move(*pool);
}

PacketRing make_ring(std::string_view what) {
  static unsigned number = 0;
  auto ring = PacketRing::create(fmt::format("bench-{}{}", what, number++), 512, -1);
  if (!ring) {
    throw std::runtime_error(ring.error());
  }
  return std::move(*ring);
}

std::array<std::byte, 16> key_of(std::uint64_t number) {
  std::array<std::byte, 16> key;
  const Ipv6Address address = World::home(number);
  std::ranges::transform(address.octets, key.begin(), [](auto octet) { return std::byte{octet}; });
  return key;
}

}  // namespace

std::string_view name_of(Reference reference) {
  constexpr std::string_view kNames[] = {"io", "exact-match", "lpm"};
  return kNames[static_cast<std::size_t>(reference)];
}

Runner::Runner(World& world)
    : world_(world),
      pool_(make_pool()),
      in_(make_ring("in")),
      out_(make_ring("out")),
      punts_(make_ring("punts")),
      counters_(std::make_unique<WorkerCounters>()),
      transmitter_({{0, 0, true, &out_, nullptr}}, *counters_),
      handoff_({}, *counters_),
      used_(world.tables().adjacency_capacity()),
      environment_(world.tables().readers(), pool_.get(), punts_, transmitter_, handoff_,
                   *counters_, used_),
      pipeline_(world.config(), environment_),
      entries_(world.bindings()) {
  environment_.set_now(Instant(std::chrono::seconds(100)));
  static unsigned number = 0;
  const std::string name = fmt::format("bench-em{}", number++);
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = 2 * world.bindings();
  parameters.key_len = 16;
  parameters.hash_func = nullptr;
  parameters.socket_id = SOCKET_ID_ANY;
  hash_ = rte_hash_create(&parameters);
  rte_lpm6_config lpm{};
  lpm.max_rules = 65536;
  lpm.number_tbl8s = 4096;
  lpm_ = rte_lpm6_create(name.c_str(), SOCKET_ID_ANY, &lpm);
  if (hash_ == nullptr || lpm_ == nullptr) {
    throw std::runtime_error("no memory for the reference tables");
  }
  for (std::uint64_t i = 0; i < world.bindings(); ++i) {
    const auto key = key_of(i);
    if (rte_hash_add_key_data(hash_, key.data(), &entries_[i]) != 0) {
      throw std::runtime_error("the reference table is full");
    }
  }
  for (std::uint32_t i = 0; i < 1000; ++i) {
    std::uint8_t prefix[16] = {
        0x20, 0x01, 0x0d, 0xb9, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)};
    rte_lpm6_add(lpm_, prefix, 48, i);
  }
}

void Runner::report_quiescence(rte_rcu_qsbr* qsbr) {
  qsbr_ = qsbr;
  rte_rcu_qsbr_thread_register(qsbr_, 0);
  rte_rcu_qsbr_thread_online(qsbr_, 0);
}

Runner::~Runner() {
  if (qsbr_ != nullptr) {
    rte_rcu_qsbr_thread_offline(qsbr_, 0);
    rte_rcu_qsbr_thread_unregister(qsbr_, 0);
  }
  drain();
  rte_hash_free(hash_);
  rte_lpm6_free(lpm_);
}

// The next burst, each for a binding at random. What it costs is not counted: the sender's work.
void Runner::fill(const Template& frames) {
  for (unsigned i = 0; i < kBurst; ++i) {
    rte_mbuf* packet = rte_pktmbuf_alloc(pool_.get());
    if (packet == nullptr) {
      throw std::runtime_error("the packet pool is empty: buffers are lost");
    }
    auto* data = rte_pktmbuf_mtod(packet, std::byte*);
    std::memcpy(data, frames.frame.data(), frames.frame.size());
    random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
    const std::uint64_t number = (random_ >> 33U) * world_.bindings() >> 31U;
    for (const Stamp& stamp : frames.stamps) {
      const std::uint64_t low = __builtin_bswap64(stamp.base + number);
      std::memcpy(data + stamp.at, &low, sizeof low);
    }
    packet->data_len = static_cast<std::uint16_t>(frames.frame.size());
    packet->pkt_len = packet->data_len;
    if (!in_.push(packet)) {
      throw std::runtime_error("the ring in front is full");
    }
  }
}

void Runner::drain() {
  std::array<rte_mbuf*, kBurst> packets;
  while (const unsigned count = out_.pop(packets)) {
    rte_pktmbuf_free_bulk(packets.data(), count);
    out_count_ += count;
  }
}

// The clock is read around several bursts in a row: reading it waits for all that is under way,
// which a worker never does.
template <class Forward>
Phase Runner::measure(const Template& frames, std::uint64_t packets, Forward forward) {
  // What was measured before has left its own lines in the caches: each entry is used once or twice
  // before it counts, as far as the caches hold them.
  const std::uint64_t warm_up = trains_of(std::min(2 * std::uint64_t{world_.bindings()}, packets));
  const std::uint64_t trains = trains_of(packets);
  double before = 0;
  std::uint64_t cycles = 0;
  for (std::uint64_t i = 0; i < warm_up + trains; ++i) {
    if (i == warm_up) {
      before = additions_per_tick();
      cycles = 0;
    }
    for (unsigned burst = 0; burst < kTrain; ++burst) {
      fill(frames);
    }
    CALLGRIND_TOGGLE_COLLECT;  // scripts/instructions counts what lies between the two
    const std::uint64_t start = rte_rdtsc_precise();
    for (unsigned burst = 0; burst < kTrain; ++burst) {
      std::array<rte_mbuf*, kBurst> taken;
      const unsigned count = in_.pop(taken);
      forward(std::span(taken).first(count));
    }
    cycles += rte_rdtsc_precise() - start;
    CALLGRIND_TOGGLE_COLLECT;
    drain();
  }
  const double after = additions_per_tick();
  return {static_cast<double>(cycles) / static_cast<double>(trains * kTrain * kBurst),
          before > kQuiet && after > kQuiet};
}

Phase Runner::run(Path path, std::uint64_t packets) {
  out_count_ = 0;
  const std::uint64_t sent =
      (trains_of(packets) + trains_of(std::min(2 * std::uint64_t{world_.bindings()}, packets))) *
      kTrain * kBurst;
  const Phase phase = measure(world_.make_template(path), packets, [&](std::span<rte_mbuf*> burst) {
    pipeline_.receive(0, burst);
    transmitter_.flush_all();
    if (qsbr_ != nullptr) {
      rte_rcu_qsbr_quiescent(qsbr_, 0);
    }
  });
  const std::string name(name_of(path));
  CALLGRIND_DUMP_STATS_AT(name.c_str());
  // What has to come out has, and nothing else was counted: a figure of a path that drops is none.
  if (out_count_ != (path == Path::Miss ? 0 : sent) && path != Path::Miss) {
    std::string drops;
    for (const auto& info : forwarding::kDropReasons) {
      if (const auto n = counters_->drops[static_cast<std::size_t>(info.reason)].value(); n != 0) {
        drops += fmt::format(" {}={}", info.name, n);
      }
    }
    throw std::runtime_error(
        fmt::format("{}: {} of {} packets came out;{}", name_of(path), out_count_, sent, drops));
  }
  return phase;
}

void Runner::look_up_exactly(std::span<rte_mbuf*> packets) {
  const void* keys[kBurst];
  void* data[kBurst];
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    keys[i] = rte_pktmbuf_mtod_offset(packets[i], const void*, kEthernet + 24);
  }
  rte_hash_lookup_bulk_data(hash_, keys, static_cast<std::uint32_t>(packets.size()), &hits, data);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    rte_prefetch0(data[i]);
  }
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const auto* link = rte_pktmbuf_mtod(packets[i], const std::byte*);
    if (rte_pktmbuf_prepend(packets[i], wire::kIpv6HeaderSize) == nullptr) {
      continue;
    }
    auto* front = rte_pktmbuf_mtod(packets[i], std::byte*);
    std::memcpy(front, link, kEthernet);
    std::memcpy(front + kEthernet, data[i], wire::kIpv6HeaderSize);
  }
}

void Runner::look_up_longest(std::span<rte_mbuf*> packets) {
  std::uint8_t addresses[kBurst][16];
  std::int32_t hops[kBurst];
  for (std::size_t i = 0; i < packets.size(); ++i) {
    std::memcpy(addresses[i], rte_pktmbuf_mtod_offset(packets[i], const void*, kEthernet + 24), 16);
  }
  rte_lpm6_lookup_bulk_func(lpm_, addresses, hops, static_cast<unsigned>(packets.size()));
  for (std::size_t i = 0; i < packets.size(); ++i) {
    auto* frame = rte_pktmbuf_mtod(packets[i], std::byte*);
    frame[5] = std::byte{static_cast<std::uint8_t>(hops[i])};
    frame[kEthernet + 7] = std::byte{63};
  }
}

Phase Runner::run(Reference reference, std::uint64_t packets) {
  Template frames = world_.make_template(Path::ToMobileNode);
  if (reference == Reference::Lpm) {  // to the routes, at random
    frames.stamps.clear();
  }
  return measure(frames, packets, [&](std::span<rte_mbuf*> burst) {
    if (reference == Reference::ExactMatch) {
      look_up_exactly(burst);
    } else if (reference == Reference::Lpm) {
      look_up_longest(burst);
    }
    for (rte_mbuf* packet : burst) {
      transmitter_.send(0, packet);
    }
    transmitter_.flush_all();
  });
}

}  // namespace anyhome::bench
