#include "test/sim/invariants.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "test/sim/address_plan.h"
#include "test/sim/watchers.h"

namespace anyhome::sim {
namespace {

constexpr std::array kPromises = std::to_array<PromiseInfo>({
    {promise::kOnePrimary,
     "When it is quiet each registered mobile node has one primary, and every home agent knows "
     "it."},
    {promise::kFinalPrimary,
     "The primary is the home agent whose acknowledgement the mobile node accepted last."},
    {promise::kVersions,
     "What an agent records of a home address only gets newer; what is removed stays removed."},
    {promise::kRoutes,
     "Every route belongs to a live entry, and an entry's prefixes are its owner's."},
    {promise::kOnlyPrimary, "Nobody but the primary sends data to a care-of address."},
    {promise::kRelays,
     "No packet is relayed from link to link more than three times, and its outer hop limit says "
     "how often it may be."},
    {promise::kSwitches, "Nobody is asked from home agent to home agent without end."},
    {promise::kQuiet, "When nothing happens there are HELLOs, and what ageing copies need."},
    {promise::kIdentifiers,
     "An Identifier stands for one content, and for no other within a minute afterwards."},
    {promise::kStuckPeer, "A peer that acknowledges nothing delays no other."},
    {promise::kReady, "Every home agent is ready within a bound of its start."},
    {promise::kNotServing,
     "A home agent that is not ready or drains accepts nobody new, answers no discovery, announces "
     "nothing."},
    {promise::kAdversary, "Old and forged packets change no state."},
    {promise::kNoLoss, "Where the network loses nothing, moves and switches lose nothing either."},
    {promise::kDeath, "Mobile nodes of a dead home agent are registered again within ten seconds."},
    {promise::kClockStep, "Whatever clocks did, at the next Binding Update all is well."},
    {promise::kAcknowledged,
     "A peer that has acknowledged a binding knows it, or something newer."},
    {promise::kDigest,
     "Nobody asks for a bucket again unless something in it is not as it should be."},
    {promise::kDigestSum,
     "The digest of a peer is the sum over the bindings that are held of it, modulo 2^64."},
    {promise::kDeadPop, "Nothing is sent over a link to a home agent that is known to be dead."},
    {promise::kEffects, "The path is there before the acknowledgement that promises it."},
    {promise::kLate,
     "A de-registration that comes to a former primary within ten seconds is answered by status "
     "0."},
    {promise::kRegistered, "Every mobile node that wants to be registered is."},
    {promise::kAccounted,
     "Every data packet is delivered, or dropped for a reason that has a name."},
    {promise::kNoLoops, "No packet goes in circles."},
    {promise::kLifetime, "No copy of a binding outlives the original by more than its delay."},
    {promise::kMemory, "When all bindings are gone, nothing is left of them."},
});

// ---- When it is quiet
// -----------------------------------------------------------------------------

// In a run whose clocks step, the same promises stand for I15.
std::string_view named(const World& world, std::string_view name) {
  return world.scenario().theme == Theme::Clocks ? promise::kClockStep : name;
}

Finding found(const World& world, std::string_view name, std::string what) {
  return Violation{std::string(name), std::move(what), world.now()};
}

// What `pop` does with packets for a mobile node that is registered at `primary`.
Finding check_at_pop(const World& world, const Mobile& mobile, const Pop& primary, const Pop& pop) {
  const forwarding::SetBinding* set = pop.plane().binding(plan::home(mobile.index()));
  const bool bound = set != nullptr && set->kind == forwarding::BindingKind::Bound;
  if (&pop == &primary) {
    if (bound && set->tunnel_destination == mobile.node().care_of()->address()) {
      return std::nullopt;
    }
    return found(
        world, named(world, promise::kFinalPrimary),
        fmt::format("mobile{} is registered at pop{}, which {}", mobile.index(), pop.index(),
                    set == nullptr ? "does not know it"
                    : bound        ? "has another care-of address"
                                   : "believes it elsewhere"));
  }
  if (set != nullptr && !bound && set->tunnel_destination == primary.config().locator->address()) {
    return std::nullopt;
  }
  return found(world, named(world, promise::kOnePrimary),
               fmt::format("mobile{} is registered at pop{}, but pop{} {}", mobile.index(),
                           primary.index(), pop.index(),
                           set == nullptr ? "does not know it"
                           : bound        ? "is its primary, too"
                                          : "believes it at a third one"));
}

// De-registered: nobody forwards to it any more.
Finding check_gone(const World& world, const Mobile& mobile) {
  for (const auto& pop : world.pops()) {
    if (pop->up() && pop->plane().binding(plan::home(mobile.index())) != nullptr) {
      return found(world, named(world, promise::kVersions),
                   fmt::format("mobile{} is at home, but pop{} still forwards to it",
                               mobile.index(), pop->index()));
    }
  }
  return std::nullopt;
}

// A mobile router has the prefixes that it said last, and no others.
Finding check_networks(const World& world, const Mobile& mobile) {
  const MobilePlan& plan_of = world.scenario().mobiles[mobile.index()];
  if (plan_of.contested || !mobile.registered_here()) {
    return std::nullopt;
  }
  std::vector<Prefix> wanted = mobile.node().settings().prefixes;
  std::ranges::sort(wanted);
  for (const auto& pop : world.pops()) {
    if (!pop->up()) {
      continue;
    }
    std::vector<Prefix> held;
    for (const auto& [prefix, owner] : pop->plane().prefixes()) {
      if (owner == plan::home(mobile.index())) {
        held.push_back(prefix);
      }
    }
    if (held != wanted) {
      return found(world, named(world, promise::kRoutes),
                   fmt::format("pop{} forwards {} prefixes to mobile{}, which has {}", pop->index(),
                               held.size(), mobile.index(), wanted.size()));
    }
  }
  return std::nullopt;
}

Finding check_mobile(const World& world, const Mobile& mobile) {
  if (mobile.node().state() == mobile::State::Home) {
    return check_gone(world, mobile);
  }
  if (!mobile.registered_here()) {
    if (world.scenario().mobiles[mobile.index()].contested) {
      return std::nullopt;
    }
    return found(
        world, named(world, promise::kRegistered),
        fmt::format("mobile{} is {}", mobile.index(), mobile::to_string(mobile.node().state())));
  }
  const HomeAgentAddress wanted = mobile.node().binding()->home_agent;
  const auto primary = std::ranges::find_if(
      world.pops(), [&](const auto& pop) { return pop->config().address == wanted; });
  for (const auto& pop : world.pops()) {
    if (pop->up()) {
      if (auto finding = check_at_pop(world, mobile, **primary, *pop)) {
        return finding;
      }
    }
  }
  return std::nullopt;
}

// Claimants of a prefix are elected everywhere alike (docs/protocol.md, rulings §11).
Finding check_prefixes(const World& world) {
  const Pop* first = nullptr;
  for (const auto& pop : world.pops()) {
    if (!pop->up()) {
      continue;
    }
    if (first == nullptr) {
      first = pop.get();
    } else if (pop->plane().prefixes() != first->plane().prefixes()) {
      return found(world, named(world, promise::kRoutes),
                   fmt::format("pop{} and pop{} forward other mobile networks", first->index(),
                               pop->index()));
    }
  }
  return std::nullopt;
}

}  // namespace

std::span<const PromiseInfo> promises() { return kPromises; }

std::vector<std::unique_ptr<Watcher>> make_watchers(const Scenario& scenario) {
  std::vector<std::unique_ptr<Watcher>> watchers;
  watchers.push_back(watch_routes());
  watchers.push_back(watch_versions());
  watchers.push_back(watch_lifetimes(scenario.topology.farthest + scenario.haha.jitter));
  watchers.push_back(watch_tunnels());
  watchers.push_back(watch_identifiers());
  watchers.push_back(watch_service());
  watchers.push_back(watch_effects());
  watchers.push_back(watch_late_deregistrations());
  watchers.push_back(watch_acknowledged());
  watchers.push_back(watch_digest_sums());
  switch (scenario.theme) {
    case Theme::Calm:
      watchers.push_back(watch_losses());
      watchers.push_back(watch_switches());
      watchers.push_back(watch_readiness());
      watchers.push_back(watch_digests());
      break;
    case Theme::Fast:
      watchers.push_back(watch_digests());
      break;
    case Theme::Crosswise:
      watchers.push_back(watch_switches());
      break;
    case Theme::Boot:
      watchers.push_back(watch_readiness());
      break;
    case Theme::Death:
      watchers.push_back(watch_death());
      watchers.push_back(watch_readiness());
      break;
    case Theme::DeafPeer:
      watchers.push_back(watch_propagation());
      break;
    case Theme::Adversary:
      watchers.push_back(make_adversary(scenario.seed));
      break;
    default:
      break;
  }
  if (scenario.theme != Theme::Crosswise && scenario.theme != Theme::Adversary) {
    watchers.push_back(watch_silence());
  }
  return watchers;
}

Finding find_unrest(const World& world) {
  for (const Mobile& mobile : world.mobiles()) {
    if (auto finding = check_mobile(world, mobile)) {
      return finding;
    }
    if (auto finding = check_networks(world, mobile)) {
      return finding;
    }
  }
  return check_prefixes(world);
}

Finding find_unaccounted(const World& world) {
  if (world.ledger().alive() == 0) {
    return std::nullopt;
  }
  return found(world, promise::kAccounted,
               fmt::format("nobody knows what became of {} data packets, {} first",
                           world.ledger().alive(), world.ledger().unaccounted().value_or(0)));
}

Finding find_leftovers(const World& world) {
  for (const auto& pop : world.pops()) {
    if (!pop->up()) {
      continue;
    }
    const control::HomeAgent& agent = pop->agent();
    const bool streams_idle = std::ranges::all_of(
        agent.peers(),
        [](const control::PeerState& peer) { return !peer.up || peer.stream.idle(); });
    if (agent.bindings().entries() != 0 || agent.bindings().prefixes() != 0 ||
        pop->plane().bindings() != 0 || !pop->plane().prefixes().empty() ||
        agent.pending_switches() != 0 || !streams_idle) {
      return found(
          world, promise::kMemory,
          fmt::format("pop{} keeps {} records, {} prefixes, {} table entries, {} switches{}",
                      pop->index(), agent.bindings().entries(), agent.bindings().prefixes(),
                      pop->plane().bindings(), agent.pending_switches(),
                      streams_idle ? "" : ", and a backlog"));
    }
  }
  return std::nullopt;
}

}  // namespace anyhome::sim
