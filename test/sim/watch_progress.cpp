// What has to come about in time: nothing is lost where nothing needs to be (I13), mobile nodes are
// not sent back and forth (I6), home agents become ready (I10), mobile nodes of a dead one come
// back (I14), and a stuck peer delays nobody else (I9).
#include <algorithm>
#include <cmath>
#include <deque>
#include <map>

#include <fmt/format.h>

#include "test/sim/address_plan.h"
#include "test/sim/watchers.h"

namespace anyhome::sim {
namespace {

using std::chrono::seconds;

double in_seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

// ---- I13 ----------------------------------------------------------------------------------------

class LossWatcher final : public Watcher {
 public:
  void on_action(World& world, const Action& action) override {
    if (action.kind == ActionKind::Move) {
      moved_[action.subject] = world.now();
    }
  }

  void on_lost(World& world, const Ledger::Loss& loss) override {
    if (!is_inherent(world, loss)) {
      world.fail(std::string(promise::kNoLoss),
                 fmt::format("data {} was lost: {}", loss.id, loss.reason));
    }
  }

 private:
  // What a mobile node has sent before a move may be overtaken by its Binding Update, and its home
  // agent must not take it any more (RFC 6275 §10.4.5). It is the move that loses it, not a switch.
  bool is_inherent(World& world, const Ledger::Loss& loss) {
    const Ledger::Entry* entry = world.ledger().at(loss.id);
    const Flow& flow = world.scenario().flows[entry->flow];
    const bool by_mobile =
        flow.kind == FlowKind::FromMobile || flow.kind == FlowKind::BetweenMobiles;
    return by_mobile && loss.reason == "tunnel-care-of-mismatch" &&
           entry->sent <= moved_[flow.mobile];
  }

  std::map<std::uint32_t, Instant> moved_;
};

// ---- I6 -----------------------------------------------------------------------------------------

class SwitchWatcher final : public Watcher {
 public:
  void on_action(World&, const Action& action) override {
    if (action.kind == ActionKind::Move) {
      ++moves_[action.subject];
    }
  }
  void after_mobile(World& world, std::uint32_t mobile, const MobileOutput& output) override {
    for (const mobile::Event& event : output.events) {
      if (event.kind != mobile::EventKind::SwitchFollowed) {
        continue;
      }
      // One for each move; beyond that, the dwell time doubles with each return.
      const double dwells = in_seconds(world.elapsed()) / kDwell;
      const unsigned most = moves_[mobile] + 2 + static_cast<unsigned>(std::log2(dwells + 1));
      const unsigned followed = ++followed_[mobile];
      if (followed > most) {
        world.fail(std::string(promise::kSwitches),
                   fmt::format("mobile{} has been asked over {} times after {} moves in {:.0f} s",
                               mobile, followed, moves_[mobile], in_seconds(world.elapsed())));
      }
    }
  }

 private:
  static constexpr double kDwell = 60;
  std::map<std::uint32_t, unsigned> moves_;
  std::map<std::uint32_t, unsigned> followed_;
};

// ---- I10 ----------------------------------------------------------------------------------------

class ReadinessWatcher final : public Watcher {
 public:
  void after_pop(World& world, PopIndex, const PopOutput&) override {
    for (PopIndex index = 0; index < world.pops().size(); ++index) {
      const Pop& pop = *world.pops()[index];
      Start& start = starts_[index];
      if (!pop.up()) {
        continue;
      }
      if (start.incarnation != pop.incarnation()) {
        start = {pop.incarnation(), world.now(), false};
      }
      start.ready = start.ready || pop.agent().ready();
      // Silence counts from a peer's last word, so boot-wait may begin again once.
      const Duration most =
          is_calm(world) ? kCalm : 2 * Duration(world.scenario().boot_wait) + seconds(10);
      if (!start.ready && world.now() > start.at + most) {
        world.fail(std::string(promise::kReady),
                   fmt::format("pop{} is not ready {:.1f} s after its start", index,
                               in_seconds(world.now() - start.at)));
      }
    }
  }

 private:
  struct Start {
    std::uint32_t incarnation = 0;
    Instant at;
    bool ready = false;
  };
  // Where nothing is lost and nobody is missing, nobody is waited for either.
  static constexpr Duration kCalm = seconds(4);
  static bool is_calm(const World& world) { return world.scenario().theme == Theme::Calm; }

  std::map<PopIndex, Start> starts_;
};

// ---- I14 ----------------------------------------------------------------------------------------

class DeathWatcher final : public Watcher {
 public:
  void on_action(World& world, const Action& action) override {
    if (action.kind != ActionKind::Crash) {
      return;
    }
    for (const Mobile& mobile : world.mobiles()) {
      if (mobile.registered_here() &&
          mobile.node().binding()->home_agent == plan::agent(action.subject)) {
        waiting_[mobile.index()] = world.now() + kMost;
      }
    }
  }

  void after_pop(World& world, PopIndex, const PopOutput&) override {
    std::erase_if(waiting_, [&](const auto& one) { return is_back(world, one.first); });
    for (const auto& [mobile, until] : waiting_) {
      if (world.now() > until) {
        world.fail(
            std::string(promise::kDeath),
            fmt::format("mobile{} is not registered {:.1f} s after the death of its home agent",
                        mobile, in_seconds(world.now() - until + kMost)));
      }
    }
  }

 private:
  // HELLO lifetime, pacing, and the registration itself.
  static constexpr Duration kMost = seconds(10);

  // Registered somewhere alive, and both sides agree.
  static bool is_back(const World& world, std::uint32_t mobile) {
    const Mobile& node = world.mobiles()[mobile];
    return node.registered_here() && std::ranges::any_of(world.pops(), [&](const auto& pop) {
             if (!pop->up() || pop->config().address != node.node().binding()->home_agent) {
               return false;
             }
             const control::Binding* binding = pop->agent().bindings().find(plan::home(mobile));
             return binding != nullptr && binding->registered() &&
                    binding->care_of_address == *node.node().care_of();
           });
  }

  std::map<std::uint32_t, Instant> waiting_;
};

// ---- I9 -----------------------------------------------------------------------------------------

class PropagationWatcher final : public Watcher {
 public:
  void on_action(World&, const Action& action) override {
    if (action.kind == ActionKind::Deafen) {
      deaf_[action.subject] = action.object != 0;
    } else if (action.kind == ActionKind::Calm) {
      deaf_.clear();
    }
  }

  void after_pop(World& world, PopIndex index, const PopOutput& output) override {
    const Pop& pop = *world.pops()[index];
    for (const control::Note& note : output.notes) {
      using control::NoteKind;
      const control::Binding* binding =
          note.kind == NoteKind::Registered || note.kind == NoteKind::Moved
              ? pop.agent().bindings().find(note.home_address)
              : nullptr;
      if (binding != nullptr && !deaf_[index]) {
        news_.push_back({world.now() + kMost, index, note.home_address, binding->version.time});
      }
    }
    while (!news_.empty() && news_.front().until < world.now()) {
      const News news = news_.front();
      news_.pop_front();
      for (const auto& other : world.pops()) {
        if (other->index() != news.from && other->up() && !deaf_[other->index()]) {
          check(world, *other, news);
        }
      }
    }
  }

 private:
  // Of the longest way there, a retransmission, and some work.
  static constexpr Duration kMost = seconds(2);
  struct News {
    Instant until;
    PopIndex from = 0;
    HomeAddress home_address;
    Timestamp time;
  };

  static void check(World& world, const Pop& pop, const News& news) {
    const control::Binding* binding = pop.agent().bindings().find(news.home_address);
    if (binding == nullptr || binding->version.time < news.time) {
      world.fail(
          std::string(promise::kStuckPeer),
          fmt::format("pop{} has not learnt within {:.0f} s what pop{} knows of {}", pop.index(),
                      in_seconds(kMost), news.from, news.home_address.to_string()));
    }
  }

  std::map<PopIndex, bool> deaf_;
  std::deque<News> news_;
};

}  // namespace

std::unique_ptr<Watcher> watch_losses() { return std::make_unique<LossWatcher>(); }
std::unique_ptr<Watcher> watch_switches() { return std::make_unique<SwitchWatcher>(); }
std::unique_ptr<Watcher> watch_readiness() { return std::make_unique<ReadinessWatcher>(); }
std::unique_ptr<Watcher> watch_death() { return std::make_unique<DeathWatcher>(); }
std::unique_ptr<Watcher> watch_propagation() { return std::make_unique<PropagationWatcher>(); }

}  // namespace anyhome::sim
