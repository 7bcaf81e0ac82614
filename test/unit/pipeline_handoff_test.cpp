// Which worker puts a fragment together that is for us, and that everything else stays where it
// came in.
#include <memory>
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

// One of two, of a datagram from a care-of address to our home agent address.
Bytes fragment(const HahaFixture& f, std::uint32_t identification, bool first = true) {
  Bytes payload(8 + 64);
  Writer writer(payload);
  wire::FragmentHeader{wire::protocol::kIpv6, static_cast<std::uint16_t>(first ? 0 : 64), first,
                       identification}
      .write(writer);
  return build({f.care_of, f.agent, wire::protocol::kFragment, 64, 0, 0, payload});
}

// Out of a link packet to a mobile node: not for us.
Bytes linked_flow(const HahaFixture& f, std::uint16_t number) {
  PacketSpec spec{f.correspondent, f.home};
  store_be16(spec.payload.data(), number);
  return f.from_osaka(build(spec));
}

Bytes labelled(Bytes packet, std::uint32_t label) {
  store_be32(packet.data(), (load_be32(packet.data()) & 0xfff00000U) | label);
  return packet;
}

}  // namespace

TEST_CASE("fragments of one datagram meet at one worker, however they come",
          "[pipeline][handoff]") {
  WorkerFixture f(0);
  const auto worker_of = [&](const Bytes& packet) {
    f.env.forget();
    f.restart();
    f.receive(packet);
    return f.env.handed_off.empty() ? 0U : f.env.handed_off[0].worker;
  };
  std::set<std::uint32_t> workers;
  for (std::uint32_t identification = 0; identification < 64; ++identification) {
    const std::uint32_t worker = worker_of(fragment(f, identification));
    CHECK(worker_of(fragment(f, identification, false)) == worker);
    CHECK(worker_of(f.from_osaka(fragment(f, identification))) == worker);
    CHECK(worker_of(labelled(f.from_osaka(fragment(f, identification, false)),
                             1U + identification)) == worker);
    workers.insert(worker);
  }
  CHECK(workers.size() == kWorkers);
}

TEST_CASE("who gets a fragment does not depend on who is asked", "[pipeline][handoff]") {
  std::vector<std::unique_ptr<WorkerFixture>> workers;
  for (std::uint32_t i = 0; i < kWorkers; ++i) {
    workers.push_back(std::make_unique<WorkerFixture>(i));
  }
  const WorkerFixture& f = *workers[0];
  for (std::uint32_t identification = 0; identification < 16; ++identification) {
    for (const Bytes& packet :
         {fragment(f, identification), f.from_osaka(fragment(f, identification))}) {
      INFO(dump(packet));
      std::set<std::uint32_t> ends;
      for (std::uint32_t start = 0; start < kWorkers; ++start) {
        for (auto& worker : workers) {
          worker->env.forget();
          worker->restart();
        }
        workers[start]->receive(packet);
        if (workers[start]->env.handed_off.empty()) {
          ends.insert(start);
          continue;
        }
        // As it came in, and nowhere else from there.
        CHECK(workers[start]->counted() == "received=1 handed-off=1");
        const HandedOff one = workers[start]->env.handed_off[0];
        CHECK(one.port == 0);
        CHECK(one.frame == frame(PipelineFixture::kPortMac, packet));
        workers[one.worker]->take_over(one);
        CHECK(workers[one.worker]->env.handed_off.empty());
        ends.insert(one.worker);
      }
      CHECK(ends.size() == 1);
    }
  }
}

TEST_CASE("what is no fragment for us stays where it came in", "[pipeline][handoff]") {
  for (std::uint16_t number = 0; number < 50; ++number) {
    WorkerFixture f(3);
    PacketSpec spec{f.correspondent, f.home};
    store_be16(spec.payload.data(), number);
    f.receive(build(spec));
    f.receive(linked_flow(f, number));
    f.receive(labelled(linked_flow(f, number), 1000U + number));
    spec.source = f.home;
    spec.destination = f.correspondent;
    f.receive(tunnel(f.care_of, f.agent, build(spec)));
    // A fragment on its way to a mobile node.
    Bytes to_home = fragment(f, number);
    std::copy(f.home.octets.begin(), f.home.octets.end(),
              reinterpret_cast<std::uint8_t*>(to_home.data()) + 24);
    f.receive(f.from_osaka(to_home));
    CHECK(f.env.handed_off.empty());
    CHECK(f.env.transmitted.size() == 5);
    f.check_quiet();
  }
}

TEST_CASE("a fragment that is refused at a link is refused by whoever receives it",
          "[pipeline][handoff]") {
  for (std::uint32_t identification = 0; identification < 20; ++identification) {
    WorkerFixture f(2);
    f.receive(tunnel(f.correspondent, f.locator, fragment(f, identification)));
    CHECK(f.counted() == "haha-stranger=1 received=1");
    CHECK(f.env.handed_off.empty());
  }
}

TEST_CASE("a link packet that comes in fragments is forwarded by whoever has them",
          "[pipeline][handoff][reassembly]") {
  for (std::uint16_t number = 0; number < 16; ++number) {
    std::vector<std::unique_ptr<WorkerFixture>> workers;
    for (std::uint32_t i = 0; i < kWorkers; ++i) {
      workers.push_back(std::make_unique<WorkerFixture>(i));
    }
    const WorkerFixture& f = *workers[0];
    const Bytes packet = linked_flow(f, number);
    const auto cut = [&](std::size_t at, std::size_t end) {
      Bytes payload(8);
      Writer writer(payload);
      wire::FragmentHeader{wire::protocol::kIpv6, static_cast<std::uint16_t>(at),
                           end + 40 < packet.size(), number}
          .write(writer);
      payload.insert(payload.end(), packet.begin() + 40 + static_cast<std::ptrdiff_t>(at),
                     packet.begin() + 40 + static_cast<std::ptrdiff_t>(end));
      return build({f.osaka_locator, f.locator, wire::protocol::kFragment, 250, 0, 0, payload});
    };
    // Received by different workers.
    workers[0]->receive(cut(0, 32));
    workers[1]->receive(cut(32, packet.size() - 40));
    std::size_t sent = 0;
    for (auto& worker : workers) {
      for (const HandedOff& one : std::exchange(worker->env.handed_off, {})) {
        workers[one.worker]->take_over(one);
      }
    }
    for (auto& worker : workers) {
      CHECK(worker->env.handed_off.empty());
      sent += worker->env.transmitted.size();
      worker->check_quiet();
    }
    CHECK(sent == 1);
  }
}

TEST_CASE("a full ring is a drop with a name", "[pipeline][handoff][drop]") {
  WorkerFixture f(0);
  f.env.handoff_ring_left = 0;
  const auto dropped = [&] {
    return f.env.drops[static_cast<std::size_t>(forwarding::DropReason::HandoffRingFull)];
  };
  for (std::uint32_t identification = 0; dropped() == 0; ++identification) {
    f.receive(fragment(f, identification));  // some are its own
    REQUIRE(identification < 100);
  }
  CHECK(dropped() == 1);
  CHECK(f.env.handed_off.empty());
}

TEST_CASE("one worker hands nothing off", "[pipeline][handoff]") {
  HahaFixture f;
  for (std::uint32_t identification = 0; identification < 50; ++identification) {
    f.receive(fragment(f, identification));
    f.receive(f.from_osaka(fragment(f, identification)));
  }
  CHECK(f.env.handed_off.empty());
}
