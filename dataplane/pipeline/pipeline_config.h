// What a worker knows without looking anything up: the ports, the home prefixes, our tunnel ends.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include <immintrin.h>

#include "common/address.h"
#include "common/forwarding/punt.h"
#include "common/prefix.h"
#include "common/wire/code_points.h"
#include "dataplane/pipeline/icmp_limiter.h"
#include "dataplane/pipeline/peer_set.h"
#include "dataplane/pipeline/reassembly_limits.h"

namespace anyhome::dataplane {

// The 16 bytes of an address in a register.
inline __m128i load_address(const void* at) {
  return _mm_loadu_si128(static_cast<const __m128i*>(at));
}
inline bool is_zero(__m128i value) { return _mm_testz_si128(value, value) != 0; }

// Whether an address lies inside a prefix, in four instructions.
class PrefixTest {
 public:
  PrefixTest() = default;
  explicit PrefixTest(const Prefix& prefix) : value_(prefix.address()) {
    Ipv6Address ones;
    ones.octets.fill(0xff);
    mask_ = Prefix::mask(ones, prefix.length());
  }

  [[nodiscard]] bool matches(const std::byte* address) const {
    const __m128i inside = _mm_and_si128(load_address(address), load_address(mask_.octets.data()));
    return is_zero(_mm_xor_si128(inside, load_address(value_.octets.data())));
  }

 private:
  Ipv6Address mask_;
  Ipv6Address value_;
};

// Whether an address is this one; none is, unless one was given.
class AddressTest {
 public:
  AddressTest() = default;
  explicit AddressTest(const Ipv6Address& address) : address_(address), set_(true) {}

  [[nodiscard]] bool matches(const std::byte* address) const {
    return is_zero(_mm_xor_si128(load_address(address), load_address(address_.octets.data()))) &&
           set_;
  }

 private:
  Ipv6Address address_;
  bool set_ = false;
};

struct PipelinePort {
  std::array<std::uint8_t, 6> mac{};
  std::optional<std::uint16_t> vlan;
  std::uint16_t mtu = 1500;  // L3 MTU in bytes
  bool home_link = false;    // sources inside the home prefix are allowed
  bool haha = false;         // HAHA links come in here
  [[nodiscard]] std::size_t link_header_size() const { return vlan ? 18 : 14; }
};

// A pool of mobile network prefixes of one length: looked up by masked address.
struct PipelinePool {
  PrefixTest test;
  std::uint8_t prefix_length = 64;
};

struct PipelineConfig {
  std::vector<PipelinePort> ports;
  std::vector<PrefixTest> home_prefixes;
  std::vector<PipelinePool> pools;
  Ipv6Address
      own_address;  // home agent address: reverse tunnels end here, ICMPv6 errors come from it
  Ipv6Address own_locator;  // HAHA links end here
  AddressTest home_agent;
  AddressTest locator;
  PeerSet peers;
  std::uint16_t link_mtu = 1500;  // path MTU of HAHA links in bytes
  // Largest packet into a binding; correspondents are to be told one figure wherever they enter.
  std::uint16_t mtu_to_correspondents = 0xffff;
  bool clamp_tcp_mss = false;
  ReassemblyLimits reassembly;
  // This worker, and among how many fragments for us are divided; 1: nobody hands anything off.
  std::uint32_t worker = 0;
  std::uint32_t workers = 1;
  wire::CodePoints code_points;
  bool has_host = true;  // there is a kernel to give packets to
  bool copy_traffic_class = true;
  IcmpRates icmp_rates;
  // Packets per second a worker hands to the control thread, by class.
  std::array<std::uint32_t, forwarding::kPuntClassCount> punt_rates = {
      20'000,   // routing: BFD at 10 ms for a hundred sessions is half of it
      20'000,   // haha-hello: a hundred peers, ten a second, twenty times over
      500'000,  // mobility
      200'000,  // haha-sync
      1'000,    // stranded
      2'000,    // discovery
      2'000,    // tunnel-error
      5'000,    // neighbor-discovery
      2'000,    // resolve
      50'000,   // host
  };
  // First value of the identification of outer fragments; differs from worker to worker.
  std::uint32_t fragment_seed = 0;
};

}  // namespace anyhome::dataplane
