#include "controlplane/discovery.h"

namespace anyhome::control {
namespace {

constexpr std::uint32_t kInfiniteLifetime = 0xffff'ffff;  // RFC 4861 §4.6.2
// RFC 6275 §10.5.1: the reply fits 1280 bytes: 40 + 8 + 16 n.
constexpr std::size_t kMaxDiscovered = 77;
// RFC 6275 §10.6.1: a mobile node gets at most one advertisement per second.
constexpr Duration kAdvertisementInterval = std::chrono::seconds(1);

std::uint32_t lifetime_left(const Core& core, const std::optional<std::chrono::seconds>& lifetime,
                            const Now& now) {
  const auto end = core.prefix_end(lifetime);
  if (!end) {
    return kInfiniteLifetime;
  }
  const auto left = std::chrono::floor<std::chrono::seconds>(*end - now.instant).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 0, kInfiniteLifetime - 1));
}

// Draft §5.7 (R93, A28): own address first; then the peers that take mobile nodes, all of one
// preference, each time from another one on. RFC 3963 §7.2: who asks for home agents that serve
// mobile routers gets only those, as long as there is one.
wire::DiscoveryReply answer_to(const Core& core, const wire::DiscoveryRequest& request) {
  const auto collect = [&](bool routers_only) {
    std::vector<HomeAgentAddress> found;
    if (core.config.nemo || !routers_only) {
      found.push_back(core.config.address);
    }
    const auto& peers = core.members.peers();
    const std::size_t turn = core.counters.value(ControlCounter::DiscoveryReplies);
    for (std::size_t i = 0; i < peers.size() && found.size() < kMaxDiscovered; ++i) {
      const PeerState& peer = peers[(turn + i) % peers.size()];
      if (peer.may_be_switched_to() && (peer.config->nemo || !routers_only)) {
        found.push_back(peer.config->address);
      }
    }
    return found;
  };
  wire::DiscoveryReply reply;
  reply.identifier = request.identifier;
  reply.home_agents = collect(request.mobile_router_support);
  reply.mobile_router_support = request.mobile_router_support && !reply.home_agents.empty();
  if (reply.home_agents.empty()) {
    reply.home_agents = collect(false);
  }
  return reply;
}

}  // namespace

// RFC 6275 §10.5, draft §5.7 (R92): whoever is asked, at the anycast address, answers, from a
// unicast one.
void process_discovery_request(Core& core, const Now& now, const wire::Ipv6Header& header,
                               ByteView message, Effects& effects) {
  core.counters.count(ControlCounter::DiscoveryRequests);
  const auto request = wire::DiscoveryRequest::parse(message);
  if (!request || !core.is_discovery_address(header.destination) ||
      !header.source.is_unicast_routable() ||
      !wire::icmpv6_checksum_ok(header.source, header.destination, message)) {
    core.counters.count(ControlCounter::DiscoveryMalformed);
    return;
  }
  // R103: a home agent that does not take registrations does not offer itself. Anybody can ask, so
  // answers are limited (protocol digest §6.1).
  if (!core.serving() || !core.discovery.take(now.instant)) {
    core.counters.count(ControlCounter::DiscoveryLimited);
    return;
  }
  wire::DiscoveryReply reply = answer_to(core, *request);
  send_icmpv6(effects, {core.own_address(), header.source, std::nullopt}, reply);
  core.counters.count(ControlCounter::DiscoveryReplies);
}

// RFC 6275 §10.6.
void process_prefix_solicitation(Core& core, const Now& now, const wire::Ipv6Header& header,
                                 Binding& binding, ByteView message, Effects& effects) {
  core.counters.count(ControlCounter::PrefixSolicitations);
  const auto solicitation = wire::PrefixSolicitation::parse(message);
  // To the home agent's own address (RFC 6275 §6.7); the home address counts as source in the
  // checksum (§6.3).
  if (!solicitation || header.destination != core.own_address() ||
      !wire::icmpv6_checksum_ok(binding.home_address.address(), header.destination, message)) {
    core.counters.count(ControlCounter::DiscoveryMalformed);
    return;
  }
  if (!core.config.prefix_discovery) {
    core.counters.count(ControlCounter::PrefixSolicitationsRefused);
    return;
  }
  if (now.instant < binding.next_prefix_advertisement || !core.discovery.take(now.instant)) {
    core.counters.count(ControlCounter::DiscoveryLimited);
    return;
  }
  binding.next_prefix_advertisement = now.instant + kAdvertisementInterval;
  wire::PrefixAdvertisement advertisement;
  advertisement.identifier = solicitation->identifier;
  for (const Prefix& prefix : core.config.home_prefixes) {
    wire::PrefixInformation info;
    info.prefix_length = static_cast<std::uint8_t>(prefix.length());
    info.on_link = true;
    info.autonomous = prefix.length() == 64;
    // RFC 6275 §7.2: with R the field holds the home agent's whole address.
    info.router_address = prefix.contains(core.own_address());
    info.prefix = info.router_address ? core.own_address() : prefix.address();
    info.valid_lifetime_seconds = lifetime_left(core, core.config.prefix_valid_lifetime, now);
    info.preferred_lifetime_seconds =
        lifetime_left(core, core.config.prefix_preferred_lifetime, now);
    advertisement.prefixes.push_back(info);
  }
  send_icmpv6(effects, {core.own_address(), header.source, binding.home_address}, advertisement);
  core.counters.count(ControlCounter::PrefixAdvertisements);
}

}  // namespace anyhome::control
