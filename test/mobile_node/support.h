// A mobile node on a table: virtual time, what it sends taken apart, and a home agent's answers
// built by hand.
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "apps/anyhome-mn/authentication.h"
#include "apps/anyhome-mn/mobile_node.h"
#include "common/wire/extension.h"
#include "common/wire/icmpv6.h"
#include "common/wire/mobility.h"
#include "test/support/bytes.h"

namespace anyhome::test {

using namespace std::chrono_literals;
using mobile::Counter;
using mobile::Effects;
using mobile::Event;
using mobile::EventKind;
using mobile::MobileNode;
using mobile::State;
using wire::BindingStatus;

inline const HomeAddress kHome(*Ipv6Address::parse("2001:db8:0:1::100"));
inline const HomeAgentAddress kAgent1(*Ipv6Address::parse("2001:db8:0:1::1a"));
inline const HomeAgentAddress kAgent2(*Ipv6Address::parse("2001:db8:0:1::2a"));
inline const HomeAgentAddress kAgent3(*Ipv6Address::parse("2001:db8:0:1::3a"));
inline const CareOfAddress kCareOf1(*Ipv6Address::parse("2001:db8:ff::100"));
inline const CareOfAddress kCareOf2(*Ipv6Address::parse("2001:db8:fe::100"));
inline const Ipv6Address kCorrespondent = *Ipv6Address::parse("2001:db8:cccc::1");
inline const WallTime kStartOfTime{std::chrono::seconds(1'700'000'000)};

inline mobile::Settings basic_settings() {
  mobile::Settings settings;
  settings.home_address = kHome;
  settings.home_prefix = Prefix(kHome.address(), 64);
  settings.home_agent = kAgent1;
  settings.lifetime = Lifetime(75);  // 300 s
  return settings;
}

inline std::vector<std::byte> test_key() { return std::vector<std::byte>(16, std::byte{0x0b}); }

inline mobile::Settings secure_settings() {
  mobile::Settings settings = basic_settings();
  settings.identifier = "mn1@example.net";
  settings.security = mobile::Security{1000, test_key(), mobile::KeyDerivation::Shared};
  settings.timestamps = true;
  return settings;
}

// A Binding Update as it went out.
struct SentUpdate {
  Instant at;
  wire::Ipv6Header header;
  HomeAddress home;  // of the Home Address option
  wire::BindingUpdate update;
  Bytes packet;
  Bytes message;
};

// An IPv6 packet of `upper` behind an optional type 2 routing header.
inline Bytes packet_with(const Ipv6Address& source, const Ipv6Address& destination,
                         std::uint8_t protocol, ByteView upper,
                         std::optional<HomeAddress> routing = {}, std::uint8_t traffic_class = 0) {
  const std::size_t extension = routing ? wire::kType2RoutingHeaderSize : 0;
  Bytes packet(wire::kIpv6HeaderSize + extension + upper.size());
  Writer writer(packet);
  wire::Ipv6Header header;
  header.traffic_class = traffic_class;
  header.payload_length = static_cast<std::uint16_t>(extension + upper.size());
  header.next_header = routing ? wire::protocol::kRouting : protocol;
  header.source = source;
  header.destination = destination;
  header.write(writer);
  if (routing) {
    wire::write_type2_routing_header(writer, protocol, *routing);
  }
  writer.bytes(upper);
  return packet;
}

// A UDP-less inner packet of `size` bytes in all.
inline Bytes inner_packet(const Ipv6Address& source, const Ipv6Address& destination,
                          std::size_t size = 60, std::uint8_t hop_limit = 64,
                          std::uint8_t traffic_class = 0) {
  Bytes packet(size);
  Writer writer(packet);
  wire::Ipv6Header header;
  header.traffic_class = traffic_class;
  header.payload_length = static_cast<std::uint16_t>(size - wire::kIpv6HeaderSize);
  header.next_header = wire::protocol::kNoNextHeader;
  header.hop_limit = hop_limit;
  header.source = source;
  header.destination = destination;
  header.write(writer);
  return packet;
}

struct Answer {
  BindingStatus status = BindingStatus::Accepted;
  std::optional<std::uint16_t> sequence = std::nullopt;  // the update's
  Lifetime lifetime{75};
  std::uint8_t flags = 0;
  std::optional<Lifetime> refresh_advice = std::nullopt;
  std::optional<NtpTimestamp> timestamp = std::nullopt;
  bool routing_header = true;
};

class Lab {
 public:
  explicit Lab(mobile::Settings settings, std::uint64_t seed = 1)
      : node(std::move(settings), seed) {}

  MobileNode node;
  Now now{Instant{1h}, kStartOfTime};
  std::vector<SentUpdate> updates;
  std::vector<Bytes> sent;       // everything else for the network
  std::vector<Bytes> delivered;  // for the host
  std::vector<Event> events;

  // Runs one input and sorts what came of it.
  template <class Action>
  void run(Action action) {
    Effects effects;
    action(effects);
    for (mobile::Effect& effect : effects) {
      std::visit([this](auto& one) { sort(one); }, effect);
    }
  }
  void attach(const CareOfAddress& care_of = kCareOf1, std::size_t mtu = 1500) {
    run([&](Effects& effects) { node.attach(now, care_of, mtu, effects); });
  }
  void deregister() {
    run([&](Effects& effects) { node.deregister(now, effects); });
  }
  void register_now() {
    run([&](Effects& effects) { node.register_now(now, effects); });
  }
  void from_network(const Bytes& packet) {
    run([&](Effects& effects) { node.on_network_packet(now, packet, effects); });
  }
  void from_host(const Bytes& packet) {
    run([&](Effects& effects) { node.on_host_packet(now, packet, effects); });
  }

  // Lets time pass, stopping at every deadline.
  void advance(Duration duration) {
    const Instant end = now.instant + duration;
    for (auto deadline = node.next_deadline(); deadline && *deadline <= end;
         deadline = node.next_deadline()) {
      REQUIRE(*deadline >= now.instant - 1h);
      move_to(std::max(*deadline, now.instant));
      run([&](Effects& effects) { node.on_timer(now, effects); });
      REQUIRE((!node.next_deadline() || *node.next_deadline() > now.instant));
    }
    move_to(end);
  }

  [[nodiscard]] const SentUpdate& last() const {
    REQUIRE_FALSE(updates.empty());
    return updates.back();
  }
  // When updates went out, in milliseconds after the first.
  [[nodiscard]] std::vector<long> sending_times() const {
    std::vector<long> result;
    for (const SentUpdate& update : updates) {
      result.push_back(static_cast<long>((update.at - updates.front().at) / 1ms));
    }
    return result;
  }
  [[nodiscard]] bool saw(EventKind kind) const {
    return std::ranges::find(events, kind, &Event::kind) != events.end();
  }

  // The home agent's answer to an update, signed when the node has a key.
  [[nodiscard]] Bytes answer_to(const SentUpdate& update, const Answer& answer = {}) const {
    const Ipv6Address care_of = update.header.source;
    const Ipv6Address agent = update.header.destination;
    std::array<std::byte, 512> buffer{};
    wire::MessageWriter writer = wire::start_binding_acknowledgement(
        buffer, answer.status, answer.flags,
        {answer.sequence.value_or(update.update.sequence.value)}, answer.lifetime);
    if (answer.refresh_advice) {
      writer.refresh_advice(*answer.refresh_advice);
    }
    return packet_of(writer, agent, care_of, answer.timestamp, answer.routing_header);
  }
  void answer(const Answer& how = {}) { from_network(answer_to(last(), how)); }

  [[nodiscard]] Bytes switch_offer(const HomeAgentAddress& from,
                                   const std::vector<HomeAgentAddress>& to,
                                   std::optional<NtpTimestamp> timestamp = {},
                                   bool sign = true) const {
    std::array<std::byte, 512> buffer{};
    wire::MessageWriter writer = wire::start_home_agent_switch(buffer, to);
    return packet_of(writer, from.address(), node.care_of()->address(), timestamp, true, sign);
  }

  // Timestamp and authenticator as wanted, then checksum, routing header and IPv6 header.
  [[nodiscard]] Bytes packet_of(wire::MessageWriter& writer, const Ipv6Address& agent,
                                const Ipv6Address& care_of, std::optional<NtpTimestamp> timestamp,
                                bool routing_header, bool sign = true) const {
    if (timestamp) {
      writer.replay_protection(*timestamp);
    }
    const auto& security = node.settings().security;
    if (security && sign) {
      const std::size_t at = writer.authentication(wire::kAuthenticationMnHa, security->spi);
      const MutableBytes message = writer.close();
      const auto authenticator = mobile::compute_authenticator(
          mobile::key_for(*security, HomeAgentAddress(agent)), care_of, kHome, message.first(at));
      std::ranges::copy(authenticator, message.begin() + static_cast<std::ptrdiff_t>(at));
    }
    const ByteView message = writer.finish(agent, routing_header ? kHome.address() : care_of);
    return packet_with(agent, care_of, wire::protocol::kMobility, message,
                       routing_header ? std::optional(kHome) : std::nullopt);
  }

  // Registered, with everything recorded so far forgotten.
  void register_and_forget(const Answer& how = {}) {
    attach();
    answer(how);
    REQUIRE(node.state() == State::Registered);
    forget();
  }
  void forget() {
    updates.clear();
    sent.clear();
    delivered.clear();
    events.clear();
  }
  [[nodiscard]] std::uint64_t count(Counter counter) const { return node.counters()[counter]; }

 private:
  void move_to(Instant instant) {
    now.wall += instant - now.instant;
    now.instant = instant;
  }

  void sort(mobile::SendToNetwork& out) {
    const auto chain = wire::walk_headers(out.packet);
    REQUIRE(chain);
    if (chain->protocol != wire::protocol::kMobility || !chain->has_home_address()) {
      sent.push_back(std::move(out.packet));
      return;
    }
    SentUpdate update;
    update.at = now.instant;
    update.header = *wire::Ipv6Header::parse(out.packet);
    update.home = HomeAddress(wire::address_at(out.packet, chain->home_address_at));
    const ByteView upper = ByteView(out.packet).subspan(chain->upper_offset);
    // As a home agent checks it: the home address is the source.
    const auto checked =
        wire::check_mobility_header(upper, update.home.address(), update.header.destination, {});
    REQUIRE(checked);
    REQUIRE(checked->type == wire::mh_type::kBindingUpdate);
    update.packet = out.packet;
    update.message.assign(checked->message.begin(), checked->message.end());
    // The options are views: into `message`, which stays where it is.
    update.update = *wire::parse_binding_update(update.message);
    updates.push_back(std::move(update));
  }
  void sort(mobile::DeliverToHost& out) { delivered.push_back(std::move(out.packet)); }
  void sort(const Event& event) { events.push_back(event); }
};

}  // namespace anyhome::test
