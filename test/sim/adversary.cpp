// Somebody on the Internet who hears everything and may send anything (I12).
//
// While the run is eventful it listens, and gives Binding Updates to other home agents than they
// are for, once those can know of them (docs/protocol.md, §9 of the rulings, has why not before).
// When all is quiet it repeats what it has heard, from any place and to any home agent, and forges
// what it can make without keys: messages and tunnels in the name of members and of mobile nodes.
// What is registered where must not change by any of it, and no forged data may come out anywhere.
#include <algorithm>
#include <array>
#include <deque>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "common/checksum.h"
#include "common/wire/extension.h"
#include "common/wire/haha.h"
#include "common/wire/mobility.h"
#include "test/sim/address_plan.h"
#include "test/sim/watchers.h"

namespace anyhome::sim {
namespace {

namespace protocol = wire::protocol;

// Data packets with numbers from here on are the adversary's.
constexpr DataId kForgedData = World::kFirstForged;
constexpr std::size_t kMostHeard = 4096;
// From here to there, processed, and on to every home agent: where nothing is lost.
constexpr Duration kKnown = std::chrono::seconds(1);

class Adversary final : public Watcher {
 public:
  explicit Adversary(std::uint64_t seed) : random_(seed ^ 0xbad) {}

  void on_sent(World& world, End, const Packet& packet) override {
    // Data has numbers, by which it would be taken for delivered twice.
    if (world.elapsed() < world.scenario().quiet_at && !find_data(packet.bytes)) {
      if (heard_.size() < kMostHeard) {
        heard_.push_back(packet.bytes);
      } else {
        heard_[random_.below(kMostHeard)] = packet.bytes;
      }
      if (is_registration(packet.bytes)) {
        updates_.emplace_back(world.now(), packet.bytes);
      }
    }
  }

  void on_action(World& world, const Action& action) override {
    if (action.kind != ActionKind::Replay || heard_.empty()) {
      return;
    }
    if (world.elapsed() < world.scenario().quiet_at) {
      replay_update(world, action.subject);
      return;
    }
    if (random_.chance(0.1)) {
      const PopIndex from = any_pop(world);
      world.inject_into_link(from, stray(world, from));
    } else {
      world.inject(action.subject, make(world));
    }
  }

  void after_pop(World& world, PopIndex, const PopOutput&) override { check(world); }
  void after_mobile(World& world, std::uint32_t, const MobileOutput&) override { check(world); }
  void on_delivered(World& world, DataId id) override {
    if (id >= kForgedData) {
      world.fail(std::string(promise::kAdversary), "forged data came out");
    }
  }

 private:
  Bytes make(World& world) {
    switch (random_.below(7)) {
      case 0:
      case 1:
        return any_heard();
      case 2:
        return elsewhere(world, any_heard());
      case 3:
        return hello(world);
      case 4:
        return synchronization(world);
      case 5:
        return link_tunnel(world);
      default:
        return reverse_tunnel(world);
    }
  }

  // A registration, from a mobile node and not over a link.
  static bool is_registration(const Bytes& packet) {
    const auto chain = wire::walk_headers(packet);
    if (!chain || chain->protocol != protocol::kMobility || !chain->has_home_address()) {
      return false;
    }
    const auto update = wire::parse_binding_update(ByteView(packet).subspan(chain->upper_offset));
    return update && !update->lifetime.is_zero();
  }

  // The newest that everybody has heard of, while its time is still good.
  void replay_update(World& world, std::uint32_t from) {
    while (updates_.size() > 1 && updates_[1].first + kKnown < world.now()) {
      updates_.pop_front();
    }
    if (!updates_.empty() && updates_.front().first + kKnown < world.now()) {
      world.inject(from, elsewhere(world, updates_.front().second));
    }
  }

  const Bytes& any_heard() { return heard_[random_.below(heard_.size())]; }
  PopIndex any_pop(const World& world) {
    return static_cast<PopIndex>(random_.below(world.pops().size()));
  }
  std::uint32_t any_mobile(const World& world) {
    return static_cast<std::uint32_t>(random_.below(world.mobiles().size()));
  }

  // A Binding Update for another home agent than it was made for: its authenticator does not cover
  // the destination, its checksum does.
  Bytes elsewhere(const World& world, Bytes packet) {
    const auto header = wire::Ipv6Header::parse(packet);
    const auto chain = wire::walk_headers(packet);
    if (!header || !chain || chain->protocol != protocol::kMobility || !chain->has_home_address()) {
      return packet;
    }
    const Ipv6Address destination = plan::agent(any_pop(world)).address();
    Writer writer(MutableBytes(packet).subspan(wire::ipv6_offset::kDestination));
    writer.address(destination);
    const MutableBytes message = MutableBytes(packet).subspan(chain->upper_offset);
    store_be16(message.data() + 4, 0);
    store_be16(message.data() + 4,
               upper_layer_checksum(wire::address_at(packet, chain->home_address_at), destination,
                                    protocol::kMobility, message));
    return packet;
  }

  static Bytes between_locators(PopIndex from, PopIndex to, ByteView message) {
    Bytes packet(wire::kIpv6HeaderSize + message.size());
    Writer writer(packet);
    wire::Ipv6Header header;
    header.payload_length = static_cast<std::uint16_t>(message.size());
    header.next_header = protocol::kMobility;
    header.source = plan::locator(from).address();
    header.destination = plan::locator(to).address();
    header.write(writer);
    writer.bytes(message);
    return packet;
  }

  // "I am leaving", in another's name.
  Bytes hello(const World& world) {
    const PopIndex from = any_pop(world);
    const PopIndex to = any_pop(world);
    wire::HaHello hello;
    hello.sequence = {static_cast<std::uint16_t>(random_.next())};
    hello.lifetime_seconds = random_.chance(0.5) ? 0 : 3;
    hello.group_id = 7;
    hello.global = true;
    hello.restart_counter = static_cast<std::uint32_t>(random_.next());
    std::array<std::byte, 256> buffer{};
    return between_locators(from, to,
                            wire::write_ha_hello(buffer, hello, wire::CodePoints{},
                                                 plan::locator(from), plan::locator(to)));
  }

  // A binding that is not there, or the end of one that is.
  Bytes synchronization(const World& world) {
    const PopIndex from = any_pop(world);
    const PopIndex to = any_pop(world);
    wire::StateSynchronization message;
    message.type = wire::SsType::Reply;
    message.acknowledge = true;
    message.global = true;
    message.identifier = static_cast<std::uint16_t>(random_.next());
    wire::BindingCacheInformation information;
    information.home_address = plan::home(any_mobile(world));
    information.lifetime = Lifetime(random_.chance(0.5) ? 0 : 100);
    information.care_of_address = plan::care_of(0, 77);
    information.timestamp = Timestamp::from(world.now_at_pop(to).wall + std::chrono::seconds(5));
    message.bindings.push_back(information);
    std::array<std::byte, 512> buffer{};
    return between_locators(
        from, to,
        wire::write_state_synchronization(buffer, message, wire::CodePoints{}, plan::locator(from),
                                          plan::locator(to)));
  }

  static Bytes wrap(const Ipv6Address& source, const Ipv6Address& destination, const Bytes& inner) {
    Bytes packet(wire::kIpv6HeaderSize + inner.size());
    Writer writer(packet);
    wire::Ipv6Header header;
    header.payload_length = static_cast<std::uint16_t>(inner.size());
    header.next_header = protocol::kIpv6;
    header.hop_limit = 255;
    header.source = source;
    header.destination = destination;
    header.write(writer);
    writer.bytes(inner);
    return packet;
  }

  // Data for a mobile node, as if a member sent it over a link.
  Bytes link_tunnel(const World& world) {
    const Bytes inner =
        make_data(plan::correspondent(0, 99), plan::home(any_mobile(world)).address(),
                  kForgedData + random_.below(1000));
    return wrap(plan::locator(any_pop(world)).address(), plan::locator(any_pop(world)).address(),
                inner);
  }

  // What a confused member relays over a link: for nobody whom the other side serves, or for its
  // own mobile nodes, as if they were there.
  Bytes stray(const World& world, PopIndex from) {
    const auto& mobile = world.mobiles()[any_mobile(world)];
    const auto& binding = mobile.node().binding();
    const bool own = binding && binding->home_agent == plan::agent(from);
    const Bytes inner =
        make_data(plan::correspondent(0, 98),
                  own ? plan::home(mobile.index()).address() : plan::correspondent(0, 99),
                  kForgedData + random_.below(1000));
    return wrap(plan::locator(from).address(), plan::locator(any_pop(world)).address(), inner);
  }

  // Data from a mobile node that did not send it, out of a tunnel from where it is not.
  Bytes reverse_tunnel(const World& world) {
    const std::uint32_t mobile = any_mobile(world);
    const Bytes inner = make_data(plan::home(mobile).address(), plan::correspondent(0, 99),
                                  kForgedData + random_.below(1000));
    return wrap(plan::care_of(0, mobile + 1000).address(), plan::agent(any_pop(world)).address(),
                inner);
  }

  // What must not change once it is quiet. Lifetimes, versions and sequence numbers do, by
  // refreshes.
  static std::string state_of(const World& world) {
    std::string state;
    for (const auto& pop : world.pops()) {
      state += fmt::format("pop{}:", pop->index());
      for_each_binding(*pop, [&](const control::Binding& binding) {
        if (!binding.live()) {
          return;
        }
        state += fmt::format(" {}@{}/{}", binding.home_address.to_string(),
                             binding.care_of_address.to_string(), binding.version.member);
        for (const Prefix& prefix : binding.prefixes) {
          state += "," + prefix.to_string();
        }
      });
      for (const control::PeerState& peer : pop->agent().peers()) {
        state += fmt::format(" {}={}{}{}", peer.config->name, peer.epoch, peer.up, peer.active);
      }
      state += "; ";
    }
    for (const Mobile& mobile : world.mobiles()) {
      const auto& binding = mobile.node().binding();
      state += fmt::format("mobile{}={} ", mobile.index(),
                           binding ? binding->home_agent.to_string() : "none");
    }
    return state;
  }

  void check(World& world) {
    if (world.elapsed() < world.scenario().quiet_at) {
      return;
    }
    const std::string state = state_of(world);
    if (before_.empty()) {
      before_ = state;
    } else if (state != before_) {
      const auto differs = std::ranges::mismatch(before_, state).in1 - before_.begin();
      const auto from = static_cast<std::size_t>(std::max<std::ptrdiff_t>(differs - 40, 0));
      world.fail(std::string(promise::kAdversary),
                 fmt::format("was: ...{}..., is: ...{}...", before_.substr(from, 80),
                             state.substr(from, 80)));
    }
  }

  Random random_;
  std::vector<Bytes> heard_;
  std::deque<std::pair<Instant, Bytes>> updates_;
  std::string before_;
};

}  // namespace

std::unique_ptr<Watcher> make_adversary(std::uint64_t seed) {
  return std::make_unique<Adversary>(seed);
}

}  // namespace anyhome::sim
