// Real workers on net_ring devices: fragments that one of them receives are put together by the
// worker of their datagram; nothing is lost without a name, and buffers come back.
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include <rte_dev.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "dataplane/io/packet_pool.h"
#include "dataplane/io/packet_ring.h"
#include "dataplane/io/port.h"
#include "dataplane/worker/worker.h"
#include "test/dpdk/tables_fixture.h"
#include "test/support/packets.h"

using namespace anyhome;
using namespace anyhome::test;
using forwarding::Counter;
using forwarding::DropReason;

namespace {

constexpr unsigned kPoolBuffers = 4095;

// A port whose queue gives back what is sent to it. One at a time of each name.
class RingPort {
 public:
  RingPort(std::string device, rte_mempool* pool) : device_(std::move(device)) {
    REQUIRE(rte_eal_hotplug_add("vdev", device_.c_str(), nullptr) == 0);
    auto found = find_device(device_);
    REQUIRE(found.has_value());
    PortSetup setup;
    setup.name = device_;
    setup.device = device_;
    setup.pool = pool;
    auto port = Port::open(setup, *found);
    REQUIRE(port.has_value());
    port_ = std::make_unique<Port>(std::move(*port));
    REQUIRE(port_->start().has_value());
  }
  ~RingPort() {
    drain();
    port_.reset();
    rte_eal_hotplug_remove("vdev", device_.c_str());
  }
  RingPort(const RingPort&) = delete;
  RingPort& operator=(const RingPort&) = delete;

  [[nodiscard]] std::uint16_t id() const { return port_->id(); }
  [[nodiscard]] const std::array<std::uint8_t, 6>& mac() const { return port_->mac(); }
  void drain() {
    rte_mbuf* packet = nullptr;
    while (rte_eth_rx_burst(port_->id(), 0, &packet, 1) == 1) {
      rte_pktmbuf_free(packet);
    }
  }

 private:
  std::string device_;
  std::unique_ptr<Port> port_;
};

// Everything for up to two workers; port 0 is where links come in, port 1 where all goes out.
class Bench {
 public:
  explicit Bench(unsigned handoff_ring = 256, Duration reassembly_timeout = std::chrono::minutes(1))
      : reassembly_timeout_(reassembly_timeout),
        pool_(make_pool()),
        in_("net_ring_in", pool_->get()),
        out_("net_ring_out", pool_->get()),
        tables_(make_bench_tables()) {
    rings_.reserve(8);
    for (const char* name : {"punt_0", "punt_1", "inject_0", "inject_1", "handover"}) {
      rings_.push_back(make_ring(name, 1024));
    }
    rings_.push_back(make_ring("handoff_0_1", handoff_ring));
    rings_.push_back(make_ring("handoff_1_0", handoff_ring));
    const std::vector<NextHop> gateway = {{1, ip6("fe80::1")}};
    REQUIRE(tables_->set_route(prefix("2001:db8::/32"), gateway));
    REQUIRE(tables_->set_neighbor(1, ip6("fe80::1"), mac(1)));
    REQUIRE(tables_->apply(bound(1, "2001:db8:c::1")));
    settle(*tables_);
    for (unsigned i = 0; i < 2; ++i) {
      rte_rcu_qsbr_thread_register(qsbr_.get(), i);
      workers_.push_back(std::make_unique<dataplane::Worker>(setup(i)));
      workers_.back()->start_polling();
    }
  }
  ~Bench() {
    stop();
    workers_.clear();
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  void start(unsigned worker) {
    threads_.emplace_back([this, worker] { workers_[worker]->run(); });
  }
  void stop() {
    for (const auto& worker : workers_) {
      worker->stop();
    }
    for (std::thread& thread : threads_) {
      thread.join();
    }
    threads_.clear();
  }

  void send(const Bytes& packet) {
    const Bytes bytes = frame(in_.mac(), packet);
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_->get());
    REQUIRE(mbuf != nullptr);
    char* to = rte_pktmbuf_append(mbuf, static_cast<std::uint16_t>(bytes.size()));
    REQUIRE(to != nullptr);
    std::memcpy(to, bytes.data(), bytes.size());
    REQUIRE(rte_eth_tx_burst(in_.id(), 0, &mbuf, 1) == 1);
  }
  // What has come out, without link-layer headers.
  std::vector<Bytes> received() {
    std::vector<Bytes> packets;
    rte_mbuf* mbuf = nullptr;
    while (rte_eth_rx_burst(out_.id(), 0, &mbuf, 1) == 1) {
      Bytes bytes(mbuf->pkt_len);
      MbufAccess::copy_out(mbuf, 0, bytes.data(), bytes.size());
      packets.push_back(without_link_header(bytes));
      rte_pktmbuf_free(mbuf);
    }
    return packets;
  }

  [[nodiscard]] std::uint64_t count(unsigned worker, Counter counter) const {
    return workers_[worker]->counters().counters[static_cast<std::size_t>(counter)].value();
  }
  [[nodiscard]] std::uint64_t dropped(DropReason reason) const {
    return workers_[0]->counters().drops[static_cast<std::size_t>(reason)].value() +
           workers_[1]->counters().drops[static_cast<std::size_t>(reason)].value();
  }
  [[nodiscard]] std::uint64_t all_drops() const {
    std::uint64_t sum = 0;
    for (const auto& info : forwarding::kDropReasons) {
      sum += dropped(info.reason);
    }
    return sum;
  }
  [[nodiscard]] unsigned free_buffers() const { return pool_->available(); }
  [[nodiscard]] PacketRing& handoff() { return *rings_[5]; }

  // True as soon as it holds; false after a deadline that only a failure meets.
  template <class Condition>
  static bool wait_for(Condition&& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition()) {
      if (std::chrono::steady_clock::now() > deadline) {
        return false;
      }
      std::this_thread::yield();
    }
    return true;
  }

 private:
  static std::unique_ptr<PacketPool> make_pool() {
    PacketPoolSetup setup;
    setup.name = "handoff_test";
    setup.buffers = kPoolBuffers;
    setup.socket = -1;
    setup.shared_processors = true;
    auto pool = PacketPool::create(setup);
    REQUIRE(pool.has_value());
    return std::make_unique<PacketPool>(std::move(*pool));
  }
  std::unique_ptr<PacketRing> make_ring(const char* name, unsigned packets) {
    auto ring = PacketRing::create(name, packets, -1);
    REQUIRE(ring.has_value());
    return std::make_unique<PacketRing>(std::move(*ring));
  }
  std::unique_ptr<ForwardingTables> make_bench_tables() {
    TableSetup setup = small_setup(qsbr_);
    setup.ports = {{in_.mac(), std::nullopt, 1500}, {out_.mac(), std::nullopt, 1500}};
    return make_tables(setup);
  }

  WorkerSetup setup(unsigned index) {
    WorkerSetup setup;
    setup.index = index;
    PipelineConfig& pipeline = setup.pipeline;
    pipeline.ports.resize(2);
    pipeline.ports[0].mac = in_.mac();
    pipeline.ports[0].haha = true;
    pipeline.ports[1].mac = out_.mac();
    pipeline.home_prefixes = {PrefixTest(prefix("2001:db8:0:1::/64"))};
    pipeline.own_address = ip6("2001:db8:0:1::a");
    pipeline.home_agent = AddressTest(pipeline.own_address);
    pipeline.locator = AddressTest(ip6("2001:db8:a::1"));
    pipeline.peers.add(Locator(ip6("2001:db8:b::1")));
    pipeline.reassembly.timeout = reassembly_timeout_;
    pipeline.worker = index;
    pipeline.workers = 2;
    setup.tables = tables_->readers();
    setup.adjacencies = tables_->adjacency_capacity();
    setup.qsbr = qsbr_.get();
    setup.pool = pool_->get();
    setup.punts = rings_[index].get();
    setup.injects = rings_[2 + index].get();
    setup.wake = &wake_;
    setup.idle = true;
    // One queue each way, both the first worker's.
    const TransmitPath back{in_.id(), 0, true};
    if (index == 0) {
      lanes_.push_back(std::make_unique<Lane>(std::vector<PollQueue>{{0, in_.id(), 0}},
                                              std::vector<TransmitPath>{back, {out_.id(), 0, true}},
                                              false));
      setup.adopted.push_back({1, rings_[4].get()});
      setup.hand_to = {nullptr, rings_[5].get()};
      setup.taken_from = {rings_[6].get()};
    } else {
      lanes_.push_back(std::make_unique<Lane>(
          std::vector<PollQueue>{},
          std::vector<TransmitPath>{back, {out_.id(), 0, true, rings_[4].get()}}, false));
      setup.hand_to = {rings_[6].get(), nullptr};
      setup.taken_from = {rings_[5].get()};
    }
    setup.lane = lanes_[index].get();
    return setup;
  }

  Duration reassembly_timeout_;
  Qsbr qsbr_;
  std::unique_ptr<PacketPool> pool_;
  RingPort in_;
  RingPort out_;
  std::unique_ptr<ForwardingTables> tables_;
  std::vector<std::unique_ptr<PacketRing>> rings_;
  WakeSignal wake_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<std::unique_ptr<dataplane::Worker>> workers_;
  std::vector<std::thread> threads_;
};

Bytes linked(const Bytes& inner) {
  return tunnel(ip6("2001:db8:b::1"), ip6("2001:db8:a::1"), inner);
}

// A link packet of `payload` in fragments of kPart bytes.
constexpr std::size_t kPart = 416;
std::vector<Bytes> fragments(std::uint32_t datagram, const Bytes& payload) {
  const Bytes packet =
      linked(build({ip6("2001:db8:cc::1"), home(1).address(), 17, 64, 0, datagram, payload}));
  const std::size_t end = packet.size() - 40;
  std::vector<Bytes> fragments;
  for (std::size_t at = 0; at < end; at += kPart) {
    Bytes fragment(8);
    Writer writer(fragment);
    wire::FragmentHeader{wire::protocol::kIpv6, static_cast<std::uint16_t>(at), at + kPart < end,
                         datagram}
        .write(writer);
    fragment.insert(fragment.end(), packet.begin() + 40 + static_cast<std::ptrdiff_t>(at),
                    packet.begin() + 40 + static_cast<std::ptrdiff_t>(std::min(at + kPart, end)));
    fragments.push_back(build({ip6("2001:db8:b::1"), ip6("2001:db8:a::1"),
                               wire::protocol::kFragment, 250, 0, 0, fragment}));
  }
  return fragments;
}

}  // namespace

TEST_CASE("a worker that is behind costs packets by name, and no buffers", "[handoff]") {
  const unsigned kRing = 64;                          // holds 63
  Bench bench(kRing, std::chrono::milliseconds(50));  // then first fragments are given up
  const unsigned before = bench.free_buffers();
  bench.start(0);  // nobody serves the other one's ring
  // First fragments, which the first worker keeps, or leaves to the other one.
  constexpr std::uint32_t kDatagrams = 200;
  for (std::uint32_t datagram = 0; datagram < kDatagrams; ++datagram) {
    bench.send(fragments(datagram, Bytes(500)).front());
  }
  REQUIRE(Bench::wait_for([&] { return bench.dropped(DropReason::HandoffRingFull) != 0; }));
  CHECK(bench.count(0, Counter::HandedOff) == kRing - 1);
  CHECK(bench.handoff().count() == kRing - 1);
  // The other one comes and does what was left.
  bench.start(1);
  REQUIRE(Bench::wait_for([&] { return bench.count(1, Counter::TakenOver) == kRing - 1; }));
  REQUIRE(Bench::wait_for([&] { return bench.free_buffers() == before; }));
  bench.stop();
  CHECK(bench.count(0, Counter::Received) == kDatagrams);
}

TEST_CASE("fragments of a link packet become one chained buffer", "[handoff][reassembly]") {
  Bench bench;
  const unsigned before = bench.free_buffers();
  bench.start(0);
  bench.start(1);
  Bytes payload(1200);
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<std::byte>(i * 7 + i / 256);
  }
  constexpr std::uint32_t kDatagrams = 40;
  for (std::uint32_t datagram = 0; datagram < kDatagrams; ++datagram) {
    for (const Bytes& fragment : fragments(datagram, payload)) {
      bench.send(fragment);
    }
  }
  std::size_t received = 0;
  REQUIRE(Bench::wait_for([&] {
    for (const Bytes& packet : bench.received()) {
      CHECK(Bytes(packet.begin() + 80, packet.end()) == payload);
      ++received;
    }
    return received == kDatagrams;
  }));
  bench.stop();
  CHECK(bench.all_drops() == 0);
  CHECK(bench.count(0, Counter::Reassembled) + bench.count(1, Counter::Reassembled) == kDatagrams);
  CHECK(bench.count(0, Counter::Reassembled) > 0);
  CHECK(bench.count(1, Counter::Reassembled) > 0);
  CHECK(bench.free_buffers() == before);
}
