#include "controlplane/sync_replies.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "controlplane/signalling.h"

namespace anyhome::control {
namespace {

using wire::SsType;
using wire::StateSynchronization;

// Messages sent to one peer in one event, and slots looked at for one dump in it: a dump of a
// million bindings must not hold up a Binding Acknowledgement.
constexpr unsigned kMessagesPerPump = 16;
constexpr unsigned kSlotsPerPump = 4096;
// With that many live updates on their way, the next one waits until its message is full or one of
// them has arrived.
constexpr std::size_t kBatchFrom = 32;
// There are 65,535 Identifiers, and each is gone for a minute: a thousand messages in a second,
// whatever they hold. While few are, a change is told at once; with so many, it waits so long for
// others, unless they fill a message.
constexpr std::size_t kGatherFrom = 4096;
constexpr Duration kGather = std::chrono::milliseconds(20);
constexpr Duration kExhaustedPause = std::chrono::seconds(1);

// Sizes in a message, with padding (protocol profile §16.4, rulings §4).
constexpr std::size_t kFixedPart = 10;
constexpr std::size_t kInformation = 64;  // option, Timestamp, and their padding
constexpr std::size_t kPrefix = 24;
constexpr std::size_t kReturnedMark = 12;
constexpr std::size_t kEndMark = 48;
constexpr std::size_t kMobilityPadding = 8;

std::size_t size_of(const Core& core, const Binding& binding, BindingSlot slot, bool returned) {
  std::size_t size = kInformation + binding.prefixes.size() * kPrefix;
  if (returned) {
    size += kReturnedMark;
    if (const auto more = core.supplements.find(slot); more != core.supplements.end()) {
      size += more->second.aaa.size() + 4;
      for (const wire::VendorSpecific& vendor : more->second.vendor) {
        size += vendor.data.size() + kReturnedMark;
      }
    }
  }
  return size;
}

// Whether `binding` is for us to tell peers of: what we are primary of, or were last (R74).
bool is_ours(const Core& core, const Binding& binding) {
  return binding.state != BindingState::Free && !binding.global() &&
         binding.version.member == core.members.own_rank();
}

wire::BindingCacheInformation information_of(const Core& core, const SyncItem& item,
                                             const Now& now) {
  wire::BindingCacheInformation information;
  if (item.is_end_mark()) {
    information.sequence = SequenceNumber{static_cast<std::uint16_t>(item.slot)};
    return information;
  }
  information.home_address = item.home_address;
  if (item.is_nobody()) {
    information.timestamp = Timestamp{};  // V = 0: orders nothing (rulings §4)
    return information;
  }
  const Binding& binding = core.bindings.at(item.slot);
  information.flags = binding.flags;
  information.sequence = binding.sequence;
  information.timestamp = binding.version.time;
  information.change_counter = binding.version.change;
  if (!binding.live()) {
    return information;
  }
  information.lifetime = Lifetime::rounded_down(binding.expires - now.instant);
  if (item.returned || core.config.haha.share_care_of_address) {
    information.care_of_address = binding.care_of_address;
  }
  for (const Prefix& prefix : binding.prefixes) {
    information.prefixes.push_back({static_cast<std::uint8_t>(prefix.length()), prefix.address()});
  }
  if (item.returned) {
    information.vendor.push_back(
        {core.config.code_points.vendor_enterprise, kVendorReturnedCopy, {}});
    if (const auto more = core.supplements.find(item.slot); more != core.supplements.end()) {
      information.aaa = more->second.aaa;
      information.vendor.insert(information.vendor.end(), more->second.vendor.begin(),
                                more->second.vendor.end());
    }
  }
  return information;
}

// Room for one message's items.
struct Batch {
  std::vector<SyncItem> items;
  std::size_t size = kFixedPart + kMobilityPadding;
  bool dump = false;

  bool fits(std::size_t more, std::size_t limit) const {
    return items.empty() || size + more <= limit;
  }
  void add(const SyncItem& item, std::size_t more) {
    items.push_back(item);
    size += more;
  }
};

SyncItem item_of(const Binding& binding, BindingSlot slot, bool returned) {
  return {binding.home_address, slot, binding.version, returned};
}

void fill_from_backlog(Core& core, PeerState& peer, std::size_t limit, const Now& now,
                       Batch& batch) {
  while (peer.stream.backlog() != 0 && batch.fits(kInformation, limit)) {
    const BindingSlot slot = *peer.stream.take();
    if (slot >= core.bindings.slot_end()) {
      continue;
    }
    const Binding& binding = core.bindings.at(slot);
    if (!is_ours(core, binding) || !can_be_told(binding, now)) {
      continue;
    }
    const std::size_t size = size_of(core, binding, slot, false);
    if (!batch.fits(size, limit)) {
      peer.stream.mark(slot);
      return;
    }
    batch.add(item_of(binding, slot, false), size);
  }
}

// Whether the answer to `selector` has this binding; a peer's own bindings are given back to it
// with everything, unless it has spoken of them in this life (rulings §5).
bool is_selected(const Core& core, const PeerState& peer, const SyncSelector& selector,
                 const Binding& binding, bool& returned) {
  using Kind = SyncSelector::Kind;
  returned = binding.global() && binding.version.member == peer.rank &&
             selector.kind == Kind::Everything && binding.confirmed != peer.round &&
             binding.care_of_address != CareOfAddress{};
  // Who has lost its memory has to hear of what is gone, too: a T that is ahead of its clock would
  // outweigh the next registration there for as long as others remember it (rulings §3).
  const bool withdrawn = selector.kind == Kind::Everything &&
                         binding.state == BindingState::Remembered &&
                         binding.version.time != Timestamp{};
  if (!returned && !((binding.registered() || withdrawn) && is_ours(core, binding))) {
    return false;
  }
  return selector.kind == Kind::Everything ||
         (selector.kind == Kind::Bucket &&
          core.digest_hash.bucket(binding.home_address) == selector.bucket);
}

// One that is asked for by its home address is answered even when it is not there (R53, A25).
void fill_single(Core& core, const SyncDump& dump, Batch& batch) {
  const Binding* binding = nullptr;
  if (dump.selector.kind == SyncSelector::Kind::HomeAddress) {
    binding = core.bindings.find(dump.selector.home_address);
  } else if (const HomeAddress* owner = core.bindings.owner_of(dump.selector.prefix)) {
    binding = core.bindings.find(*owner);
  }
  if (binding != nullptr && is_ours(core, *binding)) {
    const BindingSlot slot = core.bindings.slot_of(*binding);
    batch.add(item_of(*binding, slot, false), size_of(core, *binding, slot, false));
  } else if (dump.selector.kind == SyncSelector::Kind::HomeAddress) {
    batch.add({dump.selector.home_address, SyncItem::kNobody, {}, false}, kInformation);
  }
}

bool may_answer(const Core& core, const PeerState& peer, const Now& now) {
  // Until a restarted home agent has got its bindings back, its answer would say that they are
  // gone. Of two that start together, the one with the lower locator answers first.
  return core.ready || peer.dump_finished ||
         (!peer.active && core.members.own_rank() < peer.rank) ||
         now.instant - core.started >= Duration(core.config.haha.boot_wait);
}

void fill_from_dump(Core& core, PeerState& peer, std::size_t limit, unsigned& slots, const Now& now,
                    Batch& batch) {
  SyncDump& dump = peer.dumps.front();
  batch.dump = true;
  const bool single = dump.selector.kind == SyncSelector::Kind::HomeAddress ||
                      dump.selector.kind == SyncSelector::Kind::Prefix;
  if (single) {
    fill_single(core, dump, batch);
    if (!batch.items.empty()) {
      peer.dumps.pop_front();  // a single answer has no end mark
      batch.dump = false;
      return;
    }
    dump.cursor = core.bindings.slot_end();
  }
  while (!single && dump.cursor < core.bindings.slot_end() && slots > 0) {
    --slots;
    const BindingSlot slot = dump.cursor;
    const Binding& binding = core.bindings.at(slot);
    bool returned = false;
    if (is_selected(core, peer, dump.selector, binding, returned) && can_be_told(binding, now)) {
      const std::size_t size = size_of(core, binding, slot, returned);
      if (!batch.fits(size, limit)) {
        return;
      }
      batch.add(item_of(binding, slot, returned), size);
    }
    ++dump.cursor;
  }
  // The end mark goes when everything before it has been acknowledged: messages overtake each
  // other.
  if (dump.cursor >= core.bindings.slot_end() && !dump.end_mark_sent && batch.items.empty() &&
      peer.stream.outstanding_of_dump() == 0) {
    batch.add(SyncItem{HomeAddress{}, dump.request, {}, false}, kEndMark);
    dump.end_mark_sent = true;
  }
}

// Whether changes are to be told now. If not, either an acknowledgement or a time is waited for.
bool is_time_to_tell(Core& core, const PeerState& peer, std::size_t limit, const Now& now) {
  if (peer.stream.backlog() * kInformation >= limit) {
    return true;
  }
  if (peer.stream.outstanding() - peer.stream.outstanding_of_dump() >= kBatchFrom) {
    return false;
  }
  const Instant gathered = peer.told_at + kGather;
  if (peer.stream.identifiers_used() < kGatherFrom || now.instant >= gathered) {
    return true;
  }
  if (peer.stream.backlog() != 0) {
    core.work_at(gathered);
  }
  return false;
}

// False: what is to be said has to wait, for at most a minute.
bool has_identifier(Core& core, PeerState& peer, const Now& now) {
  if (peer.stream.has_identifier(now.instant)) {
    return true;
  }
  if (peer.stream.backlog() != 0 || !peer.dumps.empty()) {
    if (now.instant >= peer.identifiers_at) {
      core.counters.count(ControlCounter::IdentifiersExhausted);
      peer.identifiers_at = now.instant + kExhaustedPause;
    }
    core.work_at(peer.identifiers_at);
  }
  return false;
}

}  // namespace

std::size_t max_message(const Core& core) {
  return std::min<std::size_t>(core.config.haha.link_mtu - wire::kIpv6HeaderSize,
                               wire::MessageWriter::kMaxSize);
}

bool can_be_told(const Binding& binding, const Now& now) {
  return binding.state == BindingState::Remembered ||
         !Lifetime::rounded_down(binding.expires - now.instant).is_zero();
}

// From locator to locator, to members alone (R56, R57, R72, R73).
void send_to(Core& core, const PeerState& peer, const StateSynchronization& message,
             Effects& effects) {
  const Envelope envelope{core.config.locator->address(), peer.config->locator.address(),
                          std::nullopt};
  send_message(effects, envelope, wire::protocol::kMobility, wire::MessageWriter::kMaxSize,
               [&](MutableBytes buffer) {
                 return wire::write_state_synchronization(buffer, message, core.config.code_points,
                                                          *core.config.locator,
                                                          peer.config->locator);
               });
}

// Draft §5.4.3: A and G (R52, R44); what belongs to a binding goes with it (R54).
void send_reply(Core& core, PeerState& peer, std::uint16_t identifier, const Now& now,
                Effects& effects) {
  StateSynchronization message;
  message.type = SsType::Reply;
  message.acknowledge = true;
  message.global = true;
  message.identifier = identifier;
  for (const SyncItem& item : peer.stream.at(identifier).items) {
    message.bindings.push_back(information_of(core, item, now));
  }
  send_to(core, peer, message, effects);
}

bool pump_peer(Core& core, PeerState& peer, const Now& now, Effects& effects) {
  if (!peer.up || peer.not_member) {
    return false;
  }
  const std::size_t limit = max_message(core);
  unsigned slots = kSlotsPerPump;
  for (unsigned sent = 0; sent < kMessagesPerPump; ++sent) {
    if (!peer.stream.has_room() || !has_identifier(core, peer, now)) {
      return false;
    }
    Batch batch;
    if (is_time_to_tell(core, peer, limit, now)) {
      fill_from_backlog(core, peer, limit, now, batch);
      peer.told_at = batch.items.empty() ? peer.told_at : now.instant;
    }
    if (batch.items.empty() && !peer.dumps.empty() && may_answer(core, peer, now)) {
      fill_from_dump(core, peer, limit, slots, now, batch);
    }
    if (batch.items.empty()) {
      return !peer.dumps.empty() && slots == 0;
    }
    peer.bindings_sent += static_cast<std::uint32_t>(batch.items.size());
    const std::uint16_t identifier =
        peer.stream.open(now.instant, std::move(batch.items), batch.dump);
    send_reply(core, peer, identifier, now, effects);
    core.counters.count(ControlCounter::SyncRepliesSent);
  }
  return true;
}

}  // namespace anyhome::control
