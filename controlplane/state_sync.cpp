#include "controlplane/state_sync.h"

#include <algorithm>
#include <array>
#include <utility>

#include "controlplane/global_bindings.h"
#include "controlplane/prefetch.h"
#include "controlplane/primary_switch.h"
#include "controlplane/signalling.h"
#include "controlplane/sync_replies.h"

namespace anyhome::control {
namespace {

using wire::SsStatus;
using wire::SsType;
using wire::StateSynchronization;

// Messages repeated to one peer at once, and until the next ones: after an outage of the link all
// that are outstanding are due together.
constexpr unsigned kRepeatsPerTimer = 256;
constexpr Duration kRepeatPause = std::chrono::milliseconds(1);
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

void process_state_synchronization(Core& core, const Now& now, PeerState* sender,
                                   const Ipv6Address& source, ByteView message, Effects& effects) {
  // Members alone (R57, R73).
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
