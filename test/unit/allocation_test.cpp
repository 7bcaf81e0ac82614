// Counts allocations: registrations must not churn the heap.
#include <cstdlib>
#include <new>

#include "test/support/home_agent_fixture.h"

namespace {
std::size_t allocations = 0;
}

void* operator new(std::size_t size) {
  ++allocations;
  void* memory = std::malloc(size);  // NOLINT(cppcoreguidelines-no-malloc): this is operator new
  if (memory == nullptr) {
    throw std::bad_alloc();
  }
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace anyhome;
using namespace anyhome::test;

TEST_CASE("a registration costs no more than a handful of allocations", "[allocation]") {
  config::HomeAgent config = insecure_config();
  config.max_bindings = 100000;
  HomeAgentFixture fixture(config);
  UpdateSpec spec;
  constexpr int kRounds = 10000;
  std::vector<Bytes> packets;
  for (int i = 0; i < kRounds; ++i) {
    Ipv6Address home = ip6("2001:db8:0:1::");
    home.octets[12] = 1;
    home.octets[14] = static_cast<std::uint8_t>(i >> 8);
    home.octets[15] = static_cast<std::uint8_t>(i);
    spec.home_address = HomeAddress(home);
    packets.push_back(build_update(spec));
  }
  fixture.receive(packets.front());  // buffers grow to their size once
  const std::size_t before = allocations;
  for (const Bytes& packet : packets) {
    fixture.effects.clear();
    fixture.agent.on_packet(fixture.now, {}, packet, fixture.effects);
  }
  const std::size_t first = allocations - before;
  REQUIRE(fixture.agent.bindings().registered() == kRounds);
  INFO(first << " allocations for " << kRounds << " registrations");
  CHECK(first <= kRounds);
}
