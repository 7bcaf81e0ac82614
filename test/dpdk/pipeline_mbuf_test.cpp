// The pipeline of a worker, on rte_mbuf and the real tables, beside the pipeline of the unit tests,
// on heap packets and the same tables: the same packets come out of both, on the same ports and in
// the same order, with the same counters; and every buffer comes back.
#include <algorithm>
#include <memory>

#include "dataplane/worker/mbuf_environment.h"
#include "test/dpdk/chained_packets.h"
#include "test/dpdk/tables_fixture.h"
#include "test/support/haha_fixture.h"
#include "test/support/sample_packets.h"

using namespace anyhome;
using namespace anyhome::test;
using forwarding::DropReason;

namespace {

constexpr Instant kNow{std::chrono::seconds(100)};
constexpr Instant kFragmentsGivenUp = kNow + std::chrono::minutes(1);

// Heap packets with lookups in the real tables.
struct TableHeapEnvironment : HeapEnvironment, TableAccess {
  using TableAccess::adjacency;
  using TableAccess::former_care_of_address;
  using TableAccess::groups;
  using TableAccess::has_routed_prefixes;
  using TableAccess::leaf;
  using TableAccess::lookup_bindings;
  using TableAccess::lookup_routes;
  using TableAccess::peer_is_dead;
  using TableAccess::prefix_entry;
  static constexpr bool kTracing = false;

  explicit TableHeapEnvironment(const ReaderView& view) : TableAccess(view) { time = kNow; }
};

// What became of a burst, of whatever packets.
struct Outcome {
  std::vector<Transmitted> sent;
  std::vector<Punted> punted;
  std::vector<std::uint64_t> drops;
  std::vector<std::uint64_t> counters;
};

std::string describe(const Outcome& outcome) {
  std::string text;
  for (const auto& info : forwarding::kDropReasons) {
    if (const auto count = outcome.drops[static_cast<std::size_t>(info.reason)]; count != 0) {
      text += fmt::format("{}={}\n", info.name, count);
    }
  }
  for (const auto& info : forwarding::kCounters) {
    if (const auto count = outcome.counters[static_cast<std::size_t>(info.counter)]; count != 0) {
      text += fmt::format("{}={}\n", info.name, count);
    }
  }
  for (const Transmitted& one : outcome.sent) {
    text += fmt::format("sent on {}:{}\n", one.port, dump(one.frame));
  }
  for (const Punted& one : outcome.punted) {
    const forwarding::PuntMetadata& m = one.metadata;
    text += fmt::format("punted {} port {} peer {} link header {} tunnels {} adjacency {}:{}\n",
                        forwarding::to_string(m.punt_class), m.port, m.peer, m.link_header,
                        m.decapsulations, m.adjacency, dump(one.bytes));
  }
  return text;
}

// The tables of HahaFixture, made by the one that makes them in the daemon.
class World {
 public:
  World() : tables_(make()), pool_(make_pool()) {
    const HahaFixture& f = facts_;
    tables_->set_neighbor(0, kGateway, mac(0xaa)).value();
    tables_->set_neighbor(1, kInside, mac(0xbb)).value();
    const NextHop internet[] = {{0, kGateway, 1}};
    const NextHop inside[] = {{1, kInside, 1}};
    const NextHop far[] = {{0, kUnresolved, 1}};
    tables_->set_route(prefix("2001:db8::/32"), internet).value();
    tables_->set_route(prefix("2001:db8:1::/48"), inside).value();
    tables_->set_route(prefix("2001:db8:2::/48"), far).value();
    tables_->set_prohibited_route(prefix("2001:db8:dead::/48")).value();
    tables_->set_local(ip6("2001:db8:a1::99"), LocalRole::Host).value();
    tables_->set_local(ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"), LocalRole::Discovery).value();
    bind(f.home, f.care_of);
    bind(f.other_home, f.other_care_of);
    bind(f.router_home, f.router_care_of);
    apply(forwarding::SetPrefix{prefix("2001:db8:8000:5::/64"), HomeAddress(f.router_home)});
    apply(forwarding::SetPeer{HahaFixture::kOsaka, HomeAgentAddress(f.osaka),
                              Locator(f.osaka_locator), Locator(f.locator)});
    apply(forwarding::SetBinding{HomeAddress(f.home_at_osaka), forwarding::BindingKind::Global,
                                 f.locator, f.osaka_locator});
    settle(*tables_);
  }

  Outcome through_heap(const std::vector<Bytes>& frames, std::size_t burst, std::size_t split = 0) {
    TableHeapEnvironment env(tables_->readers());
    Pipeline<TableHeapEnvironment> pipeline(facts_.config, env);
    for_bursts(frames, burst, [&](std::span<const Bytes> some) {
      std::vector<HeapPacket*> packets;
      for (const Bytes& frame : some) {
        // With as much room behind it as a buffer of the pool has.
        const std::size_t room = PacketPool::buffer_bytes(1500) - RTE_PKTMBUF_HEADROOM;
        packets.push_back(split == 0 ? env.add(frame) : env.add_chain(frame, split, room - split));
      }
      pipeline.receive(0, packets);
    });
    env.time = kFragmentsGivenUp;
    pipeline.on_time();
    CHECK(env.live_packets() == 0);
    CHECK(env.stray_packets() == 0);
    return {std::move(env.transmitted),
            std::move(env.punted),
            {env.drops.begin(), env.drops.end()},
            {env.counters.begin(), env.counters.end()}};
  }

  Outcome through_mbufs(const std::vector<Bytes>& frames, std::size_t burst,
                        std::size_t split = 0) {
    PacketRing punts = make_ring(4096);
    PacketRing ports[] = {make_ring(4096), make_ring(4096)};
    auto counters = std::make_unique<WorkerCounters>();
    Lane lane({}, {{0, 0, true, &ports[0], nullptr}, {1, 0, true, &ports[1], nullptr}}, false);
    Transmitter transmitter(lane, *counters);
    UseMarks used(tables_->adjacency_capacity());
    Handoff handoff({}, *counters);
    MbufEnvironment env(tables_->readers(), pool_.get(), punts, transmitter, handoff, *counters,
                        used);
    env.set_now(kNow);
    Pipeline<MbufEnvironment> pipeline(facts_.config, env);
    Outcome outcome;
    for_bursts(frames, burst, [&](std::span<const Bytes> some) {
      std::vector<rte_mbuf*> packets;
      for (const Bytes& frame : some) {
        packets.push_back(split == 0 ? make_chain(pool_, frame, {})
                                     : make_chain(pool_, frame, {split}));
      }
      pipeline.receive(0, packets);
      transmitter.flush_all();
    });
    env.set_now(kFragmentsGivenUp);
    pipeline.on_time();
    for (std::uint16_t port = 0; port < 2; ++port) {
      drain(ports[port], [&](const rte_mbuf* packet) {
        outcome.sent.push_back({port, bytes_of_chain(packet)});
      });
    }
    drain(punts, [&](rte_mbuf* packet) {
      outcome.punted.push_back({note_of(packet, mbuf_note_offset()).punt, bytes_of_chain(packet)});
    });
    for (const Tally& tally : counters->drops) {
      outcome.drops.push_back(tally.value());
    }
    for (const Tally& tally : counters->counters) {
      outcome.counters.push_back(tally.value());
    }
    CHECK(pool_.available() == kBuffers);
    return outcome;
  }

  [[nodiscard]] const HahaFixture& facts() const { return facts_; }
  PacketPool& pool() { return pool_; }

 private:
  const Ipv6Address kGateway = ip6("fe80::aa");
  const Ipv6Address kInside = ip6("fe80::bb");
  const Ipv6Address kUnresolved = ip6("fe80::cc");

  std::unique_ptr<ForwardingTables> make() {
    facts_.config.ports[0].vlan.reset();
    TableSetup setup = small_setup(qsbr_);
    setup.name = fresh_name("world");
    setup.ports = {{facts_.config.ports[0].mac, std::nullopt, 1500},
                   {facts_.config.ports[1].mac, 7, 1500}};
    setup.pools = {{prefix("2001:db8:8000::/36"), 64}};
    return make_tables(setup);
  }
  void bind(const Ipv6Address& home_address, const Ipv6Address& care_of) {
    apply(forwarding::SetBinding{HomeAddress(home_address), forwarding::BindingKind::Bound,
                                 facts_.agent, care_of});
  }
  void apply(const forwarding::ForwardingUpdate& update) {
    REQUIRE(tables_->apply(update).has_value());
  }

  template <class Action>
  static void for_bursts(const std::vector<Bytes>& frames, std::size_t burst, Action action) {
    for (std::size_t at = 0; at < frames.size(); at += burst) {
      action(std::span(frames).subspan(at, std::min(burst, frames.size() - at)));
    }
  }
  template <class Action>
  static void drain(PacketRing& ring, Action action) {
    rte_mbuf* packet = nullptr;
    while (ring.pop(std::span(&packet, 1)) != 0) {
      action(packet);
      rte_pktmbuf_free(packet);
    }
  }

  Qsbr qsbr_;
  HahaFixture facts_;
  std::unique_ptr<ForwardingTables> tables_;
  PacketPool pool_;
};

// By port, as rings give them; in their order on each.
void by_port(Outcome& outcome) { std::ranges::stable_sort(outcome.sent, {}, &Transmitted::port); }

void check_same(Outcome heap, const Outcome& mbufs) {
  by_port(heap);
  CHECK(describe(mbufs) == describe(heap));
}

std::vector<Bytes> sample_frames(std::size_t count = 0) {
  const std::vector<SamplePacket> samples = sample_packets();
  std::vector<Bytes> frames;
  for (std::size_t i = 0; i < std::max(count, count == 0 ? samples.size() : 0); ++i) {
    frames.push_back(frame(PipelineFixture::kPortMac, samples[i % samples.size()].bytes));
  }
  return frames;
}

}  // namespace

TEST_CASE("each packet has one fate, on mbufs as on the heap", "[pipeline][mbuf]") {
  World world;
  for (const SamplePacket& packet : sample_packets()) {
    INFO(packet.name);
    const std::vector<Bytes> one = {frame(PipelineFixture::kPortMac, packet.bytes)};
    check_same(world.through_heap(one, 1), world.through_mbufs(one, 1));
  }
}

TEST_CASE("bursts of every size", "[pipeline][mbuf]") {
  World world;
  for (const std::size_t count : {0U, 1U, 31U, 32U, 33U, 63U, 64U, 130U}) {
    for (const std::size_t burst : {1U, 31U, 32U, 33U, dataplane::kMaxBurst}) {
      INFO(count << " packets in bursts of " << burst);
      const auto frames = count == 0 ? std::vector<Bytes>{} : sample_frames(count);
      check_same(world.through_heap(frames, burst), world.through_mbufs(frames, burst));
    }
  }
}

TEST_CASE("a burst of none is none", "[pipeline][mbuf]") {
  World world;
  TableHeapEnvironment env{ReaderView{}};  // tables that would not survive being looked at
  Pipeline<TableHeapEnvironment> pipeline(world.facts().config, env);
  pipeline.receive(0, {});
  pipeline.originate(Origin::Host, true, {});
  CHECK(env.transmitted.empty());
  CHECK(std::ranges::all_of(env.counters, [](std::uint64_t n) { return n == 0; }));
}

TEST_CASE("headers split across segments at every offset", "[pipeline][mbuf]") {
  World world;
  for (const SamplePacket& packet : sample_packets()) {
    const std::vector<Bytes> one = {frame(PipelineFixture::kPortMac, packet.bytes)};
    const std::string whole = describe(world.through_mbufs(one, 1));
    for (std::size_t split = 1; split < std::min<std::size_t>(one[0].size(), 170); ++split) {
      INFO(packet.name << " split behind " << split);
      const Outcome mbufs = world.through_mbufs(one, 1, split);
      check_same(world.through_heap(one, 1, split), mbufs);
      // Where its buffers end is no property of a packet.
      CHECK(describe(mbufs) == whole);
    }
  }
}
