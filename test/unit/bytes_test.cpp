#include "common/bytes.h"

#include "test/support/bytes.h"

using namespace anyhome;
using anyhome::test::hex;

TEST_CASE("a reader takes big-endian values and fails once it is past the end", "[bytes]") {
  const auto data = hex("01 0203 04050607 08090a0b0c0d0e0f");
  Reader reader(data);
  CHECK(reader.u8() == 0x01);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u32() == 0x04050607);
  CHECK(reader.u64() == 0x08090a0b0c0d0e0fULL);
  CHECK(reader.ok());
  CHECK(reader.remaining() == 0);
  CHECK(reader.u8() == 0);
  CHECK_FALSE(reader.ok());
}

TEST_CASE("a failed reader stays failed and reads zeros", "[bytes]") {
  const auto data = hex("0102030405");
  Reader reader(data);
  CHECK(reader.bytes(6).empty());
  CHECK_FALSE(reader.ok());
  CHECK(reader.u8() == 0);
}

TEST_CASE("a writer stops at the end of its buffer", "[bytes]") {
  std::array<std::byte, 4> buffer{};
  Writer writer(buffer);
  writer.u16(0x0102);
  writer.u8(3);
  CHECK(writer.ok());
  writer.u16(0xffff);
  CHECK_FALSE(writer.ok());
  CHECK(buffer[3] == std::byte{0});
  CHECK(writer.size() == 3);
}

TEST_CASE("a patch outside of what was written is an overflow", "[bytes]") {
  std::array<std::byte, 4> buffer{};
  Writer writer(buffer);
  writer.u16(0);
  writer.patch_u16(0, 0xabcd);
  CHECK(writer.ok());
  CHECK(load_be16(buffer.data()) == 0xabcd);
  writer.patch_u16(1, 0);
  CHECK_FALSE(writer.ok());
}
