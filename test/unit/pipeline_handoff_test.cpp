// Which worker a packet of a HAHA link is for, and that it is the same for all of its flow.
#include <map>
#include <set>

#include "test/support/haha_fixture.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

constexpr std::uint32_t kWorkers = 4;

// Worker `index` of four, which share nothing but what they send each other.
struct WorkerFixture : HahaFixture {
  explicit WorkerFixture(std::uint32_t index) {
    config.worker = index;
    config.workers = kWorkers;
    restart();
  }
  void take_over(const HandedOff& one) {
    dataplane::HeapPacket* packet = env.add(one.frame);
    pipeline->take_over(std::span(&one.port, 1),
                        std::span<dataplane::HeapPacket* const>(&packet, 1));
  }
};

Bytes flow(const HahaFixture& f, std::uint16_t number, std::uint32_t sequence = 0) {
  PacketSpec spec{f.correspondent, f.home};
  store_be16(spec.payload.data(), number);
  store_be32(spec.payload.data() + 8, sequence);
  return f.from_osaka(build(spec));
}

}  // namespace

TEST_CASE("the flows of a link are spread over the workers, each as a whole",
          "[pipeline][handoff]") {
  WorkerFixture f(1);
  std::map<std::uint32_t, unsigned> shares;
  for (std::uint16_t number = 0; number < 400; ++number) {
    std::set<std::uint32_t> workers;
    for (std::uint32_t sequence = 0; sequence < 3; ++sequence) {
      f.env.forget();
      const Bytes packet = flow(f, number, sequence);
      f.receive(packet);
      if (f.env.handed_off.empty()) {
        CHECK(f.counted() ==
              "received=1 sent=1 encapsulated-to-mobile-node=1 decapsulated-from-peer=1");
        workers.insert(1);
      } else {
        CHECK(f.counted() == "received=1 handed-off=1");
        CHECK(f.env.handed_off[0].port == 0);
        CHECK(f.env.handed_off[0].frame == frame(PipelineFixture::kPortMac, packet));
        workers.insert(f.env.handed_off[0].worker);
      }
      f.check_quiet();
    }
    REQUIRE(workers.size() == 1);
    ++shares[*workers.begin()];
  }
  REQUIRE(shares.size() == kWorkers);
  for (const auto& [worker, share] : shares) {
    INFO("worker " << worker);
    CHECK(share > 60);
  }
}

TEST_CASE("a worker does what it was left, as if it had received it", "[pipeline][handoff]") {
  WorkerFixture first(0);
  const HahaFixture alone;
  unsigned done = 0;
  for (std::uint16_t number = 0; number < 40; ++number) {
    first.env.forget();
    first.receive(flow(first, number));
    for (const HandedOff& one : first.env.handed_off) {
      WorkerFixture other(one.worker);
      other.take_over(one);
      CHECK(other.counted() ==
            "sent=1 encapsulated-to-mobile-node=1 decapsulated-from-peer=1 taken-over=1");
      other.check_quiet();
      ++done;
    }
  }
  CHECK(done > 20);
}

TEST_CASE("what is not a link's stays where it came in", "[pipeline][handoff]") {
  for (std::uint16_t number = 0; number < 50; ++number) {
    WorkerFixture f(3);
    PacketSpec spec{f.correspondent, f.home};
    store_be16(spec.payload.data(), number);
    f.receive(build(spec));
    spec.source = f.home;
    spec.destination = f.correspondent;
    f.receive(tunnel(f.care_of, f.agent, build(spec)));
    CHECK(f.env.handed_off.empty());
    CHECK(f.env.transmitted.size() == 2);
  }
}

TEST_CASE("what is refused at a link is refused by whoever receives it", "[pipeline][handoff]") {
  for (std::uint16_t number = 0; number < 20; ++number) {
    WorkerFixture f(2);
    PacketSpec spec{f.correspondent, f.home};
    store_be16(spec.payload.data(), number);
    f.receive(tunnel(f.correspondent, f.locator, build(spec)));
    CHECK(f.counted() == "haha-stranger=1 received=1");
  }
}

TEST_CASE("fragments of one datagram meet at one worker, however they come",
          "[pipeline][handoff]") {
  WorkerFixture f(0);
  const auto worker_of = [&](const Bytes& packet) {
    f.env.forget();
    f.restart();
    f.receive(packet);
    return f.env.handed_off.empty() ? 0U : f.env.handed_off[0].worker;
  };
  const auto fragment = [&](std::uint32_t identification, bool first) {
    Bytes payload(8 + 64);
    Writer writer(payload);
    wire::FragmentHeader{wire::protocol::kIpv6, static_cast<std::uint16_t>(first ? 0 : 64), first,
                         identification}
        .write(writer);
    return build({f.care_of, f.agent, wire::protocol::kFragment, 64, 0, 0, payload});
  };
  std::set<std::uint32_t> workers;
  for (std::uint32_t identification = 0; identification < 64; ++identification) {
    const std::uint32_t worker = worker_of(fragment(identification, true));
    CHECK(worker_of(fragment(identification, false)) == worker);
    CHECK(worker_of(f.from_osaka(fragment(identification, true))) == worker);
    CHECK(worker_of(f.from_osaka(fragment(identification, false))) == worker);
    workers.insert(worker);
  }
  CHECK(workers.size() == kWorkers);
}

TEST_CASE("a link packet that was put together goes to the worker of its flow",
          "[pipeline][handoff][reassembly]") {
  // Whoever has the fragments, the whole one is where its unfragmented like is.
  WorkerFixture probe(0);
  for (std::uint16_t number = 0; number < 16; ++number) {
    probe.env.forget();
    const Bytes packet = flow(probe, number);
    probe.receive(packet);
    const std::uint32_t owner = probe.env.handed_off.empty() ? 0U : probe.env.handed_off[0].worker;

    std::vector<std::unique_ptr<WorkerFixture>> workers;
    for (std::uint32_t i = 0; i < kWorkers; ++i) {
      workers.push_back(std::make_unique<WorkerFixture>(i));
    }
    const auto cut = [&](std::size_t at, std::size_t end) {
      Bytes payload(8);
      Writer writer(payload);
      wire::FragmentHeader{wire::protocol::kIpv6, static_cast<std::uint16_t>(at),
                           end + 40 < packet.size(), number}
          .write(writer);
      payload.insert(payload.end(), packet.begin() + 40 + static_cast<std::ptrdiff_t>(at),
                     packet.begin() + 40 + static_cast<std::ptrdiff_t>(end));
      return build(
          {probe.osaka_locator, probe.locator, wire::protocol::kFragment, 250, 0, 0, payload});
    };
    workers[0]->receive(cut(0, 32));
    workers[0]->receive(cut(32, packet.size() - 40));
    // Until nobody has anything left to hand off.
    for (bool moved = true; moved;) {
      moved = false;
      for (auto& worker : workers) {
        for (const HandedOff& one : std::exchange(worker->env.handed_off, {})) {
          workers[one.worker]->take_over(one);
          moved = true;
        }
      }
    }
    for (std::uint32_t i = 0; i < kWorkers; ++i) {
      INFO("flow " << number << " worker " << i << " owner " << owner << ": "
                   << workers[i]->counted());
      CHECK(workers[i]->env.transmitted.size() == (i == owner ? 1U : 0U));
      workers[i]->check_quiet();
    }
  }
}

TEST_CASE("a full ring is a drop with a name", "[pipeline][handoff][drop]") {
  WorkerFixture f(0);
  f.env.handoff_ring_left = 0;
  std::uint16_t number = 0;
  while (f.env.transmitted.size() == number) {  // flows of its own
    f.receive(flow(f, number++));
  }
  CHECK(f.env.drops[static_cast<std::size_t>(forwarding::DropReason::HandoffRingFull)] == 1);
  CHECK(f.env.handed_off.empty());
  f.check_quiet();
}

TEST_CASE("one worker hands nothing off", "[pipeline][handoff]") {
  HahaFixture f;
  for (std::uint16_t number = 0; number < 50; ++number) {
    f.receive(flow(f, number));
  }
  CHECK(f.counted() ==
        "received=50 sent=50 encapsulated-to-mobile-node=50 decapsulated-from-peer=50");
}
