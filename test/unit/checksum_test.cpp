#include "common/checksum.h"

#include <random>

#include "test/support/bytes.h"

using namespace anyhome;
using anyhome::test::Bytes;

namespace {

// RFC 1071's definition, word by word.
std::uint16_t reference(ByteView bytes) {
  std::uint32_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2) {
    sum += std::to_integer<std::uint32_t>(bytes[i]) << 8U;
    if (i + 1 < bytes.size()) {
      sum += std::to_integer<std::uint32_t>(bytes[i + 1]);
    }
    sum = (sum & 0xffffU) + (sum >> 16U);
  }
  return static_cast<std::uint16_t>(~sum);
}

}  // namespace

TEST_CASE("the checksum equals the definition for every length", "[checksum]") {
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same bytes every run
  for (std::size_t length = 0; length < 300; ++length) {
    Bytes bytes(length);
    for (std::byte& b : bytes) {
      b = static_cast<std::byte>(random());
    }
    ChecksumSum sum;
    sum.add(bytes);
    INFO(length);
    CHECK(sum.finish() == reference(bytes));
  }
}

TEST_CASE("a sum of all ones carries", "[checksum]") {
  const Bytes bytes(64, std::byte{0xff});
  ChecksumSum sum;
  sum.add(bytes);
  CHECK(sum.finish() == 0);
}
