#include "apps/anyhome-bench-control/population.h"

#include <string_view>

#include "apps/anyhome-mn/packets.h"

namespace anyhome::bench {
namespace {

constexpr std::uint32_t kSpi = 256;

Ipv6Address numbered(std::string_view prefix, std::uint64_t number) {
  Ipv6Address address = *Ipv6Address::parse(prefix);
  for (unsigned i = 0; i < 8; ++i) {
    address.octets[15 - i] =
        static_cast<std::uint8_t>(address.octets[15 - i] | (number >> (8 * i) & 0xffU));
  }
  return address;
}

CareOfAddress care_of(std::uint64_t number, unsigned where) {
  return CareOfAddress(numbered("2001:db8:f0::", (std::uint64_t{where} << 40U) + number + 1));
}
HomeAgentAddress agent_address(unsigned member) {
  return HomeAgentAddress(numbered("2001:db8:0:1::", 0x1a + 0x10 * member));
}
Locator locator(unsigned member) {
  return Locator(numbered("2001:db8:a1::", 0x1a + 0x10 * member));
}

}  // namespace

HomeAddress home_of(std::uint64_t number) {
  return HomeAddress(numbered("2001:db8:0:1:1000::", number + 1));
}

std::uint64_t number_of(const HomeAddress& home_address) {
  std::uint64_t number = 0;
  for (unsigned i = 10; i < 16; ++i) {
    number = number << 8U | home_address.address().octets[i];
  }
  return number - 1;
}

std::vector<std::byte> key_of(std::uint64_t number) {
  std::vector<std::byte> key(16, std::byte{0x5a});
  for (unsigned i = 0; i < 8; ++i) {
    key[i] = static_cast<std::byte>(number >> (8 * i));
  }
  return key;
}

mobile::Bytes make_update(const UpdateSpec& spec, unsigned member) {
  mobile::Security security;
  mobile::UpdateContents contents;
  contents.home_address = home_of(spec.number);
  contents.home_agent = agent_address(member);
  contents.care_of = care_of(spec.number, spec.where);
  contents.sequence = {spec.sequence};
  contents.flags = wire::bu_flag::kAcknowledge | wire::bu_flag::kHomeRegistration;
  contents.lifetime = Lifetime(300);
  if (spec.secure) {
    security.key = key_of(spec.number);
    security.spi = kSpi;
    contents.security = &security;
    contents.identifier = "mn@example.net";
  }
  return mobile::make_binding_update(contents);
}

std::optional<Answer> read_answer(ByteView packet) {
  const auto received = mobile::parse_received(packet);
  if (!received || !received->routing_home || received->protocol != wire::protocol::kMobility) {
    return std::nullopt;
  }
  const auto acknowledgement = wire::parse_binding_acknowledgement(received->upper);
  if (!acknowledgement) {
    return std::nullopt;
  }
  return Answer{number_of(*received->routing_home), acknowledgement->sequence.value,
                acknowledgement->status};
}

config::HomeAgent single_config(std::uint32_t max_bindings) {
  config::HomeAgent config;
  config.home_prefixes = {*Prefix::parse("2001:db8:0:1::/64")};
  config.address = agent_address(0);
  config.authentication = config::Authentication::InsecureNone;
  config.max_bindings = max_bindings;
  return config;
}

config::HomeAgent member_config(unsigned own, std::uint32_t max_bindings) {
  config::HomeAgent config = single_config(max_bindings);
  config.address = agent_address(own);
  config.locator = locator(own);
  config.haha.group_id = 7;
  config.haha.link_is_secure = true;
  config.haha.set_key.assign(16, std::byte{0x5a});
  config.haha.min_links = 0;  // the first one is alone for a while
  config.haha.peers = {{"peer", agent_address(1 - own), locator(1 - own), true}};
  return config;
}

void authenticate(config::HomeAgent& config, std::uint32_t mobile_nodes) {
  config.authentication = config::Authentication::Rfc4285;
  config.mobile_nodes.resize(mobile_nodes);
  for (std::uint32_t i = 0; i < mobile_nodes; ++i) {
    config.mobile_nodes[i].home_address = home_of(i);
    config.mobile_nodes[i].spi = kSpi;
    config.mobile_nodes[i].key = key_of(i);
  }
}

}  // namespace anyhome::bench
