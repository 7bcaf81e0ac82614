// The tunnel: exact bytes in and out, sizes on both sides of every limit.
#include "apps/anyhome-mn/tunnel.h"

#include "test/mobile_node/support.h"

using namespace anyhome;
using namespace anyhome::test;
using namespace anyhome::mobile;

namespace {

TunnelEntry entry(std::size_t path_mtu = 1500) { return {kCareOf1, kAgent1, path_mtu, 64}; }

Bytes bytes_of(ByteView view) { return {view.begin(), view.end()}; }

}  // namespace

TEST_CASE("encapsulation, byte for byte", "[tunnel]") {
  // An echo request with traffic class 0xb9 (EF, ECT(1)), flow label 0x12345, hop limit 64.
  const Bytes inner =
      hex("6b 91 23 45 00 08 3a 40 20 01 0d b8 00 00 00 01 00 00 00 00 00 00 01 00"
          "20 01 0d b8 cc cc 00 00 00 00 00 00 00 00 00 01 80 00 12 34 00 01 00 01");
  const auto outer = encapsulate(inner, entry(), 7);
  REQUIRE(outer);
  REQUIRE(outer->size() == 1);
  Bytes got = outer->front();
  // The flow label is a hash of the inner flow; the rest is fixed.
  const unsigned label = load_be32(got.data()) & 0xfffffU;
  CHECK(label != 0);
  store_be32(got.data(), load_be32(got.data()) & 0xfff00000U);
  CHECK(dump(got) ==
        dump(hex("6b 90 00 00 00 30 29 40 20 01 0d b8 00 ff 00 00 00 00 00 00 00 00 01 00"
                 "20 01 0d b8 00 00 00 01 00 00 00 00 00 00 00 1a"
                 "6b 91 23 45 00 08 3a 3f 20 01 0d b8 00 00 00 01 00 00 00 00 00 00 01 00"
                 "20 01 0d b8 cc cc 00 00 00 00 00 00 00 00 00 01 80 00 12 34 00 01 00 01")));
  Bytes other = inner;
  other[3] = std::byte{0x46};
  CHECK((load_be32((*encapsulate(other, entry(), 7))[0].data()) & 0xfffffU) != label);
}

TEST_CASE("sizes around the tunnel's MTU", "[tunnel]") {
  const auto try_size = [](std::size_t size, std::size_t path_mtu) {
    return encapsulate(inner_packet(kHome.address(), kCorrespondent, size), entry(path_mtu), 7);
  };
  CHECK(try_size(1460, 1500)->size() == 1);
  CHECK(try_size(1460, 1500)->front().size() == 1500);
  CHECK(try_size(1461, 1500).error() == TunnelRefusal::TooBig);
  CHECK(try_size(1240, 1280)->size() == 1);
  CHECK(try_size(1241, 1280)->size() == 2);
  CHECK(try_size(1280, 1280)->size() == 2);
  CHECK(try_size(1281, 1280).error() == TunnelRefusal::TooBig);
  CHECK(try_size(1280, 1319)->size() == 2);
  CHECK(try_size(1280, 1320)->size() == 1);
  // A path below the minimum is not believed.
  CHECK(try_size(1280, 600)->size() == 2);
  CHECK(tunnel_mtu(1500) == 1460);
  CHECK(tunnel_mtu(0) == 1240);
  CHECK(reported_mtu(1300) == 1280);
}

TEST_CASE("outer fragments", "[tunnel]") {
  Bytes inner = inner_packet(kHome.address(), kCorrespondent, 1280);
  for (std::size_t i = 40; i < inner.size(); ++i) {
    inner[i] = static_cast<std::byte>(i);
  }
  const auto outer = encapsulate(inner, entry(1280), 0x01020304);
  REQUIRE(outer);
  REQUIRE(outer->size() == 2);
  const Bytes& first = (*outer)[0];
  const Bytes& second = (*outer)[1];
  CHECK(first.size() == 1280);
  CHECK(second.size() == 96);
  CHECK(dump(ByteView(first).subspan(4, 4)) == dump(hex("04 d8 2c 40")));
  CHECK(dump(ByteView(first).subspan(40, 8)) == dump(hex("29 00 00 01 01 02 03 04")));
  CHECK(dump(ByteView(second).subspan(4, 4)) == dump(hex("00 38 2c 40")));
  CHECK(dump(ByteView(second).subspan(40, 8)) == dump(hex("29 00 04 d0 01 02 03 04")));
  Bytes joined = bytes_of(ByteView(first).subspan(48));
  joined.insert(joined.end(), second.begin() + 48, second.end());
  inner[7] = std::byte{63};
  CHECK(dump(joined) == dump(inner));
}

TEST_CASE("what is not put into the tunnel", "[tunnel]") {
  CHECK(encapsulate({}, entry(), 7).error() == TunnelRefusal::Malformed);
  Bytes inner = inner_packet(kHome.address(), kCorrespondent);
  CHECK(encapsulate(ByteView(inner).first(59), entry(), 7).error() == TunnelRefusal::Malformed);
  inner[0] = std::byte{0x45};
  CHECK(encapsulate(inner, entry(), 7).error() == TunnelRefusal::Malformed);
  for (const std::uint8_t hop_limit : {std::uint8_t{0}, std::uint8_t{1}}) {
    CHECK(encapsulate(inner_packet(kHome.address(), kCorrespondent, 60, hop_limit), entry(), 7)
              .error() == TunnelRefusal::HopLimit);
  }
  CHECK(encapsulate(inner_packet(kHome.address(), kCorrespondent, 60, 2), entry(), 7));
  CHECK(encapsulate(inner_packet(kCareOf1.address(), kAgent1.address()), entry(), 7).error() ==
        TunnelRefusal::Loop);
}

TEST_CASE("decapsulation combines the ECN fields", "[tunnel]") {
  // RFC 6040 §4.2: rows inner Not-ECT, ECT(1), ECT(0), CE; columns outer in the same order.
  constexpr int kDrop = -1;
  const int table[4][4] = {{0, 0, 0, kDrop}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}};
  for (unsigned in = 0; in < 4; ++in) {
    for (unsigned out = 0; out < 4; ++out) {
      INFO("inner " << in << " outer " << out);
      const auto inner = inner_packet(kCorrespondent, kHome.address(), 60, 64,
                                      static_cast<std::uint8_t>(0xb8U | in));
      const auto result = decapsulate(static_cast<std::uint8_t>(out), inner);
      if (table[in][out] == kDrop) {
        CHECK(result.error() == TunnelFault::CongestionMark);
        continue;
      }
      REQUIRE(result);
      const auto header = wire::Ipv6Header::parse(*result);
      CHECK(header->traffic_class == (0xb8 | table[in][out]));
      CHECK(header->hop_limit == 64);
      CHECK(dump(ByteView(*result).subspan(2)) == dump(ByteView(inner).subspan(2)));
    }
  }
}

TEST_CASE("a tunnel packet without a whole packet inside", "[tunnel]") {
  const auto inner = inner_packet(kCorrespondent, kHome.address());
  for (std::size_t size = 0; size < inner.size(); ++size) {
    CHECK(decapsulate(0, ByteView(inner).first(size)).error() == TunnelFault::Malformed);
  }
}

TEST_CASE("a Packet Too Big, byte for byte", "[tunnel]") {
  const auto offending = inner_packet(kHome.address(), kCorrespondent, 1400);
  const auto error = make_icmpv6_error(2, 0, 1280, kHome.address(), offending);
  REQUIRE(error);
  CHECK(error->size() == 1280);
  CHECK(dump(ByteView(*error).first(42)) ==
        dump(hex("60 00 00 00 04 d8 3a 40 20 01 0d b8 00 00 00 01 00 00 00 00 00 00 01 00"
                 "20 01 0d b8 00 00 00 01 00 00 00 00 00 00 01 00 02 00")));
  CHECK(dump(ByteView(*error).subspan(44, 4)) == dump(hex("00 00 05 00")));
  CHECK(wire::icmpv6_checksum_ok(kHome.address(), kHome.address(), ByteView(*error).subspan(40)));
  CHECK(dump(ByteView(*error).subspan(48)) == dump(ByteView(offending).first(1232)));
}

TEST_CASE("errors that RFC 4443 forbids", "[tunnel]") {
  const auto about = [](const Ipv6Address& source, const Ipv6Address& destination) {
    return inner_packet(source, destination);
  };
  const Ipv6Address me = kHome.address();
  CHECK_FALSE(make_icmpv6_error(1, 3, 0, me, about(Ipv6Address{}, kCorrespondent)));
  CHECK_FALSE(make_icmpv6_error(1, 3, 0, me, about(ip6("ff02::1"), kCorrespondent)));
  CHECK_FALSE(make_icmpv6_error(1, 3, 0, me, about(me, ip6("ff0e::1"))));
  CHECK(make_icmpv6_error(2, 0, 1280, me, about(me, ip6("ff0e::1"))));
  const auto error = make_icmpv6_error(1, 3, 0, me, about(me, kCorrespondent));
  REQUIRE(error);
  CHECK_FALSE(make_icmpv6_error(1, 3, 0, me, *error));
}
