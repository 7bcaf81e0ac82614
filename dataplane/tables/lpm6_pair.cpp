#include "dataplane/tables/lpm6_pair.h"

#include <algorithm>
#include <bit>
#include <utility>

#include <fmt/format.h>

#include <rte_errno.h>

namespace anyhome::dataplane {

namespace {

// The library's own: 2^24 first-level entries of 4 bytes; 256 of them, an index and a header of 12
// bytes per second-level table; and a hash of its rules with 20-byte keys.
std::size_t lpm6_bytes(const rte_lpm6_config& config) {
  const std::size_t rules = std::size_t{config.max_rules} * 12 / 10 + 64;
  return (std::size_t{4} << 24U) + std::size_t{config.number_tbl8s} * (256 * 4 + 4 + 12) +
         std::bit_ceil(rules) * 12 + rules * 32;
}

}  // namespace

std::expected<std::unique_ptr<Lpm6Pair>, std::string> Lpm6Pair::create(const Setup& setup) {
  std::unique_ptr<Lpm6Pair> pair(new Lpm6Pair);
  const rte_lpm6_config config{setup.rules, setup.tbl8_groups, 0};
  for (std::size_t i = 0; i < pair->copies_.size(); ++i) {
    const std::string name = fmt::format("{}{}", setup.name, i);
    pair->copies_[i].lpm.reset(rte_lpm6_create(name.c_str(), setup.socket, &config));
    if (pair->copies_[i].lpm == nullptr) {
      return std::unexpected(fmt::format(
          "rte_lpm6 for {} routes ({} bytes, twice): {}; lower max-routes or give EAL more memory "
          "(-m)",
          setup.rules, lpm6_bytes(config), rte_strerror(rte_errno)));
    }
    pair->bytes_ += lpm6_bytes(config);
  }
  pair->published_.store(pair->copies_.data(), std::memory_order_release);
  return pair;
}

void Lpm6Pair::lookup_bulk(const Ipv6Address* addresses, unsigned n, LeafIndex* out) const {
  // Acquire: pairs with the release in publish().
  const Copy& copy = *published_.load(std::memory_order_acquire);
  // The library takes a pointer to arrays of 16 bytes, which it only reads, and gives -1 for a
  // miss; an Ipv6Address is such an array and nothing else.
  static_assert(sizeof(Ipv6Address) == RTE_LPM6_IPV6_ADDR_SIZE);
  void* anonymous_addresses = const_cast<Ipv6Address*>(addresses);
  void* anonymous_out = out;
  rte_lpm6_lookup_bulk_func(
      copy.lpm.get(), static_cast<std::uint8_t(*)[RTE_LPM6_IPV6_ADDR_SIZE]>(anonymous_addresses),
      static_cast<std::int32_t*>(anonymous_out), n);
  for (unsigned i = 0; i < n; ++i) {
    out[i] = out[i] == ~LeafIndex{0} ? copy.default_leaf : out[i];
  }
}

void Lpm6Pair::publish(std::vector<RouteChange> changes) {
  batch_ = std::move(changes);
  // Removals give back the tables that additions may need.
  std::stable_partition(batch_.begin(), batch_.end(),
                        [](const RouteChange& change) { return change.leaf == kNoRouteLeaf; });
  Copy& next = idle();
  apply(next);
  // Publication: everything written to the copy happens before a reader's load of the pointer. The
  // caller's token comes after it, so when that is due nobody is inside of the other copy.
  published_.store(&next, std::memory_order_release);
}

void Lpm6Pair::replay() {
  apply(idle());
  batch_.clear();
}

void Lpm6Pair::apply(Copy& copy) {
  for (const RouteChange& change : batch_) {
    const std::uint8_t* address = change.prefix.address().octets.data();
    const auto length = static_cast<std::uint8_t>(change.prefix.length());
    if (length == 0) {
      copy.default_leaf = change.leaf;
    } else if (change.leaf == kNoRouteLeaf) {
      failures_ += rte_lpm6_delete(copy.lpm.get(), address, length) != 0 ? 1U : 0U;
    } else {
      failures_ += rte_lpm6_add(copy.lpm.get(), address, length, change.leaf) != 0 ? 1U : 0U;
    }
  }
}

}  // namespace anyhome::dataplane
