// How the generator chooses, paces, counts and searches.
#include <cmath>
#include <set>

#include "apps/anyhome-pktgen/counts.h"
#include "apps/anyhome-pktgen/frame_sizes.h"
#include "apps/anyhome-pktgen/histogram.h"
#include "apps/anyhome-pktgen/ndr.h"
#include "apps/anyhome-pktgen/pattern.h"
#include "apps/anyhome-pktgen/result.h"
#include "apps/anyhome-pktgen/schedule.h"
#include "apps/anyhome-pktgen/sequence_tracker.h"

using namespace anyhome;
using namespace anyhome::pktgen;
using namespace std::chrono_literals;
using Arrival = SequenceTracker::Arrival;

namespace {

std::vector<std::uint64_t> draw(const PatternSettings& settings, std::uint64_t count,
                                std::size_t draws, std::uint64_t seed) {
  Pattern pattern(settings, count);
  Random random(seed);
  std::vector<std::uint64_t> drawn;
  for (std::size_t i = 0; i < draws; ++i) {
    drawn.push_back(pattern.next(random));
  }
  return drawn;
}

std::vector<std::size_t> frequencies(const std::vector<std::uint64_t>& drawn, std::size_t count) {
  std::vector<std::size_t> result(count);
  for (const std::uint64_t each : drawn) {
    ++result.at(each);
  }
  std::ranges::sort(result, std::greater{});
  return result;
}

}  // namespace

TEST_CASE("sequential order comes round", "[pktgen]") {
  CHECK(draw({Order::Sequential, 1}, 3, 7, 1) == std::vector<std::uint64_t>{0, 1, 2, 0, 1, 2, 0});
}

TEST_CASE("uniform order gives each node its share", "[pktgen]") {
  const auto counts = frequencies(draw({Order::Uniform, 1}, 10, 100'000, 1), 10);
  // Five standard deviations of a binomial share of 10,000.
  CHECK(counts.front() < 10'500);
  CHECK(counts.back() > 9'500);
}

TEST_CASE("Zipf gives rank k a share of 1 / k^s", "[pktgen]") {
  const double exponent = GENERATE(0.5, 1.0, 1.3);
  constexpr std::size_t kCount = 100;
  constexpr std::size_t kDraws = 200'000;
  const auto counts = frequencies(draw({Order::Zipf, exponent}, kCount, kDraws, 7), kCount);
  double all = 0;
  for (std::size_t k = 1; k <= kCount; ++k) {
    all += std::pow(static_cast<double>(k), -exponent);
  }
  for (const std::size_t rank : {1U, 2U, 5U, 10U}) {
    const double expected = kDraws * std::pow(static_cast<double>(rank), -exponent) / all;
    CHECK(std::abs(static_cast<double>(counts[rank - 1]) - expected) < 0.06 * expected);
  }
}

TEST_CASE("Zipf reaches every node, the busy ones are no neighbours", "[pktgen]") {
  const auto drawn = draw({Order::Zipf, 0.2}, 50, 20'000, 3);
  CHECK(std::set(drawn.begin(), drawn.end()).size() == 50);
  std::vector<std::size_t> counts(1000);
  for (const std::uint64_t each : draw({Order::Zipf, 1.2}, 1000, 50'000, 3)) {
    ++counts[each];
  }
  const auto first = std::ranges::max_element(counts) - counts.begin();
  CHECK(first == 0);
  CHECK(counts[1] < counts[618] / 4);
}

TEST_CASE("the same seed gives the same order, another one another", "[pktgen]") {
  const PatternSettings settings{GENERATE(Order::Uniform, Order::Zipf), 1.0};
  CHECK(draw(settings, 1'000'000, 100, 5) == draw(settings, 1'000'000, 100, 5));
  CHECK(draw(settings, 1'000'000, 100, 5) != draw(settings, 1'000'000, 100, 6));
}

TEST_CASE("frame sizes", "[pktgen]") {
  CHECK(FrameSizes::parse("78")->mean() == 78);
  CHECK(FrameSizes::parse("9018")->largest() == 9018);
  const auto imix = FrameSizes::parse("imix");
  REQUIRE(imix);
  // CSIT: 28, 16 and 4 of 48.
  CHECK(std::abs(imix->mean() - (28 * 78.0 + 16 * 570 + 4 * 1518) / 48) < 1e-9);
  std::array<std::size_t, 3> chosen{};
  Random random(1);
  for (int i = 0; i < 48'000; ++i) {
    ++chosen.at(imix->choose(random));
  }
  CHECK(std::abs(static_cast<double>(chosen[0]) - 28'000) < 600);
  CHECK(std::abs(static_cast<double>(chosen[2]) - 4'000) < 300);
  for (const char* bad : {"", "77", "9019", "78=0", "78,", "78=1,x", "IMIX", "-78", "78 "}) {
    CHECK_FALSE(FrameSizes::parse(bad));
  }
}

TEST_CASE("the histogram is right to 1.6 percent", "[pktgen]") {
  Histogram histogram;
  CHECK(histogram.percentile(0.5) == 0);
  CHECK(histogram.min() == 0);
  for (std::uint32_t value = 1; value <= 100'000; ++value) {
    histogram.add(value);
  }
  CHECK(histogram.count() == 100'000);
  CHECK(histogram.min() == 1);
  CHECK(histogram.max() == 100'000);
  CHECK(std::abs(histogram.mean() - 50'000.5) < 0.001);
  for (const double share : {0.1, 0.5, 0.9, 0.99, 0.999}) {
    const auto value = static_cast<double>(histogram.percentile(share));
    CHECK(value >= share * 100'000);
    CHECK(value <= share * 100'000 * (1 + 1.0 / 64));
  }
  CHECK(histogram.percentile(1) == 100'000);
}

TEST_CASE("small values are exact, the largest fits, halves add up", "[pktgen]") {
  Histogram one;
  Histogram other;
  one.add(3);
  one.add(63);
  other.add(0xffff'ffff);
  one.merge(other);
  CHECK(one.count() == 3);
  CHECK(one.percentile(0.33) == 3);
  CHECK(one.percentile(0.5) == 63);
  CHECK(one.percentile(1) == 0xffff'ffff);
  CHECK(one.min() == 3);
  one.clear();
  CHECK(one.count() == 0);
}

TEST_CASE("a stream in order, with a gap, out of order and twice", "[pktgen]") {
  SequenceTracker tracker;
  CHECK(tracker.see(0) == Arrival::InOrder);
  CHECK(tracker.see(1) == Arrival::InOrder);
  CHECK(tracker.see(5) == Arrival::InOrder);
  CHECK(tracker.see(3) == Arrival::Reordered);
  CHECK(tracker.see(3) == Arrival::Duplicate);
  CHECK(tracker.see(5) == Arrival::Duplicate);
  CHECK(tracker.see(0) == Arrival::Duplicate);
  CHECK(tracker.see(4) == Arrival::Reordered);
  CHECK(tracker.reordered() == 2);
  CHECK(tracker.duplicates() == 3);
}

TEST_CASE("the window of a stream forgets what lies behind it", "[pktgen]") {
  SequenceTracker tracker;
  constexpr std::uint32_t kWindow = SequenceTracker::kWindow;
  tracker.see(0);
  tracker.see(1);
  CHECK(tracker.see(kWindow + 1) == Arrival::InOrder);
  CHECK(tracker.see(1) == Arrival::TooLate);
  // In the place of number 2's bit, and of 1's.
  CHECK(tracker.see(2) == Arrival::Reordered);
  CHECK(tracker.see(kWindow + 1) == Arrival::Duplicate);
  CHECK(tracker.see(10 * kWindow) == Arrival::InOrder);
  CHECK(tracker.see(10 * kWindow - 5) == Arrival::Reordered);
  CHECK(tracker.too_late() == 1);
}

TEST_CASE("sequence numbers wrap", "[pktgen]") {
  SequenceTracker tracker;
  for (std::uint64_t number = 0; number <= 0x1'0000'0000ULL; number += 0x4000'0000ULL) {
    CHECK(tracker.see(static_cast<std::uint32_t>(number)) == Arrival::InOrder);
  }
  CHECK(tracker.see(0xffff'ffff) == Arrival::Reordered);
}

TEST_CASE("delay variation is counted between neighbours only", "[pktgen]") {
  ReceivedCounts counts(1, 1);
  counts.count({0, 0, 0, 100}, 1, 118, 150);  // 50
  counts.count({0, 0, 1, 200}, 1, 118, 280);  // 80: 30 apart
  counts.count({0, 0, 3, 300}, 1, 118, 900);  // after a gap: no neighbour
  counts.count({0, 0, 4, 400}, 0, 78, 990);   // 590: 10 apart
  const auto& entry = counts.entries[0];
  CHECK(entry.packets.get() == 4);
  CHECK(entry.variation.count() == 2);
  CHECK(entry.variation.max() == 30);
  CHECK(entry.variation.min() == 10);
  CHECK(entry.by_tunnels[0].get() == 1);
  CHECK(entry.by_tunnels[1].get() == 3);
  // A clock that has wrapped in between.
  counts.count({0, 0, 5, 0xffff'fff0}, 1, 118, 0x10);
  CHECK(entry.delay.min() == 32);
}

TEST_CASE("packets are due at their rate, the first at once", "[pktgen]") {
  RateProfile profile;
  profile.pps = 1000;
  CHECK(packets_due(profile, 0ns) == 1);
  CHECK(packets_due(profile, 999us) == 1);
  CHECK(packets_due(profile, 1001us) == 2);
  CHECK(packets_due(profile, 1s + 1us) == 1001);
  CHECK(packets_due(profile.share(4), 1s + 1us) == 251);
  CHECK(packets_due(RateProfile{}, 1ns) == ~std::uint64_t{0});
}

TEST_CASE("bursts keep the mean rate", "[pktgen]") {
  RateProfile profile;
  profile.pps = 1000;
  profile.burst = 10;
  CHECK(packets_due(profile, 0ns) == 10);
  CHECK(packets_due(profile, 9900us) == 10);
  CHECK(packets_due(profile, 10100us) == 20);
  CHECK(packets_due(profile, 10s + 100us) == 10'010);
}

TEST_CASE("a ramp is a straight line, then the rate", "[pktgen]") {
  RateProfile profile;
  profile.pps = 1000;
  profile.ramp_from_pps = 0;
  profile.ramp = 2s;
  CHECK(packets_due(profile, 1s + 100us) == 251);
  CHECK(packets_due(profile, 2s + 100us) == 1001);
  CHECK(packets_due(profile, 3s + 100us) == 2001);
}

namespace {

// Something that forwards so many packets a second and loses the rest.
struct Device {
  double capacity = 0;
  double sender = 1e12;

  [[nodiscard]] TrialOutcome trial(double pps) const {
    const double sent = std::min(pps, sender);
    return {sent, static_cast<std::uint64_t>(sent),
            static_cast<std::uint64_t>(std::max(0.0, sent - capacity))};
  }
};

unsigned run(NdrSearch& search, const Device& device) {
  unsigned trials = 0;
  while (const auto rate = search.next()) {
    const unsigned left = search.trials_left();
    REQUIRE(left > 0);
    search.record(device.trial(*rate));
    REQUIRE(++trials < 200);
  }
  CHECK(search.trials_left() == 0);
  return trials;
}

}  // namespace

TEST_CASE("the search finds what a device can do", "[pktgen]") {
  const double capacity = GENERATE(1'500.0, 77'000.0, 500'000.0, 999'000.0);
  NdrSearch search({1'000, 1'000'000, 0.01, 0, 1});
  run(search, {capacity});
  REQUIRE(search.found());
  CHECK(*search.found() <= capacity + 1);
  CHECK(*search.found() >= capacity * 0.98 - 1);
  CHECK_FALSE(search.limited_by_sender());
}

TEST_CASE("the search at its ends", "[pktgen]") {
  NdrSearch fast({1'000, 1'000'000, 0.01, 0, 1});
  CHECK(run(fast, {5e6}) == 1);
  CHECK(fast.found() == 1'000'000);
  NdrSearch slow({1'000, 1'000'000, 0.01, 0, 1});
  CHECK(run(slow, {10}) < 30);
  CHECK_FALSE(slow.found());
}

TEST_CASE("a search may allow loss", "[pktgen]") {
  NdrSearch search({1'000, 1'000'000, 0.001, 0.1, 1});
  run(search, {90'000});
  REQUIRE(search.found());
  // A tenth of 100,000 is what 90,000 leave.
  CHECK(std::abs(*search.found() - 100'000) < 200);
}

TEST_CASE("a sender that does not keep up is told from a device that loses", "[pktgen]") {
  NdrSearch search({1'000, 1'000'000, 0.01, 0, 1});
  CHECK(run(search, {5e6, 300'000}) == 1);
  CHECK(search.found() == 300'000);
  CHECK(search.limited_by_sender());
  NdrSearch both({1'000, 1'000'000, 0.01, 0, 1});
  run(both, {200'000, 300'000});
  REQUIRE(both.found());
  CHECK(std::abs(*both.found() - 200'000) < 3'000);
  CHECK_FALSE(both.limited_by_sender());
}

TEST_CASE("a rate has to pass each of its repeats", "[pktgen]") {
  NdrSearch search({1'000, 1'000'000, 0.5, 0, 3});
  CHECK(search.trials_left() >= 3);
  search.record({1e6, 1000, 0});
  search.record({1e6, 1000, 0});
  CHECK(search.next() == 1e6);
  search.record({1e6, 1000, 1});
  CHECK(search.next() == (1'000 + 1e6) / 2);
  for (int i = 0; i < 3; ++i) {
    search.record({500'500, 1000, 0});
  }
  CHECK(search.found() == 500'500);
}

TEST_CASE("a trial is judged by what is measured, else by acknowledgements", "[pktgen]") {
  RunResult result({{Kind::Correspondent, 1, 0}, {Kind::Refresh, 1, 0}, {Kind::BadChecksum, 1, 0}},
                   0);
  SentCounts sent(3);
  ReceivedCounts received(3, 3);
  sent.entries[0].packets.add(10);
  sent.entries[1].packets.add(8);
  sent.entries[2].packets.add(5);
  sent.nanoseconds.set(2'000'000'000);
  for (std::uint32_t number = 0; number < 9; ++number) {
    received.count({0, 0, number, 0}, 1, 118, 1);
  }
  received.count({0, 0, 4, 0}, 1, 118, 1);  // twice
  received.acknowledgements[0].add(5);
  received.acknowledgements[1].add(1);    // accepted, too
  received.acknowledgements[135].add(2);  // refused
  result.add(sent, received);
  CHECK(result.entries[0].received == 10);
  CHECK(result.entries[0].duplicates == 1);
  CHECK(result.judged() == 10);
  CHECK(result.judged_lost() == 1);
  CHECK(result.updates() == 8);
  CHECK(result.acknowledged() == 8);
  CHECK(result.accepted() == 6);
  CHECK(result.per_second(result.sent()) == 11.5);
  // Another sender and receiver adds to it.
  result.add(sent, ReceivedCounts(3, 3));
  CHECK(result.judged_lost() == 11);
  result.entries.erase(result.entries.begin());
  CHECK(result.judged() == 16);
  CHECK(result.judged_lost() == 10);
}

TEST_CASE("global bindings in SS-ACKs are counted by status, end marks are none", "[pktgen]") {
  using wire::SsStatus;
  const HomeAddress home(*Ipv6Address::parse("2001:db8:0:1::2:0"));
  ReceivedCounts counts(1, 1);
  counts.count_state_acknowledgement(
      {{SsStatus::Success, home}, {SsStatus::Success, home}, {SsStatus::ReasonUnspecified, home}});
  counts.count_state_acknowledgement({{SsStatus::Success, HomeAddress{}}});
  // A message that is refused as a whole names nobody.
  counts.count_state_acknowledgement({{SsStatus::MalformedReply, HomeAddress{}}});
  CHECK(counts.state_acknowledgements.get() == 2);
  RunResult result({{Kind::SsReply, 1, 0}}, 3);
  SentCounts sent(1);
  sent.entries[0].packets.add(3);
  result.add(sent, counts);
  CHECK(result.state_records_sent() == 9);
  CHECK(result.state_records[0] == 2);
  CHECK(result.state_records[128] == 1);
  CHECK(result.state_records[129] == 1);
  CHECK(result.judged() == 3);
  CHECK(result.judged_lost() == 1);
}

TEST_CASE("a run is settled when all that it sent is answered", "[pktgen]") {
  RunResult result({{Kind::Correspondent, 1, 0}, {Kind::Move, 1, 0}, {Kind::SsReply, 1, 0}}, 1);
  for (EntryResult& entry : result.entries) {
    entry.sent = 2;
  }
  CHECK_FALSE(result.settled());
  result.entries[0].received = 2;
  result.acknowledgements[0] = 1;
  result.acknowledgements[135] = 1;
  CHECK_FALSE(result.settled());
  result.state_acknowledgements = 2;
  CHECK(result.settled());
  CHECK(result.arrived() == 6);
  // One that came twice is no other.
  result.entries[0].duplicates = 1;
  CHECK_FALSE(result.settled());
  result.entries[0].duplicates = 0;
  // Nobody knows what becomes of these.
  result.entries[1].entry.kind = GENERATE(Kind::BadAuthenticator, Kind::Pcap);
  CHECK_FALSE(result.settled());
}
