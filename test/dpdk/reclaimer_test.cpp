#include "dataplane/tables/reclaimer.h"

#include <catch2/catch.hpp>
#include <vector>

#include "test/dpdk/qsbr.h"

using namespace anyhome::dataplane;
using namespace anyhome::test;

namespace {

std::vector<std::uint32_t> poll(Reclaimer& reclaimer, std::uint32_t limit = 1000) {
  std::vector<std::uint32_t> freed;
  reclaimer.poll(limit, [&](Retired item) { freed.push_back(item.index); });
  return freed;
}

}  // namespace

TEST_CASE("nothing is freed while a reader may see it", "[reclaimer]") {
  const Qsbr qsbr;
  Worker worker(qsbr, 0);
  Worker other(qsbr, 1);
  Reclaimer reclaimer(qsbr.get(), 16, GracePeriod::Awaited);

  reclaimer.retire(RetiredKind::EntrySlot, 1);
  reclaimer.retire(RetiredKind::LeafSlot, 2);
  CHECK(poll(reclaimer).empty());
  worker.quiescent();
  CHECK(poll(reclaimer).empty());  // the other has not been
  other.quiescent();
  CHECK(poll(reclaimer) == std::vector<std::uint32_t>{1, 2});
  CHECK(reclaimer.backlog() == 0);
}

TEST_CASE("a reader that was quiescent before something was retired does not free it",
          "[reclaimer]") {
  const Qsbr qsbr;
  Worker worker(qsbr, 0);
  Reclaimer reclaimer(qsbr.get(), 16, GracePeriod::Awaited);

  reclaimer.retire(RetiredKind::EntrySlot, 1);
  CHECK(poll(reclaimer).empty());
  reclaimer.retire(RetiredKind::EntrySlot, 2);  // behind the token of the first
  worker.quiescent();
  CHECK(poll(reclaimer) == std::vector<std::uint32_t>{1});
  CHECK(poll(reclaimer).empty());
  worker.quiescent();
  CHECK(poll(reclaimer) == std::vector<std::uint32_t>{2});
}

TEST_CASE("without readers, and with one that is offline, everything is due", "[reclaimer]") {
  const Qsbr qsbr;
  Reclaimer reclaimer(qsbr.get(), 16, GracePeriod::Awaited);
  reclaimer.retire(RetiredKind::EntrySlot, 1);
  CHECK(poll(reclaimer).size() == 1);
  {
    Worker worker(qsbr, 0);
    rte_rcu_qsbr_thread_offline(qsbr.get(), 0);
    reclaimer.retire(RetiredKind::EntrySlot, 2);
    CHECK(poll(reclaimer).size() == 1);
  }
}

TEST_CASE("the backlog is bounded and counted", "[reclaimer]") {
  const Qsbr qsbr;
  Worker worker(qsbr, 0);
  Reclaimer reclaimer(qsbr.get(), 8, GracePeriod::Awaited);
  CHECK(reclaimer.capacity() == 8);
  for (std::uint32_t i = 0; i < 8; ++i) {
    CHECK(reclaimer.room() == 8 - i);
    reclaimer.retire(RetiredKind::EntrySlot, i);
  }
  CHECK(reclaimer.room() == 0);
  CHECK(poll(reclaimer).empty());
  worker.quiescent();
  CHECK(poll(reclaimer, 3) == std::vector<std::uint32_t>{0, 1, 2});
  CHECK(reclaimer.room() == 3);
  CHECK(poll(reclaimer).size() == 5);
  CHECK(reclaimer.high_water() == 8);
  CHECK(reclaimer.retired() == 8);
  CHECK(reclaimer.reclaimed() == 8);
}

TEST_CASE("more batches than there are places for lose nothing", "[reclaimer]") {
  const Qsbr qsbr;
  Worker worker(qsbr, 0);
  Reclaimer reclaimer(qsbr.get(), 1024, GracePeriod::Awaited);
  for (std::uint32_t i = 0; i < 500; ++i) {
    reclaimer.retire(RetiredKind::EntrySlot, i);
    CHECK(poll(reclaimer).empty());
  }
  worker.quiescent();
  std::vector<std::uint32_t> freed = poll(reclaimer);
  // 64 batches were closed; the rest got its token only now.
  CHECK(freed.size() == 64);
  CHECK(poll(reclaimer).empty());
  worker.quiescent();
  const std::vector<std::uint32_t> rest = poll(reclaimer);
  freed.insert(freed.end(), rest.begin(), rest.end());
  REQUIRE(freed.size() == 500);
  for (std::uint32_t i = 0; i < 500; ++i) {
    REQUIRE(freed[i] == i);
  }
}

TEST_CASE("positions wrap around", "[reclaimer]") {
  const Qsbr qsbr;
  Reclaimer reclaimer(qsbr.get(), 4, GracePeriod::Awaited);
  for (std::uint32_t i = 0; i < 100; ++i) {
    reclaimer.retire(RetiredKind::EntrySlot, i);
    reclaimer.retire(RetiredKind::EntrySlot, i + 1000);
    CHECK(poll(reclaimer) == std::vector<std::uint32_t>{i, i + 1000});
  }
}

TEST_CASE("a grace period that is ignored frees under a reader", "[reclaimer]") {
  const Qsbr qsbr;
  Worker worker(qsbr, 0);
  Reclaimer reclaimer(qsbr.get(), 8, GracePeriod::Ignored);
  reclaimer.retire(RetiredKind::EntrySlot, 1);
  CHECK(poll(reclaimer).size() == 1);
}
