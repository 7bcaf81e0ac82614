// anyhome-mn's protocol part: arbitrary packets from the access network and from the host, and
// answers of a home agent that are almost right, while time passes and the node moves.
//
// Whatever comes, the node delivers only what is addressed to it, sends only whole packets from its
// care-of addresses, and never asks to be woken in the past.
//
// An input is one byte of settings and then events: a byte of kind and what this kind needs.
#include "apps/anyhome-mn/mobile_node.h"

#include <vector>

#include "apps/anyhome-mn/authentication.h"
#include "apps/anyhome-mn/status.h"
#include "common/wire/extension.h"
#include "test/fuzz/input.h"
#include "test/fuzz/repair.h"
#include "test/fuzz/target.h"
#include "test/support/packets.h"

namespace anyhome::fuzz {
namespace {

using namespace std::chrono_literals;
using anyhome::test::build;
using anyhome::test::Bytes;
using anyhome::test::ip6;
using anyhome::test::prefix;

const HomeAddress kHome(ip6("2001:db8:0:1::100"));

HomeAgentAddress agent(unsigned number) {
  Ipv6Address address = ip6("2001:db8:0:1::1a");
  address.octets[15] = static_cast<std::uint8_t>(0x1a + 0x10 * (number % 3));
  return HomeAgentAddress(address);
}

CareOfAddress care_of(unsigned number) {
  return CareOfAddress(ip6(number % 2 == 0 ? "2001:db8:ff::100" : "2001:db8:fe::100"));
}

mobile::Settings make_settings(std::uint8_t flags) {
  mobile::Settings settings;
  settings.home_address = kHome;
  settings.home_prefix = Prefix(kHome.address(), 64);
  if (!Input::bit(flags, 0)) {
    settings.home_agent = agent(0);
  }
  if (Input::bit(flags, 1)) {
    settings.identifier = "mn1@example.net";
    settings.security = mobile::Security{
        1000, std::vector<std::byte>(16, std::byte{0x0b}),
        Input::bit(flags, 2) ? mobile::KeyDerivation::PerHomeAgent : mobile::KeyDerivation::Shared};
    settings.timestamps = Input::bit(flags, 3);
  }
  if (Input::bit(flags, 4)) {
    settings.mobile_router = Input::bit(flags, 5) ? mobile::MobileRouterMode::Explicit
                                                  : mobile::MobileRouterMode::Implicit;
    settings.prefixes = {prefix("2001:db8:8000:5::/64")};
  }
  settings.switch_deregisters = Input::bit(flags, 6);
  return settings;
}

class World {
 public:
  explicit World(std::uint8_t settings) : node_(make_settings(settings), 1) {
    node_.attach(now_, care_of(0), 1500, effects_);
    carry_out();
  }

  void take_event(Input& input) {
    const std::uint8_t kind = input.u8();
    switch (kind & 7U) {
      case 0:
        from_network(input.string(), false);
        break;
      case 1:
        from_network(input.string(), true);
        break;
      case 2:
        node_.on_host_packet(now_, input.string(), effects_);
        break;
      case 3:
        pass(input.u16());
        break;
      case 4:
        node_.attach(now_, care_of(input.u8()), input.u16(), effects_);
        break;
      case 5:
        if (Input::bit(kind, 3)) {
          node_.deregister(now_, effects_);
        } else {
          node_.register_now(now_, effects_);
        }
        break;
      case 6:
        acknowledge(input);
        break;
      default:
        message(input);
        break;
    }
    carry_out();
    require(!mobile::node_line(node_, now_, mobile::CounterDetail::All).empty(),
            "there is a word for every state");
  }

 private:
  void from_network(ByteView bytes, bool repaired) {
    Bytes packet(bytes.begin(), bytes.end());
    if (repaired) {
      repair(packet);
    }
    node_.on_network_packet(now_, packet, effects_);
  }

  // Behind a type 2 routing header the home address is the destination.
  static void repair(Bytes& packet) {
    if (!repair_header(packet)) {
      return;
    }
    if (const auto received = mobile::parse_received(packet)) {
      repair_upper_layer(packet, packet.size() - received->upper.size(), received->protocol,
                         received->header.source,
                         received->routing_home ? received->routing_home->address()
                                                : received->header.destination);
    }
  }

  // An acknowledgement of the last Binding Update, in everything else as the input says.
  void acknowledge(Input& input) {
    const std::uint8_t how = input.u8();
    std::array<std::byte, 512> buffer{};
    const auto status = static_cast<wire::BindingStatus>(Input::bit(how, 0) ? input.u8() : 0);
    const SequenceNumber sequence =
        Input::bit(how, 1) ? SequenceNumber{input.u16()} : last_sequence_;
    const Lifetime lifetime(input.u16());
    auto writer =
        wire::start_binding_acknowledgement(buffer, status, input.u8(), sequence, lifetime);
    if (Input::bit(how, 2)) {
      writer.refresh_advice(Lifetime(input.u16()));
    }
    send(writer, Input::bit(how, 3) ? agent(input.u8()) : last_agent_, how, input);
  }

  // The other messages of a home agent.
  void message(Input& input) {
    const std::uint8_t how = input.u8();
    std::array<std::byte, 512> buffer{};
    const HomeAgentAddress from = Input::bit(how, 3) ? agent(input.u8()) : last_agent_;
    switch (how & 3U) {
      case 0: {
        auto writer = wire::start_binding_refresh_request(buffer);
        send(writer, from, how, input);
        break;
      }
      case 1: {
        auto writer = wire::start_binding_error(buffer, input.u8(), kHome.address());
        send(writer, from, how, input);
        break;
      }
      case 2: {
        const std::vector<HomeAgentAddress> to(input.u8() % 4U, agent(input.u8()));
        auto writer = wire::start_home_agent_switch(buffer, to);
        send(writer, from, how, input);
        break;
      }
      default: {
        Bytes reply(8 + 32);
        Writer writer(reply);
        wire::DiscoveryReply{node_.discovery_identifier().value_or(0),
                             Input::bit(how, 2),
                             {agent(input.u8()), agent(input.u8())}}
            .write(writer);
        const Ipv6Address destination = node_.care_of()->address();
        wire::icmpv6_set_checksum(from.address(), destination, reply);
        node_.on_network_packet(
            now_, build({from.address(), destination, wire::protocol::kIcmpv6, 64, 0, 0, reply}),
            effects_);
        break;
      }
    }
  }

  void send(wire::MessageWriter& writer, const HomeAgentAddress& from, std::uint8_t how,
            Input& input) {
    const Ipv6Address care_of_address = node_.care_of()->address();
    if (Input::bit(how, 4)) {
      writer.replay_protection(
          NtpTimestamp::from(now_.wall + std::chrono::seconds(input.u8() % 16)));
    }
    const auto& security = node_.settings().security;
    if (security && !Input::bit(how, 5)) {
      const std::size_t at = writer.authentication(wire::kAuthenticationMnHa, security->spi);
      const MutableBytes message = writer.close();
      const auto authenticator = mobile::compute_authenticator(
          mobile::key_for(*security, from), care_of_address, kHome, message.first(at));
      std::ranges::copy(authenticator, message.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const bool routing = !Input::bit(how, 6);
    const ByteView message =
        writer.finish(from.address(), routing ? kHome.address() : care_of_address);
    Bytes payload(routing ? wire::kType2RoutingHeaderSize : 0);
    if (routing) {
      Writer header(payload);
      wire::write_type2_routing_header(header, wire::protocol::kMobility, kHome);
    }
    payload.insert(payload.end(), message.begin(), message.end());
    node_.on_network_packet(
        now_,
        build({from.address(), care_of_address,
               routing ? wire::protocol::kRouting : wire::protocol::kMobility, 64, 0, 0, payload}),
        effects_);
  }

  // Time goes from deadline to deadline, as in the daemon.
  void pass(std::uint16_t amount) {
    const Instant end = now_.instant + std::chrono::milliseconds(amount * 5U);
    constexpr unsigned kMost = 10'000;
    for (unsigned i = 0; i < kMost; ++i) {
      const auto deadline = node_.next_deadline();
      if (!deadline || *deadline > end) {
        advance_to(end);
        return;
      }
      advance_to(std::max(*deadline, now_.instant));
      node_.on_timer(now_, effects_);
      require(!node_.next_deadline() || *node_.next_deadline() > now_.instant,
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
    for (const mobile::Effect& effect : effects_) {
      std::visit([this](const auto& one) { check(one); }, effect);
    }
    effects_.clear();
  }

  void check(const mobile::SendToNetwork& out) {
    const auto header = wire::Ipv6Header::parse(out.packet);
    require(header && wire::kIpv6HeaderSize + header->payload_length == out.packet.size(),
            "what is sent is an IPv6 packet of its length");
    require(header->source == care_of(0).address() || header->source == care_of(1).address(),
            "it comes from a care-of address");
    const auto chain = wire::walk_headers(out.packet);
    require(chain.has_value(), "its headers can be walked");
    if (chain->protocol != wire::protocol::kMobility || !chain->has_home_address()) {
      return;
    }
    const ByteView upper = ByteView(out.packet).subspan(chain->upper_offset);
    const auto checked = wire::check_mobility_header(
        upper, wire::address_at(out.packet, chain->home_address_at), header->destination, {});
    require(checked.has_value(), "a home agent would take its signalling");
    if (const auto update = wire::parse_binding_update(checked->message)) {
      last_sequence_ = update->sequence;
      last_agent_ = HomeAgentAddress(header->destination);
    }
  }
  void check(const mobile::DeliverToHost& out) {
    const auto header = wire::Ipv6Header::parse(out.packet);
    require(header && wire::kIpv6HeaderSize + header->payload_length == out.packet.size(),
            "what is delivered is an IPv6 packet of its length");
    require(node_.owns(header->destination), "it is for this node");
  }
  static void check(const mobile::Event& event) {
    require(!mobile::describe(event).empty(), "there are words for every event");
  }

  Now now_{Instant{1h}, WallTime{std::chrono::seconds(1'767'225'600)}};
  mobile::MobileNode node_;
  mobile::Effects effects_;
  SequenceNumber last_sequence_{};
  HomeAgentAddress last_agent_ = agent(0);
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
