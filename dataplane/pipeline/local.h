// Packets for one of our addresses: tunnels end here, signalling and the kernel's share are handed
// to the control thread by class.
#pragma once

#include "dataplane/pipeline/pipeline.h"

namespace anyhome::dataplane {

inline constexpr std::uint16_t kBgpPort = 179;
inline constexpr std::uint16_t kBfdPort = 3784;          // RFC 5881
inline constexpr std::uint16_t kBfdMultihopPort = 4784;  // RFC 5883
inline constexpr std::uint16_t kBfdEchoPort = 3785;      // RFC 5881

template <Environment Env>
void Pipeline<Env>::deliver(W& work, LocalRole role) {
  trace("the destination is ours ({})", role == LocalRole::HomeAgent   ? "home agent address"
                                        : role == LocalRole::Locator   ? "locator"
                                        : role == LocalRole::Discovery ? "discovery address"
                                                                       : "host");
  // The usual case first: a tunnel without extension headers.
  if (next_header_of(work) == wire::protocol::kIpv6 && is_tunnel_end(role)) {
    leave_tunnel(work, role, wire::kIpv6HeaderSize);
    return;
  }
  deliver_upper_layer(work, role);
}

// A home agent without peers has no links, and its locator is an address like any other.
template <Environment Env>
bool Pipeline<Env>::is_tunnel_end(LocalRole role) const {
  return role == LocalRole::HomeAgent || (role == LocalRole::Locator && !config_.peers.empty());
}

template <Environment Env>
void Pipeline<Env>::leave_tunnel(W& work, LocalRole role, std::size_t inner_at) {
  if (role == LocalRole::HomeAgent) {
    enter_tunnel_exit(work, inner_at);
  } else {
    enter_link_exit(work, inner_at);
  }
}

template <Environment Env>
[[gnu::noinline]] void Pipeline<Env>::deliver_upper_layer(W& work, LocalRole role) {
  // What was put together from small fragments has its headers in several segments.
  constexpr std::size_t kHeaders = 128;
  (void)join(work, kHeaders);
  const auto chain = wire::walk_headers(ByteView(work.ip, work.contiguous));
  if (!chain) {
    refuse_header_chain(work, role, chain.error());
    return;
  }
  if (chain->fragment) {
    deliver_fragment(work, role, *chain);
    return;
  }
  if (chain->protocol == wire::protocol::kEsp) {
    drop(work, DropReason::EspUnsupported);
    return;
  }
  if (chain->protocol == wire::protocol::kIpv6 && is_tunnel_end(role)) {
    leave_tunnel(work, role, chain->upper_offset);
    return;
  }
  const forwarding::PuntClass to = punt_class(work, *chain, role);
  const bool for_host = to == forwarding::PuntClass::Host || to == forwarding::PuntClass::Routing ||
                        to == forwarding::PuntClass::NeighborDiscovery;
  if (for_host && !config_.has_host) {
    drop(work, DropReason::NoHost);
    return;
  }
  punt(work, to);
}

// What we open or read ourselves is made whole first; the rest is the host's, who can do that too.
template <Environment Env>
void Pipeline<Env>::deliver_fragment(W& work, LocalRole role, const wire::HeaderChain& chain) {
  if (role == LocalRole::Discovery) {
    drop(work, DropReason::FragmentForUs);  // its other fragments may be at another home agent
    return;
  }
  const std::uint8_t protocol = chain.fragment->next_header;
  const bool ours = protocol == wire::protocol::kIpv6 || protocol == wire::protocol::kMobility ||
                    protocol == wire::protocol::kDestinationOptions ||
                    protocol == wire::protocol::kEsp;
  if (!ours || !is_tunnel_end(role)) {
    if (config_.has_host) {
      punt(work, forwarding::PuntClass::Host);
    } else {
      drop(work, DropReason::NoHost);
    }
    return;
  }
  if (hand_off(work, datagram_hash(work.ip, chain.upper_offset))) {
    return;
  }
  if (!reassembler_.add(work, chain, config_.peers.contains(source_of(work)), env_.now())) {
    trace("kept, or dropped, as one of several fragments");
    return;
  }
  trace("the last fragment: now {} bytes", work.length);
  deliver(work, role);
}

// The fragments of a datagram meet at one worker, by its hash: the packet is left to that one as it
// came in. False: that is this worker, or nobody hands anything off.
template <Environment Env>
bool Pipeline<Env>::hand_off(const W& work, std::uint32_t hash) {
  const std::uint32_t worker = multipath_slot(hash, config_.workers);
  if (worker == config_.worker || work.origin != Origin::Wire) {
    return false;
  }
  env_.hand_off(work.packet, worker, work.port);
  return true;
}

template <Environment Env>
void Pipeline<Env>::refuse_header_chain(W& work, LocalRole role,
                                        const wire::ChainProblem& problem) {
  using wire::ChainError;
  using namespace wire::icmpv6;
  // RFC 4443 §2.2: from the address it was sent to, which an anycast or a multicast one cannot be.
  const Ipv6Address destination = read_address(destination_of(work));
  const bool may_be_source = role != LocalRole::Discovery && destination.is_unicast_routable();
  const auto report = [&](DropReason reason, std::uint8_t code) {
    refuse(work, reason, kParameterProblem, code, problem.pointer,
           may_be_source ? destination : config_.own_address);
  };
  switch (problem.error) {
    case ChainError::Truncated:
      drop(work, work.contiguous < work.length ? DropReason::HeaderNotContiguous
                                               : DropReason::HeaderTruncated);
      return;
    case ChainError::TooManyHeaders:
      drop(work, DropReason::TooManyHeaders);
      return;
    case ChainError::UnwantedOption:
      drop(work, DropReason::UnwantedOption);
      return;
    case ChainError::BadHomeAddress:
      drop(work, DropReason::BadHomeAddressOption);
      return;
    case ChainError::MisplacedHopByHop:
      report(DropReason::MisplacedHopByHop, kCodeUnknownNextHeader);
      return;
    case ChainError::ReportedOption:
      if (destination.is_multicast() && !problem.report_to_multicast_too) {
        drop(work, DropReason::UnknownOption);  // RFC 8200 §4.2, type bits 11
        return;
      }
      report(DropReason::UnknownOption, kCodeUnknownOption);
      return;
    case ChainError::UnknownRoutingType:
      report(DropReason::UnknownRoutingHeader, kCodeErroneousField);
      return;
  }
}

template <Environment Env>
forwarding::PuntClass Pipeline<Env>::punt_class(const W& work, const wire::HeaderChain& chain,
                                                LocalRole role) const {
  using forwarding::PuntClass;
  const ByteView upper = ByteView(work.ip, work.contiguous).subspan(chain.upper_offset);
  if (chain.protocol == wire::protocol::kMobility) {
    // HA-HELLO and State Synchronization count only at the locator and from the wire (R107).
    const std::uint8_t type = upper.size() > 2 ? std::to_integer<std::uint8_t>(upper[2]) : 0;
    if (role == LocalRole::Locator && work.origin == Origin::Wire) {
      if (type == config_.code_points.ha_hello) {
        return PuntClass::HahaHello;
      }
      if (type == config_.code_points.state_synchronization) {
        return PuntClass::HahaSync;
      }
    }
    return PuntClass::Mobility;
  }
  if (chain.has_home_address()) {
    return PuntClass::Discovery;  // needs a binding check (RFC 6275 §9.3.1)
  }
  if (chain.protocol == wire::protocol::kIcmpv6) {
    return icmpv6_class(upper);
  }
  if (upper.size() >= 4 &&
      (chain.protocol == wire::protocol::kTcp || chain.protocol == wire::protocol::kUdp)) {
    const std::uint16_t source = load_be16(upper.data());
    const std::uint16_t destination = load_be16(upper.data() + 2);
    const bool bgp =
        chain.protocol == wire::protocol::kTcp && (source == kBgpPort || destination == kBgpPort);
    const bool bfd =
        chain.protocol == wire::protocol::kUdp &&
        (destination == kBfdPort || destination == kBfdMultihopPort || destination == kBfdEchoPort);
    return bgp || bfd ? PuntClass::Routing : PuntClass::Host;
  }
  return PuntClass::Host;
}

template <Environment Env>
forwarding::PuntClass Pipeline<Env>::icmpv6_class(ByteView message) const {
  using forwarding::PuntClass;
  using namespace wire::icmpv6;
  const std::uint8_t type = message.empty() ? 0 : std::to_integer<std::uint8_t>(message[0]);
  if (type == kHomeAgentDiscoveryRequest || type == kMobilePrefixSolicitation) {
    return PuntClass::Discovery;
  }
  // Router and neighbour discovery, redirect (RFC 4861), and MLD (130-132, 143).
  constexpr std::uint8_t kMldQuery = 130;
  constexpr std::uint8_t kMldDone = 132;
  constexpr std::uint8_t kMldReport2 = 143;
  if ((type >= kRouterSolicitation && type <= kRedirect) ||
      (type >= kMldQuery && type <= kMldDone) || type == kMldReport2) {
    return PuntClass::NeighborDiscovery;
  }
  // An error about a packet that one of our tunnels has sent; the quote starts behind 8 bytes.
  if (is_error(type) && message.size() >= wire::kIcmpv6HeaderSize + wire::kIpv6HeaderSize) {
    const std::byte* quoted = message.data() + wire::kIcmpv6HeaderSize;
    const auto protocol = std::to_integer<std::uint8_t>(quoted[wire::ipv6_offset::kNextHeader]);
    const std::byte* source = quoted + wire::ipv6_offset::kSource;
    const bool tunnel = protocol == wire::protocol::kIpv6 ||
                        protocol == wire::protocol::kFragment ||
                        protocol == wire::protocol::kDestinationOptions;
    if (tunnel && (config_.home_agent.matches(source) || config_.locator.matches(source))) {
      return PuntClass::TunnelError;
    }
  }
  return PuntClass::Host;
}

template <Environment Env>
void Pipeline<Env>::punt(W& work, forwarding::PuntClass punt_class) {
  if (!punt_buckets_[static_cast<std::size_t>(punt_class)].take(env_.now())) {
    drop(work, DropReason::PuntBudget);
    return;
  }
  forwarding::PuntMetadata metadata;
  metadata.punt_class = punt_class;
  metadata.decapsulations = work.decapsulations;
  metadata.port = work.port;
  metadata.peer = work.peer;
  metadata.link_header = work.link_header;
  metadata.adjacency = work.adjacency;
  // What was in front of a tunnelled or locally originated packet is not the kernel's to see.
  if (work.link_header == 0 && !env_.set_front(work.packet, work.ip)) {
    drop(work, DropReason::NoHeadroom);
    return;
  }
  trace("handed to the control thread, class {}", forwarding::to_string(punt_class));
  if (!env_.punt(work.packet, metadata)) {
    drop(work, DropReason::PuntRingFull);
    return;
  }
  static_assert(static_cast<unsigned>(Counter::PuntedHost) -
                    static_cast<unsigned>(Counter::PuntedRouting) + 1 ==
                forwarding::kPuntClassCount);
  env_.count(static_cast<Counter>(static_cast<unsigned>(Counter::PuntedRouting) +
                                  static_cast<unsigned>(punt_class)),
             1);
}

}  // namespace anyhome::dataplane
