// One run, written down before it begins: who takes part, how bad the network is, and who does what
// when. Everything follows from the seed.
//
// A run has parts. First all start and register. Then it is eventful: mobile nodes move, links are
// cut, home agents crash, start again empty, drain. Then the network heals, and after a bounded
// time everything has to be in order (invariants.h, "when it is quiet"). At last all mobile nodes
// de-register, and nothing may be left of them.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/time.h"
#include "test/sim/network.h"
#include "test/sim/topology.h"

namespace anyhome::sim {

// What a run is about. Each kind stresses other rules; what they have in common is always checked.
enum class Theme : std::uint8_t {
  Calm,       // nothing is lost: moves and switches must lose nothing either (I13)
  Rough,      // loss, duplicates, reordering, cuts, crashes, drains, all at once
  Fast,       // mobile nodes that move again before the last move is done
  Death,      // a POP dies while mobile nodes have traffic (I14)
  Boot,       // all at once, empty, one of them missing (I10, I11)
  Clocks,     // clocks up to an hour apart, steps of an hour, clocks that say 1970 (I1, I15)
  Crosswise,  // two POPs that get each other's packets (I6)
  Adversary,  // old and forged packets of every kind (I12)
  DeafPeer,   // a peer that answers HELLOs and nothing else (I9)
  Forgetful,  // a peer that acknowledges only part of what it was told (I8)
  Routers,    // mobile routers with prefixes, some of them claimed twice (I3)
  Partition,  // home agents that cannot reach each other for longer than bindings live
  Mixed,      // something of everything, clocks that are apart and mobile routers included
};
struct ThemeInfo {
  Theme theme;
  std::string_view name;
  std::string_view sentence;
};
std::span<const ThemeInfo> themes();
std::string_view to_string(Theme theme);
std::optional<Theme> parse_theme(std::string_view name);

enum class AuthenticationKind : std::uint8_t {
  None,
  Timestamps,   // RFC 4285, one key, replay protection by timestamps
  DerivedKeys,  // RFC 4285, a key for each home agent, sequence numbers
};

enum class ActionKind : std::uint8_t {
  Move,             // mobile node `subject` to access network `object`
  Deregister,       // mobile node
  Register,         // mobile node, again
  Reconfigure,      // mobile node, restarted with its later prefixes
  Start,            // POP, empty
  Crash,            // POP
  Drain,            // POP
  Undrain,          // POP
  Cut,              // from POP `subject` to POP `object`, this direction only
  Mend,             // the same
  StepPopClock,     // by `amount`
  StepMobileClock,  // by `amount`
  Replay,           // an adversary repeats what it has seen, or forges something
  Deafen,           // POP `subject` gets no State Synchronization any more (`object`: 0 ends it)
  Calm,             // the network loses nothing any more, every POP is started, deaf peers hear
};
std::string_view to_string(ActionKind kind);

struct Action {
  Duration at{};  // since the start of the run
  ActionKind kind = ActionKind::Move;
  std::uint32_t subject = 0;
  std::uint32_t object = 0;
  Duration amount{};
};

enum class FlowKind : std::uint8_t {
  ToMobile,    // from a correspondent
  ToNetwork,   // from a correspondent to somebody in a mobile network
  FromMobile,  // to a correspondent
  BetweenMobiles,
};

struct Flow {
  FlowKind kind = FlowKind::ToMobile;
  std::uint32_t mobile = 0;
  std::uint32_t other = 0;  // correspondent's site, or the other mobile node
  Duration interval = std::chrono::milliseconds(200);
};

struct MobilePlan {
  std::optional<PopIndex> home_agent;  // nullopt: found by discovery
  bool router = false;
  std::vector<std::uint32_t> networks;        // numbers of its mobile networks
  std::vector<std::uint32_t> later_networks;  // after Reconfigure
  bool switch_deregisters = false;            // follows RFC 5142 §6.1 to the letter
  bool contested = false;                     // one of them is another's, too: it may be refused
  std::uint16_t lifetime_units = 75;
  Duration clock_offset{};
};

struct PopPlan {
  Duration clock_offset{};
  bool missing = false;  // configured everywhere, but never there
};

struct Scenario {
  std::uint64_t seed = 0;
  Theme theme = Theme::Calm;
  TopologySetup topology;
  PathQuality haha;
  PathQuality internet;
  AuthenticationKind authentication = AuthenticationKind::None;
  std::vector<PopPlan> pops;
  std::vector<MobilePlan> mobiles;
  std::vector<Flow> flows;
  std::vector<Action> actions;  // in no order
  std::vector<std::pair<PopIndex, PeerFault>> faults;

  Duration linger{};                              // of an old care-of address after a move
  Duration bfd = std::chrono::milliseconds(300);  // until a crashed POP's announcement is withdrawn
  std::chrono::seconds tombstone_time{600};
  std::chrono::seconds boot_wait{10};

  // When data begins to flow, when the network heals, when everything has to be in order, how long
  // it is then watched, and until when nothing may be left.
  Duration flows_from{};
  Duration calm_at{};
  Duration quiet_at{};
  Duration watch_until{};
  Duration baseline_at{};  // 0: not looked at

  [[nodiscard]] std::string summary() const;
};

// The run of this seed; its theme too, unless one is given.
Scenario make_scenario(std::uint64_t seed, std::optional<Theme> theme);

}  // namespace anyhome::sim
