// A worker's ring to the control thread: one for all classes, with room that floods cannot take.
#include "dataplane/worker/mbuf_environment.h"
#include "test/dpdk/worker_fixture.h"

using namespace anyhome;
using namespace anyhome::test;
using forwarding::PuntClass;

TEST_CASE("a flood of one class leaves room for routing, peers and neighbours", "[punt]") {
  PacketPool pool = make_pool();
  PacketRing ring = make_ring(256);
  WorkerCounters counters;
  Lane lane({}, {}, false);
  Transmitter transmitter(lane, counters);
  UseMarks used(1);
  Handoff handoff({}, counters);
  MbufEnvironment environment(ReaderView{}, pool.get(), ring, transmitter, handoff, counters, used);
  const auto fill = [&](PuntClass punt_class) {
    unsigned taken = 0;
    while (true) {
      rte_mbuf* packet = make_packet(pool);
      forwarding::PuntMetadata metadata;
      metadata.punt_class = punt_class;
      if (!environment.punt(packet, metadata)) {
        rte_pktmbuf_free(packet);  // still ours
        return taken;
      }
      ++taken;
    }
  };
  const unsigned flood = fill(PuntClass::Mobility);
  CHECK(flood == 255 - 255 / 4);
  CHECK(fill(PuntClass::Host) == 0);
  CHECK(fill(PuntClass::NeighborDiscovery) == 255 / 4 - 255 / 8);
  CHECK(fill(PuntClass::HahaHello) == 0);
  CHECK(fill(PuntClass::Routing) == 255 / 8);
  CHECK(ring.count() == ring.capacity());
  // In their order, each with its class.
  rte_mbuf* first = nullptr;
  REQUIRE(ring.pop(std::span(&first, 1)) == 1);
  CHECK(note_of(first, mbuf_note_offset()).punt.punt_class == PuntClass::Mobility);
  rte_pktmbuf_free(first);
}
