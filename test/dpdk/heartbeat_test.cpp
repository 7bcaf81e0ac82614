// When a worker counts as stuck.
#include "apps/anyhomed/heartbeat.h"

#include <catch2/catch.hpp>
#include <initializer_list>

using namespace anyhome;
using namespace std::chrono_literals;

namespace {

// Looks every 50 ms, as the control thread does.
struct Watch {
  Heartbeats hearts{2, 500ms};
  Instant now{100s};
  std::vector<std::uint64_t> loops{10, 10};

  std::vector<Heartbeats::Change> look(Duration later, std::initializer_list<std::size_t> moving) {
    now += later;
    for (const std::size_t worker : moving) {
      ++loops[worker];
    }
    return hearts.look(now, loops);
  }
};

}  // namespace

TEST_CASE("a worker is stuck after the timeout, not before, and alone", "[heartbeat]") {
  Watch watch;
  CHECK(watch.look(0ms, {}).empty());
  for (Duration passed = 50ms; passed < 500ms; passed += 50ms) {
    CHECK(watch.look(50ms, {0}).empty());
  }
  CHECK(watch.hearts.stuck() == 0);
  const auto changes = watch.look(50ms, {0});
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].worker == 1);
  CHECK(changes[0].stuck);
  CHECK(changes[0].silent == 500ms);
  CHECK(watch.hearts.stuck() == 1);
  CHECK(watch.hearts.is_stuck(1));
  CHECK_FALSE(watch.hearts.is_stuck(0));
  // Said once.
  CHECK(watch.look(50ms, {0}).empty());
  CHECK(watch.hearts.stuck() == 1);

  SECTION("until it moves again") {
    const auto again = watch.look(50ms, {0, 1});
    REQUIRE(again.size() == 1);
    CHECK(again[0].worker == 1);
    CHECK_FALSE(again[0].stuck);
    CHECK(watch.hearts.stuck() == 0);
    // With a whole timeout before it.
    for (Duration passed = 50ms; passed < 500ms; passed += 50ms) {
      CHECK(watch.look(50ms, {0}).empty());
    }
    CHECK(watch.look(50ms, {0}).size() == 1);
  }
}

TEST_CASE("when nobody ran, nobody is to blame", "[heartbeat]") {
  Watch watch;
  watch.look(0ms, {});
  watch.look(450ms, {0, 1});
  CHECK(watch.look(1h, {}).empty());  // the machine was suspended
  CHECK(watch.look(450ms, {0}).empty());
  CHECK(watch.look(50ms, {0}).size() == 1);
}
