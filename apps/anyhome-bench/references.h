// What our figures are compared with: DPDK's own tables, looked up in bulk by loops that do little
// else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include <rte_hash.h>
#include <rte_lpm6.h>
#include <rte_mbuf.h>

#include "apps/anyhome-bench/world.h"

namespace anyhome::bench {

enum class Reference : std::uint8_t {
  Io,          // out of one ring, into the other
  Macswap,     // as testpmd's: Ethernet addresses change places
  ExactMatch,  // rte_hash in bulk, a 64-byte entry, a header of 40 bytes in front
  Lpm,         // rte_lpm6 in bulk
};
inline constexpr Reference kReferences[] = {Reference::Io, Reference::Macswap,
                                            Reference::ExactMatch, Reference::Lpm};
std::string_view name_of(Reference reference);

void swap_addresses(std::span<rte_mbuf*> packets);

class References {
 public:
  // Of the same bindings and routes. Throws NoMemory.
  explicit References(const World& world);

  // At most 32 packets.
  void look_up_exactly(std::span<rte_mbuf*> packets);
  void look_up_longest(std::span<rte_mbuf*> packets);

 private:
  struct Line {
    std::array<std::byte, 64> bytes;
  };
  struct Free {
    void operator()(rte_hash* hash) const { rte_hash_free(hash); }
    void operator()(rte_lpm6* lpm) const { rte_lpm6_free(lpm); }
  };

  std::unique_ptr<rte_hash, Free> hash_;
  std::unique_ptr<rte_lpm6, Free> lpm_;
  std::vector<Line> entries_;
};

}  // namespace anyhome::bench
