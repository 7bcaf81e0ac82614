// Stage "decapsulate": the end of a mobile node's reverse tunnel (RFC 6275 §10.4.5, RFC 3963 §9;
// draft §5.3, R32).
//
// A packet is let out only if its inner source has a binding here and its outer source is the
// care-of address of that binding: otherwise anybody could send in a mobile node's name.
#pragma once

#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

inline constexpr unsigned kMaxDecapsulations = 2;

// Moves on to the inner header; the outer one stays in the buffer for the source check. `inner_at`
// is where it starts.
template <Environment Env>
void Pipeline<Env>::enter_tunnel_exit(W& work, std::size_t inner_at) {
  if (reach_inner_header(work, inner_at)) {
    defer(decapsulate_, work);
  }
}

// Brings the header inside a tunnel packet within reach. False: the packet is gone.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::reach_inner_header(W& work,
                                                                     std::size_t inner_at) {
  if (work.decapsulations == kMaxDecapsulations) {
    drop(work, DropReason::NestedTooDeep);
    return false;
  }
  if (work.length < inner_at + wire::kIpv6HeaderSize) {
    drop(work, DropReason::TunnelInnerMalformed);
    return false;
  }
  // 14 + 40 + 40 bytes are contiguous in every ordinary packet, and so are ports or a Fragment
  // header behind them, by which flows are told apart; a chained one is joined here.
  if (!join(work, inner_at + wire::kIpv6HeaderSize + wire::kFragmentHeaderSize)) {
    drop(work, DropReason::HeaderNotContiguous);
    return false;
  }
  work.inner_at = static_cast<std::uint16_t>(inner_at);
  return true;
}

// Brings the first `wanted` bytes, or all there are, into the first segment.
template <Environment Env>
bool Pipeline<Env>::join(W& work, std::size_t wanted) {
  wanted = std::min<std::size_t>(wanted, work.length);
  if (work.contiguous >= wanted) [[likely]] {
    return true;
  }
  const auto front = static_cast<std::size_t>(work.ip - env_.data(work.packet));
  if (!env_.make_contiguous(work.packet, front + wanted)) {
    return false;
  }
  work.ip = env_.data(work.packet) + front;
  work.contiguous = static_cast<std::uint32_t>(
      std::min<std::size_t>(env_.contiguous(work.packet) - front, work.length));
  return true;
}

template <Environment Env>
void Pipeline<Env>::decapsulate() {
  if (decapsulate_.empty()) {
    return;
  }
  const WorkList list = decapsulate_;
  decapsulate_.clear();
  WorkList checked;
  std::array<const std::byte*, kMaxBurst> keys;
  std::array<const Entry*, kMaxBurst> entries;
  for (unsigned i = 0; i < list.size(); ++i) {
    W& work = work_[list[i]];
    if (open_tunnel(work)) {
      keys[checked.size()] = work.ip + work.inner_at + wire::ipv6_offset::kSource;
      defer(checked, work);
    }
  }
  if (checked.empty()) {
    return;
  }
  std::uint64_t hits = env_.lookup_bindings(keys.data(), checked.size(), entries.data());
  for (unsigned i = 0; i < checked.size(); ++i, hits >>= 1U) {
    W& work = work_[checked[i]];
    const Entry* entry = (hits & 1U) != 0 ? entries[i] : source_binding(keys[i]);
    const std::byte* care_of = entry == nullptr ? nullptr : accepted_care_of(*entry);
    // A global binding tunnels to nobody but its primary (R38), and nobody but its primary is its
    // exit.
    if (care_of == nullptr) {
      trace("inner source {} is not bound here", read_address(keys[i]));
      drop(work, DropReason::TunnelSourceUnbound);
      continue;
    }
    if (std::memcmp(source_of(work), care_of, Ipv6Address::kSize) != 0) {
      trace("outer source {} is not the care-of address {}", read_address(source_of(work)),
            read_address(care_of));
      drop(work, DropReason::TunnelCareOfMismatch);
      continue;
    }
    ++counts_.from_mobile_node;
    if (entry->kind == EntryKind::Global) [[unlikely]] {
      env_.count(Counter::DecapsulatedFormer, 1);
    }
    if (accept_inner(work, Origin::Tunnel)) {
      if (config_.clamp_tcp_mss) {
        clamp_from_mobile_node(work, *entry);
      }
      trace("taken out of the reverse tunnel: {} -> {}", read_address(source_of(work)),
            read_address(destination_of(work)));
      classify(work);
    }
  }
}

// Who may send in the mobile node's name: its care-of address, which is the destination of the
// binding's own outer header; for a moment, one that has just registered elsewhere (rulings §6).
// nullptr: nobody.
template <Environment Env>
const std::byte* Pipeline<Env>::accepted_care_of(const Entry& entry) const {
  if (entry.kind == EntryKind::Bound) [[likely]] {
    return bytes_of(entry.destination);
  }
  return entry.former == 0 ? nullptr : bytes_of(env_.former_care_of_address(entry.former));
}

// Whether the inner packet is an IPv6 packet that fits into the outer one.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::open_tunnel(W& work) {
  const std::size_t at = work.inner_at;
  const std::byte* inner = work.ip + at;
  constexpr unsigned kVersion6 = 6;
  if ((std::to_integer<unsigned>(inner[0]) >> 4U) != kVersion6) {
    drop(work, DropReason::TunnelInnerNotIpv6);
    return false;
  }
  const std::size_t length =
      wire::kIpv6HeaderSize + load_be16(inner + wire::ipv6_offset::kPayloadLength);
  if (at + length > work.length || is_nobody(inner + wire::ipv6_offset::kSource)) {
    drop(work, DropReason::TunnelInnerMalformed);
    return false;
  }
  return true;
}

// A source that is no home address itself may lie inside a mobile network prefix (RFC 3963 §9).
template <Environment Env>
const Entry* Pipeline<Env>::source_binding(const std::byte* source) {
  const Ipv6Address address = read_address(source);
  for (const PipelinePool& pool : config_.pools) {
    if (pool.test.matches(source)) {
      const Ipv6Address masked = Prefix::mask(address, pool.prefix_length);
      const std::byte* key = bytes_of(masked);
      const Entry* entry = nullptr;
      if (env_.lookup_bindings(&key, 1, &entry) != 0) {
        return entry;
      }
    }
  }
  if (!env_.has_routed_prefixes()) {
    return nullptr;
  }
  LeafIndex leaf = kNoRouteLeaf;
  env_.lookup_routes(&address, 1, &leaf);
  const LeafValue value = env_.leaf(leaf);
  return value.kind() == LeafKind::Binding ? env_.prefix_entry(value.index()) : nullptr;
}

// The tunnel is behind us: from here on the packet is the inner one, on its way natively to a
// correspondent (draft §3.1, R36) or to whomever else. False: it is gone.
template <Environment Env>
[[gnu::always_inline]] inline bool Pipeline<Env>::accept_inner(W& work, Origin origin) {
  const std::size_t at = work.inner_at;
  std::byte* inner = work.ip + at;
  const std::uint8_t as_sent = traffic_class_of(inner);
  const auto traffic_class = decapsulated_traffic_class(as_sent, traffic_class_of(work.ip));
  if (!traffic_class) {
    drop(work, DropReason::CongestionNotExpected);
    return false;
  }
  // Only what changes: a flow's hash reads eight bytes here, which would wait for these two.
  if (*traffic_class != as_sent) [[unlikely]] {
    const std::uint16_t first = load_be16(inner);
    store_be16(inner, static_cast<std::uint16_t>((first & 0xf00fU) | (*traffic_class << 4U)));
  }
  const std::size_t length =
      wire::kIpv6HeaderSize + load_be16(inner + wire::ipv6_offset::kPayloadLength);
  // What the outer packet has behind the inner one is nobody's.
  const auto front = static_cast<std::size_t>(inner - env_.data(work.packet));
  if (at + length < work.length) {
    env_.truncate(work.packet, front + length);
  }
  work.ip = inner;
  work.length = static_cast<std::uint32_t>(length);
  work.contiguous = static_cast<std::uint32_t>(
      std::min<std::size_t>(env_.contiguous(work.packet) - front, length));
  work.link_header = 0;
  work.inner_at = 0;
  work.origin = origin;
  ++work.decapsulations;
  return true;
}

}  // namespace anyhome::dataplane
