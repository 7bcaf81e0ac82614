#include "controlplane/global_bindings.h"

#include <algorithm>
#include <utility>

#include "controlplane/primary_switch.h"
#include "controlplane/schedule.h"

namespace anyhome::control {
namespace {

// RFC 6275 §12: how long a de-registered binding's sequence number is remembered.
constexpr Duration kMaxDeleteBceTimeout = std::chrono::seconds(10);
// Rulings §6: as long, a mobile node that went to a peer may still send through us.
constexpr Duration kFormerTime = std::chrono::seconds(10);
// Rulings §4: copies that end this much earlier than the binding are refreshed.
constexpr Duration kRefreshSlack = std::chrono::seconds(8);
// Rulings §3: farther ahead than this, somebody's clock is wrong.
constexpr Duration kSkewAlarm = std::chrono::seconds(10);
constexpr Duration kSkewRefused = std::chrono::hours(24);

Digest& digest_of(Core& core, MemberRank member) {
  return member == core.members.own_rank() ? core.own_digest : core.members.of_rank(member).digest;
}

CareOfAddress shared_care_of(const Core& core, const Binding& binding) {
  const bool own = binding.version.member == core.members.own_rank();
  return own && !core.config.haha.share_care_of_address ? CareOfAddress{} : binding.care_of_address;
}

// A record that says only "gone": a tombstone for the peers, a sequence number for the mobile node.
void remember(Core& core, Binding& binding, Instant until, Effects& effects) {
  take_out_of_digest(core, binding);
  core.bindings.set_state(binding, BindingState::Remembered);
  replace_prefixes(core, binding, {}, effects);
  core.supplements.erase(core.bindings.slot_of(binding));
  binding.expires = until;
  binding.path_mtu = forwarding::kPathMtuUnknown;
  binding.leaving = false;
  binding.refuses_switch = false;
  binding.not_installed = false;
  schedule(core, binding);
}

// The lowest (T, locator) among those who claim the prefix (rulings §11).
HomeAddress oldest_claimant(Core& core, const PrefixClaims& claims) {
  const auto age = [&](const HomeAddress& home) {
    const Binding* binding = core.bindings.find(home);
    return binding == nullptr ? std::pair(~std::uint64_t{0}, MemberRank{0xffff})
                              : std::pair(binding->version.time.value, binding->version.member);
  };
  HomeAddress oldest = claims.active;
  for (const HomeAddress& other : claims.others) {
    if (age(other) < age(oldest)) {
      oldest = other;
    }
  }
  return oldest;
}

void elect(Core& core, const Prefix& prefix, Effects& effects) {
  PrefixClaims* claims = core.bindings.claims_of(prefix);
  if (claims == nullptr) {
    return;
  }
  const HomeAddress oldest = oldest_claimant(core, *claims);
  if (oldest != claims->active) {
    std::erase(claims->others, oldest);
    claims->others.push_back(std::exchange(claims->active, oldest));
    effects.add(forwarding::SetPrefix{prefix, oldest});
  }
}

bool may_be_home_address(const Core& core, const HomeAddress& home_address) {
  const Ipv6Address& home = home_address.address();
  if (!core.in_home_prefix(home) && !core.in_nemo_pool(home)) {
    return false;
  }
  return home != core.own_address() && !core.is_discovery_address(home) &&
         std::ranges::none_of(core.config.haha.peers, [&](const config::Peer& peer) {
           return peer.address.address() == home;
         });
}

// The primary has changed from us to `peer` (R68, R82, R106). What the mobile node still sends
// through us is let out for a while, so that there is no gap (R84).
void yield(Core& core, Binding& binding, const PeerState& peer, const Now& now, Effects& effects) {
  const BindingSlot slot = core.bindings.slot_of(binding);
  cancel_switch(core, slot);
  const Instant until = now.instant + kFormerTime;
  core.formers[slot] = Former{binding.care_of_address, until, peer.rank};
  core.timers.arm(until, timer_payload(TimerKind::Former, slot));
  binding.sequence_until = until;
  binding.been_primary = true;
  effects.add(Note{NoteKind::Yielded, binding.home_address, binding.care_of_address,
                   wire::BindingStatus::Accepted, 0, peer.index});
  core.counters.count(ControlCounter::Yielded);
}

// Rulings §5: a peer gives back what it knew of us before we were restarted.
wire::SsStatus take_back(Core& core, PeerState& peer,
                         const wire::BindingCacheInformation& information, const Now& now,
                         Effects& effects) {
  if (!peer.request || peer.request->selector.kind != SyncSelector::Kind::Everything ||
      information.lifetime.is_zero() || !information.timestamp) {
    core.counters.count(ControlCounter::ReturnedCopiesIgnored);
    return wire::SsStatus::Success;
  }
  const Version version{*information.timestamp, core.members.own_rank(),
                        information.change_counter};
  Binding* binding = core.bindings.find(information.home_address);
  if (information.care_of_address == CareOfAddress{} ||
      (binding != nullptr && (version.changed() <= binding->version ||
                              (binding->registered() && version <= binding->version)))) {
    core.counters.count(ControlCounter::ReturnedCopiesIgnored);
    return wire::SsStatus::Success;
  }
  if (binding == nullptr) {
    if (core.bindings.live() >= core.config.max_bindings) {
      return wire::SsStatus::ReasonUnspecified;
    }
    binding = &core.bindings.create(information.home_address, BindingState::Registered);
    binding->registered_at = now.instant;
  } else {
    take_out_of_digest(core, *binding);
    core.bindings.set_state(*binding, BindingState::Registered);
  }
  binding->version = version.changed();
  binding->care_of_address = information.care_of_address;
  binding->sequence = information.sequence;
  binding->flags = information.flags;
  binding->granted = information.lifetime;
  binding->expires = now.instant + Duration(information.lifetime.seconds());
  binding->refresh_requests = 0;
  effects.add(forwarding::SetBinding{binding->home_address,
                                     forwarding::BindingKind::Bound,
                                     core.own_address(),
                                     binding->care_of_address.address(),
                                     binding->path_mtu,
                                     {}});
  std::vector<Prefix> prefixes;
  for (const wire::MobileNetworkPrefix& raw : information.prefixes) {
    if (const auto prefix = raw.prefix()) {
      prefixes.push_back(*prefix);
    }
  }
  replace_prefixes(core, *binding, std::move(prefixes), effects);
  tell_peers(core, *binding, now);
  schedule(core, *binding);
  effects.add(Note{NoteKind::Restored, binding->home_address, binding->care_of_address,
                   wire::BindingStatus::Accepted,
                   static_cast<std::uint32_t>(information.lifetime.seconds().count()), peer.index});
  core.counters.count(ControlCounter::Restored);
  return wire::SsStatus::Success;
}

void watch_clock(Core& core, PeerState& peer, const Timestamp& time, const Now& now,
                 Effects& effects) {
  const Duration ahead = time.to_wall() - now.wall;
  peer.skew_seconds = std::chrono::floor<std::chrono::seconds>(ahead).count();
  if (ahead <= kSkewAlarm) {
    peer.skew_told = false;
    return;
  }
  core.counters.count(ControlCounter::ClockSkew);
  if (!std::exchange(peer.skew_told, true)) {
    effects.add(peer_note(
        NoteKind::ClockSkew, peer.index,
        static_cast<std::uint32_t>(std::min<std::int64_t>(*peer.skew_seconds, 0xffff'ffff))));
  }
}

// Our clock, unless it was set back: then what it, or anybody else, has said before (I15).
WallTime believable_now(const Core& core, const Now& now) {
  const WallTime booted{std::chrono::seconds(core.boot_epoch)};
  return std::max({now.wall, booted, core.latest.to_wall()});
}

bool is_returned_copy(const Core& core, const wire::BindingCacheInformation& information) {
  return std::ranges::any_of(information.vendor, [&](const wire::VendorSpecific& vendor) {
    return vendor.enterprise == core.config.code_points.vendor_enterprise &&
           vendor.subtype == kVendorReturnedCopy;
  });
}

// What came with it is kept and shown, and given back to the owner (R65).
void supplement(Core& core, const Binding& binding,
                const wire::BindingCacheInformation& information) {
  if (!information.aaa.empty() || !information.vendor.empty()) {
    core.supplements[core.bindings.slot_of(binding)] =
        Supplement{information.aaa, information.vendor};
  } else if (!core.supplements.empty()) {
    core.supplements.erase(core.bindings.slot_of(binding));
  }
}

}  // namespace

Version version_of_update(const Core& core, const Binding& binding, const Now& now,
                          const std::optional<NtpTimestamp>& stamp) {
  const Timestamp later{binding.version.time.value + 1};
  const bool by_stamp = core.config.authentication == config::Authentication::Rfc4285 &&
                        core.config.replay_protection == config::ReplayProtection::Timestamp &&
                        stamp.has_value();
  if (by_stamp) {
    return {std::max(Timestamp::from(stamp->to_wall()), later), core.members.own_rank(), 0};
  }
  return {std::max(Timestamp::from(now.wall), later), core.members.own_rank(), 0};
}

void take_out_of_digest(Core& core, Binding& binding) {
  if (!std::exchange(binding.digested, false)) {
    return;
  }
  Digest& digest = digest_of(core, binding.version.member);
  digest.sums[core.digest_hash.bucket(binding.home_address)] -= core.digest_hash.content(
      binding.home_address, binding.version, shared_care_of(core, binding), binding.prefixes);
  --digest.count;
}

void put_into_digest(Core& core, Binding& binding) {
  if (core.members.alone() || std::exchange(binding.digested, true)) {
    return;
  }
  Digest& digest = digest_of(core, binding.version.member);
  digest.sums[core.digest_hash.bucket(binding.home_address)] += core.digest_hash.content(
      binding.home_address, binding.version, shared_care_of(core, binding), binding.prefixes);
  ++digest.count;
}

// Draft §5.3: whoever has accepted the last Binding Update is the primary (R31) and tells all
// others, of the first registration (R49, R81) and of every change (R34, R35).
void tell_peers(Core& core, Binding& binding, const Now& now) {
  if (core.members.alone()) {
    return;
  }
  core.latest = std::max(core.latest, binding.version.time);
  if (binding.registered()) {
    put_into_digest(core, binding);
    binding.told_until = binding.expires;
    // R50: two thirds into the life of the copies there is still time for many retransmissions.
    binding.share_at = now.instant + (binding.expires - now.instant) * 2 / 3;
  }
  const BindingSlot slot = core.bindings.slot_of(binding);
  for (PeerState& peer : core.members.peers()) {
    peer.stream.mark(slot);
  }
}

void refresh_copies(Core& core, Binding& binding, const Now& now) {
  if (binding.expires <= binding.told_until + kRefreshSlack) {
    binding.share_at = binding.expires;
    return;
  }
  take_out_of_digest(core, binding);
  binding.version = binding.version.changed();
  tell_peers(core, binding, now);
  core.counters.count(ControlCounter::CopiesRefreshed);
}

// RFC 6275 §10.3.2: it stops serving and is remembered for its sequence number; RFC 3963 §6.7: all
// its prefixes go with it.
void withdraw(Core& core, Binding& binding, const Now& now, Effects& effects) {
  const BindingSlot slot = core.bindings.slot_of(binding);
  cancel_switch(core, slot);
  Instant until = now.instant + kMaxDeleteBceTimeout;
  binding.sequence_until = until;
  if (!core.members.alone()) {
    until = std::max(until, now.instant + Duration(core.config.haha.tombstone_time));
  }
  remember(core, binding, until, effects);
  if (!core.members.alone()) {
    binding.version = binding.version.changed();
    tell_peers(core, binding, now);
  }
}

// R43: the path goes with the global binding.
void drop_global(Core& core, Binding& binding, const Now& now, Effects& effects) {
  const BindingSlot slot = core.bindings.slot_of(binding);
  cancel_switch(core, slot);
  effects.add(forwarding::RemoveBinding{binding.home_address});
  remember(core, binding, now.instant + Duration(core.config.haha.tombstone_time), effects);
}

// R69: to the new primary, from a former one too.
void forward_over_link(Core& core, const Binding& binding, Effects& effects) {
  const PeerState& primary = core.members.of_rank(binding.version.member);
  const auto former =
      core.formers.empty() ? core.formers.end() : core.formers.find(core.bindings.slot_of(binding));
  effects.add(forwarding::SetBinding{
      binding.home_address, forwarding::BindingKind::Global, core.config.locator->address(),
      primary.config->locator.address(), core.config.haha.link_mtu,
      former == core.formers.end() ? CareOfAddress{} : former->second.care_of_address});
}

void forget_former(Core& core, BindingSlot slot, const Now& now, Effects& effects) {
  const auto former = core.formers.find(slot);
  if (former == core.formers.end() || now.instant < former->second.until) {
    return;  // it has become the primary's again in between, or a former one once more
  }
  core.formers.erase(former);
  const Binding& binding = core.bindings.at(slot);
  if (binding.global()) {
    forward_over_link(core, binding, effects);
  }
}

// RFC 3963 §6.2: a list is complete. R41: those of a global binding get their paths as well.
void replace_prefixes(Core& core, Binding& binding, std::vector<Prefix> prefixes,
                      Effects& effects) {
  for (const Prefix& old : binding.prefixes) {
    if (std::ranges::find(prefixes, old) != prefixes.end()) {
      continue;
    }
    const HomeAddress* owner = core.bindings.owner_of(old);
    const bool active = owner != nullptr && *owner == binding.home_address;
    core.bindings.release(old, binding.home_address);
    if (!active) {
      continue;
    }
    if (const PrefixClaims* claims = core.bindings.claims_of(old)) {
      effects.add(forwarding::SetPrefix{old, claims->active});
      elect(core, old, effects);
    } else if (binding.live()) {
      effects.add(forwarding::RemovePrefix{old});
    }
  }
  binding.prefixes = std::move(prefixes);
  for (const Prefix& prefix : binding.prefixes) {
    const bool held = core.bindings.has_claim(prefix, binding.home_address);
    core.bindings.claim(prefix, binding.home_address);
    const bool alone = core.bindings.claims_of(prefix)->others.empty();
    if (!held && alone) {
      effects.add(forwarding::SetPrefix{prefix, binding.home_address});
    }
    elect(core, prefix, effects);
  }
}

wire::SsStatus apply_information(Core& core, PeerState& peer,
                                 const wire::BindingCacheInformation& information, const Now& now,
                                 Effects& effects) {
  core.counters.count(ControlCounter::InformationReceived);
  if (is_returned_copy(core, information)) {
    return take_back(core, peer, information, now, effects);
  }
  if (!may_be_home_address(core, information.home_address)) {
    core.counters.count(ControlCounter::InformationRefused);
    return wire::SsStatus::ReasonUnspecified;
  }
  const Version version{information.timestamp.value_or(Timestamp{}), peer.rank,
                        information.change_counter};
  watch_clock(core, peer, version.time, now, effects);
  if (version.time.to_wall() - believable_now(core, now) > kSkewRefused) {
    core.counters.count(ControlCounter::InformationRefused);
    return wire::SsStatus::ReasonUnspecified;
  }
  Binding* binding = core.bindings.find(information.home_address);
  if (binding != nullptr && version <= binding->version) {
    if (version == binding->version) {
      binding->confirmed = peer.round;
    }
    core.counters.count(ControlCounter::InformationStale);
    return wire::SsStatus::Success;
  }
  const bool gone = information.lifetime.is_zero();
  if (binding == nullptr || !binding->live()) {
    if (!gone && core.bindings.live() >= core.config.max_bindings) {
      core.counters.count(ControlCounter::InformationRefused);
      return wire::SsStatus::ReasonUnspecified;
    }
    if (binding == nullptr && gone && version.time == Timestamp{}) {
      return wire::SsStatus::Success;  // the answer to a question about nobody (rulings §4)
    }
  }
  if (binding == nullptr) {
    binding = &core.bindings.create(information.home_address, BindingState::Remembered);
    binding->registered_at = now.instant;
  }
  core.latest = std::max(core.latest, version.time);
  take_out_of_digest(core, *binding);
  if (binding->registered()) {
    yield(core, *binding, peer, now, effects);
  } else if (binding->global()) {
    cancel_switch(core, core.bindings.slot_of(*binding));
  }
  binding->confirmed = peer.round;
  if (gone) {
    if (binding->live()) {
      effects.add(forwarding::RemoveBinding{binding->home_address});
    }
    // Who was a former primary stays one: the mobile node may register there anew within that time.
    binding->version = version;
    remember(core, *binding, now.instant + Duration(core.config.haha.tombstone_time), effects);
    core.counters.count(ControlCounter::InformationApplied);
    return wire::SsStatus::Success;
  }
  // Draft §5.4.1 (R37).
  binding->version = version;
  core.bindings.set_state(*binding, BindingState::Global);
  binding->care_of_address = information.care_of_address;
  binding->flags = information.flags;
  if (core.formers.empty() || !core.formers.contains(core.bindings.slot_of(*binding))) {
    binding->sequence = information.sequence;
  }
  binding->granted = information.lifetime;
  binding->expires = now.instant + Duration(information.lifetime.seconds());
  binding->leaving = false;
  forward_over_link(core, *binding, effects);
  std::vector<Prefix> prefixes;
  for (const wire::MobileNetworkPrefix& raw : information.prefixes) {
    if (const auto prefix = raw.prefix()) {
      prefixes.push_back(*prefix);
    }
  }
  replace_prefixes(core, *binding, std::move(prefixes), effects);
  put_into_digest(core, *binding);
  supplement(core, *binding, information);
  schedule(core, *binding);
  core.counters.count(ControlCounter::InformationApplied);
  // Said once: the peer's mobile network is somebody else's here (rulings §11).
  const bool lost = std::ranges::any_of(binding->prefixes, [&](const Prefix& prefix) {
    return *core.bindings.owner_of(prefix) != binding->home_address;
  });
  if (lost) {
    core.counters.count(ControlCounter::PrefixConflicts);
    return wire::SsStatus::ReasonUnspecified;
  }
  return wire::SsStatus::Success;
}

bool sweep_unconfirmed(Core& core, const Now& now, Effects& effects, unsigned budget) {
  while (!core.sweeps.empty() && budget > 0) {
    Sweep& sweep = core.sweeps.front();
    const PeerState& peer = core.members.peers()[sweep.peer];
    for (; sweep.cursor < core.bindings.slot_end() && budget > 0; ++sweep.cursor, --budget) {
      Binding& binding = core.bindings.at(sweep.cursor);
      if (binding.global() && binding.version.member == peer.rank &&
          binding.confirmed != sweep.round &&
          (!sweep.bucket || core.digest_hash.bucket(binding.home_address) == *sweep.bucket)) {
        core.counters.count(ControlCounter::UnconfirmedDropped);
        drop_global(core, binding, now, effects);
      }
    }
    if (sweep.cursor >= core.bindings.slot_end()) {
      core.sweeps.pop_front();
    }
  }
  return !core.sweeps.empty();
}

}  // namespace anyhome::control
