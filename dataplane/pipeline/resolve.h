// Stage "resolve": what is the binding of this home address, or of this mobile network?
#pragma once

#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

template <Environment Env>
void Pipeline<Env>::resolve() {
  if (resolve_.empty()) {
    return;
  }
  const WorkList list = resolve_;
  resolve_.clear();
  std::array<const std::byte*, kMaxBurst> keys;
  std::array<const Entry*, kMaxBurst> entries;
  for (unsigned i = 0; i < list.size(); ++i) {
    keys[i] = destination_of(work_[list[i]]);
  }
  std::uint64_t hits = env_.lookup_bindings(keys.data(), list.size(), entries.data());
  WorkList misses;
  for (unsigned i = 0; i < list.size(); ++i, hits >>= 1U) {
    if ((hits & 1U) != 0) {
      dispatch_entry(work_[list[i]], entries[i]);
    } else {
      misses.push(list[i]);
    }
  }
  if (!misses.empty()) {
    resolve_misses(misses);
  }
}

// Not a home address: perhaps an address inside a mobile network (RFC 3963 §6.5), which may lie
// inside the home prefix itself (an aggregated home network, RFC 4887 §6).
template <Environment Env>
void Pipeline<Env>::resolve_misses(const WorkList& misses) {
  std::array<Ipv6Address, kMaxBurst> masked;
  std::array<const std::byte*, kMaxBurst> keys;
  std::array<const Entry*, kMaxBurst> entries;
  WorkList in_pool;
  WorkList elsewhere;
  for (unsigned i = 0; i < misses.size(); ++i) {
    const std::byte* destination = destination_of(work_[misses[i]]);
    const PipelinePool* found = nullptr;
    for (const PipelinePool& pool : config_.pools) {
      found = pool.test.matches(destination) ? &pool : found;
    }
    if (found != nullptr) {
      masked[in_pool.size()] = Prefix::mask(read_address(destination), found->prefix_length);
      keys[in_pool.size()] = bytes_of(masked[in_pool.size()]);
      in_pool.push(misses[i]);
    } else {
      elsewhere.push(misses[i]);
    }
  }
  std::uint64_t hits =
      in_pool.empty() ? 0 : env_.lookup_bindings(keys.data(), in_pool.size(), entries.data());
  for (unsigned i = 0; i < in_pool.size(); ++i, hits >>= 1U) {
    if ((hits & 1U) != 0 && entries[i]->kind != EntryKind::Local) {
      dispatch_entry(work_[in_pool[i]], entries[i]);
    } else {
      elsewhere.push(in_pool[i]);
    }
  }
  const bool routed_prefixes = env_.has_routed_prefixes();
  for (unsigned i = 0; i < elsewhere.size(); ++i) {
    W& work = work_[elsewhere[i]];
    const Entry* entry = nullptr;
    if (routed_prefixes) {
      const Ipv6Address address = read_address(destination_of(work));
      LeafIndex leaf = kNoRouteLeaf;
      env_.lookup_routes(&address, 1, &leaf);
      const LeafValue value = env_.leaf(leaf);
      entry = value.kind() == LeafKind::Binding ? env_.prefix_entry(value.index()) : nullptr;
    }
    if (entry != nullptr) {
      dispatch_entry(work, entry);
    } else {
      refuse_unbound(work);
    }
  }
}

template <Environment Env>
[[gnu::always_inline]] inline void Pipeline<Env>::dispatch_entry(W& work, const Entry* entry) {
  if (entry->kind == EntryKind::Local) {
    deliver(work, entry->role);
    return;
  }
  trace("{}: tunnel {} -> {}",
        entry->kind == EntryKind::Bound    ? "registered here"
        : entry->kind == EntryKind::Global ? "registered with another home agent"
                                           : "another home agent's own address",
        entry->source, entry->destination);
  switch (entry->kind) {
    case EntryKind::Global:
      send_to_primary(work, *entry);
      return;
    case EntryKind::Peer:
      relay_to_peer(work, *entry);
      return;
    default:
      work.entry = entry;
      defer(encapsulate_, work);
      return;
  }
}

// Draft §5.6 (R87, R88).
template <Environment Env>
void Pipeline<Env>::refuse_unbound(W& work) {
  refuse(work, DropReason::NoBinding, wire::icmpv6::kDestinationUnreachable,
         wire::icmpv6::kCodeAddressUnreachable, 0);
}

}  // namespace anyhome::dataplane
