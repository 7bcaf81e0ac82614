#include "controlplane/timer_wheel.h"

#include <map>
#include <random>
#include <set>

#include "controlplane/address_index.h"
#include "test/support/bytes.h"

using namespace anyhome;
using namespace std::chrono_literals;
using control::TimerHandle;
using control::TimerWheel;

namespace {

constexpr Duration kTick = Duration(1LL << 26);
const Instant kStart{12345s};

}  // namespace

TEST_CASE("a timer fires after its deadline and within a tick", "[timers]") {
  for (const Duration delay : {Duration(1), Duration(1s), Duration(17179869184LL),
                               Duration(100000s), Duration(24h * 1000)}) {
    TimerWheel wheel(kStart);
    wheel.arm(kStart + delay, 7);
    CHECK_FALSE(wheel.pop_due(kStart + delay - 1ns));
    CHECK(wheel.pop_due(kStart + delay + kTick) == 7U);
    CHECK(wheel.armed() == 0);
    CHECK_FALSE(wheel.next_deadline());
  }
}

TEST_CASE("a deadline in the past fires at once", "[timers]") {
  TimerWheel wheel(kStart);
  CHECK_FALSE(wheel.pop_due(kStart + 100s));
  wheel.arm(kStart + 1s, 1);
  CHECK(wheel.pop_due(kStart + 100s) == 1U);
}

TEST_CASE("cancelled and moved timers", "[timers]") {
  TimerWheel wheel(kStart);
  const auto a = wheel.arm(kStart + 1s, 1);
  const auto b = wheel.arm(kStart + 1s, 2);
  wheel.arm(kStart + 1s, 3);
  wheel.cancel(a);
  wheel.rearm(b, kStart + 1000s);
  CHECK(wheel.pop_due(kStart + 2s) == 3U);
  CHECK_FALSE(wheel.pop_due(kStart + 2s));
  CHECK(wheel.pop_due(kStart + 1001s) == 2U);
  wheel.cancel(control::kNoTimer);
}

TEST_CASE("the wheel agrees with a sorted map under random use", "[timers]") {
  for (unsigned seed = 0; seed < 20; ++seed) {
    INFO("seed " << seed);
    std::mt19937_64 random(seed);
    TimerWheel wheel(kStart);
    std::map<std::uint64_t, std::pair<control::TimerHandle, Instant>> armed;
    Instant now = kStart;
    std::uint64_t next_payload = 1;
    for (int step = 0; step < 3000; ++step) {
      const auto random_deadline = [&] {
        const auto magnitude = static_cast<unsigned>(random() % 50);
        return now + Duration(static_cast<std::int64_t>(random() % (1ULL << magnitude)));
      };
      const auto action = static_cast<unsigned>(random() % 10);
      if (action < 5) {
        const Instant deadline = random_deadline();
        armed[next_payload] = {wheel.arm(deadline, next_payload), deadline};
        ++next_payload;
      } else if (action < 7 && !armed.empty()) {
        const auto victim = std::next(armed.begin(), static_cast<long>(random() % armed.size()));
        if (action == 5) {
          wheel.cancel(victim->second.first);
          armed.erase(victim);
        } else {
          victim->second.second = random_deadline();
          wheel.rearm(victim->second.first, victim->second.second);
        }
      } else {
        // To the announced time, or anywhere.
        const auto announced = wheel.next_deadline();
        REQUIRE(announced.has_value() == !armed.empty());
        if (announced) {
          for (const auto& [payload, timer] : armed) {
            // Never later than the tick in which the first timer is due.
            REQUIRE(*announced <= std::max(timer.second, now) + kTick);
          }
        }
        now = action == 7 && announced ? std::max(now, *announced) : random_deadline();
        while (const auto payload = wheel.pop_due(now)) {
          REQUIRE(armed.contains(*payload));
          REQUIRE(armed[*payload].second <= now);
          armed.erase(*payload);
        }
        for (const auto& [payload, timer] : armed) {
          REQUIRE(timer.second + kTick > now);
        }
      }
      REQUIRE(wheel.armed() == armed.size());
    }
  }
}

TEST_CASE("following next_deadline reaches every timer in few steps", "[timers]") {
  TimerWheel wheel(kStart);
  wheel.arm(kStart + 200000s, 1);
  int steps = 0;
  std::optional<std::uint64_t> fired;
  while (!fired) {
    const auto next = wheel.next_deadline();
    REQUIRE(next);
    fired = wheel.pop_due(*next);
    REQUIRE(++steps < 1000);
  }
  CHECK(steps <= 5);  // one per level, and one
}

TEST_CASE("a slot of a million timers is brought down in steps", "[timers]") {
  TimerWheel wheel(kStart);
  constexpr unsigned kTimers = 10'000;
  std::vector<TimerHandle> handles;
  for (unsigned i = 0; i < kTimers; ++i) {  // all in one slot of a higher level
    handles.push_back(wheel.arm(kStart + 600s + i * 100us, i));
  }
  std::set<std::uint64_t> fired;
  unsigned pauses = 0;
  Instant now = *wheel.next_deadline();
  REQUIRE(now < kStart + 600s);
  while (fired.size() + 10 < kTimers) {
    while (const auto payload = wheel.pop_due(now)) {
      CHECK(kStart + 600s + *payload * 100us <= now);
      CHECK(fired.insert(*payload).second);
    }
    const auto next = wheel.next_deadline();
    REQUIRE(next);
    if (*next <= now) {  // there is more to do at once
      ++pauses;
      // What waits to be brought down may be cancelled and moved all the same.
      const unsigned one = kTimers - pauses;
      wheel.cancel(handles[one]);
      wheel.rearm(handles[pauses], kStart + 602s);
      fired.insert(one);
    }
    now = std::max(now, *next);
  }
  CHECK(pauses >= 9);
  CHECK(pauses <= 12);
  while (const auto payload = wheel.pop_due(kStart + 700s)) {
    CHECK(fired.insert(*payload).second);
  }
  CHECK(fired.size() == kTimers);
  CHECK(wheel.armed() == 0);
}

TEST_CASE("the address index agrees with a map under random use", "[address-index]") {
  std::mt19937_64 random(42);  // NOLINT(cert-msc51-cpp): the same keys every run
  std::vector<Ipv6Address> keys(4000);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    keys[i] = test::ip6("2001:db8::");
    keys[i].octets[14] = static_cast<std::uint8_t>(i >> 8U);
    keys[i].octets[15] = static_cast<std::uint8_t>(i);
  }
  control::AddressIndex index(10);
  std::map<Ipv6Address, std::uint32_t> model;
  const auto key_of = [&](std::uint32_t slot) -> const Ipv6Address& { return keys[slot]; };
  for (int step = 0; step < 100000; ++step) {
    const auto slot = static_cast<std::uint32_t>(random() % keys.size());
    const Ipv6Address& key = keys[slot];
    const auto found = index.find(key, key_of);
    REQUIRE(found.has_value() == model.contains(key));
    if (found) {
      REQUIRE(*found == slot);
      index.erase(key, slot);
      model.erase(key);
    } else {
      index.insert(key, slot);
      model[key] = slot;
    }
    REQUIRE(index.size() == model.size());
  }
}
