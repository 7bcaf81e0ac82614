// What a worker knows without looking anything up: the ports, the home prefixes, our tunnel ends.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

#include "common/address.h"
#include "common/forwarding/punt.h"
#include "common/prefix.h"
#include "common/wire/code_points.h"
#include "dataplane/pipeline/icmp_limiter.h"
#include "dataplane/pipeline/peer_set.h"
#include "dataplane/pipeline/reassembly_limits.h"

namespace anyhome::dataplane {

// A prefix to be compared in two registers.
class PrefixTest {
 public:
  PrefixTest() = default;
  explicit PrefixTest(const Prefix& prefix) {
    Ipv6Address ones;
    ones.octets.fill(0xff);
    const Ipv6Address mask = Prefix::mask(ones, prefix.length());
    std::memcpy(mask_.data(), mask.octets.data(), sizeof mask_);
    std::memcpy(value_.data(), prefix.address().octets.data(), sizeof value_);
  }

  [[nodiscard]] bool matches(const std::byte* address) const {
    std::array<std::uint64_t, 2> words;
    std::memcpy(words.data(), address, sizeof words);
    return (((words[0] & mask_[0]) ^ value_[0]) | ((words[1] & mask_[1]) ^ value_[1])) == 0;
  }

 private:
  std::array<std::uint64_t, 2> mask_{};
  std::array<std::uint64_t, 2> value_{};
};

// One address to be compared in two registers.
class AddressTest {
 public:
  AddressTest() = default;
  explicit AddressTest(const Ipv6Address& address) : set_(true) {
    std::memcpy(words_.data(), address.octets.data(), sizeof words_);
  }

  [[nodiscard]] bool matches(const std::byte* address) const {
    std::array<std::uint64_t, 2> words;
    std::memcpy(words.data(), address, sizeof words);
    return ((words[0] ^ words_[0]) | (words[1] ^ words_[1])) == 0 && set_;
  }

 private:
  std::array<std::uint64_t, 2> words_{};
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
