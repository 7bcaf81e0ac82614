// The whole data path on heap packets: arbitrary frames on two ports of arbitrary settings, packets
// of the kernel and of the control thread, pools and rings that run dry, neighbours that do not
// answer.
//
// Whatever comes in, each packet ends exactly once: sent, handed to the control thread or dropped
// by name, all of it counted; and what goes out is a packet that this node may send.
//
// An input is four bytes of settings and then records: a byte of kind, one of addresses to put in,
// one that says where the first buffer ends, and a byte string with its length.
#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "common/checksum.h"
#include "test/fuzz/input.h"
#include "test/fuzz/target.h"
#include "test/support/pipeline_fixture.h"

namespace anyhome::fuzz {
namespace {

using namespace anyhome::dataplane;
using namespace anyhome::test;
using forwarding::Counter;

enum class Kind : std::uint8_t {
  Raw,        // a frame as it stands
  Framed,     // behind a link header that this port takes
  Addressed,  // the same, with addresses that mean something and a length that is right
  Tunnelled,  // an addressed packet inside a reverse tunnel
  Host,       // a packet of the kernel
  Control,    // a packet of the control thread
  Time,       // passes
  End,        // of the burst
};

// Addresses that the tables, or the rules, say something about.
const std::vector<Ipv6Address>& palette(const PipelineFixture& fixture) {
  static const std::vector<Ipv6Address> kPalette = {
      fixture.agent,
      fixture.locator,
      fixture.home,
      fixture.care_of,
      fixture.other_home,
      fixture.other_care_of,
      fixture.router_home,
      fixture.router_care_of,
      fixture.correspondent,
      ip6("2001:db8:8000:5::7"),                // behind the mobile router
      ip6("2001:db8:8000:6::7"),                // of a mobile network that nobody has
      ip6("2001:db8:9000:1::7"),                // of one outside of the pools
      ip6("2001:db8:0:1::999"),                 // no binding
      ip6("2001:db8:0:1::400"),                 // bound elsewhere
      ip6("2001:db8:0:1:fdff:ffff:ffff:fffe"),  // discovery
      ip6("2001:db8:1::5"),                     // by the other port
      ip6("2001:db8:a1::99"),                   // the host's
      ip6("2001:db8:dead::1"),                  // prohibited
      ip6("3fff::1"),                           // no route
      ip6("2001:db8:b2::2a"),                   // another home agent's locator
      ip6("2001:db8:0:1::2a"),                  // and its own address
      ip6("2001:db8:0:1::500"),                 // bound at a third one
      ip6("ff02::1"),
      ip6("ff0e::1"),
      ip6("fe80::1"),
      ip6("::"),
      ip6("::1"),
  };
  return kPalette;
}

class World {
 public:
  explicit World(Input& input) {
    const std::uint8_t path = input.u8();
    const std::uint8_t tables = input.u8();
    const std::uint8_t limits = input.u8();
    const std::uint8_t more = input.u8();
    PipelineConfig& config = fixture_.config;
    config.has_host = !Input::bit(path, 0);
    if (Input::bit(path, 1)) {
      config.ports[1].vlan = 7;
    }
    config.ports[0].home_link = home_link_ = Input::bit(path, 2);
    config.copy_traffic_class = !Input::bit(path, 3);
    if (Input::bit(path, 4)) {
      config.punt_rates.fill(1);
      config.icmp_rates = {1, 1, 1};
    }
    HeapEnvironment& env = fixture_.env;
    if (Input::bit(tables, 0)) {
      env.adjacencies[fixture_.internet].mtu = 1280;
    }
    if (Input::bit(tables, 1)) {
      env.adjacencies[fixture_.inside].mtu = 9000;
    }
    if (Input::bit(tables, 2)) {
      env.adjacencies[fixture_.internet].state = AdjacencyState::Unresolved;
    }
    if (Input::bit(tables, 3)) {
      env.adjacencies[fixture_.inside].state = AdjacencyState::Failed;
    }
    if (Input::bit(tables, 4)) {
      env.bindings[fixture_.home].path_mtu = 1280;
    }
    if (Input::bit(tables, 5)) {  // into itself
      env.bind(fixture_.other_home, EntryKind::Bound, fixture_.agent, fixture_.agent);
    }
    if (Input::bit(tables, 6)) {
      env.bind(ip6("2001:db8:0:1::400"), EntryKind::Global, fixture_.locator,
               ip6("2001:db8:b2::2a"));
    }
    if (Input::bit(tables, 7)) {
      env.prefix_entries.push_back(&env.bindings[fixture_.router_home]);
      env.route(prefix("2001:db8:9000:1::/64"), LeafValue::of(LeafKind::Binding, 0));
    }
    constexpr std::size_t kPlenty = 1000;
    env.allocations_left = (limits & 3U) == 0 ? kPlenty : (limits & 3U) - 1U;
    env.punt_ring_left = ((limits >> 2U) & 3U) == 0 ? kPlenty : ((limits >> 2U) & 3U) - 1U;
    if (Input::bit(limits, 4)) {
      MultipathGroup group;
      group.used = 1U + (limits >> 5U);
      for (std::uint32_t i = 0; i < group.used; ++i) {
        group.slots[i] = i % 2 == 0 ? fixture_.internet : fixture_.inside;
      }
      env.multipath.push_back(group);
      env.route(prefix("2001:db8::/32"), LeafValue::of(LeafKind::Multipath, 0));
    }
    if (Input::bit(more, 0)) {  // nothing but the defaults of a static configuration
      config.pools.clear();
      config.locator = AddressTest{};
    }
    if (Input::bit(more, 1)) {  // one of several home agents
      config.peers.add(Locator(ip6("2001:db8:b2::2a")));
      config.peers.add(Locator(ip6("2001:db8:c3::3a")));
      config.ports[0].haha = true;
      env.bind(ip6("2001:db8:0:1::2a"), EntryKind::Peer, fixture_.locator, ip6("2001:db8:b2::2a"),
               0);
      env.bind(ip6("2001:db8:0:1::400"), EntryKind::Global, fixture_.locator,
               ip6("2001:db8:b2::2a"), 0);
      env.bind(ip6("2001:db8:0:1::500"), EntryKind::Global, fixture_.locator,
               ip6("2001:db8:c3::3a"), 1);
    }
    if (Input::bit(more, 2)) {
      env.dead_peers = {0};
    }
    config.clamp_tcp_mss = Input::bit(more, 3);
    if (Input::bit(more, 4)) {
      config.mtu_to_correspondents = 1300;
    }
    if (Input::bit(more, 5)) {
      config.workers = 2;
    }
    if (Input::bit(more, 6)) {
      config.reassembly = {16, 8192, std::chrono::milliseconds(100)};
    }
    fixture_.restart();
  }

  void take_record(Input& input) {
    const std::uint8_t kind_and_port = input.u8();
    const std::uint8_t addresses = input.u8();
    const std::uint8_t first_buffer = input.u8();
    const auto kind = static_cast<Kind>(kind_and_port & 7U);
    const auto port = static_cast<std::uint16_t>((kind_and_port >> 3U) & 1U);
    const ByteView bytes = input.string();
    if (kind == Kind::Time) {
      end_burst();
      fixture_.env.time += std::chrono::milliseconds(addresses * 10U);
      fixture_.pipeline->on_time();
      return;
    }
    if (kind == Kind::End) {
      end_burst();
      return;
    }
    const bool through_bindings = (kind_and_port & 0x20U) != 0;
    if (burst_.size() == kMaxBurst ||
        !(kind == kind_of_burst(kind) && port == port_ && through_bindings == through_bindings_)) {
      end_burst();
    }
    kind_ = kind;
    port_ = port;
    through_bindings_ = through_bindings;
    const Bytes packet = make(kind, addresses, {bytes.begin(), bytes.end()});
    // 255: one buffer, as most drivers give it.
    burst_.push_back(first_buffer == 255 ? fixture_.env.add(packet)
                                         : fixture_.env.add_chain(packet, first_buffer));
  }

  void end_burst() {
    if (burst_.empty()) {
      return;
    }
    const std::span<HeapPacket* const> packets(burst_);
    if (kind_ == Kind::Host || kind_ == Kind::Control) {
      fixture_.pipeline->originate(kind_ == Kind::Host ? Origin::Host : Origin::Control,
                                   kind_ == Kind::Host || through_bindings_, packets);
      originated_ = true;
    } else {
      fixture_.pipeline->receive(port_, packets);
    }
    given_ += burst_.size();
    burst_.clear();
    fixture_.env.trace_lines.clear();
    check_balance();
  }

  void check() {
    for (const Transmitted& sent : fixture_.env.transmitted) {
      check_sent(sent);
    }
    for (const Punted& punted : fixture_.env.punted) {
      check_punted(punted);
    }
  }

 private:
  // What has to be the same for packets to be in one burst.
  [[nodiscard]] Kind kind_of_burst(Kind kind) const {
    const auto received = [](Kind k) { return k != Kind::Host && k != Kind::Control; };
    return received(kind) && received(kind_) ? kind : kind_;
  }

  Bytes make(Kind kind, std::uint8_t addresses, Bytes bytes) const {
    switch (kind) {
      case Kind::Raw:
        return bytes;
      case Kind::Framed:
        return framed(bytes);
      case Kind::Addressed:
        put_addresses(bytes, addresses);
        return framed(bytes);
      case Kind::Tunnelled: {
        put_addresses(bytes, addresses);
        const bool router = Input::bit(addresses, 7);
        return framed(tunnel(router ? fixture_.router_care_of : fixture_.care_of, fixture_.agent,
                             bytes, addresses));
      }
      default:
        put_addresses(bytes, addresses);
        return bytes;
    }
  }

  // The high half of `which` picks the source, the low one the destination, of 15 each; 15 leaves
  // the input's. The rest of the palette is reached by adding the first byte.
  void put_addresses(Bytes& packet, std::uint8_t which) const {
    if (packet.size() < wire::kIpv6HeaderSize) {
      return;
    }
    packet[0] = std::byte{0x60} | (packet[0] & std::byte{0x0f});
    store_be16(packet.data() + wire::ipv6_offset::kPayloadLength,
               static_cast<std::uint16_t>(packet.size() - wire::kIpv6HeaderSize));
    constexpr unsigned kKeep = 15;
    const auto& addresses = palette(fixture_);
    const auto put = [&](unsigned pick, std::size_t at) {
      if (pick != kKeep) {
        const std::size_t index =
            (pick + (std::to_integer<std::size_t>(packet[0]) & 0x0fU)) % addresses.size();
        std::memcpy(packet.data() + at, addresses[index].octets.data(), Ipv6Address::kSize);
      }
    };
    put(which >> 4U, wire::ipv6_offset::kSource);
    put(which & 15U, wire::ipv6_offset::kDestination);
  }

  [[nodiscard]] Bytes framed(const Bytes& packet) const {
    const PipelinePort& port = fixture_.config.ports[port_];
    if (!port.vlan) {
      return frame(port.mac, packet);
    }
    Bytes tagged = hex("0007 86dd");
    tagged.insert(tagged.end(), packet.begin(), packet.end());
    return frame(port.mac, tagged, kEthertypeVlan);
  }

  [[nodiscard]] std::uint64_t counted(Counter counter) const {
    return fixture_.env.counters[static_cast<std::size_t>(counter)];
  }

  // Everything that came in or was made has ended, once, and was counted so.
  void check_balance() const {
    const HeapEnvironment& env = fixture_.env;
    const std::uint64_t held = fixture_.pipeline->fragments_held();
    require(env.live_packets() == held, "no packet is left over, but for fragments that wait");
    require(env.stray_packets() == 0, "no packet ends twice");
    const std::uint64_t dropped =
        std::accumulate(env.drops.begin(), env.drops.end(), std::uint64_t{0});
    require(counted(Counter::Sent) == env.transmitted.size(), "what is sent is counted");
    std::uint64_t punted = 0;
    for (std::size_t i = 0; i < forwarding::kPuntClassCount; ++i) {
      punted += env.counters[static_cast<std::size_t>(Counter::PuntedRouting) + i];
    }
    require(punted == env.punted.size(), "what is handed to the control thread is counted");
    const std::uint64_t errors =
        counted(Counter::IcmpUnreachableSent) + counted(Counter::IcmpPacketTooBigSent) +
        counted(Counter::IcmpTimeExceededSent) + counted(Counter::IcmpParameterProblemSent);
    require(counted(Counter::HandedOff) == env.handed_off.size(),
            "what other workers get is counted");
    require(counted(Counter::Received) + counted(Counter::Injected) == given_ + errors,
            "what comes in is counted");
    require(
        given_ + errors + counted(Counter::FragmentsCreated) ==
            env.transmitted.size() + punted + dropped + env.released + env.handed_off.size() + held,
        "each packet ends in one way");
  }

  void check_sent(const Transmitted& sent) const {
    const ByteView frame(sent.frame);
    const Adjacency* through = nullptr;
    for (const Adjacency& adjacency : fixture_.env.adjacencies) {
      const ByteView header = ByteView(adjacency.link_header).first(adjacency.link_header_size);
      if (adjacency.port == sent.port && frame.size() >= header.size() &&
          std::ranges::equal(header, frame.first(header.size()))) {
        through = &adjacency;
      }
    }
    require(through != nullptr, "a frame has the link header of a next hop");
    const ByteView packet = frame.subspan(through->link_header_size);
    const auto header = wire::Ipv6Header::parse(packet);
    require(header.has_value(), "a frame holds an IPv6 packet");
    require(wire::kIpv6HeaderSize + header->payload_length == packet.size(),
            "a packet is as long as it says");
    require(packet.size() <= through->mtu, "a packet fits its link");
    if (!originated_) {  // the kernel may send what it likes
      require(!header->source.is_multicast(), "a multicast address is no source");
      require(header->hop_limit != 0, "a packet has a hop left");
      check_source(*header, packet);
    }
  }

  // Nobody sends in a mobile node's name but itself, and nobody at all in ours.
  void check_source(const wire::Ipv6Header& header, ByteView packet) const {
    if (home_link_) {
      return;
    }
    if (header.source == fixture_.agent) {
      if (header.next_header == wire::protocol::kIcmpv6) {
        require(packet.size() <= wire::kMinimumMtu, "an ICMPv6 error fits the minimum MTU");
        require(wire::icmpv6_checksum_ok(header.source, header.destination,
                                         packet.subspan(wire::kIpv6HeaderSize)),
                "and its checksum is right");
      } else {
        require(header.next_header == wire::protocol::kIpv6 ||
                    header.next_header == wire::protocol::kFragment ||
                    header.next_header == wire::protocol::kDestinationOptions,
                "what else comes from the home agent is a tunnel");
      }
      return;
    }
    if (fixture_.config.home_prefixes[0].matches(bytes_of(header.source))) {
      require(fixture_.env.bindings.contains(header.source), "a home source is bound");
    }
  }

  void check_punted(const Punted& punted) const {
    const forwarding::PuntMetadata& metadata = punted.metadata;
    require(metadata.port == forwarding::kNoPort || metadata.port < fixture_.config.ports.size(),
            "a handed packet came in somewhere");
    require(metadata.link_header <= punted.bytes.size(), "its link header is there");
    require(metadata.adjacency < fixture_.env.adjacencies.size(), "its next hop is one");
    const ByteView packet = ByteView(punted.bytes).subspan(metadata.link_header);
    if (metadata.punt_class != forwarding::PuntClass::Host) {
      const auto header = wire::Ipv6Header::parse(packet);
      require(header && wire::kIpv6HeaderSize + header->payload_length == packet.size(),
              "a handed packet is an IPv6 packet of its length");
    }
  }

  PipelineFixture fixture_;
  std::vector<HeapPacket*> burst_;
  Kind kind_ = Kind::Raw;
  std::uint16_t port_ = 0;
  bool through_bindings_ = false;
  bool home_link_ = false;
  bool originated_ = false;
  std::uint64_t given_ = 0;
};

}  // namespace

void run(ByteView bytes) {
  Input input(bytes);
  World world(input);
  while (!input.empty()) {
    world.take_record(input);
  }
  world.end_burst();
  world.check();
}

}  // namespace anyhome::fuzz
