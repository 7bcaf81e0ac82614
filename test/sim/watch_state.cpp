// What an agent holds: its register and its tables agree (I3), its versions never fall (I2), and no
// copy of a binding outlives the original.
#include <algorithm>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

#include "test/sim/address_plan.h"
#include "test/sim/watchers.h"

namespace anyhome::sim {
namespace {

using control::Binding;

// ---- I3 -----------------------------------------------------------------------------------------

class RouteWatcher final : public Watcher {
 public:
  void after_pop(World& world, PopIndex index, const PopOutput& output) override {
    const Pop& pop = *world.pops()[index];
    if (!pop.up() || !output.core_ran) {
      return;
    }
    std::size_t live = 0;
    for_each_binding(pop, [&](const Binding& binding) {
      if (binding.live()) {
        ++live;
        check_route(world, pop, binding);
        check_prefixes(world, pop, binding);
      }
    });
    if (live != pop.plane().bindings()) {
      world.fail(std::string(promise::kRoutes),
                 fmt::format("pop{} has {} live bindings and {} table entries", index, live,
                             pop.plane().bindings()));
    }
    for (const auto& [prefix, owner] : pop.plane().prefixes()) {
      const Binding* binding = pop.agent().bindings().find(owner);
      if (binding == nullptr || !binding->live() ||
          std::ranges::find(binding->prefixes, prefix) == binding->prefixes.end()) {
        world.fail(std::string(promise::kRoutes),
                   fmt::format("pop{} forwards {} to {}, which does not have it", index,
                               prefix.to_string(), owner.to_string()));
      }
    }
  }

 private:
  static void check_route(World& world, const Pop& pop, const Binding& binding) {
    const forwarding::SetBinding* set = pop.plane().binding(binding.home_address);
    const bool bound = binding.registered();
    const Ipv6Address destination = bound
                                        ? binding.care_of_address.address()
                                        : pop.agent().primary_of(binding).config->locator.address();
    const forwarding::BindingKind kind =
        bound ? forwarding::BindingKind::Bound : forwarding::BindingKind::Global;
    if (set == nullptr || set->kind != kind || set->tunnel_destination != destination) {
      world.fail(
          std::string(promise::kRoutes),
          fmt::format("pop{} has {} at {} but forwards {}", pop.index(),
                      binding.home_address.to_string(), destination.to_string(),
                      set == nullptr ? "nowhere" : "to " + set->tunnel_destination.to_string()));
    }
  }

  static void check_prefixes(World& world, const Pop& pop, const Binding& binding) {
    for (const Prefix& prefix : binding.prefixes) {
      const HomeAddress* owner = pop.agent().bindings().owner_of(prefix);
      const auto route = pop.plane().prefixes().find(prefix);
      if (owner == nullptr || route == pop.plane().prefixes().end() || route->second != *owner) {
        world.fail(std::string(promise::kRoutes),
                   fmt::format("pop{} does not forward {} of {} as its register says", pop.index(),
                               prefix.to_string(), binding.home_address.to_string()));
      }
    }
  }
};

// ---- I2 -----------------------------------------------------------------------------------------

class VersionWatcher final : public Watcher {
 public:
  void after_pop(World& world, PopIndex index, const PopOutput& output) override {
    const Pop& pop = *world.pops()[index];
    if (!pop.up() || !output.core_ran) {
      return;
    }
    const std::pair life(index, pop.incarnation());
    auto& known = known_[life];
    for_each_binding(pop, [&](const Binding& binding) {
      Seen& seen = known[binding.home_address];
      const bool again = seen.known && binding.live() && !seen.live;
      if (seen.known &&
          (binding.version < seen.version || (again && binding.version == seen.version)) &&
          world.now() <= seen.at + Duration(world.scenario().tombstone_time)) {
        world.fail(std::string(promise::kVersions),
                   fmt::format("pop{} had {} at T={:x} n={} {} and has it now at T={:x} n={}",
                               index, binding.home_address.to_string(), seen.version.time.value,
                               seen.version.change, seen.live ? "" : "(gone)",
                               binding.version.time.value, binding.version.change));
      }
      // The clock of a tombstone starts when the binding goes.
      const Instant at = seen.known && !binding.live() && !seen.live ? seen.at : world.now();
      seen = {binding.version, at, binding.live(), true};
    });
  }

 private:
  struct Seen {
    control::Version version;
    Instant at;
    bool live = false;
    bool known = false;
  };
  std::map<std::pair<PopIndex, std::uint32_t>, std::map<HomeAddress, Seen>> known_;
};

// ---- No lifetime is extended
// ------------------------------------------------------------------------

class LifetimeWatcher final : public Watcher {
 public:
  explicit LifetimeWatcher(Duration longest_delay) : slack_(longest_delay + kTimerTick) {}

  void after_pop(World& world, PopIndex index, const PopOutput& output) override {
    const Pop& pop = *world.pops()[index];
    if (!pop.up() || !output.core_ran) {
      return;
    }
    for_each_binding(pop, [&](const Binding& binding) {
      if (!binding.live()) {
        return;
      }
      Instant& granted = granted_[{binding.home_address, binding.version.time.value}];
      if (binding.registered() && was_acknowledged(output, binding.home_address)) {
        granted = std::max(granted, binding.expires);
        return;
      }
      const bool restored = std::ranges::any_of(output.notes, [&](const control::Note& note) {
        return note.kind == control::NoteKind::Restored &&
               note.home_address == binding.home_address;
      });
      if (restored) {
        granted += 2 * slack_;  // it was told to a peer and told back, one delay each
      }
      if (binding.expires > granted + slack_) {
        world.fail(std::string(promise::kLifetime),
                   fmt::format("pop{} keeps {} until {:.3f} s, but it was granted until {:.3f} s",
                               index, binding.home_address.to_string(),
                               History::seconds(binding.expires), History::seconds(granted)));
      }
    });
  }

 private:
  static constexpr Duration kTimerTick = std::chrono::milliseconds(70);

  static bool was_acknowledged(const PopOutput& output, const HomeAddress& home) {
    return std::ranges::any_of(output.notes, [&](const control::Note& note) {
      using control::NoteKind;
      return note.home_address == home &&
             (note.kind == NoteKind::Registered || note.kind == NoteKind::Refreshed ||
              note.kind == NoteKind::Moved);
    });
  }

  Duration slack_;
  std::map<std::pair<HomeAddress, std::uint64_t>, Instant> granted_;
};

// ---- I8: what acknowledgements are worth
// --------------------------------------------------------------

class AcknowledgementWatcher final : public Watcher {
 public:
  void after_pop(World& world, PopIndex index, const PopOutput&) override {
    // Every pair in turn, often enough to catch it while it lasts.
    if (world.now() < next_) {
      return;
    }
    next_ = world.now() + std::chrono::milliseconds(500);
    const Pop& pop = *world.pops()[index];
    if (!pop.up()) {
      return;
    }
    for (const control::PeerState& peer : pop.agent().peers()) {
      const Pop& other = *world.pops()[plan::locate(peer.config->locator.address()).index];
      const bool all_told =
          peer.up && peer.stream.idle() && peer.dumps.empty() && peer.refused.empty();
      if (all_told && other.up() && other.agent().boot_epoch() == peer.epoch &&
          has_asked(other, pop)) {
        compare(world, pop, other);
      }
    }
  }

 private:
  // Copies end up to a unit and a delay before the binding.
  static constexpr Duration kEnd = std::chrono::seconds(10);

  // After a start nothing is told to it before it has asked, and got the end of the answer.
  static bool has_asked(const Pop& other, const Pop& owner) {
    return std::ranges::any_of(other.agent().peers(), [&](const control::PeerState& peer) {
      return peer.config->locator == owner.config().locator && peer.dump_finished;
    });
  }

  static control::MemberRank own_rank(const Pop& pop) {
    control::MemberRank rank = 0;
    for (const control::PeerState& peer : pop.agent().peers()) {  // in their order
      rank = static_cast<control::MemberRank>(rank + (peer.rank == rank ? 1 : 0));
    }
    return rank;
  }

  // Nobody who was told of the end of a binding has an older one. Who has been restarted since was
  // not told.
  static void compare_end(World& world, const Pop& owner, const Pop& other,
                          const Binding& binding) {
    const Binding* copy = other.agent().bindings().find(binding.home_address);
    if (binding.version.member == own_rank(owner) && copy != nullptr && copy->live() &&
        copy->version < binding.version && std::ranges::all_of(world.pops(), [](const auto& pop) {
          return pop->incarnation() <= 1;
        })) {
      world.fail(std::string(promise::kAcknowledged),
                 fmt::format("pop{} has acknowledged to pop{} the end of {} and keeps it",
                             other.index(), owner.index(), binding.home_address.to_string()));
    }
  }

  static void compare(World& world, const Pop& owner, const Pop& other) {
    for_each_binding(owner, [&](const Binding& binding) {
      if (binding.state == control::BindingState::Remembered) {
        compare_end(world, owner, other, binding);
      }
      // One that is about to leave has been cut short, and need not be told any more.
      if (!binding.registered() ||
          std::min(binding.told_until, binding.expires) < world.now() + kEnd) {
        return;
      }
      const Binding* copy = other.agent().bindings().find(binding.home_address);
      if (copy == nullptr || copy->version < binding.version) {
        world.fail(std::string(promise::kAcknowledged),
                   fmt::format("pop{} has acknowledged to pop{} what it {} of {}", other.index(),
                               owner.index(), copy == nullptr ? "does not know" : "knows too old",
                               binding.home_address.to_string()));
      }
    });
  }

  Instant next_;
};

// ---- I7: digests
// -------------------------------------------------------------------------------------

// A digest is kept by adding and subtracting; it has to be what one gets who counts anew.
class DigestSumWatcher final : public Watcher {
 public:
  void after_pop(World& world, PopIndex index, const PopOutput& output) override {
    const Pop& pop = *world.pops()[index];
    if (!pop.up() || !output.core_ran) {
      return;
    }
    const control::DigestHash hash(pop.config().haha.set_key);
    std::map<control::MemberRank, control::Digest> counted;
    for_each_binding(pop, [&](const Binding& binding) {
      if (binding.global()) {
        counted[binding.version.member].sums[hash.bucket(binding.home_address)] += hash.content(
            binding.home_address, binding.version, binding.care_of_address, binding.prefixes);
      }
    });
    for (const control::PeerState& peer : pop.agent().peers()) {
      const auto found = counted.find(peer.rank);
      const bool same =
          found != counted.end()
              ? peer.digest.sums == found->second.sums
              : std::ranges::all_of(peer.digest.sums, [](std::uint64_t sum) { return sum == 0; });
      if (!same) {
        world.fail(std::string(promise::kDigestSum),
                   fmt::format("pop{} has another digest of {} than what it holds of it makes",
                               index, peer.config->name));
      }
    }
  }
};

// For runs in which no state is lost: any difference is only that something is on its way. One
// cannot be told from what is lost: of a mobile node that has just left its home agent another one
// may hear before that home agent does. Where one moves twice, that happens twice in a row.
class DigestWatcher final : public Watcher {
 public:
  void after_pop(World& world, PopIndex index, const PopOutput& output) override {
    const Pop& pop = *world.pops()[index];
    for (const control::Note& note : output.notes) {
      if (note.kind == control::NoteKind::DigestMismatch &&
          !somebody_has_left(world, pop, pop.agent().peers()[note.peer].rank)) {
        world.fail(std::string(promise::kDigest),
                   fmt::format("pop{} asks its peer number {} for bucket {}", index, note.peer,
                               note.value));
      }
    }
  }

 private:
  static constexpr Duration kHeardByAll = std::chrono::seconds(2);

  static bool somebody_has_left(const World& world, const Pop& pop, control::MemberRank from) {
    const WallTime lately = world.now_at_pop(pop.index()).wall - kHeardByAll;
    bool left = false;
    for_each_binding(pop, [&](const Binding& binding) {
      left = left || (binding.version.member != from && binding.version.time.to_wall() > lately);
    });
    return left;
  }
};

}  // namespace

std::unique_ptr<Watcher> watch_routes() { return std::make_unique<RouteWatcher>(); }
std::unique_ptr<Watcher> watch_versions() { return std::make_unique<VersionWatcher>(); }
std::unique_ptr<Watcher> watch_lifetimes(Duration longest_delay) {
  return std::make_unique<LifetimeWatcher>(longest_delay);
}
std::unique_ptr<Watcher> watch_acknowledged() { return std::make_unique<AcknowledgementWatcher>(); }
std::unique_ptr<Watcher> watch_digest_sums() { return std::make_unique<DigestSumWatcher>(); }
std::unique_ptr<Watcher> watch_digests() { return std::make_unique<DigestWatcher>(); }

}  // namespace anyhome::sim
