// Which worker a packet of a HAHA link is for, and that it is the same for all of its flow.
#include <algorithm>
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

// Of a peer that writes no flow labels.
Bytes flow(const HahaFixture& f, std::uint16_t number, std::uint32_t sequence = 0) {
  PacketSpec spec{f.correspondent, f.home};
  store_be16(spec.payload.data(), number);
  store_be32(spec.payload.data() + 8, sequence);
  return f.from_osaka(build(spec));
}

Bytes labelled(Bytes packet, std::uint32_t label) {
  store_be32(packet.data(), (load_be32(packet.data()) & 0xfff00000U) | label);
  return packet;
}

// Who got a frame that one worker has received: forwarded by itself, or given away as it came in.
std::uint32_t worker_of(const WorkerFixture& f, const Bytes& received) {
  if (f.env.handed_off.empty()) {
    CHECK(f.counted() ==
          "received=1 sent=1 encapsulated-to-mobile-node=1 decapsulated-from-peer=1");
    return f.config.worker;
  }
  CHECK(f.counted() == "received=1 handed-off=1");
  CHECK(f.env.handed_off[0].port == 0);
  CHECK(f.env.handed_off[0].frame == received);
  return f.env.handed_off[0].worker;
}

void check_spread(const std::map<std::uint32_t, unsigned>& shares, unsigned least) {
  REQUIRE(shares.size() == kWorkers);
  for (const auto& [worker, share] : shares) {
    INFO("worker " << worker);
    CHECK(share > least);
  }
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
      workers.insert(worker_of(f, frame(PipelineFixture::kPortMac, packet)));
      f.check_quiet();
    }
    REQUIRE(workers.size() == 1);
    ++shares[*workers.begin()];
  }
  check_spread(shares, 60);  // of 400
}

TEST_CASE("a packet of a link goes by its outer flow label, whatever is inside",
          "[pipeline][handoff]") {
  std::map<std::uint32_t, unsigned> shares;
  for (const bool vlan : {false, true}) {
    WorkerFixture f(1);
    if (vlan) {
      f.config.ports[0].vlan = 7;
      f.restart();
    }
    const auto framed = [&](const Bytes& packet) {
      Bytes bytes = frame(PipelineFixture::kPortMac, packet);
      if (vlan) {
        const Bytes tag = {std::byte{0x81}, std::byte{0}, std::byte{0}, std::byte{7}};
        bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
      }
      return bytes;
    };
    for (std::uint32_t label = 1; label <= 400; ++label) {
      std::set<std::uint32_t> workers;
      for (std::uint16_t number = 0; number < 3; ++number) {
        f.env.forget();
        const Bytes packet = framed(labelled(flow(f, number), label));
        f.receive_frame(packet);
        workers.insert(worker_of(f, packet));
        f.check_quiet();
      }
      REQUIRE(workers.size() == 1);
      ++shares[*workers.begin()];
    }
  }
  check_spread(shares, 120);  // of 800
}

TEST_CASE("of a burst each packet goes to its worker, in order", "[pipeline][handoff]") {
  WorkerFixture f(2);
  f.config.ports[1].haha = true;
  f.restart();
  for (const unsigned burst : {1U, 2U, 31U, 32U, 33U, 64U}) {
    f.env.forget();
    std::vector<dataplane::HeapPacket*> packets;
    for (std::uint16_t i = 0; i < burst; ++i) {
      // Two of three are a link's; the third is a correspondent's, and stays.
      PacketSpec spec{f.correspondent, f.home};
      store_be16(spec.payload.data(), i);
      const Bytes packet = i % 3 == 2 ? build(spec) : labelled(flow(f, i), 1000U + i);
      packets.push_back(f.env.add(frame(f.config.ports[1].mac, packet)));
    }
    f.pipeline->receive(1, std::span<dataplane::HeapPacket* const>(packets));
    std::map<std::uint32_t, std::vector<std::uint16_t>> order;
    for (const Transmitted& sent : f.env.transmitted) {
      order[2].push_back(load_be16(without_link_header(sent.frame).data() + 80));
    }
    for (const HandedOff& one : f.env.handed_off) {
      order[one.worker].push_back(load_be16(one.frame.data() + 14 + 80));
      CHECK(one.port == 1);
      WorkerFixture owner(one.worker);
      owner.config.ports[1].haha = true;
      owner.restart();
      owner.take_over(one);
      CHECK(owner.counted() ==
            "sent=1 encapsulated-to-mobile-node=1 decapsulated-from-peer=1 taken-over=1");
    }
    CHECK(f.env.transmitted.size() >= burst / 3);
    CHECK(f.env.transmitted.size() + f.env.handed_off.size() == burst);
    for (const auto& [worker, numbers] : order) {
      INFO("worker " << worker);
      // Links first or natives first, each is in order; both are resolved in the same bulk.
      CHECK(std::is_sorted(numbers.begin(), numbers.end()));
    }
    f.check_quiet();
  }
}

TEST_CASE("who owns a packet does not depend on who is asked", "[pipeline][handoff]") {
  // Labelled or not, a fragment for us inside, a fragment outside: all get to one worker, from
  // wherever, and stay there.
  std::vector<std::unique_ptr<WorkerFixture>> workers;
  for (std::uint32_t i = 0; i < kWorkers; ++i) {
    workers.push_back(std::make_unique<WorkerFixture>(i));
  }
  const WorkerFixture& f = *workers[0];
  Bytes payload(8 + 64);
  Writer writer(payload);
  wire::FragmentHeader{wire::protocol::kIpv6, 0, true, 99}.write(writer);
  const Bytes fragment = build({f.care_of, f.agent, wire::protocol::kFragment, 64, 0, 0, payload});
  std::vector<Bytes> packets = {f.from_osaka(fragment), fragment};
  for (std::uint16_t i = 0; i < 20; ++i) {
    packets.push_back(flow(f, i));
    packets.push_back(labelled(flow(f, i), 1U + i * 4099U));
    packets.push_back(labelled(f.from_osaka(fragment), 1U + i * 4099U));
  }
  for (const Bytes& packet : packets) {
    INFO(dump(packet));
    std::set<std::uint32_t> ends;
    for (std::uint32_t start = 0; start < kWorkers; ++start) {
      for (auto& worker : workers) {
        worker->env.forget();
        worker->restart();
      }
      workers[start]->receive(packet);
      std::uint32_t at = start;
      unsigned hops = 0;
      while (!workers[at]->env.handed_off.empty()) {
        const HandedOff one = workers[at]->env.handed_off[0];
        workers[at]->env.handed_off.clear();
        REQUIRE(++hops <= 2);
        at = one.worker;
        workers[at]->take_over(one);
      }
      ends.insert(at);
    }
    CHECK(ends.size() == 1);
  }
}

TEST_CASE("frames are shared where links may come in, and nowhere else", "[pipeline][handoff]") {
  WorkerFixture f(0);
  for (std::uint32_t label = 1; label < 20; ++label) {
    f.env.forget();
    f.receive(labelled(flow(f, 1), label), 1);
    CHECK(f.counted() == "haha-port=1 received=1");
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
    const Bytes packet = tunnel(f.correspondent, f.locator, build(spec));
    f.receive(packet);
    CHECK(f.counted() == "haha-stranger=1 received=1");
    f.env.forget();
    f.receive(labelled(packet, 1000U + number));
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
