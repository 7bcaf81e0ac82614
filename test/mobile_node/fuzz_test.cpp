// Arbitrary and slightly wrong bytes never do harm: no crash (run it under the sanitizers), no
// timer that stands still, no tunnel packet for somebody else.
//
// ANYHOME_FUZZ_SEED=<seed> mobile-node-tests "[fuzz]" replays a run; ANYHOME_FUZZ_ROUNDS=<n> makes
// it longer.
#include <cstdlib>
#include <random>

#include "apps/anyhome-mn/fleet.h"
#include "apps/anyhome-mn/status.h"
#include "common/checksum.h"
#include "test/mobile_node/support.h"

using namespace anyhome;
using namespace anyhome::test;

namespace {

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

using Random = std::mt19937_64;

std::size_t below(Random& random, std::size_t bound) { return random() % bound; }

void mutate(Random& random, Bytes& packet) {
  const std::size_t changes = below(random, 4);
  for (std::size_t i = 0; i < changes && !packet.empty(); ++i) {
    switch (below(random, 4)) {
      case 0:
        packet[below(random, packet.size())] = static_cast<std::byte>(random());
        break;
      case 1:
        packet[below(random, packet.size())] ^= static_cast<std::byte>(1U << below(random, 8));
        break;
      case 2:
        packet.resize(below(random, packet.size() + 1));
        break;
      default:
        packet.insert(
            packet.begin() + static_cast<std::ptrdiff_t>(below(random, packet.size() + 1)), 8,
            static_cast<std::byte>(random()));
        break;
    }
  }
}

// Makes lengths and checksums right again, so that more than the first check is reached.
void repair(Bytes& packet) {
  if (packet.size() < 40) {
    return;
  }
  store_be16(packet.data() + 4, static_cast<std::uint16_t>(packet.size() - 40));
  const auto received = mobile::parse_received(packet);
  if (!received || received->upper.size() < 8) {
    return;
  }
  const std::size_t at = packet.size() - received->upper.size();
  const Ipv6Address destination =
      received->routing_home ? received->routing_home->address() : received->header.destination;
  if (received->protocol == wire::protocol::kMobility) {
    const std::size_t size = 8U * (std::to_integer<std::size_t>(packet[at + 1]) + 1U);
    if (size <= received->upper.size()) {
      store_be16(packet.data() + at + 4, 0);
      store_be16(packet.data() + at + 4,
                 upper_layer_checksum(received->header.source, destination, 135,
                                      ByteView(packet).subspan(at, size)));
    }
  } else if (received->protocol == wire::protocol::kIcmpv6) {
    wire::icmpv6_set_checksum(received->header.source, destination,
                              MutableBytes(packet).subspan(at));
  }
}

// One of everything that a mobile node may receive.
Bytes plausible(Random& random, const Lab& lab) {
  const Ipv6Address care_of = lab.node.care_of()->address();
  const HomeAgentAddress agents[] = {kAgent1, kAgent2, kAgent3};
  const HomeAgentAddress& agent = agents[below(random, 3)];
  std::array<std::byte, 256> buffer{};
  switch (below(random, 8)) {
    case 0:
    case 1: {
      Answer answer;
      answer.status = static_cast<BindingStatus>(random());
      answer.lifetime = Lifetime(static_cast<std::uint16_t>(random()));
      answer.flags = static_cast<std::uint8_t>(random());
      answer.timestamp = NtpTimestamp{random()};
      if (below(random, 3) == 0) {
        answer.sequence = static_cast<std::uint16_t>(random());
      } else {
        answer.status = BindingStatus::Accepted;
      }
      return lab.answer_to(lab.last(), answer);
    }
    case 2:
      return lab.switch_offer(agent, {agents[below(random, 3)], agents[below(random, 3)]},
                              NtpTimestamp{random()});
    case 3: {
      wire::MessageWriter writer = wire::start_binding_refresh_request(buffer);
      return lab.packet_of(writer, agent.address(), care_of, {}, true);
    }
    case 4: {
      wire::MessageWriter writer = wire::start_binding_error(
          buffer, static_cast<std::uint8_t>(below(random, 4)), kHome.address());
      return packet_with(agent.address(), care_of, 135, writer.finish(agent.address(), care_of));
    }
    case 5: {
      Bytes message(8 + 32);
      Writer writer(message);
      wire::DiscoveryReply{lab.node.discovery_identifier().value_or(0), true, {kAgent2, kAgent3}}
          .write(writer);
      return packet_with(agent.address(), care_of, 58, message);
    }
    case 6: {
      const Bytes quote = packet_with(care_of, agent.address(), 41,
                                      inner_packet(kHome.address(), kCorrespondent, 200));
      Bytes message(8 + quote.size());
      Writer writer(message);
      wire::Icmpv6Header{static_cast<std::uint8_t>(1 + below(random, 4)), 0, 0,
                         static_cast<std::uint32_t>(below(random, 2000))}
          .write(writer);
      writer.bytes(quote);
      return packet_with(agent.address(), care_of, 58, message);
    }
    default:
      return packet_with(agent.address(), care_of, 41,
                         inner_packet(kCorrespondent, kHome.address(), 40 + below(random, 100)), {},
                         static_cast<std::uint8_t>(random()));
  }
}

void run(std::uint64_t seed, bool secure) {
  Random random(seed);
  mobile::Settings settings = secure ? secure_settings() : basic_settings();
  if (below(random, 2) == 0) {
    settings.home_agent.reset();
  }
  settings.switch_deregisters = below(random, 2) == 0;
  Lab lab(settings, seed);
  lab.attach();
  for (int i = 0; i < 300; ++i) {
    switch (below(random, 12)) {
      case 0: {
        Bytes noise(below(random, 120));
        std::ranges::generate(noise, [&] { return static_cast<std::byte>(random()); });
        lab.from_network(noise);
        lab.from_host(noise);
        break;
      }
      case 1:
        lab.advance(std::chrono::milliseconds(below(random, 90'000)));
        break;
      case 2:
        lab.attach(below(random, 2) == 0 ? kCareOf1 : kCareOf2, below(random, 3000));
        break;
      case 3:
        below(random, 4) == 0 ? lab.deregister() : lab.register_now();
        break;
      case 4: {
        Bytes packet = inner_packet(kHome.address(), kCorrespondent, 40 + below(random, 2000));
        mutate(random, packet);
        lab.from_host(packet);
        break;
      }
      default: {
        if (lab.updates.empty()) {
          break;
        }
        Bytes packet = plausible(random, lab);
        mutate(random, packet);
        if (below(random, 4) != 0) {
          repair(packet);
        }
        lab.from_network(packet);
        break;
      }
    }
    for (const Bytes& packet : lab.delivered) {
      REQUIRE(lab.node.owns(wire::Ipv6Header::parse(packet)->destination));
    }
    lab.delivered.clear();
    lab.sent.clear();
    REQUIRE_FALSE(mobile::node_line(lab.node, lab.now, mobile::CounterDetail::All).empty());
  }
}

}  // namespace

TEST_CASE("any input is survived", "[mobile-node][fuzz]") {
  const std::uint64_t seed = number_from("ANYHOME_FUZZ_SEED", std::random_device{}());
  const std::uint64_t rounds = number_from("ANYHOME_FUZZ_ROUNDS", 150);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    INFO("replay: ANYHOME_FUZZ_ROUNDS=1 ANYHOME_FUZZ_SEED=" << seed + i
                                                            << " mobile-node-tests \"[fuzz]\"");
    run(seed + i, i % 2 == 0);
  }
}

TEST_CASE("any input is survived by a fleet", "[fleet][fuzz]") {
  const std::uint64_t seed = number_from("ANYHOME_FUZZ_SEED", std::random_device{}());
  INFO("replay: ANYHOME_FUZZ_SEED=" << seed << " mobile-node-tests \"[fleet][fuzz]\"");
  Random random(seed);
  mobile::FleetSettings settings;
  settings.first = basic_settings();
  settings.first.home_agent.reset();
  settings.count = 20;
  mobile::Fleet fleet(settings, seed);
  Lab lab(basic_settings(), seed);
  lab.attach();
  Now now{Instant{1h}, kStartOfTime};
  Effects effects;
  fleet.attach(now, kCareOf1, 1500, effects);
  for (int i = 0; i < 20'000; ++i) {
    Bytes packet = plausible(random, lab);
    mutate(random, packet);
    repair(packet);
    effects.clear();
    fleet.on_network_packet(now, packet, effects);
    fleet.on_host_packet(now, packet, effects);
    now.instant += 10ms;
    fleet.on_timer(now, effects);
    REQUIRE((!fleet.next_deadline() || *fleet.next_deadline() > now.instant));
  }
}
