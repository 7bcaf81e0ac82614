#include "common/time.h"

#include "test/support/bytes.h"

using namespace anyhome;
using namespace std::chrono_literals;

TEST_CASE("lifetimes are counted in units of four seconds, rounded down", "[time]") {
  CHECK(Lifetime(75).seconds() == 300s);
  CHECK(Lifetime::rounded_down(7s).units() == 1);
  CHECK(Lifetime::rounded_down(3999ms).is_zero());
  CHECK(Lifetime::rounded_down(-1s).is_zero());
  CHECK(Lifetime::rounded_down(300000s).units() == 0xffff);
}

TEST_CASE("NTP timestamps", "[time]") {
  // 2026-01-01T00:00:00Z is 1767225600; half a second is the top bit of the fraction.
  const WallTime wall{1767225600s + 500ms};
  const NtpTimestamp stamp = NtpTimestamp::from(wall);
  CHECK(stamp.value >> 32U == 1767225600ULL + 2208988800ULL);
  CHECK((stamp.value & 0xffffffffULL) == 0x80000000ULL);
  CHECK(stamp.to_wall() == wall);
  CHECK(NtpTimestamp{0}.to_wall() == WallTime{});
}

TEST_CASE("48.16 timestamps", "[time]") {
  const WallTime wall{1767225600s + 250ms};
  const Timestamp stamp = Timestamp::from(wall);
  CHECK(stamp.value == ((1767225600ULL << 16U) | 0x4000U));
  CHECK(stamp.to_wall() == wall);
  CHECK(Timestamp::from(WallTime{-5s}).value == 0);
}
