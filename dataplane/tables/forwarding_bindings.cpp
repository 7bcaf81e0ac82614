// ForwardingTables: bindings and the addresses of home agents.
#include <algorithm>
#include <array>
#include <variant>

#include <rte_prefetch.h>

#include "common/forwarding/punt.h"
#include "dataplane/tables/entry_content.h"
#include "dataplane/tables/forwarding_tables.h"

namespace anyhome::dataplane {

namespace {

// On a HAHA link the outer hop limit says how often a packet was relayed; the first hop sends the
// highest (rulings §8).
constexpr std::uint8_t kLinkHopLimit = 255;

}  // namespace

std::expected<void, forwarding::Refusal> ForwardingTables::apply(
    const forwarding::ForwardingUpdate& update) {
  struct Apply {
    ForwardingTables& tables;
    auto operator()(const forwarding::SetBinding& set) const { return tables.set_binding(set); }
    auto operator()(const forwarding::RemoveBinding& remove) const {
      return tables.remove_binding(remove);
    }
    auto operator()(const forwarding::SetPrefix& set) const { return tables.set_prefix(set); }
    auto operator()(const forwarding::RemovePrefix& remove) const {
      return tables.remove_prefix(remove);
    }
    auto operator()(const forwarding::SetPeer& set) const {
      return tables.set_peer(set.address, set.locator, set.own_locator, set.peer, set.reach);
    }
  };
  relieve();
  const std::expected<void, TableRefusal> result = std::visit(Apply{*this}, update);
  if (!result) {
    return std::unexpected(to_forwarding(result.error()));
  }
  return {};
}

void ForwardingTables::prefetch(std::span<const HomeAddress> home_addresses) const {
  for (const HomeAddress& home_address : home_addresses) {
    bindings_->prefetch(home_address.address());
  }
  for (const HomeAddress& home_address : home_addresses) {
    bindings_->prefetch_entry(home_address.address());
  }
  for (const HomeAddress& home_address : home_addresses) {
    if (const auto owner = bindings_->likely_owner(home_address.address())) {
      rte_prefetch0(&records_[*owner]);
    }
  }
}

std::expected<void, TableRefusal> ForwardingTables::set_binding(
    const forwarding::SetBinding& update) {
  if (update.kind == forwarding::BindingKind::Bound) {
    return put(update.home_address.address(),
               tunnel_entry(EntryKind::Bound, update.tunnel_source, update.tunnel_destination,
                            tunnel_hop_limit_, update.path_mtu, forwarding::kNoPeer));
  }
  const auto peer = peers_.find(update.tunnel_destination);
  return put(update.home_address.address(),
             tunnel_entry(EntryKind::Global, update.tunnel_source, update.tunnel_destination,
                          kLinkHopLimit, update.path_mtu,
                          peer == peers_.end() ? forwarding::kNoPeer : peer->second),
             update.former_care_of_address.address());
}

std::expected<void, TableRefusal> ForwardingTables::remove_binding(
    const forwarding::RemoveBinding& update) {
  const auto record = find_record(update.home_address.address());
  if (!record || !is_binding(bindings_->entry(records_[*record].entry)->kind)) {
    return {};
  }
  return remove_record(*record);
}

std::expected<void, TableRefusal> ForwardingTables::set_peer(const HomeAgentAddress& address,
                                                             const Locator& peer_locator,
                                                             const Locator& own_locator,
                                                             std::uint16_t peer,
                                                             forwarding::PeerReach reach) {
  relieve();
  if (peer >= kMaxPeers) {
    return std::unexpected(TableRefusal::TableFull);
  }
  std::optional<Entry> former;
  if (const auto record = find_peer(address)) {
    former = *bindings_->entry(records_[*record].entry);
  }
  auto result = put(address.address(),
                    tunnel_entry(EntryKind::Peer, own_locator.address(), peer_locator.address(),
                                 kLinkHopLimit, forwarding::kPathMtuUnknown, peer));
  if (!result) {
    return result;
  }
  if (former) {
    peers_.erase(former->destination);
    if (former->peer != peer) {
      peer_states_.set_dead(former->peer, false);
    }
  }
  peers_[peer_locator.address()] = peer;
  peer_states_.set_dead(peer, reach == forwarding::PeerReach::Dead);
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::remove_peer(const HomeAgentAddress& address) {
  relieve();
  const auto record = find_peer(address);
  if (!record) {
    return {};
  }
  const Entry former = *bindings_->entry(records_[*record].entry);
  auto result = remove_record(*record);
  if (result) {
    peers_.erase(former.destination);
    peer_states_.set_dead(former.peer, false);
  }
  return result;
}

std::optional<std::uint32_t> ForwardingTables::find_peer(const HomeAgentAddress& address) const {
  const auto record = find_record(address.address());
  return record && bindings_->entry(records_[*record].entry)->kind == EntryKind::Peer
             ? record
             : std::nullopt;
}

std::expected<void, TableRefusal> ForwardingTables::set_local(const Ipv6Address& address,
                                                              LocalRole role) {
  relieve();
  if (is_served(address)) {
    Entry entry;
    entry.kind = EntryKind::Local;
    entry.role = role;
    entry.peer = forwarding::kNoPeer;
    return put(address, entry);
  }
  const Prefix host(address, Prefix::kMaxLength);
  const bool known = routes_->find(host, Claim::Local).has_value();
  if (!known && agent_count_ == sizes_.max_agent_addresses) {
    return std::unexpected(TableRefusal::TableFull);
  }
  const auto leaf = routes_->set(host, Claim::Local,
                                 LeafValue::of(LeafKind::Local, static_cast<std::uint32_t>(role)));
  if (!leaf) {
    return std::unexpected(leaf.error());
  }
  agent_count_ += known ? 0U : 1U;
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::remove_local(const Ipv6Address& address) {
  relieve();
  if (const auto leaf = routes_->find(Prefix(address, Prefix::kMaxLength), Claim::Local)) {
    routes_->withdraw(*leaf, Claim::Local);
    --agent_count_;
    return {};
  }
  const auto record = find_record(address);
  if (!record || bindings_->entry(records_[*record].entry)->kind != EntryKind::Local) {
    return {};
  }
  return remove_record(*record);
}

// RFC 4291 §2.6.1: the first address of a prefix belongs to the routers on it, here to the mobile
// router. It is also the prefix's key in the hash, so a host may not have it; one rule for all, at
// whatever time the prefix comes.
bool ForwardingTables::is_reserved(const Ipv6Address& address) const {
  return address.is_unspecified() ||
         std::any_of(pools_.begin(), pools_.end(), [&](const config::NemoPool& pool) {
           return pool.pool.contains(address) &&
                  Prefix::mask(address, pool.prefix_length) == address;
         });
}

bool ForwardingTables::is_served(const Ipv6Address& address) const {
  return std::any_of(home_prefixes_.begin(), home_prefixes_.end(),
                     [&](const Prefix& prefix) { return prefix.contains(address); }) ||
         std::any_of(pools_.begin(), pools_.end(),
                     [&](const config::NemoPool& pool) { return pool.pool.contains(address); });
}

std::optional<std::uint32_t> ForwardingTables::find_record(const Ipv6Address& address) const {
  const Entry* entry = bindings_->find(address);
  // The entry of a prefix has its owner's record, which has another entry.
  if (entry == nullptr || entry != bindings_->entry(records_[bindings_->owner_of(entry)].entry)) {
    return std::nullopt;
  }
  return bindings_->owner_of(entry);
}

LeafIndex ForwardingTables::leaf_of(const Entry& content) const {
  LeafIndex leaf = kNoRouteLeaf;
  if (has_route(content.kind)) {
    routes_->lookup_bulk(&content.destination, 1, &leaf);
  }
  return leaf;
}

std::expected<void, TableRefusal> ForwardingTables::put(const Ipv6Address& address,
                                                        const Entry& wanted,
                                                        const Ipv6Address& former) {
  if (is_reserved(address)) {
    return std::unexpected(TableRefusal::AddressReserved);
  }
  Entry content = wanted;
  content.set_leaf(leaf_of(wanted));
  const auto record = find_record(address);
  const std::uint32_t kept = record ? bindings_->entry(records_[*record].entry)->former : 0;
  content.set_former(keep_former(former, kept));
  auto result = put_content(address, record, content);
  if (!result && content.former != 0 && content.former != kept) {
    former_pool_.release(content.former - 1);  // nobody has seen it
  }
  return result;
}

std::expected<void, TableRefusal> ForwardingTables::put_content(const Ipv6Address& address,
                                                                std::optional<std::uint32_t> record,
                                                                Entry& content) {
  if (!record) {
    return add_record(address, content);
  }
  const Entry& current = *bindings_->entry(records_[*record].entry);
  if (current.kind != content.kind && !(is_binding(current.kind) && is_binding(content.kind))) {
    return std::unexpected(TableRefusal::AddressReserved);
  }
  if (same_content(current, content)) {
    return {};
  }
  return replace_entry(*record, content);
}

// Where the former care-of address is kept: where it has been for the current entry, or a new
// place. A binding is worth more than the last packets of its mobile node, so without room it goes
// without.
std::uint32_t ForwardingTables::keep_former(const Ipv6Address& former, std::uint32_t current) {
  if (former.is_unspecified()) {
    return 0;
  }
  if (current != 0 && former_[current] == former) {
    return current;
  }
  const auto slot = former_pool_.allocate();
  if (!slot) {
    ++former_refused_;
    return 0;
  }
  former_[*slot + 1] = former;
  return *slot + 1;
}

std::expected<void, TableRefusal> ForwardingTables::add_record(const Ipv6Address& address,
                                                               const Entry& content) {
  const bool binding = is_binding(content.kind);
  std::uint32_t& count = binding ? binding_count_ : agent_count_;
  if (count == (binding ? sizes_.max_bindings : sizes_.max_agent_addresses)) {
    return std::unexpected(TableRefusal::TableFull);
  }
  if (!has_entries(1)) {
    return std::unexpected(TableRefusal::EntriesExhausted);
  }
  Entry* entry = make_entry(address, content);
  const std::uint32_t record = *record_pool_.allocate();  // as many as both counts allow
  if (!bindings_->insert(entry, record)) {
    // Nobody has seen either.
    record_pool_.release(record);
    bindings_->free_entry(bindings_->index_of(entry));
    return std::unexpected(TableRefusal::TableFull);
  }
  records_[record] = {address, bindings_->index_of(entry), kNone};
  if (has_route(content.kind)) {
    routes_->hold(content.leaf);
  }
  ++count;
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::replace_entry(std::uint32_t index,
                                                                  const Entry& content) {
  const Entry& old = *bindings_->entry(records_[index].entry);
  const bool leaves_former = old.former != 0 && old.former != content.former;
  const std::uint32_t keys = keys_of(index);
  if (!has_room_for_binding(keys + (leaves_former ? 1 : 0))) {
    return std::unexpected(TableRefusal::ReclaimBacklog);
  }
  if (!has_entries(keys)) {
    return std::unexpected(TableRefusal::EntriesExhausted);
  }
  BindingRecord& record = records_[index];
  Entry* entry = make_entry(record.address, content);
  for (std::uint32_t i = record.first_prefix; i != kNone; i = prefixes_[i].next) {
    PrefixRecord& prefix = prefixes_[i];
    if (prefix.slot == kNone) {
      swap_entry(prefix.entry, make_entry(prefix.prefix.address(), content), index);
    } else {
      // Publication of the entry: pairs with the reader's acquire.
      prefix_entries_[prefix.slot].store(entry, std::memory_order_release);
    }
  }
  if (has_route(content.kind)) {
    routes_->hold(content.leaf);
    routes_->release(old.leaf);
  }
  if (leaves_former) {
    reclaimer_.retire(RetiredKind::FormerSlot, old.former);
  }
  swap_entry(record.entry, entry, index);
  return {};
}

Entry* ForwardingTables::make_entry(const Ipv6Address& key, const Entry& content) {
  Entry* entry = bindings_->allocate_entry();
  *entry = content;
  entry->key = key;
  return entry;
}

void ForwardingTables::swap_entry(std::uint32_t& index, Entry* entry, std::uint32_t owner) {
  bindings_->replace(bindings_->entry(index), entry, owner);
  reclaimer_.retire(RetiredKind::EntrySlot, index);
  index = bindings_->index_of(entry);
}

// Each has an entry.
std::uint32_t ForwardingTables::keys_of(std::uint32_t record) const {
  std::uint32_t keys = 1;
  for (std::uint32_t i = records_[record].first_prefix; i != kNone; i = prefixes_[i].next) {
    keys += prefixes_[i].slot == kNone ? 1 : 0;
  }
  return keys;
}

std::expected<void, TableRefusal> ForwardingTables::remove_record(std::uint32_t index) {
  BindingRecord& record = records_[index];
  // Its entry; what the entry leads to.
  std::uint32_t waiting = bindings_->entry(record.entry)->former != 0 ? 2 : 1;
  for (std::uint32_t i = record.first_prefix; i != kNone; i = prefixes_[i].next) {
    ++waiting;
  }
  if (!has_room_for_binding(waiting)) {
    return std::unexpected(TableRefusal::ReclaimBacklog);
  }
  while (record.first_prefix != kNone) {
    withdraw_prefix(record.first_prefix);
  }
  const Entry& entry = *bindings_->entry(record.entry);
  bindings_->remove(&entry);
  if (has_route(entry.kind)) {
    routes_->release(entry.leaf);
  }
  --(is_binding(entry.kind) ? binding_count_ : agent_count_);
  reclaimer_.retire(RetiredKind::EntrySlot, record.entry);
  if (entry.former != 0) {
    reclaimer_.retire(RetiredKind::FormerSlot, entry.former);
  }
  record = BindingRecord{};
  record_pool_.release(index);
  return {};
}

// Bindings whose leaf is no longer the longest match for their outer destination get an entry that
// has the right one. Everything else of the entry stays, so readers see no difference but the way.
void ForwardingTables::move_bindings(std::uint32_t budget) {
  std::array<Ipv6Address, kScanBulk> destinations;
  std::array<std::uint32_t, kScanBulk> found{};
  std::array<LeafIndex, kScanBulk> leaves{};
  while (scan_left_ > 0 && budget > 0) {
    const std::uint32_t step = std::min({scan_left_, budget, kScanBulk});
    budget -= step;
    unsigned n = 0;
    for (std::uint32_t i = 0; i < step; ++i) {
      const std::uint32_t record = (scan_cursor_ + i) % scan_end_;
      if (records_[record].entry == kNone) {
        continue;
      }
      const Entry& entry = *bindings_->entry(records_[record].entry);
      if (has_route(entry.kind)) {
        destinations[n] = entry.destination;
        found[n++] = record;
      }
    }
    routes_->lookup_bulk(destinations.data(), n, leaves.data());
    for (unsigned i = 0; i < n; ++i) {
      Entry content = *bindings_->entry(records_[found[i]].entry);
      if (content.leaf == leaves[i]) {
        continue;
      }
      content.set_leaf(leaves[i]);
      if (!replace_entry(found[i], content)) {
        return;  // no entry or no room now: the same step again next time
      }
      ++bindings_moved_;
    }
    scan_cursor_ = (scan_cursor_ + step) % scan_end_;
    scan_left_ -= step;
  }
}

}  // namespace anyhome::dataplane
