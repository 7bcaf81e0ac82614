#include "controlplane/state_sync.h"

#include <algorithm>
#include <array>
#include <utility>

#include "controlplane/global_bindings.h"
#include "controlplane/prefetch.h"
#include "controlplane/primary_switch.h"
#include "controlplane/signalling.h"

namespace anyhome::control {
namespace {

using wire::SsStatus;
using wire::SsType;
using wire::StateSynchronization;

// Messages sent to one peer in one event, and slots looked at for one dump in it: a dump of a
// million bindings must not hold up a Binding Acknowledgement.
constexpr unsigned kMessagesPerPump = 16;
constexpr unsigned kSlotsPerPump = 4096;
// Messages repeated to one peer at once, and until the next ones: after an outage of the link all
// that are outstanding are due together.
constexpr unsigned kRepeatsPerTimer = 256;
constexpr Duration kRepeatPause = std::chrono::milliseconds(1);
// With that many live updates on their way, the next one waits until its message is full or one of
// them has arrived.
constexpr std::size_t kBatchFrom = 32;
// There are 65,535 Identifiers, and each is gone for a minute: a thousand messages in a second,
// whatever they hold. While few are, a change is told at once; with so many, it waits so long for
// others, unless they fill a message.
constexpr std::size_t kGatherFrom = 4096;
constexpr Duration kGather = std::chrono::milliseconds(20);
constexpr Duration kExhaustedPause = std::chrono::seconds(1);
// Answers that may wait for each other, per peer.
constexpr std::size_t kMaxDumps = 64;
// A backlog of more than that has grown while the peer was away.
constexpr std::size_t kRecentChanges = 1024;
// Rulings §2.
constexpr Duration kFirstRequestTimeout = std::chrono::seconds(1);
constexpr Duration kLongestRequestTimeout = std::chrono::seconds(16);
// Rulings §4: a home address that was refused is tried again after a minute.
constexpr Duration kRefusedRetry = std::chrono::seconds(60);
constexpr Duration kLagAlarm = std::chrono::seconds(10);

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

// A live binding with less than a unit of lifetime left would read as withdrawn; its end is told.
bool can_be_told(const Binding& binding, const Now& now) {
  return binding.state == BindingState::Remembered ||
         !Lifetime::rounded_down(binding.expires - now.instant).is_zero();
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

// ---- What is to be said ----------------------------------------------------------------------

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

// ---- SS-REQ ----------------------------------------------------------------------------------

// Draft §5.4.3 (R70).
void send_request(Core& core, PeerState& peer, Effects& effects) {
  StateSynchronization message;
  message.type = SsType::Request;
  message.global = true;
  message.identifier = peer.request->identifier;
  message.restart_counter = core.boot_epoch;
  const SyncSelector& selector = peer.request->selector;
  if (selector.kind == SyncSelector::Kind::Bucket) {
    message.vendor.push_back({core.config.code_points.vendor_enterprise,
                              kVendorBucket,
                              {std::byte{kDigestBits}, std::byte(selector.bucket >> 8U),
                               std::byte(selector.bucket & 0xffU)}});
  }
  send_to(core, peer, message, effects);
  core.counters.count(ControlCounter::SyncRequestsSent);
}

std::optional<SyncSelector> selector_of(const Core& core, const StateSynchronization& message) {
  SyncSelector selector;
  if (!message.addresses.empty() && !message.addresses.front().address.is_unspecified()) {
    selector.kind = SyncSelector::Kind::HomeAddress;
    selector.home_address = HomeAddress(message.addresses.front().address);
  } else if (!message.prefixes.empty()) {
    const auto prefix = message.prefixes.front().prefix();
    if (!prefix) {
      return std::nullopt;
    }
    selector.kind = SyncSelector::Kind::Prefix;
    selector.prefix = *prefix;
  }
  for (const wire::VendorSpecific& vendor : message.vendor) {
    if (vendor.enterprise != core.config.code_points.vendor_enterprise ||
        vendor.subtype != kVendorBucket) {
      continue;
    }
    if (vendor.data.size() < 3 || vendor.data[0] != std::byte{kDigestBits}) {
      return std::nullopt;
    }
    selector.kind = SyncSelector::Kind::Bucket;
    selector.bucket = static_cast<std::uint16_t>((std::to_integer<unsigned>(vendor.data[1]) << 8U |
                                                  std::to_integer<unsigned>(vendor.data[2])) %
                                                 kDigestBuckets);
  }
  return selector;
}

void process_request(Core& core, PeerState& peer, const StateSynchronization& message) {
  core.counters.count(ControlCounter::SyncRequests);
  const auto selector = selector_of(core, message);
  const bool old_life = message.restart_counter && peer.epoch_known &&
                        static_cast<std::int32_t>(*message.restart_counter - peer.epoch) < 0;
  if (!message.global || !selector || old_life) {
    core.counters.count(ControlCounter::SyncRequestsRefused);
    return;
  }
  // Asked again before the answer was complete: the end mark will name the latest question.
  for (SyncDump& dump : peer.dumps) {
    if (dump.selector == *selector && !dump.end_mark_sent) {
      dump.request = message.identifier;
      return;
    }
  }
  if (peer.dumps.size() >= kMaxDumps) {
    core.counters.count(ControlCounter::SyncRequestsRefused);
    return;
  }
  // All that is to be told is in the answer, too. What has changed just now still goes first.
  if (selector->kind == SyncSelector::Kind::Everything && peer.stream.backlog() > kRecentChanges) {
    peer.stream.forget_backlog();
  }
  peer.dumps.push_back({*selector, message.identifier, 0, false});
}

// ---- SS-REP ----------------------------------------------------------------------------------

void acknowledge(Core& core, const PeerState& peer, std::uint16_t identifier,
                 std::vector<wire::SsStatusOption> statuses, Effects& effects) {
  StateSynchronization message;
  message.type = SsType::Acknowledgement;
  message.global = true;
  message.identifier = identifier;
  message.statuses = std::move(statuses);
  send_to(core, peer, message, effects);
  core.counters.count(ControlCounter::SyncAcknowledgementsSent);
}

void take_end_mark(Core& core, PeerState& peer, const wire::BindingCacheInformation& information,
                   const Now& now, Effects& effects) {
  if (!peer.request || information.sequence.value != peer.request->identifier) {
    return;
  }
  const SyncRequest request = *std::exchange(peer.request, std::nullopt);
  if (request.selector.kind == SyncSelector::Kind::Everything) {
    peer.dump_finished = true;
    core.sweeps.push_back({peer.index, request.round, std::nullopt, 0});
    effects.add(peer_note(NoteKind::PeerSynchronized, peer.index, peer.digest.count));
  } else {
    core.sweeps.push_back({peer.index, request.round, request.selector.bucket, 0});
  }
  core.work_at(now.instant);
}

// Draft §5.4.3: always acknowledged (R47), also without A (R101), with a status for each mobile
// node (R67).
void process_reply(Core& core, PeerState& peer, const StateSynchronization& message, const Now& now,
                   Effects& effects) {
  peer.last_reply = now.instant;
  // A repetition may come behind later ones, and does not set the position of the stream back.
  if (peer.last_identifier == 0 ||
      SequenceNumber{message.identifier}.is_newer_than({peer.last_identifier})) {
    peer.last_identifier = message.identifier;
  }
  for (unsigned step = 0; step < kPrefetchSteps; ++step) {
    for (const wire::BindingCacheInformation& information : message.bindings) {
      prefetch(core, information.home_address, step);
    }
  }
  std::vector<wire::SsStatusOption> statuses;
  statuses.reserve(message.bindings.size());
  std::array<bool, 256> seen{};  // by the last byte: only then it may have been told already
  for (const wire::BindingCacheInformation& information : message.bindings) {
    SsStatus status = SsStatus::Success;
    if (information.home_address == HomeAddress{}) {
      take_end_mark(core, peer, information, now, effects);
    } else {
      status = apply_information(core, peer, information, now, effects);
    }
    const bool maybe = std::exchange(seen[information.home_address.address().octets.back()], true);
    if (!maybe || std::ranges::find(statuses, information.home_address,
                                    &wire::SsStatusOption::home_address) == statuses.end()) {
      statuses.push_back({status, information.home_address});
    }
  }
  acknowledge(core, peer, message.identifier, std::move(statuses), effects);
}

// ---- SS-ACK ----------------------------------------------------------------------------------

void process_refusal(Core& core, PeerState& peer, std::uint16_t identifier, SsStatus status,
                     const HomeAddress& home_address, const Now& now, Effects& effects) {
  core.counters.count(ControlCounter::SyncAcknowledgementsRefusing);
  const auto retry_later = [&](const SyncItem& item) {
    if (item.is_news()) {
      peer.refused[item.slot] = now.instant + kRefusedRetry;
    }
  };
  switch (status) {
    case SsStatus::NotInSameGlobalHomeAgentSet:  // the peer does not know us (R99)
      peer.not_member = true;
      if (!std::exchange(peer.not_member_told, true)) {
        effects.add(peer_note(NoteKind::NotMember, peer.index));
      }
      peer.stream.suspend(now.instant);
      return;
    case SsStatus::MalformedReply:
    case SsStatus::NoMobilityOption: {
      // Our own mistake: this Identifier ends, and each of its bindings goes alone, later.
      if (peer.stream.knows(identifier)) {
        effects.add(
            peer_note(NoteKind::MessageRefused, peer.index, static_cast<std::uint32_t>(status)));
        for (const SyncItem& item : peer.stream.abandon(now.instant, identifier)) {
          retry_later(item);
        }
      }
      return;
    }
    default: {
      const auto credit = peer.stream.acknowledge(now.instant, identifier, home_address);
      if (credit.item) {
        retry_later(*credit.item);
        effects.add(
            peer_note(NoteKind::MessageRefused, peer.index, static_cast<std::uint32_t>(status)));
      }
      return;
    }
  }
}

void process_acknowledgement(Core& core, PeerState& peer, const StateSynchronization& message,
                             const Now& now, Effects& effects) {
  core.counters.count(ControlCounter::SyncAcknowledgements);
  for (const wire::SsStatusOption& option : message.statuses) {
    if (option.status != SsStatus::Success) {
      process_refusal(core, peer, message.identifier, option.status, option.home_address, now,
                      effects);
      continue;
    }
    const auto credit =
        peer.stream.acknowledge(now.instant, message.identifier, option.home_address);
    if (!credit.item) {
      core.counters.count(ControlCounter::SyncAcknowledgementsUnknown);
      continue;
    }
    if (credit.item->is_end_mark()) {
      if (!peer.dumps.empty() && peer.dumps.front().end_mark_sent) {
        peer.dumps.pop_front();
      }
    } else if (credit.item->is_news()) {
      switch_target_knows(core, peer, credit.item->slot, credit.item->version, now);
    }
  }
}

// R59. What was told in this message and has changed since is left out: it goes under another
// Identifier. A returned copy whose binding has ended is left out, too: its end is not ours to
// tell.
void repeat(Core& core, PeerState& peer, std::uint16_t identifier, const Now& now,
            Effects& effects) {
  Outstanding& message = peer.stream.at(identifier);
  std::erase_if(message.items, [&](const SyncItem& item) {
    if (item.is_end_mark() || item.is_nobody()) {
      return false;
    }
    const Binding& binding = core.bindings.at(item.slot);
    const bool same = binding.home_address == item.home_address &&
                      binding.version == item.version && can_be_told(binding, now) &&
                      (binding.live() || !item.returned);
    return !same;
  });
  if (message.items.empty()) {
    (void)peer.stream.abandon(now.instant, identifier);
    return;
  }
  if (message.tries == SyncStream::kTriesBeforeProbe) {
    peer.probe = true;
  }
  peer.stream.retried(now.instant, identifier);
  send_reply(core, peer, identifier, now, effects);
  core.counters.count(ControlCounter::SyncRepliesRepeated);
}

void watch_lag(PeerState& peer, const Now& now, Effects& effects) {
  const auto oldest = peer.stream.oldest();
  const bool lags = oldest && now.instant - *oldest > kLagAlarm;
  if (lags && !peer.sync_lag_told) {
    effects.add(
        peer_note(NoteKind::SyncLag, peer.index,
                  static_cast<std::uint32_t>(
                      std::chrono::floor<std::chrono::seconds>(now.instant - *oldest).count())));
  }
  peer.sync_lag_told = lags;
}

// A8: strangers change nothing (R61, R95, R100) and get no answer, unless the operator wants the
// draft's letter, and then at a low rate (R96).
void answer_stranger(Core& core, const Now& now, const Ipv6Address& source, ByteView message,
                     Effects& effects) {
  core.counters.count(ControlCounter::StrangerMessages);
  const auto header = wire::parse_state_synchronization_header(message);
  if (!core.config.haha.answer_strangers || !core.config.locator || !header ||
      header->type != static_cast<std::uint8_t>(SsType::Reply) ||
      !core.strangers.take(now.instant)) {
    return;
  }
  StateSynchronization answer;
  answer.type = SsType::Acknowledgement;
  answer.global = true;
  answer.identifier = header->identifier;
  answer.statuses = {{SsStatus::NotInSameGlobalHomeAgentSet, HomeAddress{}}};
  const Locator to(source);
  send_message(effects, {core.config.locator->address(), source, std::nullopt},
               wire::protocol::kMobility, wire::kMinimumMtu, [&](MutableBytes buffer) {
                 return wire::write_state_synchronization(buffer, answer, core.config.code_points,
                                                          *core.config.locator, to);
               });
  core.counters.count(ControlCounter::StrangersAnswered);
}

}  // namespace

std::size_t max_message(const Core& core) {
  return std::min<std::size_t>(core.config.haha.link_mtu - wire::kIpv6HeaderSize,
                               wire::MessageWriter::kMaxSize);
}

void process_state_synchronization(Core& core, const Now& now, PeerState* sender,
                                   const Ipv6Address& source, ByteView message, Effects& effects) {
  if (sender == nullptr) {
    answer_stranger(core, now, source, message, effects);
    return;
  }
  PeerState& peer = *sender;
  const auto header = wire::parse_state_synchronization_header(message);
  if (!header) {
    core.counters.count(ControlCounter::SetMessageMalformed);
    return;
  }
  // The order of A8: membership, G, presence of options, their syntax, then each binding.
  const bool reply = header->type == static_cast<std::uint8_t>(SsType::Reply);
  const auto parsed = wire::parse_state_synchronization(message, core.config.code_points);
  if (reply) {
    core.counters.count(ControlCounter::SyncReplies);
    std::optional<SsStatus> problem;
    if (!header->global) {
      problem = SsStatus::MalformedReply;  // R62
    } else if (!parsed) {
      problem = parsed.error() == wire::SsError::NoOption ? SsStatus::NoMobilityOption  // R63
                                                          : SsStatus::MalformedReply;
    } else if (parsed->bindings.empty()) {
      problem = SsStatus::NoMobilityOption;  // R53: at least one Binding Cache Information
    }
    if (problem) {
      core.counters.count(ControlCounter::SyncRepliesMalformed);
      acknowledge(core, peer, header->identifier, {{*problem, HomeAddress{}}}, effects);
      return;
    }
    process_reply(core, peer, *parsed, now, effects);
    return;
  }
  if (!parsed) {
    core.counters.count(ControlCounter::SetMessageMalformed);
    return;
  }
  if (parsed->type == SsType::Request) {
    process_request(core, peer, *parsed);
  } else if (parsed->global) {
    process_acknowledgement(core, peer, *parsed, now, effects);
  } else {
    core.counters.count(ControlCounter::SetMessageMalformed);
  }
}

void request_state(Core& core, PeerState& peer, const SyncSelector& selector, const Now& now) {
  SyncRequest& request = peer.request.emplace();
  request.selector = selector;
  request.identifier = peer.next_request;
  peer.next_request =
      static_cast<std::uint16_t>(peer.next_request == 0xffff ? 1 : peer.next_request + 1);
  request.round = ++peer.round;
  request.next_try = now.instant;
  core.work_at(now.instant);
}

bool pump(Core& core, const Now& now, Effects& effects) {
  bool more = false;
  for (PeerState& peer : core.members.peers()) {
    if (peer.request && peer.request->next_try <= now.instant) {
      sync_timer(core, peer, now, effects);
    }
    more = pump_peer(core, peer, now, effects) || more;
  }
  return more;
}

void sync_timer(Core& core, PeerState& peer, const Now& now, Effects& effects) {
  if (!peer.up) {
    return;
  }
  if (now.instant >= peer.repeats_from) {
    unsigned repeats = 0;
    for (auto due = peer.stream.due(now.instant); due; due = peer.stream.due(now.instant)) {
      if (++repeats > kRepeatsPerTimer) {
        peer.repeats_from = now.instant + kRepeatPause;
        break;
      }
      repeat(core, peer, *due, now, effects);
    }
  }
  std::erase_if(peer.refused, [&](const auto& entry) {
    const bool due = entry.second <= now.instant;
    if (due) {
      peer.stream.mark(entry.first);
    }
    return due;
  });
  watch_lag(peer, now, effects);
  if (peer.request && peer.request->next_try <= now.instant) {
    SyncRequest& request = *peer.request;
    send_request(core, peer, effects);
    Duration wait = kFirstRequestTimeout;
    for (unsigned i = 0; i < request.tries && wait < kLongestRequestTimeout; ++i) {
      wait *= 2;
    }
    ++request.tries;
    request.next_try = now.instant + wait;
  }
}

std::optional<Instant> sync_deadline(const PeerState& peer) {
  if (!peer.up) {
    return std::nullopt;
  }
  std::optional<Instant> next = peer.stream.next_try();
  if (next) {
    next = std::max(*next, peer.repeats_from);
  }
  const auto sooner = [&](Instant when) { next = std::min(next.value_or(when), when); };
  if (peer.request) {
    sooner(peer.request->next_try);
  }
  for (const auto& [slot, when] : peer.refused) {
    sooner(when);
  }
  return next;
}

}  // namespace anyhome::control
