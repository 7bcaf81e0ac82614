// ForwardingTables: mobile network prefixes (RFC 3963).
#include <algorithm>
#include <utility>

#include "dataplane/tables/entry_content.h"
#include "dataplane/tables/forwarding_tables.h"

namespace anyhome::dataplane {

bool ForwardingTables::is_pool_prefix(const Prefix& prefix) const {
  return std::any_of(pools_.begin(), pools_.end(), [&](const config::NemoPool& pool) {
    return prefix.length() == pool.prefix_length && pool.pool.contains(prefix);
  });
}

std::optional<std::uint32_t> ForwardingTables::find_prefix(const Prefix& prefix) const {
  if (!is_pool_prefix(prefix)) {
    const auto leaf = routes_->find(prefix, Claim::Binding);
    return leaf ? std::optional(prefix_of_slot_[routes_->value_of(*leaf, Claim::Binding).index()])
                : std::nullopt;
  }
  const Entry* owner = bindings_->find(prefix.address());
  if (owner == nullptr) {
    return std::nullopt;
  }
  // The few prefixes of one mobile router; is_reserved keeps hosts away from this key.
  std::uint32_t found = records_[bindings_->owner_of(owner)].first_prefix;
  while (found != kNone && prefixes_[found].prefix != prefix) {
    found = prefixes_[found].next;
  }
  return found == kNone ? std::nullopt : std::optional(found);
}

std::expected<void, TableRefusal> ForwardingTables::set_prefix(
    const forwarding::SetPrefix& update) {
  const auto owner = find_record(update.owner.address());
  if (!owner || !is_binding(bindings_->entry(records_[*owner].entry)->kind)) {
    return std::unexpected(TableRefusal::UnknownOwner);
  }
  const auto known = find_prefix(update.prefix);
  if (!known) {
    return add_prefix(update.prefix, *owner);
  }
  PrefixRecord& record = prefixes_[*known];
  if (record.owner == *owner) {
    return {};
  }
  // Another claimant is active now.
  const Entry* entry = bindings_->entry(records_[*owner].entry);
  if (record.slot != kNone) {
    prefix_entries_[record.slot].store(entry, std::memory_order_release);
  } else if (!has_room_for_binding(1)) {
    return std::unexpected(TableRefusal::ReclaimBacklog);
  } else if (!has_entries(1)) {
    return std::unexpected(TableRefusal::EntriesExhausted);
  } else {
    swap_entry(record.entry, make_entry(record.prefix.address(), *entry), *owner);
  }
  unlink_prefix(*known);
  record.owner = *owner;
  record.next = std::exchange(records_[*owner].first_prefix, *known);
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::add_prefix(const Prefix& prefix,
                                                               std::uint32_t owner) {
  if (prefix_pool_.exhausted()) {
    return std::unexpected(TableRefusal::TableFull);
  }
  const Entry* entry = bindings_->entry(records_[owner].entry);
  std::uint32_t slot = kNone;
  std::uint32_t own = kNone;
  if (is_pool_prefix(prefix)) {
    if (!has_entries(1)) {
      return std::unexpected(TableRefusal::EntriesExhausted);
    }
    Entry* copy = make_entry(prefix.address(), *entry);
    own = bindings_->index_of(copy);
    if (!bindings_->insert(copy, owner)) {
      bindings_->free_entry(own);  // nobody has seen it
      return std::unexpected(TableRefusal::TableFull);
    }
  } else {
    if (prefixes_outside_pools_.load(std::memory_order_relaxed) ==
        sizes_.max_prefixes_outside_pools) {
      return std::unexpected(TableRefusal::TableFull);
    }
    const auto free_slot = prefix_slot_pool_.allocate();
    if (!free_slot) {
      return std::unexpected(TableRefusal::EntriesExhausted);
    }
    slot = *free_slot;
    // Before the leaf that leads here.
    prefix_entries_[slot].store(entry, std::memory_order_release);
    const auto leaf = routes_->set(prefix, Claim::Binding, LeafValue::of(LeafKind::Binding, slot));
    if (!leaf) {
      prefix_entries_[slot].store(nullptr, std::memory_order_relaxed);
      prefix_slot_pool_.release(slot);
      return std::unexpected(leaf.error());
    }
    // Relaxed: a worker that sees it a moment late misses the prefix a moment longer.
    prefixes_outside_pools_.fetch_add(1, std::memory_order_relaxed);
  }
  const std::uint32_t record = *prefix_pool_.allocate();
  prefixes_[record] = {prefix, owner, std::exchange(records_[owner].first_prefix, record), slot,
                       own};
  if (slot != kNone) {
    prefix_of_slot_[slot] = record;
  }
  return {};
}

std::expected<void, TableRefusal> ForwardingTables::remove_prefix(
    const forwarding::RemovePrefix& update) {
  const auto prefix = find_prefix(update.prefix);
  if (!prefix) {
    return {};
  }
  if (!has_room_for_binding(1)) {
    return std::unexpected(TableRefusal::ReclaimBacklog);
  }
  withdraw_prefix(*prefix);
  return {};
}

void ForwardingTables::withdraw_prefix(std::uint32_t index) {
  PrefixRecord& prefix = prefixes_[index];
  if (prefix.slot == kNone) {
    bindings_->remove(bindings_->entry(prefix.entry));
    reclaimer_.retire(RetiredKind::EntrySlot, prefix.entry);
  } else {
    // The slot keeps its pointer until nobody can come from the leaf any more: the entry behind it
    // is not reused earlier either.
    routes_->withdraw(*routes_->find(prefix.prefix, Claim::Binding), Claim::Binding);
    prefixes_outside_pools_.fetch_sub(1, std::memory_order_relaxed);
    reclaimer_.retire(RetiredKind::PrefixSlot, prefix.slot);
  }
  unlink_prefix(index);
  prefix = PrefixRecord{};
  prefix_pool_.release(index);
}

void ForwardingTables::unlink_prefix(std::uint32_t index) {
  std::uint32_t* link = &records_[prefixes_[index].owner].first_prefix;
  while (*link != index) {
    link = &prefixes_[*link].next;
  }
  *link = prefixes_[index].next;
}

}  // namespace anyhome::dataplane
