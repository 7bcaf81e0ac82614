#include "controlplane/hello.h"

#include <algorithm>
#include <utility>

#include "controlplane/primary_switch.h"
#include "controlplane/schedule.h"
#include "controlplane/signalling.h"
#include "controlplane/state_sync.h"

namespace anyhome::control {
namespace {

// Sums in one digest option: 2 + 1 + 2 + 4 bytes before them, 250 in all (RFC 5094's Length is 8
// bits).
constexpr unsigned kSumsPerOption = 30;
constexpr unsigned kDigestOptions = 2;

// One link to each other member, between locators (R2, R3).
void tell_reach(const Core& core, const PeerState& peer, Effects& effects) {
  effects.add(forwarding::SetPeer{
      peer.index, peer.config->address, peer.config->locator, *core.config.locator,
      peer.up ? forwarding::PeerReach::Relayed : forwarding::PeerReach::Dead});
}

// ---- Digests (rulings §5) --------------------------------------------------------------------

// Data of vendor sub-type 1: last Identifier used toward the peer (2), k (1), first bucket (2),
// count of bindings (4), sums (8 each).
wire::VendorSpecific digest_option(const Core& core, PeerState& peer) {
  wire::VendorSpecific option{core.config.code_points.vendor_enterprise, kVendorDigest, {}};
  option.data.resize(9 + kSumsPerOption * 8);
  Writer writer(option.data);
  writer.u16(peer.stream.last_identifier());
  writer.u8(kDigestBits);
  writer.u16(peer.digest_cursor);
  writer.u32(core.own_digest.count);
  unsigned sums = 0;
  for (; sums < kSumsPerOption && peer.digest_cursor < kDigestBuckets; ++sums) {
    writer.u64(core.own_digest.sums[peer.digest_cursor++]);
  }
  peer.digest_cursor = static_cast<std::uint16_t>(peer.digest_cursor % kDigestBuckets);
  option.data.resize(9 + sums * 8);
  return option;
}

// A bucket that differs twice in a row, with nothing of its owner on the way, is asked for.
void compare_digest(Core& core, PeerState& peer, const wire::VendorSpecific& option, const Now& now,
                    Effects& effects) {
  Reader reader(option.data);
  const std::uint16_t last_identifier = reader.u16();
  const std::uint8_t bits = reader.u8();
  std::uint16_t bucket = reader.u16();
  (void)reader.u32();
  const bool caught_up = !peer.request && peer.dump_finished &&
                         last_identifier == peer.last_identifier && core.sweeps.empty();
  if (!reader.ok() || bits != kDigestBits || !caught_up) {
    return;
  }
  std::optional<std::uint16_t> wanted;
  for (; reader.remaining() >= 8 && bucket < kDigestBuckets; ++bucket) {
    const bool differs = reader.u64() != peer.digest.sums[bucket];
    if (differs && peer.suspicious[bucket] && !wanted) {
      wanted = bucket;
    }
    peer.suspicious[bucket] = differs;
  }
  if (wanted) {
    peer.suspicious[*wanted] = false;
    core.counters.count(ControlCounter::DigestMismatches);
    effects.add(peer_note(NoteKind::DigestMismatch, peer.index, *wanted));
    SyncSelector selector;
    selector.kind = SyncSelector::Kind::Bucket;
    selector.bucket = *wanted;
    request_state(core, peer, selector, now);
  }
}

// ---- Sending ---------------------------------------------------------------------------------

struct HelloKind {
  bool request = true;  // R: in every periodic one (rulings §1)
  bool leaving = false;
};

// Draft §5.2.2, §5.2.3: preference 0 (R21), our group (R18), G (R17), from locator to locator
// (R19), to configured members alone (R4), unless one says that it is of another group (R22). That
// one is heard all the same: after a restart in ours it speaks first.
void send_hello(Core& core, PeerState& peer, HelloKind kind, Effects& effects) {
  if (peer.other_group) {
    return;
  }
  wire::HaHello hello;
  hello.sequence = peer.next_hello;
  peer.next_hello = peer.next_hello.next();
  hello.lifetime_seconds =
      kind.leaving ? std::uint16_t{0}
                   : static_cast<std::uint16_t>(core.config.haha.hello_lifetime.count());
  hello.interval_seconds = static_cast<std::uint16_t>(core.config.haha.hello_interval.count());
  hello.group_id = core.config.haha.group_id.value_or(0);
  hello.active = core.serving() && !kind.leaving;
  hello.request = kind.request && !kind.leaving;
  hello.global = true;
  hello.restart_counter = core.boot_epoch;
  // Said only when it can be compared: the peer has acknowledged everything.
  if (hello.request && peer.up && peer.stream.idle() && peer.dumps.empty()) {
    for (unsigned i = 0; i < kDigestOptions; ++i) {
      hello.vendor.push_back(digest_option(core, peer));
    }
  }
  const Envelope envelope{core.config.locator->address(), peer.config->locator.address(),
                          std::nullopt};
  send_message(effects, envelope, wire::protocol::kMobility, wire::kMinimumMtu,
               [&](MutableBytes buffer) {
                 return wire::write_ha_hello(buffer, hello, core.config.code_points,
                                             *core.config.locator, peer.config->locator);
               });
  core.counters.count(ControlCounter::HelloSent);
}

// ---- Life and death of a peer ----------------------------------------------------------------

// A peer's timer runs at least once in a hello-interval. When it comes later than this, it was this
// process that stood still (stopped, or on a machine that was): nobody is dead for not having been
// heard meanwhile, and what they said is yet to be read.
constexpr Duration kStandstill = std::chrono::seconds(1);

void forgive_own_silence(PeerState& peer, Instant now) {
  const Duration late = now - peer.timer_at;
  if (late < kStandstill) {
    return;
  }
  for (std::optional<Instant>* end : {&peer.heard_until, &peer.answered_until}) {
    if (*end) {
      **end += late;
    }
  }
  peer.probe = true;
}

void peer_up(Core& core, PeerState& peer, const Now& now, Effects& effects) {
  peer.up = true;
  peer.ever_up = true;
  tell_reach(core, peer, effects);
  effects.add(peer_note(NoteKind::PeerUp, peer.index));
  if (!peer.dump_finished && !peer.request) {  // R6, R74: all that it has
    request_state(core, peer, SyncSelector{}, now);
  }
}

// Rulings §7: its global bindings stay until their end; the members that live share the work of
// asking its mobile nodes over.
void peer_down(Core& core, PeerState& peer, const Now& now, NoteKind why, Effects& effects) {
  const bool was_up = std::exchange(peer.up, false);
  peer.active = false;
  peer.heard_until.reset();
  peer.answered_until.reset();
  if (!was_up) {
    return;
  }
  tell_reach(core, peer, effects);
  effects.add(peer_note(why, peer.index, peer.digest.count));
  peer.stream.suspend(now.instant);
  peer.dumps.clear();
  switch_target_lost(core, peer);
  core.rescues.push_back({peer.index, 0});
  core.work_at(now.instant);
}

// Rulings §1: another boot epoch. What it said before holds until it says what it is now.
void peer_restarted(Core& core, PeerState& peer, const Now& now, Effects& effects) {
  effects.add(peer_note(NoteKind::PeerRestarted, peer.index, peer.digest.count));
  peer.stream.reset();
  peer.refused.clear();
  peer.dumps.clear();
  peer.not_member = false;
  peer.last_identifier = 0;
  peer.dump_finished = false;
  request_state(core, peer, SyncSelector{}, now);
}

// A HELLO of the peer's present life has come: what it shows of the link, whatever else it says.
void prove_link(Core& core, PeerState& peer, bool request, const Now& now, Effects& effects) {
  if (request) {
    if (peer.answers.take(now.instant)) {
      send_hello(core, peer, {false, false}, effects);  // R15, A7
    } else {
      core.counters.count(ControlCounter::HelloAnswersLimited);
    }
    return;
  }
  // It answers us: the link is up both ways (rulings §1).
  peer.answered_until = now.instant + peer.lifetime;
  if (!peer.up) {
    peer_up(core, peer, now, effects);
  }
}

}  // namespace

void start_set(Core& core, const Now& now, Effects& effects) {
  for (PeerState& peer : core.members.peers()) {
    tell_reach(core, peer, effects);
    peer.hello_at = now.instant;  // R16: the first one asks, too
    schedule_peer(core, peer);
  }
  watch_readiness(core, now, effects);
}

void process_hello(Core& core, const Now& now, PeerState* sender, const Ipv6Address& source,
                   ByteView message, Effects& effects) {
  // Draft §5.2.4, in its order: the Mobility Header (R23, in intake.cpp), membership (R25, R95),
  // the message, group (R26), G (R29), age. The preference says nothing (R28).
  if (sender == nullptr) {
    core.counters.count(ControlCounter::StrangerMessages);
    if (core.strangers.take(now.instant)) {
      effects.add(Note{
          NoteKind::UnknownSender, {}, CareOfAddress(source), wire::BindingStatus::Accepted, 0});
    }
    return;
  }
  PeerState& peer = *sender;
  const auto hello = wire::parse_ha_hello(message, core.config.code_points);
  if (!hello) {
    core.counters.count(ControlCounter::SetMessageMalformed);
    return;
  }
  core.counters.count(ControlCounter::HelloReceived);
  if (hello->group_id != core.config.haha.group_id) {
    core.counters.count(ControlCounter::HelloGroupMismatch);
    if (!std::exchange(peer.other_group, true)) {
      effects.add(peer_note(NoteKind::GroupMismatch, peer.index, hello->group_id));
    }
    return;
  }
  peer.other_group = false;
  if (!hello->global) {
    core.counters.count(ControlCounter::HelloNotGlobal);
    return;
  }
  const std::uint32_t epoch = hello->restart_counter.value_or(0);
  const bool restarted = peer.epoch_known && epoch != peer.epoch;
  const bool old_life = restarted && static_cast<std::int32_t>(epoch - peer.epoch) < 0;
  const bool known = peer.epoch_known;
  HelloWindow::Age age = HelloWindow::Age::New;
  if (old_life) {
    age = HelloWindow::Age::Stale;
  } else if (known && !restarted) {
    age = peer.hellos.admit(hello->sequence);
  } else {
    peer.hellos.restart(hello->sequence);
  }
  if (age != HelloWindow::Age::New) {
    core.counters.count(ControlCounter::HelloStale);
    if (age == HelloWindow::Age::Late && peer.heard_until && hello->lifetime_seconds != 0) {
      prove_link(core, peer, hello->request, now, effects);
      schedule_peer(core, peer);
    }
    return;
  }
  peer.epoch_known = true;
  peer.epoch = epoch;
  if (hello->lifetime_seconds == 0) {
    peer_down(core, peer, now, NoteKind::PeerLeft, effects);
    schedule_peer(core, peer);
    return;
  }
  if (known && restarted) {
    peer_restarted(core, peer, now, effects);
  }
  // R27: the entry is refreshed; its locator is who sent this.
  peer.lifetime = std::chrono::seconds(hello->lifetime_seconds);
  peer.interval = std::chrono::seconds(hello->interval_seconds);
  peer.last_heard = now.instant;
  peer.heard_until = now.instant + peer.lifetime;
  peer.not_member = false;
  const bool was_active = std::exchange(peer.active, hello->active);
  if (was_active && !peer.active) {
    switch_target_lost(core, peer);
  }
  prove_link(core, peer, hello->request, now, effects);
  for (const wire::VendorSpecific& vendor : hello->vendor) {
    if (vendor.enterprise == core.config.code_points.vendor_enterprise &&
        vendor.subtype == kVendorDigest) {
      compare_digest(core, peer, vendor, now, effects);
    }
  }
  schedule_peer(core, peer);
  watch_readiness(core, now, effects);
}

void peer_timer(Core& core, PeerState& peer, const Now& now, Effects& effects) {
  peer.timer = kNoTimer;
  forgive_own_silence(peer, now.instant);
  const auto over = [&](const std::optional<Instant>& end) { return end && now.instant >= *end; };
  if (over(peer.heard_until) || (peer.up && over(peer.answered_until))) {
    peer_down(core, peer, now, NoteKind::PeerDown, effects);
  }
  sync_timer(core, peer, now, effects);
  if (now.instant >= peer.hello_at || std::exchange(peer.probe, false)) {  // R14
    send_hello(core, peer, {}, effects);
    peer.hello_at = now.instant + Duration(core.config.haha.hello_interval);
  }
  watch_readiness(core, now, effects);
  schedule_peer(core, peer);
}

void schedule_peer(Core& core, PeerState& peer) {
  Instant next = peer.hello_at;
  const auto sooner = [&](const std::optional<Instant>& when) {
    next = std::min(next, when.value_or(next));
  };
  sooner(peer.heard_until);
  if (peer.up) {
    sooner(peer.answered_until);
  }
  sooner(sync_deadline(peer));
  const std::uint64_t payload = timer_payload(TimerKind::Peer, peer.index);
  if (peer.timer == kNoTimer) {
    peer.timer = core.timers.arm(next, payload);
  } else if (next != peer.timer_at) {
    core.timers.rearm(peer.timer, next);
  }
  peer.timer_at = next;
}

void announce_to_set(Core& core, const Now& now, bool leaving, Effects& effects) {
  for (PeerState& peer : core.members.peers()) {
    send_hello(core, peer, {true, leaving}, effects);
    peer.hello_at = now.instant + Duration(core.config.haha.hello_interval);
  }
}

void watch_readiness(Core& core, const Now& now, Effects& effects) {
  const config::Haha& set = core.config.haha;
  const unsigned up = core.members.links_up();
  const bool isolated = core.ready && !core.members.alone() && up == 0;
  if (isolated && !core.isolated_told) {
    effects.add(Note{NoteKind::Isolated, {}, {}, wire::BindingStatus::Accepted, 0});
  }
  core.isolated_told = isolated;
  if (isolated && set.withdraw_when_isolated) {
    core.ready = false;
    return;
  }
  if (core.ready || up < set.wanted_links()) {
    return;
  }
  // A peer is waited for until its dump is complete, or it has been silent for boot-wait.
  const Duration boot_wait(set.boot_wait);
  const bool complete = std::ranges::all_of(core.members.peers(), [&](const PeerState& peer) {
    const Instant last = std::max(core.started, peer.last_reply.value_or(core.started));
    return peer.dump_finished || now.instant - last >= boot_wait;
  });
  if (complete) {
    core.ready = true;
    effects.add(Note{NoteKind::Ready, {}, {}, wire::BindingStatus::Accepted, up});
    if (!core.members.alone()) {
      announce_to_set(core, now, false, effects);
    }
  }
}

}  // namespace anyhome::control
