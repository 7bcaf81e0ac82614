// What has to hold whatever happens: the promises of the protocol, each by its name.
//
// A promise is checked after every event where it can be, else when it is quiet: the network has
// healed and a bounded time has passed. I1 to I15 are those of docs/protocol.md, "For the
// simulator"; the others are what any forwarder owes.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "test/sim/world.h"

namespace anyhome::sim {

namespace promise {
inline constexpr std::string_view kOnePrimary = "one-primary";
inline constexpr std::string_view kFinalPrimary = "I1 final-primary-is-the-mobile-nodes";
inline constexpr std::string_view kVersions = "I2 versions-never-fall";
inline constexpr std::string_view kRoutes = "I3 routes-belong-to-live-entries";
inline constexpr std::string_view kOnlyPrimary = "I4 only-the-primary-tunnels";
inline constexpr std::string_view kRelays = "I5 three-relays-at-most";
inline constexpr std::string_view kSwitches = "I6 switches-are-bounded";
inline constexpr std::string_view kQuiet = "I7 quiet-network-is-quiet";
inline constexpr std::string_view kIdentifiers = "I8 identifiers-name-one-content";
inline constexpr std::string_view kStuckPeer = "I9 stuck-peer-delays-nobody";
inline constexpr std::string_view kReady = "I10 ready-in-time";
inline constexpr std::string_view kNotServing = "I11 not-serving-not-accepting";
inline constexpr std::string_view kAdversary = "I12 adversary-changes-nothing";
inline constexpr std::string_view kNoLoss = "I13 switch-loses-nothing";
inline constexpr std::string_view kDeath = "I14 mobile-nodes-of-the-dead-come-back";
inline constexpr std::string_view kClockStep = "I15 clock-steps-heal";
inline constexpr std::string_view kAcknowledged = "I8 acknowledged-means-known";
inline constexpr std::string_view kDigest = "I7 digests-differ-only-when-bindings-do";
inline constexpr std::string_view kDigestSum = "I7 digests-are-sums-of-what-is-held";
inline constexpr std::string_view kDeadPop = "I14 nothing-is-sent-to-the-dead";
inline constexpr std::string_view kEffects = "acknowledged-means-forwarded";
inline constexpr std::string_view kLate = "late-deregistration-does-no-harm";
inline constexpr std::string_view kRegistered = "everybody-is-registered";
inline constexpr std::string_view kAccounted = "every-packet-accounted";
inline constexpr std::string_view kNoLoops = "no-packet-loops";
inline constexpr std::string_view kLifetime = "no-lifetime-extended";
inline constexpr std::string_view kMemory = "memory-returns";
}  // namespace promise

struct PromiseInfo {
  std::string_view name;
  std::string_view sentence;
};
std::span<const PromiseInfo> promises();

// Everybody who watches a run of this theme.
std::vector<std::unique_ptr<Watcher>> make_watchers(const Scenario& scenario);

// Those that can only be asked at certain times: what is broken, if anything.
using Finding = std::optional<Violation>;
Finding find_unrest(const World& world);       // from `quiet_at` on
Finding find_unaccounted(const World& world);  // flows have stopped, what was under way has arrived
Finding find_leftovers(const World& world);    // all have de-registered, tombstones are gone

}  // namespace anyhome::sim
