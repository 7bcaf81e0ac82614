// What is said on the wire: who tunnels to care-of addresses (I4), how often a packet is relayed
// (I5), what Identifiers stand for (I8), how much is said when there is nothing to say (I7), and
// what a home agent says that is not ready (I11).
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include <fmt/format.h>

#include "common/wire/haha.h"
#include "common/wire/icmpv6.h"
#include "test/sim/address_plan.h"
#include "test/sim/watchers.h"

namespace anyhome::sim {
namespace {

namespace protocol = wire::protocol;

// ---- I4, I5 and loops ---------------------------------------------------------------------------

class TunnelWatcher final : public Watcher {
 public:
  void on_sent(World& world, End from, const Packet& packet) override {
    if (from.kind != EndKind::Pop) {
      return;
    }
    // The longest path is from one mobile node by its old home agent to another that has just
    // moved: in, over a link, out, and three relays.
    if (packet.visits > kMostVisits) {
      world.fail(std::string(promise::kNoLoops),
                 fmt::format("{} has passed {} POPs", describe(packet.bytes), packet.visits));
    }
    const auto header = wire::Ipv6Header::parse(packet.bytes);
    if (!header || header->next_header != protocol::kIpv6) {
      return;
    }
    const Whereabouts where = plan::locate(header->destination);
    if (where.place == Place::Pop && packet.links >= kMostLinks) {
      world.fail(std::string(promise::kRelays),
                 fmt::format("pop{} relays {}, which has come over {} links", from.index,
                             describe(packet.bytes), packet.links));
    }
    if (where.place == Place::Pop) {
      check_hop_class(world, from.index, where.index, *header, packet);
      check_alive(world, from.index, where.index, packet);
    }
    if (where.place == Place::Access) {
      check_primary(world, from.index, *header, packet);
    }
  }

 private:
  static constexpr unsigned kMostLinks = 4;  // entry, and three relays
  static constexpr unsigned kMostVisits = 9;

  // Rulings §8: a relay takes a class off the outer hop limit. Whoever takes off a mobile node's
  // tunnel begins anew, for that cannot go on without end.
  void check_hop_class(World& world, PopIndex from, PopIndex to, const wire::Ipv6Header& outer,
                       const Packet& packet) {
    const ByteView inner = ByteView(packet.bytes).subspan(wire::kIpv6HeaderSize);
    const auto header = wire::Ipv6Header::parse(inner);
    const auto data = find_data(packet.bytes);
    if (!header || !data || world.scenario().theme == Theme::Adversary) {
      return;  // one who repeats packets makes entries look like relays
    }
    constexpr unsigned kHopClass = 64;
    const auto come = came_.find({data->id, header->source, header->destination, from});
    if (come != came_.end() && outer.hop_limit >= come->second / kHopClass * kHopClass) {
      world.fail(std::string(promise::kRelays),
                 fmt::format("pop{} got it with outer hop limit {} and relays {}", from,
                             come->second, describe(packet.bytes)));
    }
    came_[{data->id, header->source, header->destination, to}] = outer.hop_limit;
  }

  static void check_alive(World& world, PopIndex from, PopIndex to, const Packet& packet) {
    for (const control::PeerState& peer : world.pops()[from]->agent().peers()) {
      if (peer.config->locator == plan::locator(to) && !peer.up) {
        world.fail(std::string(promise::kDeadPop),
                   fmt::format("pop{} knows that pop{} is dead and sends {}", from, to,
                               describe(packet.bytes)));
      }
    }
  }

  static void check_primary(World& world, PopIndex index, const wire::Ipv6Header& outer,
                            const Packet& packet) {
    const Pop& pop = *world.pops()[index];
    const auto inner =
        wire::Ipv6Header::parse(ByteView(packet.bytes).subspan(wire::kIpv6HeaderSize));
    const control::BindingCache& bindings = pop.agent().bindings();
    const control::Binding* binding = bindings.find(HomeAddress(inner->destination));
    if (binding == nullptr) {
      const HomeAddress* owner = bindings.owner_of_address(inner->destination);
      binding = owner != nullptr ? bindings.find(*owner) : nullptr;
    }
    if (outer.source != pop.config().address.address() || binding == nullptr ||
        !binding->registered() || binding->care_of_address.address() != outer.destination) {
      world.fail(
          std::string(promise::kOnlyPrimary),
          fmt::format("pop{} is not the primary and sends {}", index, describe(packet.bytes)));
    }
  }

  // The outer hop limit with which a data packet was sent to a POP, between these addresses.
  std::map<std::tuple<DataId, Ipv6Address, Ipv6Address, PopIndex>, std::uint8_t> came_;
};

// ---- State Synchronization as it is seen between two locators
// -------------------------------------

struct Synchronization {
  PopIndex from = 0;
  PopIndex to = 0;
  wire::StateSynchronization message;
};

std::uint8_t mobility_type(ByteView packet, const wire::Ipv6Header& header) {
  return header.next_header == protocol::kMobility && packet.size() > wire::kIpv6HeaderSize + 8
             ? std::to_integer<std::uint8_t>(packet[wire::kIpv6HeaderSize + 2])
             : std::uint8_t{0};
}

std::optional<Synchronization> find_synchronization(End from, ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  const wire::CodePoints points;
  if (from.kind != EndKind::Pop || !header ||
      mobility_type(packet, *header) != points.state_synchronization) {
    return std::nullopt;
  }
  auto message = wire::parse_state_synchronization(packet.subspan(wire::kIpv6HeaderSize), points);
  if (!message) {
    return std::nullopt;
  }
  return Synchronization{from.index, plan::locate(header->destination).index, std::move(*message)};
}

// ---- I8 -----------------------------------------------------------------------------------------

class IdentifierWatcher final : public Watcher {
 public:
  void on_sent(World& world, End from, const Packet& packet) override {
    const auto seen = find_synchronization(from, packet.bytes);
    if (!seen || seen->message.type != wire::SsType::Reply) {
      return;
    }
    // A stream is counted from its start: in one life of the sender, toward one life of the peer.
    const Pop& sender = *world.pops()[seen->from];
    const auto peer = std::ranges::find_if(sender.agent().peers(), [&](const auto& candidate) {
      return candidate.config->locator == plan::locator(seen->to);
    });
    const Stream stream{seen->from, sender.incarnation(), seen->to, peer->epoch};
    Use& use = uses_[{stream, seen->message.identifier}];
    const Content content = content_of(seen->message);
    const bool in_use = use.at != Instant{} && world.now() - use.at <= kQuarantine;
    if (in_use && !std::ranges::includes(use.content, content)) {
      world.fail(std::string(promise::kIdentifiers),
                 fmt::format("pop{} says something else to pop{} by Identifier {}: {}", seen->from,
                             seen->to, seen->message.identifier, describe(packet.bytes)));
    }
    if (!in_use) {
      use.content = content;
    }
    use.at = world.now();
  }

 private:
  using Item = std::tuple<HomeAddress, std::uint64_t, std::uint16_t, bool>;
  using Content = std::set<Item>;
  using Stream = std::tuple<PopIndex, std::uint32_t, PopIndex, std::uint32_t>;
  struct Use {
    Content content;
    Instant at;
  };
  static constexpr Duration kQuarantine = std::chrono::seconds(60);

  static Content content_of(const wire::StateSynchronization& message) {
    Content content;
    for (const wire::BindingCacheInformation& one : message.bindings) {
      content.insert({one.home_address, one.timestamp ? one.timestamp->value : 0,
                      one.home_address == HomeAddress{} ? one.sequence.value : one.change_counter,
                      !one.vendor.empty()});
    }
    return content;
  }

  std::map<std::pair<Stream, std::uint16_t>, Use> uses_;
};

// ---- I7 -----------------------------------------------------------------------------------------

class SilenceWatcher final : public Watcher {
 public:
  void after_pop(World& world, PopIndex index, const PopOutput& output) override {
    if (!watching(world)) {
      return;
    }
    for (const control::Note& note : output.notes) {
      using control::NoteKind;
      if (note.kind == NoteKind::Registered || note.kind == NoteKind::Refreshed ||
          note.kind == NoteKind::Moved) {
        ++accepted_[{index, note.home_address}];
      }
    }
  }

  void on_sent(World& world, End from, const Packet& packet) override {
    if (!watching(world) || from.kind != EndKind::Pop) {
      return;
    }
    if (const auto seen = find_synchronization(from, packet.bytes)) {
      check_synchronization(world, *seen, packet);
      return;
    }
    const auto header = wire::Ipv6Header::parse(packet.bytes);
    const wire::CodePoints points;
    if (header && mobility_type(packet.bytes, *header) == points.ha_hello) {
      check_hello(world, from.index, plan::locate(header->destination).index, packet);
    }
  }

 private:
  static bool watching(const World& world) {
    return world.elapsed() > world.scenario().quiet_at &&
           world.elapsed() <= world.scenario().watch_until;
  }

  // Of each binding a peer is told once for each Binding Update, and once because its copy ages.
  void check_synchronization(World& world, const Synchronization& seen, const Packet& packet) {
    bool ok = seen.message.type != wire::SsType::Request;
    if (seen.message.type == wire::SsType::Reply) {
      for (const wire::BindingCacheInformation& one : seen.message.bindings) {
        const unsigned told = ++told_[{seen.from, seen.to, one.home_address}];
        ok = ok && told <= 1 + accepted_[{seen.from, one.home_address}];
      }
    }
    if (!ok) {
      world.fail(std::string(promise::kQuiet),
                 fmt::format("pop{} has no reason to send {}", seen.from, describe(packet.bytes)));
    }
  }

  void check_hello(World& world, PopIndex from, PopIndex to, const Packet& packet) {
    // One of its own and one answer to the peer's for each interval of a second.
    const unsigned sent = ++hellos_[{from, to}];
    const double passed =
        std::chrono::duration<double>(world.elapsed() - world.scenario().quiet_at).count();
    if (sent > 2 * passed + 4) {
      world.fail(std::string(promise::kQuiet),
                 fmt::format("pop{} sends HELLO number {} within {:.1f} s: {}", from, sent, passed,
                             describe(packet.bytes)));
    }
  }

  std::map<std::pair<PopIndex, HomeAddress>, unsigned> accepted_;
  std::map<std::tuple<PopIndex, PopIndex, HomeAddress>, unsigned> told_;
  std::map<std::pair<PopIndex, PopIndex>, unsigned> hellos_;
};

// ---- I11 ----------------------------------------------------------------------------------------

class ServiceWatcher final : public Watcher {
 public:
  void after_pop(World& world, PopIndex index, const PopOutput& output) override {
    const Pop& pop = *world.pops()[index];
    Before& before = before_[index];
    if (before.incarnation != pop.incarnation()) {
      before = {pop.incarnation(), false, {}};
    }
    if (!pop.serving() && !before.serving) {
      for (const Packet& packet : output.sent) {
        check(world, pop, before, packet);
      }
      if (world.topology().announced(index)) {
        world.fail(std::string(promise::kNotServing), fmt::format("pop{} announces", index));
      }
    }
    before.serving = pop.serving();
    if (pop.up() && output.core_ran) {
      before.registered.clear();
      for_each_binding(pop, [&](const control::Binding& binding) {
        if (binding.registered()) {
          before.registered.insert(binding.home_address);
        }
      });
    }
  }

 private:
  struct Before {
    std::uint32_t incarnation = 0;
    bool serving = false;
    std::set<HomeAddress> registered;
  };

  static void check(World& world, const Pop& pop, const Before& before, const Packet& packet) {
    const auto header = wire::Ipv6Header::parse(packet.bytes);
    if (!header || header->source != pop.config().address.address()) {
      return;
    }
    const ByteView rest = ByteView(packet.bytes).subspan(wire::kIpv6HeaderSize);
    if (header->next_header == protocol::kIcmpv6 && !rest.empty() &&
        std::to_integer<std::uint8_t>(rest[0]) == wire::icmpv6::kHomeAgentDiscoveryReply) {
      world.fail(std::string(promise::kNotServing),
                 fmt::format("pop{} answers discovery: {}", pop.index(), describe(packet.bytes)));
    }
    const auto answer = find_acknowledgement(packet.bytes);
    if (answer && answer->is_registration() && !before.registered.contains(answer->home_address)) {
      world.fail(std::string(promise::kNotServing),
                 fmt::format("pop{} does not serve and accepts {}", pop.index(),
                             answer->home_address.to_string()));
    }
  }

  std::map<PopIndex, Before> before_;
};

// ---- The order of effects
// -----------------------------------------------------------------------------

class EffectWatcher final : public Watcher {
 public:
  void after_pop(World& world, PopIndex index, const PopOutput& output) override {
    if (output.premature) {
      world.fail(std::string(promise::kEffects),
                 fmt::format("pop{} acknowledges {} before it forwards to it", index,
                             output.premature->to_string()));
    }
  }
};

// ---- Late de-registrations (rulings §6)
// ---------------------------------------------------------------

class LateWatcher final : public Watcher {
 public:
  void after_pop(World& world, PopIndex index, const PopOutput& output) override {
    const Pop& pop = *world.pops()[index];
    for (const control::Note& note : output.notes) {
      if (note.kind == control::NoteKind::Yielded) {
        yielded_[{index, pop.incarnation(), note.home_address}] = world.now();
      }
    }
    for (const Packet& packet : output.sent) {
      const auto answer = find_acknowledgement(packet.bytes);
      const auto yielded =
          answer ? yielded_.find({index, pop.incarnation(), answer->home_address}) : yielded_.end();
      // One that has de-registered at its new home agent as well has nothing to lose.
      if (yielded != yielded_.end() && is_global(pop, answer->home_address) &&
          answer->status == wire::BindingStatus::NotHomeAgentForMobileNode &&
          world.now() - yielded->second < kFormerTime) {
        world.fail(
            std::string(promise::kLate),
            fmt::format("pop{} was the primary of {} {:.1f} s ago and answers by status 133", index,
                        answer->home_address.to_string(),
                        std::chrono::duration<double>(world.now() - yielded->second).count()));
      }
    }
  }

 private:
  static bool is_global(const Pop& pop, const HomeAddress& home_address) {
    const control::Binding* binding =
        pop.up() ? pop.agent().bindings().find(home_address) : nullptr;
    return binding != nullptr && binding->global();
  }

  static constexpr Duration kFormerTime = std::chrono::seconds(10);
  std::map<std::tuple<PopIndex, std::uint32_t, HomeAddress>, Instant> yielded_;
};

}  // namespace

std::unique_ptr<Watcher> watch_tunnels() { return std::make_unique<TunnelWatcher>(); }
std::unique_ptr<Watcher> watch_identifiers() { return std::make_unique<IdentifierWatcher>(); }
std::unique_ptr<Watcher> watch_silence() { return std::make_unique<SilenceWatcher>(); }
std::unique_ptr<Watcher> watch_service() { return std::make_unique<ServiceWatcher>(); }
std::unique_ptr<Watcher> watch_effects() { return std::make_unique<EffectWatcher>(); }
std::unique_ptr<Watcher> watch_late_deregistrations() { return std::make_unique<LateWatcher>(); }

}  // namespace anyhome::sim
