#include "test/sim/scenario.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "test/sim/random.h"

namespace anyhome::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::array kThemes = std::to_array<ThemeInfo>({
    {Theme::Calm, "calm", "nothing is lost; mobile nodes move and change home agents"},
    {Theme::Rough, "rough", "loss, duplicates, reordering, cuts, crashes, drains"},
    {Theme::Fast, "fast", "mobile nodes move again before the last move is done"},
    {Theme::Death, "death", "a POP dies while its mobile nodes have traffic"},
    {Theme::Boot, "boot", "all start at once, empty, one of them missing"},
    {Theme::Clocks, "clocks", "clocks up to an hour apart, and steps"},
    {Theme::Crosswise, "crosswise", "two POPs get each other's packets"},
    {Theme::Adversary, "adversary", "old and forged packets of every kind"},
    {Theme::DeafPeer, "deaf-peer", "a peer that answers HELLOs and nothing else"},
    {Theme::Forgetful, "forgetful", "a peer that acknowledges only part of what it was told"},
    {Theme::Routers, "routers", "mobile routers with prefixes, some claimed twice"},
    {Theme::Partition, "partition", "home agents out of reach for longer than bindings live"},
    {Theme::Mixed, "mixed", "something of everything, in one run"},
});

constexpr std::array<std::string_view, 15> kActionNames = {
    "move",   "deregister", "register", "reconfigure", "start",          "crash",
    "drain",  "undrain",    "cut",      "mend",        "step-pop-clock", "step-mobile-clock",
    "replay", "deafen",     "calm"};

struct Numbers {
  unsigned least = 0;
  unsigned most = 0;
};
struct Times {
  Duration least{};
  Duration most{};
};

// Writes a scenario down, part by part. It draws itself, in the order in which it is told, so that
// a seed means the same whatever compiler was used.
class Author {
 public:
  Author(Scenario& scenario, Random& random) : scenario_(scenario), random_(random) {}

  unsigned draw(Numbers range) {
    return static_cast<unsigned>(
        random_.between(std::uint64_t{range.least}, std::uint64_t{range.most}));
  }
  Duration draw(Times range) { return random_.between(range.least, range.most); }

  // `lifetimes` of bindings are in units of 4 s.
  void people(Numbers pop_range, Numbers mobile_range, Numbers lifetimes = {10, 100}) {
    const unsigned pops = draw(pop_range);
    const unsigned mobiles = draw(mobile_range);
    scenario_.topology.pops = pops;
    scenario_.topology.access_networks = 2 * pops;
    scenario_.topology.correspondent_sites = std::min(pops, 3U);
    scenario_.pops.resize(pops);
    scenario_.mobiles.resize(mobiles);
    for (MobilePlan& mobile : scenario_.mobiles) {
      if (random_.chance(0.5)) {
        mobile.home_agent = static_cast<PopIndex>(random_.below(pops));
      }
      mobile.switch_deregisters = random_.chance(0.3);
      mobile.lifetime_units = static_cast<std::uint16_t>(draw(lifetimes));
    }
  }

  void authentication() {
    scenario_.authentication = static_cast<AuthenticationKind>(random_.below(3));
  }

  void start_pops(Duration within) {
    for (PopIndex pop = 0; pop < scenario_.topology.pops; ++pop) {
      if (!scenario_.pops[pop].missing) {
        add(random_.between(Duration{}, within), ActionKind::Start, pop);
      }
    }
  }

  void attach_mobiles(Duration from, Duration to) {
    for (std::uint32_t mobile = 0; mobile < scenario_.mobiles.size(); ++mobile) {
      add(random_.between(from, to), ActionKind::Move, mobile, any_network());
    }
  }

  // Each mobile node moves again and again, with pauses between these bounds.
  void moves(Duration from, Duration to, Duration shortest, Duration longest) {
    for (std::uint32_t mobile = 0; mobile < scenario_.mobiles.size(); ++mobile) {
      Duration at = from + random_.between(Duration{}, longest);
      while (at < to) {
        add(at, ActionKind::Move, mobile, any_network());
        at += random_.between(shortest, longest);
      }
    }
  }

  void flows(Duration from, Duration interval) {
    scenario_.flows_from = from;
    const auto mobiles = static_cast<std::uint32_t>(scenario_.mobiles.size());
    for (std::uint32_t mobile = 0; mobile < mobiles; ++mobile) {
      const bool has_network = !scenario_.mobiles[mobile].networks.empty();
      scenario_.flows.push_back({FlowKind::ToMobile, mobile, any_correspondent(), interval});
      scenario_.flows.push_back({FlowKind::FromMobile, mobile, any_correspondent(), interval});
      if (has_network) {
        scenario_.flows.push_back({FlowKind::ToNetwork, mobile, any_correspondent(), interval});
      }
      if (mobiles > 1 && random_.chance(0.3)) {
        const auto other =
            static_cast<std::uint32_t>((mobile + random_.between(1, mobiles - 1)) % mobiles);
        scenario_.flows.push_back({FlowKind::BetweenMobiles, mobile, other, 2 * interval});
      }
    }
  }

  // The parts of the run after the events.
  void endings(Duration calm_at, Duration settle, Duration watch, bool baseline) {
    scenario_.calm_at = calm_at;
    scenario_.quiet_at = calm_at + settle;
    scenario_.watch_until = scenario_.quiet_at + watch;
    add(calm_at, ActionKind::Calm);
    if (baseline) {
      for (std::uint32_t mobile = 0; mobile < scenario_.mobiles.size(); ++mobile) {
        add(scenario_.watch_until + seconds(10), ActionKind::Deregister, mobile);
      }
      // Twice: what follows from a de-registration may itself have to be forgotten.
      scenario_.baseline_at =
          scenario_.watch_until + 2 * Duration(scenario_.tombstone_time) + seconds(70);
    }
  }

  void add(Duration at, ActionKind kind, std::uint32_t subject = 0, std::uint32_t object = 0,
           Duration amount = {}) {
    scenario_.actions.push_back({at, kind, subject, object, amount});
  }

  std::uint32_t any_pop() {
    return static_cast<std::uint32_t>(random_.below(scenario_.topology.pops));
  }
  // Nobody reaches it, and it reaches nobody.
  void isolate(Times when, Times how_long) {
    const Duration at = draw(when);
    const Duration time = draw(how_long);
    const PopIndex pop = any_pop();
    for (PopIndex other = 0; other < scenario_.topology.pops; ++other) {
      if (other != pop) {
        add(at, ActionKind::Cut, pop, other);
        add(at, ActionKind::Cut, other, pop);
        add(at + time, ActionKind::Mend, pop, other);
        add(at + time, ActionKind::Mend, other, pop);
      }
    }
  }

  // Some leave for good while it is eventful.
  void departures(Times when) {
    for (std::uint32_t mobile = 0; mobile < scenario_.mobiles.size(); ++mobile) {
      if (random_.chance(0.15)) {
        const Duration at = draw(when);
        std::erase_if(scenario_.actions, [&](const Action& action) {
          return action.kind == ActionKind::Move && action.subject == mobile && action.at > at;
        });
        add(at, ActionKind::Deregister, mobile);
      }
    }
  }

  [[nodiscard]] bool departs(std::uint32_t mobile) const {
    return std::ranges::any_of(scenario_.actions, [&](const Action& action) {
      return action.kind == ActionKind::Deregister && action.subject == mobile;
    });
  }

  PopIndex other_pop(PopIndex pop) {
    const unsigned pops = scenario_.topology.pops;
    return (pop + draw(Numbers{1, pops - 1})) % pops;
  }
  std::uint32_t any_network() {
    return static_cast<std::uint32_t>(random_.below(scenario_.topology.access_networks));
  }
  std::uint32_t any_mobile() {
    return static_cast<std::uint32_t>(random_.below(scenario_.mobiles.size()));
  }
  std::uint32_t any_correspondent() {
    return static_cast<std::uint32_t>(random_.below(scenario_.topology.correspondent_sites));
  }

  // A POP is gone for a while; what it had in memory is lost.
  void crash(Times when, Times how_long) {
    const Duration at = draw(when);
    const Duration away = draw(how_long);
    crash_at(at, away, any_pop());
  }
  void crash_at(Duration at, Duration away, PopIndex pop) {
    add(at, ActionKind::Crash, pop);
    add(at + away, ActionKind::Start, pop);
  }
  // A link between two of them, one way or both.
  void cut(Times when, Times how_long) {
    const Duration at = draw(when);
    const Duration time = draw(how_long);
    const PopIndex left = any_pop();
    const PopIndex right = other_pop(left);
    const bool both = random_.chance(0.5);
    add(at, ActionKind::Cut, left, right);
    add(at + time, ActionKind::Mend, left, right);
    if (both) {
      add(at, ActionKind::Cut, right, left);
      add(at + time, ActionKind::Mend, right, left);
    }
  }

 private:
  Scenario& scenario_;
  Random& random_;
};

constexpr Duration kSettle = seconds(60);
// Where home agents lose their memory, what nobody else has heard of comes back with the next
// Binding Update, within a lifetime.
constexpr unsigned kShortLife = 10;
constexpr unsigned kLongestShortLife = 16;
constexpr Duration kSettleWithCrashes = seconds(4 * kLongestShortLife + 40);
// No Binding Update falls into the time that is watched.
constexpr unsigned kLongLife = 150;
constexpr Duration kWatch = seconds(20);

void calm(Author& author, Scenario& scenario, Random& random) {
  author.people({2, 5}, {2, 8});
  author.authentication();
  // Not between home agents: what an SS-REP overtakes there may have to go back, and is dropped
  // (R91).
  scenario.internet.jitter = random.chance(0.5) ? milliseconds(20) : milliseconds(0);
  scenario.linger = seconds(5);
  author.start_pops(seconds(1));
  author.attach_mobiles(seconds(4), seconds(6));
  author.flows(seconds(20), milliseconds(250));
  author.moves(seconds(30), seconds(100), seconds(8), seconds(40));
  author.endings(seconds(100), kSettle, kWatch, random.chance(0.25));
}

void rough(Author& author, Scenario& scenario, Random& random) {
  author.people({2, 6}, {3, 10}, {kShortLife, kLongestShortLife});
  author.authentication();
  scenario.haha = {random.unit() * 0.2, random.unit() * 0.1,
                   random.between(milliseconds(0), milliseconds(200))};
  scenario.internet = {random.unit() * 0.1, random.unit() * 0.05,
                       random.between(milliseconds(0), milliseconds(100))};
  author.start_pops(seconds(3));
  author.attach_mobiles(seconds(2), seconds(10));
  author.flows(seconds(12), milliseconds(500));
  author.moves(seconds(15), seconds(80), seconds(2), seconds(30));
  const Duration last = seconds(70);
  author.departures({seconds(40), seconds(79)});
  for (unsigned i = author.draw({0, 3}); i > 0; --i) {
    author.crash({seconds(15), last}, {milliseconds(200), seconds(25)});
  }
  for (unsigned i = author.draw({0, 4}); i > 0; --i) {
    author.cut({seconds(5), last}, {seconds(1), seconds(20)});
  }
  for (unsigned i = author.draw({0, 2}); i > 0; --i) {
    const Duration at = author.draw({seconds(20), last});
    const PopIndex pop = author.any_pop();
    author.add(at, ActionKind::Drain, pop);
    author.add(at + author.draw({seconds(2), seconds(20)}), ActionKind::Undrain, pop);
  }
  for (unsigned i = author.draw({0, 3}); i > 0; --i) {
    const Duration at = author.draw({seconds(20), last});
    const std::uint32_t mobile = author.any_mobile();
    const Duration again = at + author.draw({milliseconds(100), seconds(10)});
    if (!author.departs(mobile)) {
      author.add(at, ActionKind::Deregister, mobile);
      author.add(again, ActionKind::Register, mobile);
    }
  }
  author.endings(seconds(80), kSettleWithCrashes, kWatch, random.chance(0.25));
}

void fast(Author& author, Scenario& scenario, Random& random) {
  author.people({2, 5}, {2, 6});
  author.authentication();
  scenario.haha = {random.unit() * 0.05, random.unit() * 0.05,
                   random.between(milliseconds(0), milliseconds(150))};
  scenario.internet = {random.unit() * 0.05, random.unit() * 0.05,
                       random.between(milliseconds(0), milliseconds(100))};
  author.start_pops(seconds(1));
  author.attach_mobiles(seconds(4), seconds(6));
  author.flows(seconds(8), milliseconds(500));
  author.moves(seconds(10), seconds(50), milliseconds(100), seconds(3));
  // Some go home right after a move: the registration may never be told, the end of it is.
  for (unsigned i = author.draw({0, 8}); i > 0; --i) {
    const Duration at = author.draw({seconds(12), seconds(44)});
    const std::uint32_t mobile = author.any_mobile();
    author.add(at, ActionKind::Move, mobile, author.any_network());
    const Duration gone = at + author.draw({milliseconds(150), milliseconds(900)});
    author.add(gone, ActionKind::Deregister, mobile);
    author.add(gone + author.draw({milliseconds(500), seconds(4)}), ActionKind::Register, mobile);
  }
  author.endings(seconds(50), kSettle, kWatch, random.chance(0.25));
}

void death(Author& author, Scenario& scenario, Random& random) {
  author.people({3, 6}, {3, 10});
  author.authentication();
  scenario.internet.jitter = random.between(milliseconds(0), milliseconds(30));
  author.start_pops(seconds(1));
  author.attach_mobiles(seconds(4), seconds(6));
  author.flows(seconds(10), milliseconds(250));
  author.moves(seconds(10), seconds(40), seconds(5), seconds(20));
  const PopIndex dead = author.any_pop();
  author.add(seconds(55), ActionKind::Crash, dead);
  const bool returns = random.chance(0.6);
  if (returns) {
    author.add(seconds(55) + random.between(milliseconds(100), seconds(20)), ActionKind::Start,
               dead);
  } else {
    scenario.pops[dead].missing = true;
    author.add(random.between(Duration{}, Duration(seconds(1))), ActionKind::Start, dead);
  }
  author.endings(seconds(80), kSettle, kWatch, random.chance(0.25));
}

void boot(Author& author, Scenario& scenario, Random& random) {
  author.people({1, 6}, {2, 8}, {kShortLife, kLongestShortLife});
  author.authentication();
  scenario.boot_wait = seconds(random.between(2, 12));
  scenario.haha = {random.unit() * 0.1, 0, random.between(milliseconds(0), milliseconds(50))};
  if (scenario.topology.pops > 2 && random.chance(0.5)) {
    scenario.pops[author.any_pop()].missing = true;
  }
  author.start_pops(random.chance(0.5) ? Duration{} : Duration(seconds(2)));
  author.attach_mobiles(milliseconds(10), seconds(3));
  author.flows(seconds(5), milliseconds(500));
  if (random.chance(0.5)) {  // the power comes back
    for (PopIndex pop = 0; pop < scenario.topology.pops; ++pop) {
      if (!scenario.pops[pop].missing) {
        author.crash_at(seconds(30), author.draw({milliseconds(500), milliseconds(1500)}), pop);
      }
    }
  }
  author.endings(seconds(60), kSettleWithCrashes, kWatch, random.chance(0.25));
}

void clocks(Author& author, Scenario& scenario, Random& random) {
  author.people({2, 5}, {2, 8});
  author.authentication();
  const auto offset = [&] {
    return random.between(Duration{}, Duration(seconds(7200))) - seconds(3600);
  };
  for (PopPlan& pop : scenario.pops) {
    pop.clock_offset = offset();
  }
  for (MobilePlan& mobile : scenario.mobiles) {
    mobile.clock_offset = random.chance(0.5) ? offset() : Duration{};
  }
  scenario.haha.loss = random.unit() * 0.05;
  author.start_pops(seconds(1));
  author.attach_mobiles(seconds(4), seconds(6));
  author.flows(seconds(10), milliseconds(500));
  author.moves(seconds(15), seconds(80), seconds(3), seconds(25));
  constexpr Duration kTo1970 = -seconds(1'767'225'600);
  for (unsigned i = author.draw({1, 4}); i > 0; --i) {
    const Duration at = random.between(seconds(20), seconds(70));
    const Duration step = random.chance(0.3)   ? kTo1970
                          : random.chance(0.5) ? Duration(seconds(3600))
                                               : Duration(-seconds(3600));
    const bool pop =
        scenario.authentication != AuthenticationKind::Timestamps || random.chance(0.6);
    const std::uint32_t whose = pop ? author.any_pop() : author.any_mobile();
    author.add(at, pop ? ActionKind::StepPopClock : ActionKind::StepMobileClock, whose, 0, step);
  }
  author.endings(seconds(80), kSettle, kWatch, false);
}

void crosswise(Author& author, Scenario& scenario, Random& /*random*/) {
  author.people({2, 4}, {1, 4});
  author.authentication();
  scenario.topology.crosswise = true;
  author.start_pops(seconds(1));
  author.attach_mobiles(seconds(4), seconds(6));
  author.flows(seconds(10), seconds(2));
  author.endings(seconds(400), kSettle, kWatch, false);
}

void adversary(Author& author, Scenario& scenario, Random& random) {
  author.people({2, 4}, {2, 6}, {kLongLife, kLongLife + 50});
  scenario.authentication =
      random.chance(0.5) ? AuthenticationKind::Timestamps : AuthenticationKind::DerivedKeys;
  author.start_pops(seconds(1));
  author.attach_mobiles(seconds(4), seconds(6));
  author.flows(seconds(10), milliseconds(500));
  author.moves(seconds(15), seconds(50), seconds(5), seconds(20));
  author.endings(seconds(50), kSettle, kWatch, false);
  for (unsigned i = 0; i < 40; ++i) {
    author.add(random.between(Duration(seconds(12)), Duration(seconds(50))), ActionKind::Replay,
               author.any_network());
    author.add(random.between(scenario.quiet_at, scenario.watch_until - seconds(2)),
               ActionKind::Replay, author.any_network());
  }
}

void deaf_peer(Author& author, Scenario& /*scenario*/, Random& /*random*/) {
  author.people({3, 5}, {3, 8});
  author.authentication();
  author.start_pops(seconds(1));
  author.attach_mobiles(seconds(6), seconds(8));
  author.flows(seconds(10), milliseconds(500));
  author.moves(seconds(12), seconds(60), seconds(2), seconds(15));
  author.add(seconds(10), ActionKind::Deafen, author.any_pop(), 1);
  author.endings(seconds(70), kSettle, kWatch, false);
}

void forgetful(Author& author, Scenario& scenario, Random& random) {
  author.people({2, 4}, {4, 12}, {kShortLife, kLongestShortLife});
  author.authentication();
  for (PopIndex pop = 0; pop < scenario.topology.pops; ++pop) {
    scenario.faults.emplace_back(pop, PeerFault{false, random.chance(0.7) ? 0.5 : 0.0});
  }
  scenario.haha = {random.unit() * 0.1, random.unit() * 0.1,
                   random.between(milliseconds(0), milliseconds(100))};
  author.start_pops(seconds(1));
  author.attach_mobiles(seconds(4), seconds(6));
  author.flows(seconds(10), milliseconds(500));
  author.moves(seconds(12), seconds(60), seconds(3), seconds(20));
  // A restart makes messages that tell of more than one binding.
  author.crash({seconds(20), seconds(50)}, {seconds(1), seconds(6)});
  author.endings(seconds(60), kSettleWithCrashes, kWatch, random.chance(0.25));
}

void routers(Author& author, Scenario& scenario, Random& random) {
  author.people({2, 5}, {2, 6}, {kShortLife, kLongestShortLife});
  author.authentication();
  scenario.haha = {random.unit() * 0.1, random.unit() * 0.05,
                   random.between(milliseconds(0), milliseconds(100))};
  const auto mobiles = static_cast<std::uint32_t>(scenario.mobiles.size());
  for (std::uint32_t mobile = 0; mobile < mobiles; ++mobile) {
    MobilePlan& plan = scenario.mobiles[mobile];
    plan.router = random.chance(0.8);
    if (plan.router) {
      for (unsigned i = author.draw({1, 3}); i > 0; --i) {
        plan.networks.push_back(mobile * 4 + i);
      }
      if (random.chance(0.3)) {
        plan.later_networks = {mobile * 4 + 2, mobile * 4 + 3};
        author.add(author.draw({seconds(20), seconds(65)}), ActionKind::Reconfigure, mobile);
      }
      if (random.chance(0.2)) {  // somebody else's
        plan.networks.push_back(((mobile + 1) % mobiles) * 4 + 1);
        plan.contested = true;
        scenario.mobiles[(mobile + 1) % mobiles].contested = true;
      }
    }
  }
  author.start_pops(seconds(1));
  author.attach_mobiles(seconds(4), seconds(6));
  author.flows(seconds(10), milliseconds(500));
  author.moves(seconds(15), seconds(70), seconds(3), seconds(20));
  if (random.chance(0.5)) {
    author.crash({seconds(20), seconds(50)}, {seconds(1), seconds(15)});
  }
  author.endings(seconds(70), kSettleWithCrashes, kWatch, random.chance(0.25));
}

void partition(Author& author, Scenario& scenario, Random& random) {
  author.people({2, 5}, {3, 8}, {kShortLife, kLongestShortLife});
  author.authentication();
  scenario.haha = {random.unit() * 0.1, random.unit() * 0.1,
                   random.between(milliseconds(0), milliseconds(100))};
  author.start_pops(seconds(1));
  author.attach_mobiles(seconds(4), seconds(6));
  author.flows(seconds(10), milliseconds(500));
  author.moves(seconds(12), seconds(120), seconds(3), seconds(30));
  author.departures({seconds(30), seconds(119)});
  for (unsigned i = author.draw({1, 2}); i > 0; --i) {
    author.isolate({seconds(15), seconds(60)}, {seconds(20), seconds(90)});
  }
  author.endings(seconds(120), kSettleWithCrashes, kWatch, random.chance(0.25));
}

// Each of these has its own theme; here they meet.
void mixed(Author& author, Scenario& scenario, Random& random) {
  author.people({2, 5}, {3, 8}, {kShortLife, kLongestShortLife});
  author.authentication();
  scenario.haha = {random.unit() * 0.15, random.unit() * 0.1,
                   random.between(milliseconds(0), milliseconds(200))};
  scenario.internet = {random.unit() * 0.05, random.unit() * 0.05,
                       random.between(milliseconds(0), milliseconds(100))};
  for (PopIndex pop = 0; pop < scenario.topology.pops; ++pop) {
    // Not an hour: whoever has lost its memory as well may then have to wait until what others
    // remember has ended (docs/protocol.md, rulings §3).
    scenario.pops[pop].clock_offset =
        random.between(Duration{}, Duration(seconds(10))) - seconds(5);
    if (random.chance(0.3)) {
      scenario.faults.emplace_back(pop, PeerFault{false, 0.3});
    }
  }
  for (std::uint32_t mobile = 0; mobile < scenario.mobiles.size(); ++mobile) {
    if (random.chance(0.3)) {
      scenario.mobiles[mobile].router = true;
      scenario.mobiles[mobile].networks.push_back(mobile * 4 + 1);
    }
  }
  author.start_pops(seconds(3));
  author.attach_mobiles(seconds(2), seconds(10));
  author.flows(seconds(10), milliseconds(500));
  const bool fast = random.chance(0.5);
  author.moves(seconds(12), seconds(80), fast ? Duration(milliseconds(200)) : seconds(2),
               fast ? seconds(8) : seconds(30));
  const Times eventful{seconds(15), seconds(70)};
  for (unsigned i = author.draw({0, 2}); i > 0; --i) {
    author.crash(eventful, {milliseconds(200), seconds(25)});
  }
  for (unsigned i = author.draw({0, 2}); i > 0; --i) {
    author.cut(eventful, {seconds(1), seconds(20)});
  }
  if (random.chance(0.3)) {
    author.isolate({seconds(15), seconds(50)}, {seconds(5), seconds(60)});
  }
  if (random.chance(0.5)) {
    const Duration at = author.draw(eventful);
    const PopIndex pop = author.any_pop();
    author.add(at, ActionKind::Drain, pop);
    author.add(at + author.draw({seconds(2), seconds(20)}), ActionKind::Undrain, pop);
  }
  if (random.chance(0.3)) {
    author.add(author.draw(eventful), ActionKind::Deafen, author.any_pop(), 1);
  }
  author.departures({seconds(40), seconds(79)});
  author.endings(seconds(80), kSettleWithCrashes, kWatch, random.chance(0.25));
}

using Write = void (*)(Author&, Scenario&, Random&);
constexpr std::array<Write, kThemes.size()> kWriters = {
    calm,      rough,     fast,      death,   boot,      clocks, crosswise,
    adversary, deaf_peer, forgetful, routers, partition, mixed};

}  // namespace

std::span<const ThemeInfo> themes() { return kThemes; }

std::string_view to_string(Theme theme) { return kThemes[static_cast<std::size_t>(theme)].name; }

std::optional<Theme> parse_theme(std::string_view name) {
  const auto found = std::ranges::find(kThemes, name, &ThemeInfo::name);
  return found == kThemes.end() ? std::nullopt : std::optional(found->theme);
}

std::string_view to_string(ActionKind kind) { return kActionNames[static_cast<std::size_t>(kind)]; }

Scenario make_scenario(std::uint64_t seed, std::optional<Theme> theme) {
  Scenario scenario;
  scenario.seed = seed;
  scenario.theme = theme.value_or(static_cast<Theme>(seed % kThemes.size()));
  Random random(seed * 2 + 1);
  scenario.tombstone_time = seconds(random.chance(0.2) ? 600 : 120);
  Author author(scenario, random);
  kWriters[static_cast<std::size_t>(scenario.theme)](author, scenario, random);
  return scenario;
}

std::string Scenario::summary() const {
  constexpr std::array<std::string_view, 3> kAuthentication = {"none", "timestamps",
                                                               "derived-keys"};
  return fmt::format(
      "seed {} theme {}: {} POPs, {} mobile nodes, {} flows, authentication {}; links loss {:.1f}% "
      "duplicates {:.1f}% jitter {} ms; {} actions, calm at {} s, quiet at {} s",
      seed, to_string(theme), topology.pops, mobiles.size(), flows.size(),
      kAuthentication[static_cast<std::size_t>(authentication)], haha.loss * 100,
      haha.duplicate * 100, std::chrono::duration_cast<milliseconds>(haha.jitter).count(),
      actions.size(), std::chrono::duration_cast<seconds>(calm_at).count(),
      std::chrono::duration_cast<seconds>(quiet_at).count());
}

}  // namespace anyhome::sim
