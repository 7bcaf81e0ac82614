// Prints packets that our codecs build, "name hex", one a line: food for decoders and encoders that
// nobody here wrote (check_with_scapy.py, check_with_tshark.py).
#include <fmt/format.h>

#include "common/wire/extension.h"
#include "common/wire/haha.h"
#include "common/wire/icmpv6.h"
#include "common/wire/ipv6.h"
#include "common/wire/mobility.h"

namespace {

using namespace anyhome;
using namespace anyhome::wire;

Ipv6Address ip6(const char* text) { return Ipv6Address::parse(text).value(); }

const HomeAddress kHome(ip6("2001:db8:0:1::100"));
const HomeAgentAddress kAgent(ip6("2001:db8:0:1::1a"));
const HomeAgentAddress kOtherAgent(ip6("2001:db8:0:1::2a"));
const CareOfAddress kCareOf(ip6("2001:db8:ff::100"));
const Locator kL1(ip6("2001:db8:a1::1a"));
const Locator kL2(ip6("2001:db8:b2::2a"));

void print(const char* name, ByteView packet) {
  fmt::print("{} ", name);
  for (const std::byte b : packet) {
    fmt::print("{:02x}", std::to_integer<unsigned>(b));
  }
  fmt::print("\n");
}

enum class Extension { None, HomeAddressOption, RoutingHeader };

// An IPv6 packet around an upper-layer message, with one of Mobile IPv6's headers in between.
void packet(const char* name, const Ipv6Address& source, const Ipv6Address& destination,
            std::uint8_t protocol, Extension extension, ByteView message) {
  std::array<std::byte, 2200> buffer{};
  Writer writer(buffer);
  Ipv6Header header;
  header.source = source;
  header.destination = destination;
  const std::size_t extra = extension == Extension::None ? 0 : 24;
  header.payload_length = static_cast<std::uint16_t>(extra + message.size());
  header.next_header = extension == Extension::HomeAddressOption ? protocol::kDestinationOptions
                       : extension == Extension::RoutingHeader   ? protocol::kRouting
                                                                 : protocol;
  header.write(writer);
  if (extension == Extension::HomeAddressOption) {
    write_home_address_header(writer, protocol, kHome);
  } else if (extension == Extension::RoutingHeader) {
    write_type2_routing_header(writer, protocol, kHome);
  }
  writer.bytes(message);
  print(name, writer.written());
}

void binding_messages() {
  std::array<std::byte, 2048> buffer{};
  constexpr std::uint16_t kAh = bu_flag::kAcknowledge | bu_flag::kHomeRegistration;
  {
    auto writer = start_binding_update(buffer, {15}, kAh, Lifetime(75));
    writer.alternate_care_of(kCareOf);
    packet("bu", kCareOf.address(), kAgent.address(), protocol::kMobility,
           Extension::HomeAddressOption, writer.finish(kHome.address(), kAgent.address()));
  }
  {
    auto writer = start_binding_update(buffer, {16}, kAh | bu_flag::kMobileRouter, Lifetime(75));
    writer.mobile_network_prefix({64, ip6("2001:db8:0:100::")});
    writer.mobile_network_prefix({56, ip6("2001:db8:0:200::")});
    packet("bu-nemo", kCareOf.address(), kAgent.address(), protocol::kMobility,
           Extension::HomeAddressOption, writer.finish(kHome.address(), kAgent.address()));
  }
  {
    auto writer = start_binding_update(buffer, {17}, kAh, Lifetime(75));
    writer.mobile_node_identifier({kIdentifierSubtypeNai, "mn1@example.net"});
    writer.replay_protection(NtpTimestamp{0xe90f'1234'5678'9abcULL});
    writer.authentication(kAuthenticationMnHa, 1000);
    packet("bu-signed", kCareOf.address(), kAgent.address(), protocol::kMobility,
           Extension::HomeAddressOption, writer.finish(kHome.address(), kAgent.address()));
  }
  {
    auto writer =
        start_binding_acknowledgement(buffer, BindingStatus::Accepted, 0, {15}, Lifetime(75));
    packet("ba", kAgent.address(), kCareOf.address(), protocol::kMobility, Extension::RoutingHeader,
           writer.finish(kAgent.address(), kHome.address()));
  }
  {
    auto writer = start_binding_acknowledgement(buffer, BindingStatus::Accepted,
                                                ba_flag::kMobileRouter, {16}, Lifetime(75));
    writer.refresh_advice(Lifetime(60));
    packet("ba-advice", kAgent.address(), kCareOf.address(), protocol::kMobility,
           Extension::RoutingHeader, writer.finish(kAgent.address(), kHome.address()));
  }
  {
    auto writer = start_binding_error(buffer, kBindingErrorUnknownBinding, kHome.address());
    packet("be", kAgent.address(), kCareOf.address(), protocol::kMobility, Extension::None,
           writer.finish(kAgent.address(), kCareOf.address()));
  }
  packet("brr", kAgent.address(), kCareOf.address(), protocol::kMobility, Extension::RoutingHeader,
         start_binding_refresh_request(buffer).finish(kAgent.address(), kHome.address()));
  const HomeAgentAddress targets[] = {kOtherAgent};
  packet("home-agent-switch", kAgent.address(), kCareOf.address(), protocol::kMobility,
         Extension::RoutingHeader,
         start_home_agent_switch(buffer, targets).finish(kAgent.address(), kHome.address()));
}

template <class Message>
void icmp(const char* name, const Ipv6Address& source, const Ipv6Address& destination,
          Extension extension, const Ipv6Address& checksum_source,
          const Ipv6Address& checksum_destination, const Message& message) {
  std::array<std::byte, 1280> buffer{};
  Writer writer(buffer);
  message.write(writer);
  icmpv6_set_checksum(checksum_source, checksum_destination, writer.written());
  packet(name, source, destination, protocol::kIcmpv6, extension, writer.written());
}

void discovery_messages() {
  const Ipv6Address anycast = Prefix(ip6("2001:db8:0:1::"), 64).home_agents_anycast();
  icmp("dhaad-request", kCareOf.address(), anycast, Extension::None, kCareOf.address(), anycast,
       DiscoveryRequest{0x1234, true});
  icmp("dhaad-reply", kAgent.address(), kCareOf.address(), Extension::None, kAgent.address(),
       kCareOf.address(), DiscoveryReply{0x1234, true, {kAgent, kOtherAgent}});
  icmp("mps", kCareOf.address(), kAgent.address(), Extension::HomeAddressOption, kHome.address(),
       kAgent.address(), PrefixSolicitation{7});
  PrefixAdvertisement advertisement{7, false, false, {}};
  advertisement.prefixes.push_back({64, true, true, true, 86400, 3600, kAgent.address()});
  icmp("mpa", kAgent.address(), kCareOf.address(), Extension::RoutingHeader, kAgent.address(),
       kHome.address(), advertisement);
}

void haha_messages() {
  std::array<std::byte, 2048> buffer{};
  const CodePoints points;
  HaHello hello;
  hello.sequence = {1};
  hello.lifetime_seconds = 3;
  hello.interval_seconds = 1;
  hello.group_id = 7;
  hello.request = hello.global = true;
  hello.restart_counter = 1767225600;
  packet("ha-hello", kL1.address(), kL2.address(), protocol::kMobility, Extension::None,
         write_ha_hello(buffer, hello, points, kL1, kL2));
  StateSynchronization reply;
  reply.type = SsType::Reply;
  reply.acknowledge = reply.global = true;
  reply.identifier = 0x0202;
  BindingCacheInformation binding;
  binding.flags = 0xc400;
  binding.sequence = {16};
  binding.lifetime = Lifetime(75);
  binding.home_address = kHome;
  binding.care_of_address = kCareOf;
  binding.timestamp = Timestamp{1767225600ULL << 16U};
  binding.prefixes = {{64, ip6("2001:db8:0:100::")}};
  reply.bindings = {binding};
  packet("ss-rep", kL1.address(), kL2.address(), protocol::kMobility, Extension::None,
         write_state_synchronization(buffer, reply, points, kL1, kL2));
}

}  // namespace

int main() {
  binding_messages();
  discovery_messages();
  haha_messages();
  return 0;
}
