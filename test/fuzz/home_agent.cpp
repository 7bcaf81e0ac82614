// The home agent's control core: arbitrary packets with arbitrary metadata, and Binding Updates
// that are almost right, while time passes, tables refuse and an operator interferes.
//
// A shadow of the forwarding tables is kept from the effects alone. It must never be asked for what
// cannot be, and at the end of each event it must hold what the binding cache holds. What is sent
// is a packet with a right checksum.
//
// An input is one byte of settings and then events: a byte of kind and what this kind needs.
#include "controlplane/home_agent.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "common/checksum.h"
#include "common/wire/extension.h"
#include "common/wire/icmpv6.h"
#include "controlplane/hmac_sha1.h"
#include "test/fuzz/input.h"
#include "test/fuzz/target.h"
#include "test/support/packets.h"

namespace anyhome::fuzz {
namespace {

using namespace std::chrono_literals;
using namespace anyhome::test;
using control::Effects;

const HomeAgentAddress kAgent(ip6("2001:db8:0:1::1a"));
constexpr std::size_t kHomes = 4;
constexpr std::uint32_t kSpi = 1000;
const Bytes kKey(16, std::byte{0x0b});

HomeAddress home(unsigned number) {
  Ipv6Address address = ip6("2001:db8:0:1::100");
  address.octets[15] = static_cast<std::uint8_t>(number % kHomes);
  return HomeAddress(address);
}

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

config::HomeAgent make_config(std::uint8_t settings) {
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
  return config;
}

// The tables, as far as they can be known from what they were told.
class Shadow {
 public:
  void apply(const forwarding::SetBinding& set) { bindings_[set.home_address.address()] = set; }
  void apply(const forwarding::RemoveBinding& remove) {
    require(bindings_.erase(remove.home_address.address()) == 1 || refused_ == remove.home_address,
            "only what is there is removed");
    std::erase_if(prefixes_, [&](const auto& p) { return p.second == remove.home_address; });
  }
  void apply(const forwarding::SetPrefix& set) {
    require(bindings_.contains(set.owner.address()), "a prefix belongs to a binding");
    prefixes_[set.prefix] = set.owner;
  }
  void apply(const forwarding::RemovePrefix& remove) {
    require(prefixes_.erase(remove.prefix) == 1, "only a prefix that is there is removed");
  }
  void apply(const forwarding::SetPeer&) {}

  // The core cannot know whether a refusal left an older entry behind, and removes it in any case.
  void refuse(const forwarding::SetBinding& set) { refused_ = set.home_address; }
  void refuse(const forwarding::SetPrefix& set) { refused_ = set.owner; }

  void compare(const control::HomeAgent& agent) const {
    std::size_t bound = 0;
    for (const auto& [address, set] : bindings_) {
      if (set.kind != forwarding::BindingKind::Bound) {
        continue;
      }
      ++bound;
      const control::Binding* binding = agent.bindings().find(HomeAddress(address));
      require(binding != nullptr && binding->registered(), "what the tables have is registered");
      require(binding->care_of_address.address() == set.tunnel_destination,
              "at the care-of address that they have");
    }
    require(bound == agent.bindings().registered(), "what is registered is in the tables");
    require(prefixes_.size() == agent.bindings().prefixes(), "and so are the prefixes");
    require(bound <= agent.config().max_bindings, "there are not more bindings than allowed");
    require(prefixes_.size() <= agent.config().max_prefixes,
            "there are not more prefixes than allowed");
  }

 private:
  std::map<Ipv6Address, forwarding::SetBinding> bindings_;
  std::map<Prefix, HomeAddress> prefixes_;
  std::optional<HomeAddress> refused_;
};

// What the core sends: whole, from us, to one node, with a checksum over the final destination.
void check_sent(ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  require(header && wire::kIpv6HeaderSize + header->payload_length == packet.size(),
          "what is sent is an IPv6 packet of its length");
  require(header->source == kAgent.address(), "it comes from us");
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
  explicit World(std::uint8_t settings) : agent_(make_config(settings), now_, 1) {
    agent_.set_serving(true);
    signed_ = Input::bit(settings, 0);
  }

  void take_event(Input& input) {
    const std::uint8_t kind = input.u8();
    // The tables refuse the first change of this event.
    refuse_ = Input::bit(kind, 7);
    effects_.clear();
    switch (kind & 7U) {
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
      default:
        agent_.set_serving(Input::bit(input.u8(), 0));
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
      repair(packet);
    }
    agent_.on_packet(now_, metadata, packet, effects_);
  }

  // Length and checksum right, so that more than the first checks is reached.
  static void repair(Bytes& packet) {
    if (packet.size() < wire::kIpv6HeaderSize) {
      return;
    }
    packet[0] = std::byte{0x60};
    store_be16(packet.data() + wire::ipv6_offset::kPayloadLength,
               static_cast<std::uint16_t>(packet.size() - wire::kIpv6HeaderSize));
    const auto chain = wire::walk_headers(packet);
    if (!chain || chain->fragment || chain->upper_offset + 8U > packet.size()) {
      return;
    }
    const MutableBytes upper = MutableBytes(packet).subspan(chain->upper_offset);
    const auto header = *wire::Ipv6Header::parse(packet);
    const Ipv6Address source = chain->has_home_address()
                                   ? wire::address_at(packet, chain->home_address_at)
                                   : header.source;
    if (chain->protocol == wire::protocol::kIcmpv6) {
      wire::icmpv6_set_checksum(source, header.destination, upper);
    } else if (chain->protocol == wire::protocol::kMobility) {
      const std::size_t size =
          std::min<std::size_t>(upper.size(), 8U * (std::to_integer<std::size_t>(upper[1]) + 1U));
      store_be16(upper.data() + 4, 0);
      store_be16(upper.data() + 4, upper_layer_checksum(source, header.destination, chain->protocol,
                                                        upper.first(size)));
    }
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
        if (agent_.on_refused(now_, instead)) {
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
  World world(input.u8());
  for (unsigned i = 0; i < kMostEvents && !input.empty(); ++i) {
    world.take_event(input);
  }
}

}  // namespace anyhome::fuzz
