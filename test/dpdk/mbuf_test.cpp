// What the pipeline does to a packet, on rte_mbuf and on its twin on the heap: the same bytes come
// out of every sequence of operations, however the packet lies in its segments, and no buffer is
// lost.
#include "dataplane/io/mbuf.h"

#include <algorithm>
#include <random>

#include "dataplane/pipeline/heap_packet.h"
#include "test/dpdk/chained_packets.h"
#include "test/support/seed.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

Bytes counting(std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::byte>(i * 7 + i / 256);
  }
  return bytes;
}

// The bookkeeping that drivers rely on.
void check_consistent(const rte_mbuf* packet) {
  std::uint32_t length = 0;
  unsigned segments = 0;
  for (const rte_mbuf* segment = packet; segment != nullptr; segment = segment->next) {
    length += segment->data_len;
    ++segments;
  }
  CHECK(packet->pkt_len == length);
  CHECK(packet->nb_segs == segments);
  const char* reason = nullptr;
  CHECK(rte_mbuf_check(packet, 1, &reason) == 0);
}

}  // namespace

TEST_CASE("headers can be joined wherever the packet was split", "[mbuf]") {
  PacketPool pool = make_pool();
  const Bytes bytes = counting(200);
  for (std::size_t first = 1; first < 120; ++first) {
    for (const std::size_t second : {std::size_t{1}, std::size_t{13}, std::size_t{80}}) {
      INFO("split behind " << first << " and " << second << " more");
      rte_mbuf* packet = make_chain(pool, bytes, {first, second});
      REQUIRE(packet->nb_segs == 3);
      REQUIRE(MbufAccess::make_contiguous(packet, 120));
      CHECK(MbufAccess::contiguous(packet) >= 120);
      CHECK(bytes_of_chain(packet) == bytes);
      check_consistent(packet);
      rte_pktmbuf_free(packet);
    }
  }
  CHECK(pool.available() == kBuffers);
}

TEST_CASE("what does not fit is not joined, and nothing has changed", "[mbuf]") {
  PacketPool pool = make_pool();
  const Bytes bytes = counting(3000);
  rte_mbuf* packet = make_chain(pool, bytes, {100, 1500});
  const auto room = static_cast<std::size_t>(rte_pktmbuf_tailroom(packet));
  CHECK_FALSE(MbufAccess::make_contiguous(packet, 3001));
  CHECK_FALSE(MbufAccess::make_contiguous(packet, 100 + room + 1));
  CHECK(bytes_of_chain(packet) == bytes);
  check_consistent(packet);
  CHECK(MbufAccess::make_contiguous(packet, 100 + room));
  CHECK(bytes_of_chain(packet) == bytes);
  check_consistent(packet);
  rte_pktmbuf_free(packet);
  CHECK(pool.available() == kBuffers);
}

TEST_CASE("a packet can be cut anywhere, in every segment", "[mbuf]") {
  PacketPool pool = make_pool();
  const Bytes bytes = counting(90);
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    INFO("to " << size << " bytes");
    rte_mbuf* packet = make_chain(pool, bytes, {30, 30});
    MbufAccess::truncate(packet, size);
    CHECK(bytes_of_chain(packet) == Bytes(bytes.begin(), bytes.begin() + static_cast<long>(size)));
    check_consistent(packet);
    rte_pktmbuf_free(packet);
  }
  CHECK(pool.available() == kBuffers);
}

TEST_CASE("the first byte stays inside of the first segment and its headroom", "[mbuf]") {
  PacketPool pool = make_pool();
  rte_mbuf* packet = make_chain(pool, counting(60), {20});
  std::byte* const data = MbufAccess::data(packet);
  CHECK_FALSE(MbufAccess::set_front(packet, data - RTE_PKTMBUF_HEADROOM - 1));
  CHECK_FALSE(MbufAccess::set_front(packet, data + 21));
  CHECK(packet->pkt_len == 60);
  CHECK(MbufAccess::set_front(packet, data - RTE_PKTMBUF_HEADROOM));
  CHECK(packet->pkt_len == 60 + RTE_PKTMBUF_HEADROOM);
  CHECK(MbufAccess::set_front(packet, data + 20));
  CHECK(packet->pkt_len == 40);
  check_consistent(packet);
  rte_pktmbuf_free(packet);
}

TEST_CASE("mbuf and heap packet do the same", "[mbuf][property]") {
  const unsigned seed = random_seed();
  INFO(replay_line(seed, "worker-tests", "mbuf and heap packet do the same"));
  std::mt19937 random(seed);
  const auto below = [&](std::size_t bound) { return random() % bound; };
  PacketPool pool = make_pool();
  for (int round = 0; round < 2000; ++round) {
    const Bytes bytes = counting(1 + below(300));
    const std::size_t first = 1 + below(bytes.size());
    const std::size_t rest = bytes.size() - first;
    rte_mbuf* mbuf = rest > 1 ? make_chain(pool, bytes, {first, 1 + below(rest - 1)})
                              : make_chain(pool, bytes, {first});
    dataplane::HeapPacket heap(ByteView(bytes).first(first), rte_pktmbuf_tailroom(mbuf));
    heap.append_segment(ByteView(bytes).subspan(first));
    for (int step = 0; step < 6 && heap.length() > 0; ++step) {
      switch (below(3)) {
        case 0: {
          const std::size_t size = below(heap.length() + 1);
          MbufAccess::truncate(mbuf, size);
          heap.truncate(size);
          break;
        }
        case 1: {
          const std::size_t size = below(heap.length() + 20);
          REQUIRE(MbufAccess::make_contiguous(mbuf, size) == heap.make_contiguous(size));
          break;
        }
        default: {
          const auto by = static_cast<std::ptrdiff_t>(below(60)) - 30;
          REQUIRE(MbufAccess::set_front(mbuf, MbufAccess::data(mbuf) + by) ==
                  heap.set_front(heap.data() + by));
          // What comes in from the headroom is nobody's: made the same.
          for (std::ptrdiff_t i = by; i < 0; ++i) {
            MbufAccess::data(mbuf)[i - by] = heap.data()[i - by] = std::byte{0x77};
          }
          break;
        }
      }
      REQUIRE(MbufAccess::length(mbuf) == heap.length());
      REQUIRE(bytes_of_chain(mbuf) == heap.bytes());
      if (heap.length() > 2) {
        const std::size_t at = below(heap.length() - 1);
        Bytes a(heap.length() - at);
        Bytes b(heap.length() - at);
        MbufAccess::copy_out(mbuf, at, a.data(), a.size());
        heap.copy_out(at, b.data(), b.size());
        REQUIRE(a == b);
      }
    }
    check_consistent(mbuf);
    rte_pktmbuf_free(mbuf);
  }
  CHECK(pool.available() == kBuffers);
}
