// The waiting room: order, bounds, and every way out of it.
#include "dataplane/io/neighbor_resolver.h"

#include "test/support/bytes.h"

using namespace anyhome;
using namespace anyhome::host;
using namespace std::chrono_literals;
using anyhome::test::Bytes;

namespace {

constexpr InterfaceIndex kTwin{3};

NeighborKey key(unsigned number, InterfaceIndex interface = kTwin) {
  NeighborKey result{interface, *Ipv6Address::parse("2001:db8::")};
  result.address.octets[14] = static_cast<std::uint8_t>(number >> 8U);
  result.address.octets[15] = static_cast<std::uint8_t>(number & 0xffU);
  return result;
}

NeighborChanged change(const NeighborKey& neighbor, NeighborState state) {
  NeighborChanged result;
  result.interface = neighbor.interface;
  result.address = neighbor.address;
  result.state = state;
  return result;
}

struct Fixture {
  NeighborResolver resolver;
  Instant now{1000s};

  bool hold(unsigned neighbor, unsigned packet = 0) {
    const Bytes bytes{static_cast<std::byte>(packet), std::byte{0x60}};
    forwarding::PuntMetadata metadata;
    metadata.adjacency = neighbor;
    return resolver.hold(now, key(neighbor), metadata, bytes);
  }
  std::vector<unsigned> told(unsigned neighbor, NeighborState state) {
    std::vector<WaitingPacket> ready;
    resolver.on_neighbor(change(key(neighbor), state), ready);
    std::vector<unsigned> packets;
    for (const WaitingPacket& packet : ready) {
      CHECK(packet.metadata.adjacency == neighbor);
      REQUIRE(packet.bytes.size() == 2);
      packets.push_back(std::to_integer<unsigned>(packet.bytes[0]));
    }
    return packets;
  }
  std::uint64_t dropped_in_all() {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < kWaitingDropCount; ++i) {
      sum += resolver.dropped(static_cast<WaitingDrop>(i));
    }
    return sum;
  }
};

using Packets = std::vector<unsigned>;

}  // namespace

TEST_CASE_METHOD(Fixture, "packets wait for their neighbour and leave in order", "[resolver]") {
  CHECK(hold(1, 10));
  CHECK_FALSE(hold(1, 11));
  CHECK(hold(2, 20));
  CHECK_FALSE(hold(1, 12));
  CHECK(resolver.waiting() == 4);
  CHECK(told(1, NeighborState::Unresolved).empty());
  CHECK(told(1, NeighborState::Usable) == Packets{10, 11, 12});
  CHECK(told(1, NeighborState::Usable).empty());
  CHECK(resolver.waiting() == 1);
  CHECK(dropped_in_all() == 0);
  CHECK(told(2, NeighborState::Usable) == Packets{20});
}

TEST_CASE_METHOD(Fixture, "the same address on another interface is another neighbour",
                 "[resolver]") {
  hold(1, 10);
  std::vector<WaitingPacket> ready;
  resolver.on_neighbor(change(key(1, InterfaceIndex{4}), NeighborState::Usable), ready);
  CHECK(ready.empty());
  CHECK(resolver.waiting() == 1);
}

TEST_CASE_METHOD(Fixture, "the fourth packet of a neighbour takes the place of its oldest",
                 "[resolver]") {
  for (unsigned packet = 0; packet < 5; ++packet) {
    hold(1, packet);
  }
  CHECK(resolver.dropped(WaitingDrop::NeighborQueueFull) == 2);
  CHECK(dropped_in_all() == 2);
  CHECK(told(1, NeighborState::Usable) == Packets{2, 3, 4});  // RFC 4861 §7.2.2
}

TEST_CASE_METHOD(Fixture, "the room holds 256 packets; who has waited longest makes way",
                 "[resolver]") {
  for (unsigned neighbor = 0; neighbor < 86; ++neighbor) {
    for (unsigned packet = 0; packet < 3; ++packet) {
      hold(neighbor, packet);
    }
  }
  CHECK(resolver.waiting() == 256);
  CHECK(resolver.dropped(WaitingDrop::WaitingRoomFull) == 2);  // 258 came
  CHECK(told(0, NeighborState::Usable) == Packets{2});
  CHECK(told(85, NeighborState::Usable) == Packets{0, 1, 2});
  CHECK(resolver.waiting() == 252);
  CHECK(dropped_in_all() == 2);
}

TEST_CASE_METHOD(Fixture, "a neighbour whose last packet made way is asked for anew",
                 "[resolver]") {
  ResolverOptions options;
  options.packets = 2;
  resolver = NeighborResolver(options);
  CHECK(hold(1));
  CHECK(hold(2));
  CHECK(hold(3));
  CHECK(resolver.waiting() == 2);
  CHECK(told(1, NeighborState::Usable).empty());
  CHECK(hold(1));
  CHECK(resolver.dropped(WaitingDrop::WaitingRoomFull) == 2);
}

TEST_CASE_METHOD(Fixture, "new neighbours are limited per second, known ones are not",
                 "[resolver]") {
  for (unsigned neighbor = 0; neighbor < 100; ++neighbor) {
    CHECK(hold(neighbor));
  }
  CHECK_FALSE(hold(100));
  CHECK(resolver.dropped(WaitingDrop::NewNeighborRate) == 1);
  CHECK_FALSE(hold(5));  // waits already: kept, and not asked again
  CHECK(resolver.waiting() == 101);
  now += 10ms;
  CHECK(hold(100));
  CHECK_FALSE(hold(101));
  now += 10s;  // the bucket does not grow beyond one second's worth
  unsigned admitted = 0;
  for (unsigned neighbor = 200; neighbor < 400; ++neighbor) {
    admitted += hold(neighbor) ? 1 : 0;
  }
  CHECK(admitted == 100);
}

TEST_CASE_METHOD(Fixture, "the rate can be set, to nothing too", "[resolver]") {
  ResolverOptions options;
  options.new_neighbors_per_second = 3;
  resolver = NeighborResolver(options);
  CHECK(hold(1));
  CHECK(hold(2));
  CHECK(hold(3));
  CHECK_FALSE(hold(4));
  options.new_neighbors_per_second = 0;
  resolver = NeighborResolver(options);
  CHECK_FALSE(hold(1));
  CHECK(resolver.waiting() == 0);
}

TEST_CASE_METHOD(Fixture, "a neighbour that fails or is removed takes its packets along",
                 "[resolver]") {
  hold(1);
  hold(1);
  hold(2);
  CHECK(told(1, NeighborState::Failed).empty());
  CHECK(resolver.dropped(WaitingDrop::NeighborFailed) == 2);
  CHECK(told(2, NeighborState::Removed).empty());
  CHECK(resolver.dropped(WaitingDrop::NeighborRemoved) == 1);
  CHECK(resolver.waiting() == 0);
  CHECK(dropped_in_all() == 3);
  CHECK(hold(1));  // and is asked for anew
}

TEST_CASE_METHOD(Fixture, "without an answer packets leave after three seconds", "[resolver]") {
  CHECK_FALSE(resolver.next_deadline());
  hold(1);
  now += 1s;
  hold(2);
  hold(1);  // does not wait longer for it
  CHECK(resolver.next_deadline() == Instant{1003s});
  resolver.on_timer(Instant{1003s} - 1ns);
  CHECK(resolver.waiting() == 3);
  resolver.on_timer(Instant{1003s});
  CHECK(resolver.waiting() == 1);
  CHECK(resolver.dropped(WaitingDrop::NoAnswer) == 2);
  CHECK(resolver.next_deadline() == Instant{1004s});
  now = Instant{1004s};
  CHECK(hold(2, 7));  // late for the timer: the old one goes first
  CHECK(resolver.dropped(WaitingDrop::NoAnswer) == 3);
  CHECK(told(2, NeighborState::Usable) == Packets{7});
}

TEST_CASE_METHOD(Fixture, "a neighbour in use is confirmed every twenty seconds", "[resolver]") {
  hold(1);
  CHECK_FALSE(resolver.used(now, key(1)));
  told(1, NeighborState::Usable);
  now += 20s - 1ns;
  CHECK_FALSE(resolver.used(now, key(1)));
  now += 1ns;
  CHECK(resolver.used(now, key(1)));
  CHECK_FALSE(resolver.used(now, key(1)));
  CHECK(resolver.used(now, key(2)));  // one that the kernel found by itself
  CHECK_FALSE(resolver.used(now, key(2)));
}

TEST_CASE_METHOD(Fixture, "a neighbour that failed is asked for again when it is used",
                 "[resolver]") {
  hold(1);
  told(1, NeighborState::Failed);
  CHECK(resolver.used(now, key(1)));
  CHECK_FALSE(resolver.used(now, key(1)));
  told(1, NeighborState::Failed);
  CHECK(resolver.used(now, key(1)));
}

TEST_CASE_METHOD(Fixture, "a scan leaves no room taken that neighbours in use need", "[resolver]") {
  ResolverOptions options;
  options.neighbors = 10;
  options.new_neighbors_per_second = 1000;
  resolver = NeighborResolver(options);
  for (unsigned neighbor = 0; neighbor < 50; ++neighbor) {
    hold(neighbor);
    told(neighbor, NeighborState::Failed);
  }
  for (unsigned neighbor = 100; neighbor < 110; ++neighbor) {
    CHECK(resolver.used(now, key(neighbor)));
  }
  CHECK_FALSE(resolver.used(now, key(110)));  // full
  now += 61s;                                 // nobody has used those since
  CHECK(resolver.used(now, key(110)));
}

TEST_CASE("every drop has a name and a place among the data path's reasons", "[resolver]") {
  for (std::size_t i = 0; i < kWaitingDropCount; ++i) {
    CHECK_FALSE(to_string(static_cast<WaitingDrop>(i)).empty());
  }
  CHECK(to_string(WaitingDrop::NoAnswer) == "no-answer");
  CHECK(drop_reason(WaitingDrop::NeighborFailed) == forwarding::DropReason::NeighborFailed);
  CHECK(drop_reason(WaitingDrop::NoAnswer) == forwarding::DropReason::NeighborUnresolved);
}
