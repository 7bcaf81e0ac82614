// The home agent's control core: arbitrary packets with arbitrary metadata, and Binding Updates
// that are almost right, while time passes, tables refuse and an operator interferes.
//
// A shadow of the forwarding tables is kept from the effects alone. It must never be asked for what
// cannot be, and at the end of each event it must hold what the binding cache holds. What is sent
// is a packet with a right checksum.
//
// An input is two bytes of settings and then events: a byte of kind and what this kind needs.
#include "controlplane/home_agent.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "common/checksum.h"
#include "common/wire/extension.h"
#include "common/wire/icmpv6.h"
#include "controlplane/hmac_sha1.h"
#include "test/fuzz/home_agent_shadow.h"
#include "test/fuzz/input.h"
#include "test/fuzz/repair.h"
#include "test/fuzz/set_messages.h"
#include "test/fuzz/target.h"
#include "test/support/packets.h"

namespace anyhome::fuzz {
namespace {

using namespace std::chrono_literals;
using namespace anyhome::test;
using control::Effects;

const HomeAgentAddress kAgent(ip6("2001:db8:0:1::1a"));
const Locator kLocator(ip6("2001:db8:a1::1a"));
constexpr unsigned kHomes = 4;
constexpr std::uint32_t kSpi = 1000;
const Bytes kKey(16, std::byte{0x0b});

Ipv6Address care_of(unsigned number) {
  static const std::vector<Ipv6Address> kAddresses = {ip6("2001:db8:ff::100"),
                                                      ip6("2001:db8:fe::100"),
                                                      ip6("2001:db8:0:1::101"),
                                                      ip6("2001:db8:0:1::1a"),
                                                      ip6("2001:db8:8000::1"),
                                                      ip6("ff02::1"),
                                                      ip6("::"),
                                                      ip6("fe80::1")};
  return kAddresses[number % kAddresses.size()];
}

// The settings that a set of home agents adds.
void join_set(config::HomeAgent& config) {
  config.locator = kLocator;
  config.haha.group_id = 7;
  config.haha.link_is_secure = true;
  config.haha.set_key.assign(16, std::byte{0x5a});
  for (unsigned i = 0; i < kPeers; ++i) {
    config.haha.peers.push_back({fmt::format("peer{}", i), peer_address(i), peer_locator(i), true});
  }
}

config::HomeAgent make_config(std::uint8_t settings, bool in_set) {
  config::HomeAgent config;
  config.home_prefixes = {prefix("2001:db8:0:1::/64")};
  config.address = kAgent;
  config.nemo_pools = {{prefix("2001:db8:8000::/36"), 64}};
  for (unsigned i = 0; i < kHomes - 1; ++i) {
    config::MobileNode node;
    node.name = fmt::format("mn{}", i);
    node.home_address = home(i);
    node.spi = kSpi;
    node.key = kKey;
    if (i == 0) {
      node.prefixes = {prefix("2001:db8:8000:5::/64"), prefix("2001:db8:0:100::/64")};
    }
    config.mobile_nodes.push_back(node);
  }
  config.authentication = Input::bit(settings, 0) ? config::Authentication::Rfc4285
                                                  : config::Authentication::InsecureNone;
  config.replay_protection = Input::bit(settings, 1) ? config::ReplayProtection::Timestamp
                                                     : config::ReplayProtection::Sequence;
  config.only_known_mobile_nodes = Input::bit(settings, 2);
  config.nemo_any_prefix = Input::bit(settings, 3);
  config.refresh_advice_percent = Input::bit(settings, 4) ? 50 : 0;
  if (Input::bit(settings, 5)) {
    config.max_bindings = 2;
    config.max_prefixes = 2;
    config.max_prefixes_per_mobile_router = 1;
  }
  if (Input::bit(settings, 6)) {
    config.prefix_valid_lifetime = 600s;
    config.prefix_preferred_lifetime = 300s;
  }
  config.nemo = !Input::bit(settings, 7);
  if (in_set) {
    join_set(config);
  }
  return config;
}

// What the core sends: whole, from an address that a packet may come from, to one node, with a
// checksum over the final destination. An error comes from the address of ours that it answers for.
void check_sent(ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  require(header && wire::kIpv6HeaderSize + header->payload_length == packet.size(),
          "what is sent is an IPv6 packet of its length");
  require(header->source.is_unicast_routable(), "it comes from a unicast address");
  require(!header->destination.is_multicast() && !header->destination.is_unspecified(),
          "it goes to one node");
  require(packet.size() <= 1500, "it fits a packet");
  ByteView upper = packet.subspan(wire::kIpv6HeaderSize);
  std::uint8_t protocol = header->next_header;
  Ipv6Address destination = header->destination;
  if (protocol == wire::protocol::kRouting) {
    const auto home_address = wire::parse_type2_routing_header(upper);
    require(home_address.has_value(), "a routing header is one of type 2");
    destination = home_address->address();
    protocol = std::to_integer<std::uint8_t>(upper[0]);
    upper = upper.subspan(wire::kType2RoutingHeaderSize);
  }
  require(protocol == wire::protocol::kMobility || protocol == wire::protocol::kIcmpv6,
          "it is signalling or an error");
  require(upper_layer_checksum(header->source, destination, protocol, upper) == 0,
          "its checksum is right");
}

class World {
 public:
  World(std::uint8_t settings, bool in_set) : agent_(make_config(settings, in_set), now_, 1) {
    agent_.start(now_, effects_);
    agent_.set_able(now_, true, effects_);
    carry_out();
    signed_ = Input::bit(settings, 0);
  }

  void take_event(Input& input) {
    const std::uint8_t kind = input.u8();
    // The tables refuse the first change of this event.
    refuse_ = Input::bit(kind, 7);
    effects_.clear();
    switch (kind & 15U) {
      case 0:
        packet(input, false);
        break;
      case 1:
        packet(input, true);
        break;
      case 2:
      case 3:
        update(input);
        break;
      case 4:
        pass(input);
        return;
      case 5:
        agent_.remove(now_, home(input.u8()), effects_);
        break;
      case 6:
        tunnel_error(input);
        break;
      case 7:
        operate(input);
        break;
      default:
        from_peer(input, kind & 15U);
        break;
    }
    carry_out();
  }

 private:
  void packet(Input& input, bool repaired) {
    forwarding::PuntMetadata metadata;
    metadata.punt_class =
        static_cast<forwarding::PuntClass>(input.u8() % forwarding::kPuntClassCount);
    metadata.decapsulations = input.u8() % 3;
    metadata.security_association = input.u8();
    const ByteView bytes = input.string();
    Bytes packet(bytes.begin(), bytes.end());
    if (repaired) {
      repair_packet(packet);
    }
    agent_.on_packet(now_, metadata, packet, effects_);
  }

  // A Binding Update whose every field is the input's.
  void update(Input& input) {
    const HomeAddress home_address = home(input.u8());
    const Ipv6Address source = care_of(input.u8());
    const SequenceNumber sequence{input.u16()};
    const std::uint16_t flags = input.u16();
    const Lifetime lifetime(input.u16());
    const std::uint8_t extras = input.u8();
    std::array<std::byte, 1024> buffer{};
    auto writer = wire::start_binding_update(buffer, sequence, flags, lifetime);
    if (Input::bit(extras, 0)) {
      writer.alternate_care_of(CareOfAddress(care_of(input.u8())));
    }
    for (unsigned i = extras >> 6U; i > 0; --i) {
      Ipv6Address network = ip6("2001:db8:8000::");
      network.octets[7] = input.u8() % 8;
      writer.mobile_network_prefix(
          {static_cast<std::uint8_t>(input.u8() % 2 == 0 ? 64 : input.u8()), network});
    }
    if (Input::bit(extras, 1)) {
      writer.mobile_node_identifier({wire::kIdentifierSubtypeNai, "mn@example.net"});
    }
    if (Input::bit(extras, 2)) {
      writer.replay_protection(
          NtpTimestamp::from(now_.wall + std::chrono::seconds(input.u8() % 16)));
    }
    const bool home_address_option = !Input::bit(extras, 3);
    if (signed_ && !Input::bit(extras, 4)) {
      sign(writer, home_address, CareOfAddress(source));
    }
    const ByteView message =
        writer.finish(home_address_option ? home_address.address() : source, kAgent.address());
    Bytes payload(home_address_option ? wire::kHomeAddressHeaderSize : 0);
    if (home_address_option) {
      Writer option(payload);
      wire::write_home_address_header(option, wire::protocol::kMobility, home_address);
    }
    payload.insert(payload.end(), message.begin(), message.end());
    const Bytes packet = build(
        {source, kAgent.address(),
         home_address_option ? wire::protocol::kDestinationOptions : wire::protocol::kMobility, 64,
         0, 0, payload});
    agent_.on_packet(now_, {forwarding::PuntClass::Mobility}, packet, effects_);
  }

  // RFC 4285 §5.1.
  static void sign(wire::MessageWriter& writer, const HomeAddress& home_address,
                   const CareOfAddress& care_of_address) {
    const std::size_t at = writer.authentication(wire::kAuthenticationMnHa, kSpi);
    const MutableBytes message = writer.close();
    const ByteView pieces[] = {ByteView(bytes_of(care_of_address.address()), Ipv6Address::kSize),
                               ByteView(bytes_of(home_address.address()), Ipv6Address::kSize),
                               message.first(at)};
    const auto digest = control::HmacSha1Key(kKey).sign(pieces);
    std::copy_n(digest.begin(), wire::kAuthenticatorSize,
                message.begin() + static_cast<std::ptrdiff_t>(at));
  }

  // What an operator, and the host around the core, can do.
  void operate(Input& input) {
    const std::uint8_t what = input.u8();
    switch (what & 7U) {
      case 0:
      case 1:
        agent_.set_able(now_, Input::bit(what, 0), effects_);
        break;
      case 2:
        agent_.drain(now_, input.u8(), effects_);
        break;
      case 3:
        agent_.undrain(now_, effects_);
        break;
      case 4:
        agent_.leave(now_, effects_);
        break;
      default:
        if (!agent_.config().haha.alone()) {
          agent_.switch_to(now_, home(input.u8()),
                           static_cast<control::PeerIndex>(input.u8() % kPeers), effects_);
        }
        break;
    }
  }

  // A message of another home agent, or of somebody who says so.
  void from_peer(Input& input, unsigned kind) {
    const unsigned peer = input.u8();
    // One more than there are: a stranger.
    const Locator from = peer_locator(peer % (kPeers + 1));
    std::array<std::byte, wire::MessageWriter::kMaxSize> buffer{};
    ByteView message;
    forwarding::PuntMetadata metadata;
    if (kind == 8) {
      metadata.punt_class = forwarding::PuntClass::HahaHello;
      message = wire::write_ha_hello(buffer, read_hello(input, now_), {}, from, kLocator);
    } else {
      metadata.punt_class = forwarding::PuntClass::HahaSync;
      message = wire::write_state_synchronization(buffer, read_synchronization(input, now_), {},
                                                  from, kLocator);
    }
    agent_.on_packet(now_, metadata,
                     build({from.address(), kLocator.address(), wire::protocol::kMobility, 255, 0,
                            0, Bytes(message.begin(), message.end())}),
                     effects_);
  }

  // An ICMPv6 error about a packet of one of our tunnels.
  void tunnel_error(Input& input) {
    const std::uint8_t type = input.u8();
    const std::uint32_t parameter = input.u16();
    const ByteView inner = input.string();
    const Ipv6Address quoted_care_of = care_of(input.u8());
    Bytes message(wire::kIcmpv6HeaderSize);
    Writer writer(message);
    wire::Icmpv6Header{type, 0, 0, parameter}.write(writer);
    const Bytes quote = tunnel(kAgent.address(), quoted_care_of, Bytes(inner.begin(), inner.end()));
    message.insert(message.end(), quote.begin(), quote.end());
    const Ipv6Address router = ip6("2001:db8:99::1");
    wire::icmpv6_set_checksum(router, kAgent.address(), message);
    agent_.on_packet(now_, {forwarding::PuntClass::TunnelError},
                     build({router, kAgent.address(), wire::protocol::kIcmpv6, 64, 0, 0, message}),
                     effects_);
  }

  // Time goes from deadline to deadline, as in the daemon.
  void pass(Input& input) {
    const auto span = std::chrono::milliseconds(std::uint64_t{input.u16()} * 40U);
    const Instant end = now_.instant + span;
    constexpr unsigned kMost = 10'000;
    for (unsigned i = 0; i < kMost; ++i) {
      const auto deadline = agent_.next_deadline();
      if (!deadline || *deadline > end) {
        advance_to(end);
        return;
      }
      advance_to(std::max(*deadline, now_.instant));
      effects_.clear();
      agent_.on_timer(now_, effects_);
      require(!agent_.next_deadline() || *agent_.next_deadline() > now_.instant,
              "what is due is done, and does not come due again at once");
      carry_out();
    }
    require(false, "timers do not run on and on");
  }
  void advance_to(Instant instant) {
    now_.wall += instant - now_.instant;
    now_.instant = instant;
  }

  void carry_out() {
    carry_out(effects_);
    shadow_.compare(agent_);
  }

  void carry_out(const Effects& effects) {
    for (const control::Effect& effect : effects.list()) {
      if (!std::visit([&](const auto& one) { return carry_out(effects, one); }, effect)) {
        return;
      }
    }
  }
  // False: the rest is not to be carried out.
  bool carry_out(const Effects& effects, const control::SendPacket& packet) {
    check_sent(effects.bytes(packet));
    return true;
  }
  bool carry_out(const Effects& effects, const control::ForwardPacket& packet) {
    check_sent(effects.bytes(packet));
    return true;
  }
  bool carry_out(const Effects&, const control::Note&) { return true; }
  template <class Update>
  bool carry_out(const Effects&, const Update& update) {
    if constexpr (std::is_same_v<Update, forwarding::SetBinding> ||
                  std::is_same_v<Update, forwarding::SetPrefix>) {
      if (std::exchange(refuse_, false)) {
        shadow_.refuse(update);
        Effects instead;
        if (agent_.on_refused(now_, update, instead)) {
          carry_out(instead);
          return false;
        }
        return true;  // not in the tables, and that was all
      }
    }
    shadow_.apply(update);
    return true;
  }

  Now now_{Instant{1000s}, WallTime{std::chrono::seconds(1'767'225'600)}};
  control::HomeAgent agent_;
  Effects effects_;
  Shadow shadow_;
  bool signed_ = false;
  bool refuse_ = false;
};

}  // namespace

void run(ByteView bytes) {
  constexpr unsigned kMostEvents = 200;
  Input input(bytes);
  const std::uint8_t settings = input.u8();
  World world(settings, Input::bit(input.u8(), 0));
  for (unsigned i = 0; i < kMostEvents && !input.empty(); ++i) {
    world.take_event(input);
  }
}

}  // namespace anyhome::fuzz
