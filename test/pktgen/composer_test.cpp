// The generator's packets: what is in them, that checksums are right, that a seed gives them again.
#include "apps/anyhome-pktgen/composer.h"

#include <map>
#include <set>

#include "apps/anyhome-mn/authentication.h"
#include "apps/anyhome-pktgen/inspect.h"
#include "apps/anyhome-pktgen/pcap_file.h"
#include "apps/anyhome-pktgen/signalling.h"
#include "common/checksum.h"
#include "common/wire/haha.h"
#include "common/wire/ipv6.h"
#include "common/wire/mobility.h"
#include "test/pktgen/traffic_fixture.h"

using namespace anyhome;
using namespace anyhome::pktgen;

namespace {

using Frame = std::vector<std::byte>;

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kHomeAddressHeader = 24;
constexpr WallTime kThen{std::chrono::seconds(1'800'000'000)};

void use_key(TrafficSettings& settings) {
  settings.signalling.security = mobile::Security{300, Frame(16, std::byte{0x55}), {}};
  settings.signalling.timestamps = true;
}

std::vector<Frame> compose(const TrafficSettings& settings, std::size_t count,
                           ComposerPlace place = {}) {
  NodeTable nodes(settings.network.nodes, settings.signalling.first_sequence);
  Composer composer(settings, nodes, place);
  std::vector<Frame> frames;
  for (std::uint32_t i = 0; i < count; ++i) {
    Frame frame(composer.largest());
    const Composed composed = composer.compose(frame, i, kThen + std::chrono::microseconds(i));
    frame.resize(composed.size);
    frames.push_back(std::move(frame));
  }
  return frames;
}

struct Layers {
  wire::Ipv6Header outer;
  std::optional<wire::Ipv6Header> inner;
  ByteView payload;  // of the innermost
};

Layers take_apart(const Frame& frame) {
  const ByteView packet = ByteView(frame).subspan(kEthernet);
  Layers layers{*wire::Ipv6Header::parse(packet), std::nullopt,
                packet.subspan(wire::kIpv6HeaderSize)};
  CHECK(layers.payload.size() == layers.outer.payload_length);
  if (layers.outer.next_header == wire::protocol::kIpv6) {
    layers.inner = *wire::Ipv6Header::parse(layers.payload);
    layers.payload = layers.payload.subspan(wire::kIpv6HeaderSize);
    CHECK(layers.payload.size() == layers.inner->payload_length);
  }
  return layers;
}

// A right checksum sums up to nothing.
void check_udp(const wire::Ipv6Header& header, ByteView message) {
  CHECK(upper_layer_checksum(header.source, header.destination, wire::protocol::kUdp, message) ==
        0);
  CHECK(load_be16(message.data() + 4) == message.size());
  CHECK(load_be16(message.data() + 6) != 0);
}

wire::BindingUpdate take_update(const Frame& frame, std::uint32_t node) {
  const Layers layers = take_apart(frame);
  const Ipv6Address home = counted_on(address("2001:db8:0:1::1:0"), node);
  const auto checked = wire::check_mobility_header(layers.payload.subspan(kHomeAddressHeader), home,
                                                   layers.outer.destination, wire::CodePoints{});
  REQUIRE(checked);
  const auto update = wire::parse_binding_update(checked->message);
  REQUIRE(update);
  CHECK(update->options.alternate_care_of == CareOfAddress(layers.outer.source));
  return *update;
}

}  // namespace

TEST_CASE("measured kinds: addresses, tunnels, checksums, sizes", "[pktgen]") {
  const auto kind = GENERATE(Kind::Correspondent, Kind::ReverseTunnel, Kind::HahaIn, Kind::HahaOut);
  const auto size =
      GENERATE(std::uint16_t{78}, std::uint16_t{79}, std::uint16_t{1518}, std::uint16_t{9018});
  TrafficSettings settings = settings_of(kind);
  settings.sizes = *FrameSizes::parse(std::to_string(size));
  const Network& network = settings.network;
  const auto frames = compose(settings, 200);
  for (std::uint32_t i = 0; i < frames.size(); ++i) {
    const Layers layers = take_apart(frames[i]);
    const bool tunnel = kind == Kind::ReverseTunnel || kind == Kind::HahaIn;
    REQUIRE(layers.inner.has_value() == tunnel);
    CHECK(frames[i].size() + kFcs == size + (tunnel ? 40U : 0U));
    const wire::Ipv6Header inner = layers.inner.value_or(layers.outer);
    const std::uint32_t node = i % (kind == Kind::HahaOut ? 50 : 100);
    const Ipv6Address home = counted_on(
        kind == Kind::HahaOut ? network.first_global_home.address() : network.first_home.address(),
        node);
    const Ipv6Address correspondent = counted_on(network.first_correspondent, node % 7);
    const bool to_node = kind != Kind::ReverseTunnel;
    CHECK(inner.source == (to_node ? correspondent : home));
    CHECK(inner.destination == (to_node ? home : correspondent));
    if (kind == Kind::ReverseTunnel) {
      CHECK(layers.outer.source == counted_on(network.first_care_of.address(), node));
      CHECK(layers.outer.destination == network.home_agent.address());
    } else if (kind == Kind::HahaIn) {
      CHECK(layers.outer.source == network.peer.address());
      CHECK(layers.outer.destination == network.locator.address());
    }
    check_udp(inner, layers.payload);
    const Inspected seen = inspect(frames[i], network.code_points);
    CHECK(seen.seen == Seen::Marked);
    CHECK(seen.tunnels == (tunnel ? 1 : 0));
    CHECK(seen.mark == Mark{0, 0, i, i});
  }
}

TEST_CASE("frames are from us, to whom we send to, in their VLAN", "[pktgen]") {
  TrafficSettings settings = settings_of({TrafficEntry{Kind::Correspondent, 1, 1}});
  Frame frame = compose(settings, 1).front();
  const Frame wanted{std::byte{2}, {}, {}, {}, std::byte{1}, std::byte{2},
                     std::byte{2}, {}, {}, {}, {},           std::byte{2}};
  CHECK(Frame(frame.begin(), frame.begin() + 12) == wanted);
  CHECK(load_be16(frame.data() + 12) == 0x86dd);
  settings.vlan = 300;
  const Frame tagged = compose(settings, 1).front();
  CHECK(tagged.size() == frame.size() + 4);
  CHECK(load_be16(tagged.data() + 12) == 0x8100);
  CHECK(load_be16(tagged.data() + 14) == 300);
  CHECK(inspect(tagged, {}).seen == Seen::Marked);
}

TEST_CASE("senders divide the nodes among themselves", "[pktgen]") {
  const TrafficSettings settings = settings_of(Kind::Correspondent);
  std::map<std::string, std::uint32_t> owner;
  for (std::uint32_t sender = 0; sender < 3; ++sender) {
    for (const Frame& frame : compose(settings, 100, {sender, 3, 9, false})) {
      const std::string home = take_apart(frame).outer.destination.to_string();
      CHECK(owner.emplace(home, sender).first->second == sender);
      const Inspected seen = inspect(frame, {});
      CHECK(seen.mark.run == 9);
      CHECK(seen.mark.stream == sender);
    }
  }
  CHECK(owner.size() == 100);
}

TEST_CASE("Binding Updates register each node once, signed and in sequence", "[pktgen]") {
  TrafficSettings settings = settings_of(Kind::Register);
  use_key(settings);
  settings.signalling.identifier = "mn{}@example.net";
  const auto frames = compose(settings, 110);
  for (std::uint32_t i = 0; i < frames.size(); ++i) {
    const std::uint32_t node = i % 100;
    const wire::BindingUpdate update = take_update(frames[i], node);
    CHECK(update.sequence.value == (i < 100 ? 1 : 2));
    CHECK(update.has(wire::bu_flag::kAcknowledge));
    CHECK(update.has(wire::bu_flag::kHomeRegistration));
    CHECK(update.lifetime.seconds().count() == 600);
    REQUIRE(update.options.mobile_node_identifier);
    CHECK(update.options.mobile_node_identifier->identifier ==
          "mn" + std::to_string(node) + "@example.net");
    CHECK(update.options.replay_protection ==
          NtpTimestamp::from(kThen + std::chrono::microseconds(i)));
    const Layers layers = take_apart(frames[i]);
    const ByteView message = layers.payload.subspan(kHomeAddressHeader);
    CHECK(mobile::verify(*settings.signalling.security, settings.network.home_agent,
                         layers.outer.source,
                         HomeAddress(counted_on(settings.network.first_home.address(), node)),
                         message, update.options) == mobile::Verdict::Valid);
  }
}

TEST_CASE("a move is a Binding Update from somewhere else, and traffic follows", "[pktgen]") {
  TrafficSettings settings = settings_of(Kind::Move);
  NodeTable nodes(100, 1);
  Composer mover(settings, nodes, {});
  Frame frame(mover.largest());
  frame.resize(mover.compose(frame, 0, kThen).size);
  const Ipv6Address moved = counted_on(settings.network.first_care_of.address(), 1ULL << 32U);
  CHECK(take_apart(frame).outer.source == moved);
  take_update(frame, 0);
  const TrafficSettings data = settings_of(Kind::ReverseTunnel);
  Composer talker(data, nodes, {});
  frame.assign(talker.largest(), {});
  frame.resize(talker.compose(frame, 0, kThen).size);
  CHECK(take_apart(frame).outer.source == moved);
  check_udp(*take_apart(frame).inner, take_apart(frame).payload);
}

TEST_CASE("registration leaves out who is registered, and has an end", "[pktgen]") {
  const TrafficSettings settings = settings_of(Kind::Register);
  NodeTable nodes(100, 1);
  for (std::uint32_t node = 0; node < 97; ++node) {
    nodes.set_registered(node);
  }
  nodes.restart_sequence(98, 500);  // as status 135 has told
  Composer composer(settings, nodes, {0, 1, 0, true});
  Frame frame(composer.largest());
  const std::uint16_t sequences[] = {1, 501, 1};
  for (std::uint32_t i = 0; i < 3; ++i) {
    Frame one = frame;
    one.resize(composer.compose(one, 0, kThen).size);
    CHECK(take_update(one, 97 + i).sequence.value == sequences[i]);
  }
  CHECK(composer.compose(frame, 0, kThen).size == 0);
  CHECK(nodes.registered_among(100) == 97);
  CHECK(nodes.registered_among(50) == 50);
}

namespace {

// A message of the home agent set in a packet between two locators.
Frame between(const Locator& from, const Locator& to, ByteView message) {
  wire::Ipv6Header header;
  header.next_header = wire::protocol::kMobility;
  header.payload_length = static_cast<std::uint16_t>(message.size());
  header.source = from.address();
  header.destination = to.address();
  Frame packet(wire::kIpv6HeaderSize + message.size());
  Writer writer(packet);
  header.write(writer);
  writer.bytes(message);
  return packet;
}

Frame state_packet(const TrafficSettings& settings, const wire::StateSynchronization& message) {
  const Network& network = settings.network;
  std::array<std::byte, 2048> buffer{};
  return between(network.locator, network.peer,
                 wire::write_state_synchronization(buffer, message, network.code_points,
                                                   network.locator, network.peer));
}

wire::StateSynchronization take_state(const Network& network, ByteView packet) {
  const auto header = wire::Ipv6Header::parse(packet);
  REQUIRE(header);
  CHECK(header->source == network.peer.address());
  CHECK(header->destination == network.locator.address());
  const auto checked =
      wire::check_mobility_header(packet.subspan(wire::kIpv6HeaderSize), header->source,
                                  header->destination, network.code_points);
  REQUIRE(checked);
  const auto message = wire::parse_state_synchronization(checked->message, network.code_points);
  REQUIRE(message);
  return *message;
}

}  // namespace

TEST_CASE("a peer's SS-REPs tell all that it serves, under identifiers of their own", "[pktgen]") {
  const TrafficSettings settings = settings_of(Kind::SsReply);
  std::set<std::string> homes;
  std::set<std::uint16_t> identifiers;
  for (std::uint32_t sender = 0; sender < 2; ++sender) {
    for (const Frame& frame : compose(settings, 15, {sender, 2, 0, false})) {
      const auto message = take_state(settings.network, ByteView(frame).subspan(kEthernet));
      CHECK(message.type == wire::SsType::Reply);
      CHECK(message.acknowledge);
      CHECK(message.bindings.size() == 19);
      for (const auto& binding : message.bindings) {
        homes.insert(binding.home_address.to_string());
      }
      identifiers.insert(message.identifier);
      CHECK(frame.size() <= kEthernet + 1280);
    }
  }
  CHECK(homes.size() == 50);
  CHECK(identifiers.size() == 30);
}

TEST_CASE("a peer's HELLO asks for nothing", "[pktgen]") {
  TrafficSettings settings = settings_of(Kind::SsReply);
  settings.network.group_id = 9;
  const Network& network = settings.network;
  const Frame packet = hello(settings, SequenceNumber{77});
  const auto checked = wire::check_mobility_header(ByteView(packet).subspan(wire::kIpv6HeaderSize),
                                                   network.peer.address(),
                                                   network.locator.address(), network.code_points);
  REQUIRE(checked);
  const auto message = wire::parse_ha_hello(checked->message, network.code_points);
  REQUIRE(message);
  CHECK(message->sequence.value == 77);
  CHECK(message->group_id == 9);
  CHECK(message->global);
  CHECK(message->active);
  CHECK_FALSE(message->request);
}

TEST_CASE("a peer answers an SS-REQ with its end mark, an SS-REP with statuses", "[pktgen]") {
  const TrafficSettings settings = settings_of(Kind::HahaOut);
  wire::StateSynchronization question;
  question.type = wire::SsType::Request;
  question.global = true;
  question.identifier = 5;
  Frame packet = state_packet(settings, question);
  const auto end = take_state(settings.network, answer_state(settings, packet));
  CHECK(end.type == wire::SsType::Reply);
  REQUIRE(end.bindings.size() == 1);
  CHECK(end.bindings[0].home_address == HomeAddress{});
  CHECK(end.bindings[0].sequence.value == 5);

  Frame frame(kEthernet);
  store_be16(frame.data() + 12, 0x86dd);
  frame.insert(frame.end(), packet.begin(), packet.end());
  const Inspected seen = inspect(frame, settings.network.code_points);
  CHECK(seen.seen == Seen::StateQuestion);
  CHECK(Frame(seen.packet.begin(), seen.packet.end()) == packet);

  question.type = wire::SsType::Reply;
  for (int i = 0; i < 2; ++i) {
    auto& binding = question.bindings.emplace_back();
    binding.home_address = HomeAddress(counted_on(address("2001:db8:0:1::1:0"), std::uint64_t(i)));
    binding.lifetime = Lifetime{10};
    binding.timestamp = Timestamp::from(kThen);
  }
  packet = state_packet(settings, question);
  const auto told = take_state(settings.network, answer_state(settings, packet));
  CHECK(told.type == wire::SsType::Acknowledgement);
  CHECK(told.identifier == 5);
  REQUIRE(told.statuses.size() == 2);
  CHECK(told.statuses[1].home_address == question.bindings[1].home_address);
  CHECK(told.statuses[1].status == wire::SsStatus::Success);

  // What is broken, an acknowledgement, or a stranger's gets no answer.
  Frame broken = packet;
  broken.back() ^= std::byte{1};
  CHECK(answer_state(settings, broken).empty());
  for (std::size_t size = 0; size < packet.size(); ++size) {
    CHECK(answer_state(settings,
                       Frame(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size)))
              .empty());
  }
  question.type = wire::SsType::Acknowledgement;
  question.bindings.clear();
  question.statuses = {{wire::SsStatus::Success, HomeAddress{}}};
  CHECK(answer_state(settings, state_packet(settings, question)).empty());
  TrafficSettings elsewhere = settings;
  elsewhere.network.locator = Locator(address("2001:db8:a9::1"));
  CHECK(answer_state(elsewhere, packet).empty());
}

TEST_CASE("a mobile node that moves is silent until its Binding Update is accepted", "[pktgen]") {
  NodeTable nodes(4, 1);
  nodes.move(2);
  const std::uint16_t sequence = nodes.take_sequence(2);
  nodes.set_moving(2);
  const auto speaks = [&nodes](std::initializer_list<TrafficEntry> mix) {
    TrafficSettings settings = settings_of(mix);
    settings.network.nodes = 4;
    Composer composer(settings, nodes, {});
    std::set<std::string> speakers;
    for (int i = 0; i < 8; ++i) {
      Frame frame(composer.largest());
      frame.resize(composer.compose(frame, 0, kThen).size);
      speakers.insert(take_apart(frame).inner->source.to_string());
    }
    return speakers.contains("2001:db8:0:1::1:2");
  };
  const TrafficEntry data{Kind::ReverseTunnel, 1'000'000, 0};
  const TrafficEntry moves{Kind::Move, 1, 0};
  CHECK_FALSE(speaks({data, moves}));
  nodes.set_accepted(2, static_cast<std::uint16_t>(sequence - 1U));  // an earlier one
  CHECK_FALSE(speaks({data, moves}));
  nodes.set_accepted(2, sequence);
  CHECK(speaks({data, moves}));
}

TEST_CASE("where all are silent, one speaks all the same", "[pktgen]") {
  TrafficSettings settings = settings_of({{Kind::ReverseTunnel, 1'000'000, 0}, {Kind::Move, 1, 0}});
  settings.network.nodes = 1;
  NodeTable nodes(1, 1);
  nodes.take_sequence(0);
  nodes.set_moving(0);
  Composer composer(settings, nodes, {});
  Frame frame(composer.largest());
  CHECK(composer.compose(frame, 0, kThen).size != 0);
}

TEST_CASE("a line of a mobile-nodes-file", "[pktgen]") {
  TrafficSettings settings = settings_of(Kind::Register);
  use_key(settings);
  settings.signalling.identifier = "mn{}@example.net";
  CHECK(mobile_nodes_line(settings, 3) ==
        "2001:db8:0:1::1:3,300,55555555555555555555555555555555,mn3@example.net");
}

TEST_CASE("bad packets are bad in one way each", "[pktgen]") {
  const auto one = [](Kind kind) {
    TrafficSettings settings = settings_of(kind);
    use_key(settings);
    return compose(settings, 1).front();
  };
  CHECK(one(Kind::BadVersion)[kEthernet] == std::byte{0x40});
  const Frame length = one(Kind::BadLength);
  CHECK(load_be16(length.data() + kEthernet + 4) > length.size() - kEthernet - 40);
  CHECK(take_apart(one(Kind::BadHopLimit)).outer.hop_limit == 1);
  CHECK(take_apart(one(Kind::BadHomeAddress)).outer.destination == address("2001:db8:0:1::1:64"));
  const Frame forged_source = one(Kind::BadCareOf);
  const Layers spoofed = take_apart(forged_source);
  CHECK(spoofed.inner->source == address("2001:db8:0:1::1:0"));
  CHECK(spoofed.outer.source == address("2001:db8:f1:0:0:ffff:0:1"));
  check_udp(*spoofed.inner, spoofed.payload);
  const Ipv6Address home = address("2001:db8:0:1::1:0");
  const Frame checksum = one(Kind::BadChecksum);
  CHECK(wire::check_mobility_header(take_apart(checksum).payload.subspan(kHomeAddressHeader), home,
                                    take_apart(checksum).outer.destination, {})
            .error() == wire::MobilityError::BadChecksum);
  const Frame forged = one(Kind::BadAuthenticator);
  const wire::BindingUpdate update = take_update(forged, 0);
  TrafficSettings settings = settings_of(Kind::Register);
  use_key(settings);
  CHECK(mobile::verify(*settings.signalling.security, settings.network.home_agent,
                       take_apart(forged).outer.source, HomeAddress(home),
                       take_apart(forged).payload.subspan(kHomeAddressHeader),
                       update.options) == mobile::Verdict::Bad);
}

TEST_CASE("a mix goes by weight, and a seed gives the same packets again", "[pktgen]") {
  TrafficSettings settings = settings_of(
      {{Kind::Correspondent, 6, 0}, {Kind::ReverseTunnel, 3, 0}, {Kind::Refresh, 1, 0}});
  settings.pattern.order = GENERATE(Order::Uniform, Order::Zipf);
  settings.sizes = *FrameSizes::parse("imix");
  use_key(settings);
  const auto frames = compose(settings, 2000);
  std::map<std::uint8_t, unsigned> kinds;
  for (const Frame& frame : frames) {
    ++kinds[take_apart(frame).outer.next_header];
  }
  CHECK(std::abs(static_cast<int>(kinds[wire::protocol::kUdp]) - 1200) < 120);
  CHECK(std::abs(static_cast<int>(kinds[wire::protocol::kIpv6]) - 600) < 120);
  CHECK(std::abs(static_cast<int>(kinds[wire::protocol::kDestinationOptions]) - 200) < 80);
  CHECK(frames == compose(settings, 2000));
  settings.seed = 2;
  CHECK(frames != compose(settings, 2000));
}

TEST_CASE("frames out of a file go to whom we send to", "[pktgen]") {
  TrafficSettings settings = settings_of(Kind::Pcap);
  settings.pcap_frames = {Frame(60, std::byte{7}), Frame(80, std::byte{8})};
  const auto frames = compose(settings, 3);
  CHECK(frames[0].size() == 60);
  CHECK(frames[1].size() == 80);
  CHECK(frames[2] == frames[0]);
  CHECK(frames[0][0] == std::byte{2});
  CHECK(frames[0][12] == std::byte{7});
}

TEST_CASE("pcap files", "[pktgen]") {
  Frame file(24 + 16 + 20);
  store_be32(file.data(), 0xa1b2c3d4);
  store_be32(file.data() + 20, 1);
  store_be32(file.data() + 32, 20);
  store_be32(file.data() + 36, 20);
  file[40] = std::byte{9};
  const auto frames = read_pcap(file, 100);
  REQUIRE(frames);
  REQUIRE(frames->size() == 1);
  CHECK(frames->front().size() == 20);
  CHECK(frames->front()[0] == std::byte{9});
  CHECK_FALSE(read_pcap(file, 19));
  CHECK_FALSE(read_pcap(ByteView(file).first(59), 100));
  CHECK_FALSE(read_pcap(ByteView(file).first(24), 100));
  CHECK_FALSE(read_pcap({}, 100));
  // The other byte order, and nanoseconds.
  for (const std::size_t at : {0U, 20U, 32U, 36U}) {
    std::reverse(file.begin() + static_cast<std::ptrdiff_t>(at),
                 file.begin() + static_cast<std::ptrdiff_t>(at) + 4);
  }
  CHECK(read_pcap(file, 100));
  file[0] = std::byte{0x4d};
  file[1] = std::byte{0x3c};
  CHECK(read_pcap(file, 100));
  file[0] = std::byte{0};
  CHECK_FALSE(read_pcap(file, 100));
}

TEST_CASE("any bytes can be inspected", "[pktgen]") {
  Random random(11);
  for (const Kind kind : {Kind::ReverseTunnel, Kind::Register, Kind::SsReply}) {
    for (const Frame& frame : compose(settings_of(kind), 20)) {
      for (std::size_t size = 0; size <= frame.size(); ++size) {
        // A copy of its own, so that a look behind its end is seen by the sanitizer.
        Frame cut(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(size));
        inspect(cut, {});
        if (size != 0) {
          cut[random.below(size)] = static_cast<std::byte>(random.next());
          inspect(cut, {});
        }
      }
    }
  }
}
