#include "apps/anyhome-bench/references.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>
#include <utility>

#include <fmt/format.h>

#include <rte_ether.h>
#include <rte_prefetch.h>

#include "common/wire/ipv6.h"

namespace anyhome::bench {
namespace {

constexpr unsigned kBurst = 32;
constexpr std::size_t kEthernet = 14;
constexpr std::size_t kDestination = kEthernet + wire::ipv6_offset::kDestination;

}  // namespace

std::string_view name_of(Reference reference) {
  constexpr std::string_view kNames[] = {"io", "macswap", "exact-match", "lpm"};
  return kNames[static_cast<std::size_t>(reference)];
}

void swap_addresses(std::span<rte_mbuf*> packets) {
  for (std::size_t i = 0; i < packets.size(); ++i) {
    if (i + 4 < packets.size()) {
      rte_prefetch0(rte_pktmbuf_mtod(packets[i + 4], const void*));
    }
    auto* frame = rte_pktmbuf_mtod(packets[i], rte_ether_hdr*);
    std::swap(frame->dst_addr, frame->src_addr);
  }
}

References::References(const World& world) : entries_(world.bindings()) {
  static unsigned number = 0;
  const std::string name = fmt::format("bench-em{}", number++);
  rte_hash_parameters parameters{};
  parameters.name = name.c_str();
  parameters.entries = std::max(2 * world.bindings(), 64U);
  parameters.key_len = Ipv6Address::kSize;
  parameters.hash_func = nullptr;
  parameters.socket_id = SOCKET_ID_ANY;
  hash_.reset(rte_hash_create(&parameters));
  rte_lpm6_config lpm{};
  lpm.max_rules = std::max(2 * world.routes(), 1024U);
  lpm.number_tbl8s = std::max(2 * world.routes(), 4096U);
  lpm_.reset(rte_lpm6_create(name.c_str(), SOCKET_ID_ANY, &lpm));
  if (hash_ == nullptr || lpm_ == nullptr) {
    throw NoMemory("no memory for the reference tables");
  }
  for (std::uint64_t i = 0; i < world.bindings(); ++i) {
    const Ipv6Address key = World::home(i);
    if (rte_hash_add_key_data(hash_.get(), key.octets.data(), &entries_[i]) != 0) {
      throw std::runtime_error("the reference table is full");
    }
  }
  for (std::uint32_t i = 0; i < world.routes(); ++i) {
    std::array<std::uint8_t, Ipv6Address::kSize> prefix{};
    const std::uint64_t half = __builtin_bswap64(world.route(i));
    std::memcpy(prefix.data(), &half, sizeof half);
    if (rte_lpm6_add(lpm_.get(), prefix.data(), 48, i) != 0) {
      throw std::runtime_error("the reference routes do not fit");
    }
  }
}

void References::look_up_exactly(std::span<rte_mbuf*> packets) {
  const void* keys[kBurst];
  void* data[kBurst];
  std::uint64_t hits = 0;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    keys[i] = rte_pktmbuf_mtod_offset(packets[i], const void*, kDestination);
  }
  rte_hash_lookup_bulk_data(hash_.get(), keys, static_cast<std::uint32_t>(packets.size()), &hits,
                            data);
  for (std::size_t i = 0; i < packets.size(); ++i) {
    rte_prefetch0(data[i]);
  }
  for (std::size_t i = 0; i < packets.size(); ++i) {
    const auto* link = rte_pktmbuf_mtod(packets[i], const std::byte*);
    if (rte_pktmbuf_prepend(packets[i], wire::kIpv6HeaderSize) == nullptr) {
      continue;
    }
    auto* front = rte_pktmbuf_mtod(packets[i], std::byte*);
    std::memcpy(front, link, kEthernet);
    std::memcpy(front + kEthernet, data[i], wire::kIpv6HeaderSize);
  }
}

void References::look_up_longest(std::span<rte_mbuf*> packets) {
  std::uint8_t addresses[kBurst][Ipv6Address::kSize];
  std::int32_t hops[kBurst];
  for (std::size_t i = 0; i < packets.size(); ++i) {
    std::memcpy(addresses[i], rte_pktmbuf_mtod_offset(packets[i], const void*, kDestination),
                Ipv6Address::kSize);
  }
  rte_lpm6_lookup_bulk_func(lpm_.get(), addresses, hops, static_cast<unsigned>(packets.size()));
  for (std::size_t i = 0; i < packets.size(); ++i) {
    auto* frame = rte_pktmbuf_mtod(packets[i], std::byte*);
    frame[5] = std::byte{static_cast<std::uint8_t>(hops[i])};
    frame[kEthernet + 7] = std::byte{63};
  }
}

}  // namespace anyhome::bench
